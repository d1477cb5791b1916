// SQLite, wrapped once. For catalog/ only: everyone else goes through the catalog.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace weirhouse::storage {

// Bytes to be bound as a BLOB; a plain string is bound as TEXT.
struct SqliteBlob {
  std::string bytes;
};
// NULL, INTEGER, REAL, TEXT, BLOB.
using SqliteValue = std::variant<std::monostate, std::int64_t, double, std::string, SqliteBlob>;

// One row of a result; valid while the visitor runs.
class SqliteRow {
 public:
  virtual ~SqliteRow() = default;
  virtual bool IsNull(int column) const = 0;
  virtual std::int64_t Int(int column) const = 0;
  virtual double Double(int column) const = 0;
  virtual std::string Text(int column) const = 0;  // blobs too
};

// A connection in WAL mode with synchronous=FULL: COMMIT has fsynced when it returns. Statements
// are prepared once and cached by their text. Threads: one at a time (the owner serializes).
//
// Errors: kUnavailable (locked for 5 s, disk full, I/O), kCorruption, kConflict (a constraint),
// kPermissionDenied (read-only), kNotFound (read-only and absent), kInternal (wrong SQL).
class Sqlite {
 public:
  // Creates the file unless `read_only`, which sees other processes' commits as they happen.
  static Result<std::unique_ptr<Sqlite>> Open(const std::string& path, bool read_only);
  virtual ~Sqlite() = default;

  // Runs one statement with `?` parameters bound in order.
  virtual Status Run(std::string_view sql, const std::vector<SqliteValue>& parameters = {}) = 0;
  // Visits each row until `visit` fails; its status is then returned.
  virtual Status Each(std::string_view sql, const std::vector<SqliteValue>& parameters,
                      const std::function<Status(const SqliteRow&)>& visit) = 0;
  // Several statements, no parameters (migrations).
  virtual Status Script(std::string_view sql) = 0;
  virtual std::int64_t LastInsertId() const = 0;
  virtual std::int64_t Changes() const = 0;

  virtual Status Begin() = 0;  // BEGIN IMMEDIATE
  // Errors from COMMIT are kUnavailable (WH7003): the outcome is unknown until the connection is
  // reopened and looked up. Only a deferred constraint is certain: kConflict, nothing was written.
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;  // never fails
};
}  // namespace weirhouse::storage
