// Landed files that a run failed to read (memory, disk), for commands that run before the next
// attempt: a note in the state folder. Losing it loses only a message.
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
  // A note that cannot be read counts as empty.
  static UnreadFiles Load(Workspace& workspace);

  // Why `file`, if it is unchanged, could not be read; null if no failure is known.
  const std::string* FindFailure(const landing::LandedFile& file) const;
  // Records a failure for what arrived at `place`, in its present version (Arrival::version).
  void Note(const std::string& place, const std::string& version, const std::string& why);
  void Forget(const std::string& place);
  // Forgets all that are not among these.
  void KeepOnly(std::span<const WaitingBatch> batches);
  // Writes the note if it changed. A full disk does not end the run.
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
