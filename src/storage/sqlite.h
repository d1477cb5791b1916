// SQLite, wrapped once. For catalog/ only: everyone else goes through the catalog.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "storage/database.h"

namespace weirhouse::storage {

// A connection in WAL mode with synchronous=FULL: COMMIT has fsynced when it returns. Threads: one
// at a time (the owner serializes).
//
// Commit: an error is kUnavailable (WH7003), and the outcome is unknown until the connection is
// reopened and looked up. Certain that nothing was written are a deferred constraint (kConflict)
// and a disk that was full before the end of the transaction was written (WH7010).
class Sqlite : public Database {
 public:
  // Creates the file unless `read_only`, which sees other processes' commits as they happen.
  static Result<std::unique_ptr<Sqlite>> Open(const std::string& path, bool read_only);
  Dialect dialect() const override { return Dialect::kSqlite; }
};
}  // namespace weirhouse::storage
