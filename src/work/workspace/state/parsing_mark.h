// Which object is being parsed just now, told to the process that comes after one that ended.
//
// One small file of the state folder, written in place. It has to outlive the process and not the
// machine (a loss of power is no object's fault), so it is never fsynced; and because its room is
// taken once, it can be written while the disk is full.
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

  // `attempt` = how often parsing it will have ended the process if it does so now.
  Status Set(const catalog::Arrival& arrival, int attempt);
  void Unset();

  struct Left {
    catalog::Arrival arrival;
    int attempt = 0;
  };
  // What the process before was parsing when it ended, if it was.
  std::optional<Left> WhatWasLeft() const;

 private:
  ParsingMark(int file, std::string path) : file_(file), path_(std::move(path)) {}
  Status Broken(const char* what) const;
  int file_;
  std::string path_;
};

// An object that ended the process so often while it was parsed is quarantined whole, unparsed.
inline constexpr int kParseAttemptsMax = 3;
inline bool IsSetAside(const catalog::ObjectRecord& object) {
  return object.attempts >= kParseAttemptsMax;
}

// A person asked this process to end: whatever ends it from now on, the object that is parsed is
// not to blame. Safe in a signal handler.
void NoteStopWanted() noexcept;
// This thread ends the process by a fault. If the object is parsed on another one, it is not to
// blame. Safe in a signal handler.
void NoteFault() noexcept;

// Counts the attempt that ended the process before, if one did. To be called before anything is
// parsed; a crash in between counts it once.
Status CountEndedParsing(ParsingMark& mark, catalog::Catalog& catalog);

}  // namespace weirhouse::work
