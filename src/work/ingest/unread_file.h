// Landed files that a run tried to read and could not (the memory, the disk), for those who ask
// before the next one tries: a note in the state folder. Losing it loses a message.
#pragma once

#include <map>
#include <span>
#include <string>

#include "work/ingest/raw_step.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Threads: one. Only the project's writer changes the note.
class UnreadFiles {
 public:
  // A note that cannot be read says nothing.
  static UnreadFiles Load(Workspace& workspace);

  // Why `file`, if it is still the same, could not be read; null if nothing is known against it.
  const std::string* WhyNot(const landing::LandedFile& file) const;
  // Of what arrived at `place`, in its present version (Arrival::version).
  void Note(const std::string& place, const std::string& version, const std::string& why);
  void Forget(const std::string& place);
  // Forgets all that are not among these.
  void KeepOnly(std::span<const WaitingBatch> batches);
  // Writes the note if it changed. A full disk is no reason to end a run.
  void Save();

 private:
  explicit UnreadFiles(Workspace& workspace) : workspace_(&workspace) {}
  struct Unread {
    std::string identity;
    std::string why;
  };
  std::string Path() const;

  Workspace* workspace_;
  std::map<std::string, Unread> files_;  // by path
  bool changed_ = false;
};
}  // namespace weirhouse::work
