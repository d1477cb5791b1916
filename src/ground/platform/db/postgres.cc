#include "ground/platform/db/postgres.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "ground/base/digest.h"
#include "ground/platform/db/postgres_address.h"
#include "ground/platform/db/postgres_error.h"
#include "ground/platform/db/postgres_text.h"

namespace weirhouse::platform {
namespace {
constexpr int kServerVersionMin = 130000;
constexpr std::size_t kCachedStatementsMax = 256;
constexpr std::size_t kShownSqlMax = 120;
constexpr int kStreamRows = 500;
constexpr Oid kBoolOid = 16;
constexpr Oid kByteaOid = 17;
// int8, int2, int4, oid, float4, float8, numeric.
constexpr Oid kNumberOids[] = {20, 21, 23, 26, 700, 701, 1700};
constexpr int kTextFormat = 0;
constexpr int kBinaryFormat = 1;
// After so long without an answer, another connection checks whether the server is alive.
constexpr int kSilenceMs = 3'000;

struct CloseConnection {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using ConnectionHandle = std::unique_ptr<PGconn, CloseConnection>;
struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ClearResult>;

// Parameters in libpq's form. Integers and reals are sent as text, so that the server reads each as
// the type of its column; bytes are sent as they are.
class Parameters {
 public:
  explicit Parameters(const std::vector<DatabaseValue>& values) {
    texts_.reserve(values.size());  // keeps the pointers below valid
    for (const DatabaseValue& value : values) Add(value);
  }
  int count() const { return static_cast<int>(pointers_.size()); }
  const char* const* pointers() const { return pointers_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void Add(const DatabaseValue& value) {
    int format = kTextFormat;
    if (std::holds_alternative<std::monostate>(value)) {
      texts_.emplace_back();
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      texts_.push_back(fmt::format("{}", *integer));
    } else if (const auto* real = std::get_if<double>(&value)) {
      texts_.push_back(fmt::format("{}", *real));  // the shortest text that reads back the same
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      texts_.push_back(ToStoredText(*text));
    } else {
      texts_.push_back(std::get<Blob>(value).bytes);
      format = kBinaryFormat;
    }
    const bool null = std::holds_alternative<std::monostate>(value);
    pointers_.push_back(null ? nullptr : texts_.back().c_str());
    lengths_.push_back(static_cast<int>(texts_.back().size()));
    formats_.push_back(format);
  }

  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

class ResultRow : public DatabaseRow {
 public:
  ResultRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  std::int64_t Int(int column) const override {
    if (PQftype(result_, column) == kBoolOid) return Raw(column) == "t" ? 1 : 0;
    return Number<std::int64_t>(column, "an integer");
  }
  double Double(int column) const override { return Number<double>(column, "a number"); }
  std::string Text(int column) const override {
    const Oid type = PQftype(result_, column);
    if (std::ranges::find(kNumberOids, type) != std::end(kNumberOids)) {
      Distrust(column, "a text");
      return {};
    }
    return AnyAsText(column);
  }
  std::string AnyAsText(int column) const override {
    const std::string_view text = Raw(column);
    const Oid type = PQftype(result_, column);
    if (type == kByteaOid) return FromHexBytes(text);
    if (type == kBoolOid && !text.empty()) return text == "t" ? "1" : "0";
    return FromStoredText(text);
  }

  // OK, or what was read last and is not of the kind that was asked for.
  Status Trust() const {
    if (wrong_column_ < 0) return Status::Ok();
    return Status(Code::kCorruption,
                  fmt::format("the database holds another value where {} was stored: column \"{}\"",
                              wanted_, PQfname(result_, wrong_column_)))
        .WithError("WH7021")
        .WithHint("keep the database as it is and restore a backup of the project");
  }

 private:
  template <typename T>
  T Number(int column, const char* wanted) const {
    const std::string_view text = Raw(column);
    if (text.empty()) return IsNull(column) ? T() : (Distrust(column, wanted), T());
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
    Distrust(column, wanted);
    return 0;
  }
  void Distrust(int column, const char* wanted) const {
    wrong_column_ = column;
    wanted_ = wanted;
  }
  std::string_view Raw(int column) const {
    return {PQgetvalue(result_, row_, column),
            static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }
  const PGresult* result_;
  int row_;
  mutable int wrong_column_ = -1;
  mutable const char* wanted_ = "";
};

// A visitor that read a value of the wrong kind worked with another one: that comes first.
Status VisitRow(const PGresult* result, int row,
                const std::function<Status(const DatabaseRow&)>& visit) {
  const ResultRow seen(result, row);
  Status visited = visit(seen);
  WEIRHOUSE_TRY_STATUS(seen.Trust());
  return visited;
}

// Statements on one line, cut where a message would be too long.
std::string Shown(std::string_view sql) {
  std::string line(sql.substr(0, kShownSqlMax));
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return sql.size() > kShownSqlMax ? line + "…" : line;
}

// Threads: one at a time. A statement may take any time as long as the server answers another
// connection; a server that hangs or is stopped ends the connection (WH7041, for COMMIT WH7003)
// after kSilenceMs and the connect timeout.
class PostgresConnection : public Postgres {
 public:
  PostgresConnection(ConnectionHandle connection, const PostgresAddress& address,
                     std::int64_t lock_key, bool read_only)
      : connection_(std::move(connection)),
        url_(address.url),
        shown_(address.shown),
        lock_key_(lock_key),
        read_only_(read_only) {}

  Status Run(std::string_view sql, const std::vector<DatabaseValue>& parameters) override {
    return Execute(sql, parameters).status();
  }
  Status Each(std::string_view sql, const std::vector<DatabaseValue>& parameters,
              const std::function<Status(const DatabaseRow&)>& visit) override {
    WEIRHOUSE_TRY(const ResultHandle result, Execute(sql, parameters));
    const int rows = PQntuples(result.get());
    for (int row = 0; row < rows; ++row) {
      WEIRHOUSE_TRY_STATUS(VisitRow(result.get(), row, visit));
    }
    return Status::Ok();
  }
  Status Stream(std::string_view sql,
                const std::function<Status(const DatabaseRow&)>& visit) override;
  Status Script(std::string_view sql) override {
    const ResultHandle result = Ask(std::string(sql));
    return Judge(result.get(), fmt::format("run \"{}\"", Shown(sql)), Writes(sql)).status();
  }
  std::int64_t Changes() const override { return changes_; }
  Result<bool> HasTable(std::string_view name) override {
    bool there = false;
    WEIRHOUSE_TRY_STATUS(
        Each("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
             "ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND "
             "c.relname = ? AND c.relkind IN ('r', 'v')",
             {std::string(name)}, [&](const DatabaseRow&) {
               there = true;
               return Status::Ok();
             }));
    return there;
  }

  Status Begin() override {
    // One message and so one round trip. Statements after it see everything committed before the
    // lock was granted, because each takes a new snapshot.
    return Open(
        fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
                    "SELECT pg_advisory_xact_lock({})",
                    lock_key_));
  }
  Status BeginRead() override { return Open("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
  Status Commit() override;
  void Rollback() override {
    in_transaction_ = false;
    if (lost_ || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
    const ResultHandle result = Ask("ROLLBACK");
    // The server undoes what a lost connection had begun.
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) lost_ = true;
  }
  Status Savepoint() override { return Script("SAVEPOINT step"); }
  Status RollbackToSavepoint() override {
    return Script("ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step");
  }
  Status ReleaseSavepoint() override { return Script("RELEASE SAVEPOINT step"); }

  Status WaitForWriters() override {
    return Script(fmt::format("SELECT pg_advisory_xact_lock_shared({})", lock_key_));
  }
  bool lost() const override { return lost_; }

 private:
  struct Statement {
    std::string name;
    int parameters = 0;
  };

  ResultHandle Ask(const std::string& sql) {
    return Answer(PQsendQuery(connection_.get(), sql.c_str()));
  }
  // The last result of the request, as PQexec returns it; none if the connection gave none.
  ResultHandle Answer(int sent) {
    ResultHandle last;
    if (sent == 0) return last;
    while (AwaitResult()) {
      ResultHandle next(PQgetResult(connection_.get()));
      if (next == nullptr) return last;
      last = std::move(next);
      if (PQstatus(connection_.get()) == CONNECTION_BAD) return last;
    }
    return ResultHandle();
  }
  // False if the server hangs: stop waiting.
  bool AwaitResult() {
    while (PQisBusy(connection_.get()) != 0) {
      pollfd watched{PQsocket(connection_.get()), POLLIN, 0};
      const int ready = poll(&watched, 1, kSilenceMs);
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        silent_ = !ServerAnswers();
        if (silent_) return false;
        continue;
      }
      if (PQconsumeInput(connection_.get()) == 0) return true;  // PQgetResult says why
    }
    return true;
  }
  bool ServerAnswers() const {
    const auto options = ParseConnectionOptions(url_);
    if (!options.ok()) return true;
    return PQpingParams(options->names().data(), options->values().data(), /*expand_dbname=*/0) !=
           PQPING_NO_RESPONSE;
  }

  Status Open(const std::string& sql) {
    const Status status = Script(sql);
    in_transaction_ = status.ok();
    if (!status.ok()) Rollback();
    return status;
  }
  bool Writes(std::string_view sql) const {
    return !read_only_ && !in_transaction_ && !sql.starts_with("SELECT") &&
           !sql.starts_with("BEGIN");
  }

  // The error of `result`, or of the connection that gave none.
  PostgresError ErrorOf(const PGresult* result) const {
    const auto field = [&](int code) {
      const char* text = result == nullptr ? nullptr : PQresultErrorField(result, code);
      return std::string(text == nullptr ? "" : text);
    };
    PostgresError error{field(PG_DIAG_SQLSTATE), field(PG_DIAG_SEVERITY_NONLOCALIZED),
                        field(PG_DIAG_MESSAGE_PRIMARY)};
    if (error.message.empty()) error.message = PQerrorMessage(connection_.get());
    if (PQstatus(connection_.get()) == CONNECTION_BAD) error.state.clear();
    if (silent_) error = {"", "", "the server has stopped answering"};
    return error;
  }
  // OK if the statement succeeded; remembers the number of changed rows and whether the connection
  // has ended. `unknown_if_lost`: the statement may have taken effect without an answer.
  Result<bool> Judge(const PGresult* result, std::string_view what, bool unknown_if_lost) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      const std::string_view changed = PQcmdTuples(const_cast<PGresult*>(result));
      changes_ = 0;
      std::from_chars(changed.data(), changed.data() + changed.size(), changes_);
      return true;
    }
    const PostgresError error = ErrorOf(result);
    if (!EndsConnection(error)) return PostgresErrorToStatus(error, what, shown_);
    lost_ = true;
    if (unknown_if_lost) return OutcomeUnknown(error.message, what, shown_);
    return PostgresErrorToStatus(error, what, shown_);
  }

  Result<Statement> Prepare(const std::string& sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
    if (statements_.size() >= kCachedStatementsMax) {
      WEIRHOUSE_TRY_STATUS(Script("DEALLOCATE ALL"));
      statements_.clear();
    }
    const NumberedSql numbered = NumberParameters(sql);
    Statement statement{fmt::format("s{}", ++prepared_), numbered.parameters};
    const ResultHandle result = Answer(PQsendPrepare(connection_.get(), statement.name.c_str(),
                                                     numbered.text.c_str(), 0, nullptr));
    WEIRHOUSE_TRY_STATUS(
        Judge(result.get(), fmt::format("prepare \"{}\"", Shown(sql)), false).status());
    statements_.emplace(sql, statement);
    return statement;
  }
  Result<ResultHandle> Execute(std::string_view sql_view,
                               const std::vector<DatabaseValue>& values) {
    const std::string sql(sql_view);
    WEIRHOUSE_TRY(const Statement statement, Prepare(sql));
    if (statement.parameters != static_cast<int>(values.size())) {
      return Status(Code::kInternal, fmt::format("wrong number of parameters: {} for \"{}\"",
                                                 values.size(), Shown(sql)))
          .WithError("WH7025");
    }
    const Parameters parameters(values);
    ResultHandle result = Answer(PQsendQueryPrepared(
        connection_.get(), statement.name.c_str(), parameters.count(), parameters.pointers(),
        parameters.lengths(), parameters.formats(), kTextFormat));
    if (PQresultStatus(result.get()) == PGRES_EMPTY_QUERY) {
      return Status(Code::kInternal, "could not prepare an empty statement").WithError("WH7025");
    }
    WEIRHOUSE_TRY_STATUS(
        Judge(result.get(), fmt::format("run \"{}\"", Shown(sql)), Writes(sql)).status());
    return result;
  }

  ConnectionHandle connection_;
  const std::string url_;
  const std::string shown_;
  const std::int64_t lock_key_;
  const bool read_only_;
  bool lost_ = false;
  bool silent_ = false;  // the server hangs
  bool in_transaction_ = false;
  std::int64_t changes_ = 0;
  std::int64_t prepared_ = 0;
  std::int64_t cursors_ = 0;
  std::unordered_map<std::string, Statement> statements_;
};

Status PostgresConnection::Stream(std::string_view sql,
                                  const std::function<Status(const DatabaseRow&)>& visit) {
  const std::string cursor = fmt::format("c{}", ++cursors_);
  WEIRHOUSE_TRY_STATUS(Script(fmt::format("DECLARE {} NO SCROLL CURSOR FOR {}", cursor, sql)));
  const std::string fetch = fmt::format("FETCH {} FROM {}", kStreamRows, cursor);
  for (int rows = kStreamRows; rows == kStreamRows;) {
    const ResultHandle result = Ask(fetch);
    WEIRHOUSE_TRY_STATUS(
        Judge(result.get(), fmt::format("read \"{}\"", Shown(sql)), false).status());
    rows = PQntuples(result.get());
    for (int row = 0; row < rows; ++row) {
      // The transaction's end closes the cursor of a visitor that has seen enough.
      WEIRHOUSE_TRY_STATUS(VisitRow(result.get(), row, visit));
    }
  }
  return Script("CLOSE " + cursor);
}

Status PostgresConnection::Commit() {
  in_transaction_ = false;
  // If the connection ended before COMMIT is sent, the transaction is rolled back.
  if (PQconsumeInput(connection_.get()) == 0 || PQstatus(connection_.get()) == CONNECTION_BAD) {
    lost_ = true;
    return PostgresErrorToStatus({"", "", PQerrorMessage(connection_.get())}, "commit", shown_);
  }
  const ResultHandle result = Ask("COMMIT");
  WEIRHOUSE_TRY_STATUS(Judge(result.get(), "commit", /*unknown_if_lost=*/true).status());
  if (std::string_view(PQcmdStatus(result.get())) == "COMMIT") return Status::Ok();
  // An earlier statement had failed, and the server rolled back instead.
  return Status(Code::kInternal,
                fmt::format("transaction was rolled back because one of its statements failed: {}",
                            shown_))
      .WithError("WH7025");
}

Result<ConnectionHandle> Connect(const PostgresAddress& address) {
  WEIRHOUSE_TRY(const ConnectionOptions options, ParseConnectionOptions(address.url));
  ConnectionHandle connection(
      PQconnectdbParams(options.names().data(), options.values().data(), /*expand_dbname=*/0));
  if (connection == nullptr || PQstatus(connection.get()) != CONNECTION_OK) {
    return ConnectErrorToStatus(
        connection == nullptr ? "out of memory" : PQerrorMessage(connection.get()), address.shown);
  }
  // Notices ("schema exists, skipping") would go to the standard error of the command.
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  return connection;
}

Status CheckServer(PGconn* connection, const PostgresAddress& address) {
  const char* encoding = PQparameterStatus(connection, "server_encoding");
  const int version = PQserverVersion(connection);
  if (version < kServerVersionMin) {
    return Status(Code::kInvalidInput,
                  fmt::format("database server is too old: version {}, 13 is needed: {}",
                              version / 10000, address.shown))
        .WithError("WH7045");
  }
  if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
    return Status(Code::kInvalidInput,
                  fmt::format("database has the encoding {}, not UTF8: {}",
                              encoding == nullptr ? "unknown" : encoding, address.shown))
        .WithError("WH7045")
        .WithHint(
            "create the database again with `create database … encoding 'UTF8' template "
            "template0`");
  }
  return Status::Ok();
}

Result<std::string> Quoted(PGconn* connection, const std::string& name) {
  struct FreeText {
    void operator()(char* text) const noexcept { PQfreemem(text); }
  };
  const std::unique_ptr<char, FreeText> quoted(
      PQescapeIdentifier(connection, name.data(), name.size()));
  if (quoted == nullptr) {
    return Status(Code::kInvalidInput, "name of the schema is not valid text").WithError("WH7044");
  }
  return std::string(quoted.get());
}

// Settings of the whole session. A silent writer must not keep the lock for ever.
Status SetUp(Postgres& session, const std::string& schema, bool read_only) {
  WEIRHOUSE_TRY_STATUS(session.Script(
      fmt::format("SET search_path TO {}; SET client_encoding TO 'UTF8'; SET lock_timeout TO '5s'; "
                  "SET idle_in_transaction_session_timeout TO '20s'; SET statement_timeout TO 0; "
                  "SET standard_conforming_strings TO on; SET extra_float_digits TO 1; "
                  "SET bytea_output TO 'hex'; SET jit TO off; "
                  "SET default_transaction_isolation TO 'read committed'; "
                  "SET default_transaction_read_only TO {}",
                  schema, read_only ? "on" : "off")));
  return session.Run(
      "SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN "
      "set_config('synchronous_commit', 'on', false) END");
}

Status MakeSchema(Postgres& session, const PostgresAddress& address, const std::string& schema,
                  bool read_only) {
  const auto there = [&]() -> Result<bool> {
    bool found = false;
    WEIRHOUSE_TRY_STATUS(session.Each("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?",
                                      {address.schema}, [&](const DatabaseRow&) {
                                        found = true;
                                        return Status::Ok();
                                      }));
    return found;
  };
  WEIRHOUSE_TRY(const bool before, there());
  if (before) return Status::Ok();
  if (read_only) {
    return Status(Code::kNotFound, fmt::format("catalog does not exist: {}", address.shown))
        .WithError("WH7012")
        .WithHint("create it with `wh init`; `?schema=` in the URL names another schema");
  }
  WEIRHOUSE_TRY_STATUS(session.Begin());
  Status status = session.Script(fmt::format("CREATE SCHEMA IF NOT EXISTS {}", schema));
  if (status.ok()) return session.Commit();
  session.Rollback();
  return status;
}

// Each project has its own lock. Other programs in the same database are unlikely to use the same
// key.
std::int64_t LockKey(const std::string& schema) {
  const Digest digest = Sha256Of("weirhouse catalog " + schema);
  std::uint64_t key = 0;
  for (const char byte : digest.view().substr(0, 8)) {
    key = (key << 8) | static_cast<unsigned char>(byte);
  }
  return static_cast<std::int64_t>(key);
}
}  // namespace

Result<std::unique_ptr<Database>> Postgres::Open(const PostgresAddress& address, bool read_only) {
  WEIRHOUSE_TRY(ConnectionHandle connection, Connect(address));
  WEIRHOUSE_TRY_STATUS(CheckServer(connection.get(), address));
  WEIRHOUSE_TRY(const std::string schema, Quoted(connection.get(), address.schema));
  auto session = std::make_unique<PostgresConnection>(std::move(connection), address,
                                                      LockKey(address.schema), read_only);
  WEIRHOUSE_TRY_STATUS(SetUp(*session, schema, read_only));
  WEIRHOUSE_TRY_STATUS(MakeSchema(*session, address, schema, read_only));
  return std::unique_ptr<Database>(std::move(session));
}
}  // namespace weirhouse::platform
