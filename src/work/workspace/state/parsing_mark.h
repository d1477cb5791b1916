// Which object is being parsed, for the next process if this one ends meanwhile.
//
// One small file of the state folder, written in place. It must outlive the process but not the
// machine (a power loss is not the object's fault), so it is never fsynced; and because its space
// is allocated once, it can be written while the disk is full.
//   byte 0      '*' while the object is parsed, '-' before and after
//   from 1 on   attempt, source, digest, length of the name, name; a line end after each
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/catalog/record.h"

namespace weirhouse::work {

// Threads: one, and one process: the project's writer.
class ParsingMark {
 public:
  // kUnavailable (WH1307) if the file can be neither read nor written.
  static Result<std::unique_ptr<ParsingMark>> Open(const std::string& path);
  ~ParsingMark();
  ParsingMark(const ParsingMark&) = delete;
  ParsingMark& operator=(const ParsingMark&) = delete;

  // `attempt` = how often parsing the object will have ended the process if it ends now.
  Status Set(const catalog::Arrival& arrival, int attempt);
  void Unset();

  struct Left {
    catalog::Arrival arrival;
    int attempt = 0;
  };
  // The object that the previous process was parsing when it ended, if any.
  std::optional<Left> WhatWasLeft() const;

 private:
  ParsingMark(int file, std::string path) : file_(file), path_(std::move(path)) {}
  Status Broken(const char* what) const;
  int file_;
  std::string path_;
};

// An object that ended the process this often while it was parsed is quarantined as a whole,
// unparsed.
inline constexpr int kParseAttemptsMax = 3;
inline bool IsSetAside(const catalog::ObjectRecord& object) {
  return object.attempts >= kParseAttemptsMax;
}

// A user asked this process to end: from now on the object that is parsed is not to blame for its
// end. Safe in a signal handler.
void NoteStopWanted() noexcept;
// This thread ends the process by a fault: an object that another thread parses is not to blame.
// Safe in a signal handler.
void NoteFault() noexcept;

// Counts the attempt that ended the previous process, if one did. Call it before anything is
// parsed; a crash in between counts it once.
Status CountEndedParsing(ParsingMark& mark, catalog::Catalog& catalog);

}  // namespace weirhouse::work
