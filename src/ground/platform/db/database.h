// A connection to a transactional database: SQLite in a file, or a PostgreSQL server. Only
// ground/catalog uses it; everyone else uses the catalog.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::platform {

// The connection was opened for reading only, or the server is read-only for now.
inline constexpr Reason kReadOnlyDatabase{"WH7023"};
// The database's file is not where it was opened.
inline constexpr Reason kDatabaseMoved{"WH7069"};

// A parameter bound as bytes; a plain string is bound as text.
struct Blob {
  std::string bytes;
};
// NULL, integer, real, text, bytes.
using DatabaseValue = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

// One row of a result; valid while the visitor runs.
//
// Whoever reads a column says which kind of value belongs there. SQLite stores any kind in any column,
// so a damaged file may hold a text where a number was written: then the visitor gets 0 or an empty
// text for that row, and the statement ends with kCorruption (WH7021), whatever the visitor made of
// it. NULL is 0 or empty, and no less damage where SQLite's table says NOT NULL. Cost: a comparison for each value.
class DatabaseRow {
 public:
  virtual ~DatabaseRow() = default;
  virtual bool IsNull(int column) const = 0;
  virtual std::int64_t Int(int column) const = 0;
  virtual double Double(int column) const = 0;     // an integer too
  virtual std::string Text(int column) const = 0;  // bytes where the column is one of bytes
  // A value of any kind in the words of the database: for digests over whatever is stored.
  virtual std::string AnyAsText(int column) const = 0;
};

enum class Dialect : std::uint8_t { kSqlite, kPostgres };

// Statements are prepared once and cached by their text; parameters are written `?` in every
// dialect. When Commit returns OK the transaction is durable. Threads: one at a time (the owner
// serializes).
//
// Errors of every statement:
//   kConflict          a constraint (WH7022), or another transaction had to go first (WH7042): the
//                      transaction is lost for certain
//   kUnavailable       locked for 5 s (WH7018), disk full (WH7010), server not reached (WH7040) or
//                      its connection lost (WH7041): nothing of the open transaction was written
//   kUnavailable       WH7003, from Commit and from writes outside of a transaction: the connection
//                      ended before the answer came, so the outcome is unknown
//   kCorruption        WH7021: the file is damaged, or a value is not of the kind that was asked for
//   kPermissionDenied (opened for reading), kInternal (wrong SQL)
// After an error inside a transaction only Rollback, or RollbackToSavepoint, may follow: SQLite
// would go on, PostgreSQL does not.
class Database {
 public:
  virtual ~Database() = default;
  virtual Dialect dialect() const = 0;

  // Runs one statement with `?` parameters bound in order.
  virtual Status Run(std::string_view sql, const std::vector<DatabaseValue>& parameters = {}) = 0;
  // Visits each row until `visit` fails; its status is then returned. Statements may be nested.
  // PostgreSQL holds the whole result in memory, so use Stream for a result without a bound.
  virtual Status Each(std::string_view sql, const std::vector<DatabaseValue>& parameters,
                      const std::function<Status(const DatabaseRow&)>& visit) = 0;
  // Like Each, for a long result, inside a transaction: holds only a part of it at a time.
  virtual Status Stream(std::string_view sql,
                        const std::function<Status(const DatabaseRow&)>& visit) = 0;
  // Several statements, no parameters (migrations).
  virtual Status Script(std::string_view sql) = 0;
  // Runs `INSERT … RETURNING column`; the value, or nothing if no row was inserted.
  Result<std::optional<std::int64_t>> Insert(std::string_view sql,
                                             const std::vector<DatabaseValue>& parameters);
  // Rows that the last Run or Insert wrote.
  virtual std::int64_t Changes() const = 0;
  virtual Result<bool> HasTable(std::string_view name) = 0;

  // Opens a writing transaction. There is only one at a time: waits up to 5 s for that of another
  // connection (WH7018). Each statement in it sees everything committed before.
  virtual Status Begin() = 0;
  // Opens a reading transaction: all its statements see one committed state.
  virtual Status BeginRead() = 0;
  virtual Status Commit() = 0;
  // Ends the transaction, if one is open. Never fails.
  virtual void Rollback() = 0;
  // Inside a transaction; they nest as SQL's do. RollbackToSavepoint undoes what came after the
  // last Savepoint and ends it; ReleaseSavepoint keeps it.
  virtual Status Savepoint() = 0;
  virtual Status RollbackToSavepoint() = 0;
  virtual Status ReleaseSavepoint() = 0;

  // Returns once every writing transaction whose connection or process has ended is committed or
  // rolled back: a commit that a reader does not see then did not take place. Waits up to 5 s
  // (WH7018).
  virtual Status WaitForWriters() = 0;
  // Whether the connection has ended. If so, open another one.
  virtual bool lost() const = 0;
};
}  // namespace weirhouse::platform
