// SQLite. Only ground/catalog uses it; everyone else uses the catalog.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/db/database.h"

namespace weirhouse::platform {

// A connection in WAL mode with synchronous=FULL: COMMIT has fsynced when it returns. Threads: one
// at a time (the owner serializes).
//
// Commit: an error is kUnavailable (WH7003), and the outcome is unknown until the connection is
// reopened and the key looked up. Two errors mean for certain that nothing was written: a deferred
// constraint (kConflict), and a disk that was full before the end of the transaction was written
// (WH7010).
class Sqlite : public Database {
 public:
  // Creates the file unless `read_only`, which sees other processes' commits as they happen.
  static Result<std::unique_ptr<Sqlite>> Open(const std::string& path, bool read_only);
  Dialect dialect() const override { return Dialect::kSqlite; }

  // How many virtual-machine steps the finished statements of all connections of this process took:
  // a cost that does not depend on the machine's load. For tests of growth.
  static std::int64_t Steps();
};
}  // namespace weirhouse::platform
