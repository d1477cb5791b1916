#include "ground/platform/db/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "ground/platform/db/sqlite_log.h"

namespace weirhouse::platform {
namespace {
constexpr int kBusyTimeoutMs = 5000;  // longer than any commit of ours holds the write lock
constexpr std::size_t kStatementsKept = 256;

std::atomic<std::int64_t> steps_taken{0};  // of all connections

struct CloseDatabase {
  void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Status StatusOfSqlite(int rc, sqlite3* db, const std::string& path, std::string_view what) {
  const char* detail = db == nullptr ? sqlite3_errstr(rc) : sqlite3_errmsg(db);
  const std::string message = fmt::format("could not {}: {}: {}", what, detail, path);
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return Status(Code::kUnavailable, message)
          .WithError(kStorageFull)
          .WithHint("free some space on the disk and run the command again");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Status(Code::kUnavailable, message)
          .WithError("WH7018")
          .WithHint("another process holds the write lock; try again when it is done");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Status(Code::kCorruption, message)
          .WithError("WH7021")
          .WithHint("keep the file as it is and restore a backup of the project");
    case SQLITE_CONSTRAINT:
      return Status(Code::kConflict, message).WithError("WH7022");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Status(Code::kPermissionDenied, message)
          .WithError(kReadOnlyDatabase)
          .WithHint("the database was opened for reading, or its folder cannot be written");
    case SQLITE_CANTOPEN:
      return Status(Code::kUnavailable, message)
          .WithError("WH7024")
          .WithHint("check that the folder exists and can be written");
    case SQLITE_IOERR:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
      return Status(Code::kUnavailable, message).WithError("WH7015");
    default:
      return Status(Code::kInternal, message).WithError("WH7025");
  }
}

int BindOne(sqlite3_stmt* statement, int index, const DatabaseValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return sqlite3_bind_double(statement, index, *real);
  }
  // The parameters outlive the statement's run, so SQLite need not copy them.
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  if (const auto* blob = std::get_if<Blob>(&value)) {
    // A null pointer would bind NULL: an empty blob needs some address.
    const char* data = blob->bytes.empty() ? "" : blob->bytes.data();
    return sqlite3_bind_blob64(statement, index, data, blob->bytes.size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

class StatementRow : public DatabaseRow {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t Int(int column) const override {
    const int type = sqlite3_column_type(statement_, column);
    if (type == SQLITE_INTEGER) return sqlite3_column_int64(statement_, column);
    if (type != SQLITE_NULL || MustHold(column)) Distrust(column, "an integer");
    return 0;
  }
  double Double(int column) const override {
    const int type = sqlite3_column_type(statement_, column);
    if (type == SQLITE_FLOAT || type == SQLITE_INTEGER)
      return sqlite3_column_double(statement_, column);
    if (type != SQLITE_NULL || MustHold(column)) Distrust(column, "a number");
    return 0;
  }
  std::string Text(int column) const override {
    const int type = sqlite3_column_type(statement_, column);
    if (type == SQLITE_TEXT || (type == SQLITE_BLOB && MayHoldBytes(column)))
      return AnyAsText(column);
    if (type != SQLITE_NULL || MustHold(column)) Distrust(column, "a text");
    return {};
  }
  std::string AnyAsText(int column) const override {
    // column_blob gives text as it is stored, embedded NULs included; bytes must be asked second.
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr || size <= 0) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
  }

  // OK, or what was read last and is not of the kind that was asked for.
  Status Trust(const std::string& path) const {
    if (wrong_column_ < 0) return Status::Ok();
    constexpr const char* kKinds[] = {"", "an integer", "a real", "a text", "bytes", "NULL"};
    return Status(Code::kCorruption,
                  fmt::format("the database holds {} where {} was stored: column \"{}\" of \"{}\": "
                              "{}",
                              kKinds[wrong_type_], wanted_,
                              sqlite3_column_name(statement_, wrong_column_),
                              sqlite3_sql(statement_), path))
        .WithError("WH7021")
        .WithHint("keep the file as it is and restore a backup of the project");
  }

 private:
  // A column that is declared as one of bytes, or an expression.
  bool MayHoldBytes(int column) const {
    const char* declared = sqlite3_column_decltype(statement_, column);
    return declared == nullptr || std::string_view(declared) == "BLOB";
  }
  // Whether the result's column is one of a table that is declared NOT NULL, so that SQLite itself
  // has never stored a NULL there. (A statement that can leave such a column out, as an outer join
  // does, asks IsNull first.) Asked for a NULL alone, since it costs two look-ups of names.
  bool MustHold(int column) const {
    const char* table = sqlite3_column_table_name(statement_, column);
    const char* origin = sqlite3_column_origin_name(statement_, column);
    if (table == nullptr || origin == nullptr) return false;  // an expression
    int not_null = 0;
    const int found = sqlite3_table_column_metadata(
        sqlite3_db_handle(statement_), sqlite3_column_database_name(statement_, column), table,
        origin, nullptr, nullptr, &not_null, nullptr, nullptr);
    return found == SQLITE_OK && not_null != 0;
  }
  void Distrust(int column, const char* wanted) const {
    wrong_column_ = column;
    wrong_type_ = sqlite3_column_type(statement_, column);
    wanted_ = wanted;
  }

  sqlite3_stmt* statement_;
  mutable int wrong_column_ = -1;
  mutable int wrong_type_ = 0;
  mutable const char* wanted_ = "";
};

class SqliteConnection : public Sqlite {
 public:
  SqliteConnection(DatabaseHandle db, std::string path)
      : db_(std::move(db)), path_(std::move(path)) {}

  Status Run(std::string_view sql, const std::vector<DatabaseValue>& parameters) override {
    return Step(sql, parameters, nullptr);
  }
  Status Each(std::string_view sql, const std::vector<DatabaseValue>& parameters,
              const std::function<Status(const DatabaseRow&)>& visit) override {
    return Step(sql, parameters, &visit);
  }
  Status Stream(std::string_view sql,
                const std::function<Status(const DatabaseRow&)>& visit) override {
    return Each(sql, {}, visit);
  }
  Status Script(std::string_view sql) override {
    const std::string text(sql);
    const int rc = sqlite3_exec(db_.get(), text.c_str(), nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return Failure(rc, "run a script");
    return Status::Ok();
  }
  std::int64_t Changes() const override { return sqlite3_changes64(db_.get()); }

  Result<bool> HasTable(std::string_view name) override {
    bool there = false;
    WEIRHOUSE_TRY_STATUS(
        Each("SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?",
             {std::string(name)}, [&](const DatabaseRow&) {
               there = true;
               return Status::Ok();
             }));
    return there;
  }

  Status Begin() override {
    WEIRHOUSE_TRY_STATUS(Run("BEGIN IMMEDIATE", {}));
    const Status there = CheckPlace();
    if (!there.ok()) Rollback();
    return there;
  }
  Status BeginRead() override { return Run("BEGIN", {}); }
  // Data written to a file that was removed or replaced is invisible to all other processes.
  Status CheckPlace() {
    int moved = 0;
    const int rc = sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (rc != SQLITE_OK || moved == 0) return Status::Ok();
    return Status(Code::kUnavailable,
                  fmt::format("the database was removed, moved or replaced while it was open: {}",
                              path_))
        .WithError(kDatabaseMoved)
        .WithHint("end this process; then restore the file, or use its new location");
  }
  Status Commit() override {
    const Status status = Run("COMMIT", {});
    if (status.ok() || status.code() == Code::kConflict) return status;
    // The frame that ends a transaction is written last, so if it did not fit on the disk it was
    // not written.
    if (status.Is(kStorageFull)) return status;
    return Status(Code::kUnavailable, status.message())
        .WithError(kOutcomeUnknown)
        .WithHint("open the project again: the outcome is then looked up by its key");
  }
  void Rollback() override {
    // Some errors (disk full, I/O) have already rolled back; then there is nothing to do.
    if (sqlite3_get_autocommit(db_.get()) == 0)
      Run("ROLLBACK", {}).Ignore("a best-effort rollback");
  }
  Status Savepoint() override { return Run("SAVEPOINT step", {}); }
  Status RollbackToSavepoint() override {
    WEIRHOUSE_TRY_STATUS(Run("ROLLBACK TO step", {}));
    return ReleaseSavepoint();
  }
  Status ReleaseSavepoint() override { return Run("RELEASE step", {}); }
  // The lock of an ended process is released with it.
  Status WaitForWriters() override { return Status::Ok(); }
  bool lost() const override { return false; }

 private:
  Status Failure(int rc, std::string_view what) const {
    return StatusOfSqlite(rc, db_.get(), path_, what);
  }

  // Takes a prepared statement out of the cache, so that a nested use of the same text gets its
  // own.
  Result<StatementHandle> Take(const std::string& sql) {
    if (auto found = cache_.find(sql); found != cache_.end()) {
      StatementHandle statement = std::move(found->second);
      cache_.erase(found);
      return statement;
    }
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    const int rc = sqlite3_prepare_v3(db_.get(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &raw, &tail);
    StatementHandle statement(raw);
    if (rc != SQLITE_OK) return Failure(rc, fmt::format("prepare \"{}\"", sql));
    if (raw == nullptr) {
      return Status(Code::kInternal, "could not prepare an empty statement").WithError("WH7025");
    }
    return statement;
  }
  void GiveBack(std::string sql, StatementHandle statement) {
    steps_taken += sqlite3_stmt_status(statement.get(), SQLITE_STMTSTATUS_VM_STEP, /*reset=*/1);
    sqlite3_reset(statement.get());
    sqlite3_clear_bindings(statement.get());
    if (cache_.size() >= kStatementsKept) cache_.clear();
    cache_.insert_or_assign(std::move(sql), std::move(statement));
  }

  Status Step(std::string_view sql_view, const std::vector<DatabaseValue>& parameters,
              const std::function<Status(const DatabaseRow&)>* visit) {
    std::string sql(sql_view);
    WEIRHOUSE_TRY(StatementHandle statement, Take(sql));
    Status status = StepPrepared(statement.get(), sql, parameters, visit);
    GiveBack(std::move(sql), std::move(statement));
    return status;
  }
  Status StepPrepared(sqlite3_stmt* statement, const std::string& sql,
                      const std::vector<DatabaseValue>& parameters,
                      const std::function<Status(const DatabaseRow&)>* visit) {
    if (sqlite3_bind_parameter_count(statement) != static_cast<int>(parameters.size())) {
      return Status(Code::kInternal, fmt::format("wrong number of parameters: {} for \"{}\"",
                                                 parameters.size(), sql))
          .WithError("WH7025");
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const int rc = BindOne(statement, static_cast<int>(i) + 1, parameters[i]);
      if (rc != SQLITE_OK) return Failure(rc, fmt::format("bind to \"{}\"", sql));
    }
    const StatementRow row(statement);
    while (true) {
      const int rc = sqlite3_step(statement);
      if (rc == SQLITE_DONE) return Status::Ok();
      if (rc != SQLITE_ROW) return Failure(rc, fmt::format("run \"{}\"", sql));
      if (visit == nullptr) continue;
      const Status visited = (*visit)(row);
      WEIRHOUSE_TRY_STATUS(row.Trust(path_));  // first: the visitor worked with another value
      WEIRHOUSE_TRY_STATUS(visited);
    }
  }

  DatabaseHandle db_;
  std::string path_;
  std::unordered_map<std::string, StatementHandle> cache_;  // after db_: finalized before it closes
};
}  // namespace

std::int64_t Sqlite::Steps() { return steps_taken; }

namespace {
// SQLite silently opens a file for reading if it cannot open it for writing. Such a connection
// would refuse every write for as long as it lives, even once the disk works again.
Status ExplainNotWritable(const std::string& path) {
  // Uses access(), because closing a file descriptor releases the locks that this process has on
  // the file.
  const int error = access(path.c_str(), W_OK) == 0 ? 0 : errno;
  const std::string message =
      fmt::format("could not open the database for writing: {}: {}",
                  error == 0 ? "the disk refused it" : std::strerror(error), path);
  if (error == EROFS || error == EACCES || error == EPERM) {
    return Status(Code::kPermissionDenied, message)
        .WithError(kReadOnlyDatabase)
        .WithHint("make its folder and file writable");
  }
  return Status(Code::kUnavailable, message)
      .WithError("WH7024")
      .WithHint("check the disk, then run the command again");
}
}  // namespace

Result<std::unique_ptr<Sqlite>> Sqlite::Open(const std::string& path, bool read_only) {
  std::error_code ignored;
  if (read_only && !std::filesystem::exists(path, ignored)) {
    return Status(Code::kNotFound, fmt::format("database does not exist: {}", path))
        .WithError("WH7012");
  }
  WEIRHOUSE_TRY_STATUS(CheckSqliteLog(path));
  // Nobody asks how much memory it took, and to count takes a lock for every allocation. Too late,
  // and then without effect, where another has begun to use SQLite.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(uncounted);
  sqlite3* raw = nullptr;
  // A reader of a WAL database still needs its -shm file, which SQLite makes if the folder may be
  // written.
  const int mode = read_only ? SQLITE_OPEN_READONLY : (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int rc = sqlite3_open_v2(path.c_str(), &raw,
                                 mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  DatabaseHandle db(raw);  // SQLite returns a handle even when it fails
  if (rc != SQLITE_OK) return StatusOfSqlite(rc, raw, path, "open the database");
  if (!read_only && sqlite3_db_readonly(raw, "main") == 1) return ExplainNotWritable(path);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  auto connection = std::make_unique<SqliteConnection>(std::move(db), path);
  if (!read_only) WEIRHOUSE_TRY_STATUS(connection->Script("PRAGMA journal_mode=WAL"));
  WEIRHOUSE_TRY_STATUS(
      connection->Script("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                         // 32 MiB of pages: writes to lineage indexes are scattered.
                         "PRAGMA cache_size=-32768;"));
  // Reads the header, so that a file that is not a database fails here and not at the first query.
  WEIRHOUSE_TRY_STATUS(connection->Script("PRAGMA schema_version"));
  return std::unique_ptr<Sqlite>(std::move(connection));
}
}  // namespace weirhouse::platform
