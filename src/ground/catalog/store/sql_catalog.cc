#include "ground/catalog/store/sql_catalog.h"

#include <fmt/format.h>

#include <utility>

#include "ground/catalog/moment.h"
#include "ground/catalog/store/index_check.h"
#include "ground/catalog/store/schema.h"
#include "ground/catalog/store/tallied_database.h"
#include "ground/platform/db/postgres.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
static_assert(kCatalogMoved.code() == platform::kDatabaseMoved.code());

namespace {
using platform::Database;

Status NoCatalog(const std::string& shown) {
  return Status(Code::kNotFound, fmt::format("the catalog does not exist: {}", shown))
      .WithError("WH7012")
      .WithHint("create it with `wh init`");
}
// A database that looks empty may be a catalog whose index lost its rows.
Status CheckBeforeMaking(Database& db) {
  WEIRHOUSE_TRY_STATUS(db.Begin());
  Status status = CheckFirstIndexes(db);
  db.Rollback();
  return status;
}
}  // namespace

Result<std::unique_ptr<Catalog>> SqlCatalog::Open(Opener open, std::string shown,
                                                  const CatalogOptions& options) {
  Clock& clock = options.clock != nullptr ? *options.clock : SystemClock();
  Random& random = options.random != nullptr ? *options.random : SystemRandom();
  std::unique_ptr<SqlCatalog> catalog(
      new SqlCatalog(std::move(open), std::move(shown), options.read_only, clock));
  if (options.read_only || !options.create) {
    WEIRHOUSE_TRY_STATUS(catalog->ReadOneState(CheckFirstIndexes));
    int version = 0;
    WEIRHOUSE_TRY_STATUS(catalog->Read([&](Database& db) -> Status {
      WEIRHOUSE_TRY(version, SchemaVersion(db));
      return Status::Ok();
    }));
    if (version == 0) return NoCatalog(catalog->shown_);
  }
  if (!options.read_only) {
    WEIRHOUSE_TRY(const auto writer, catalog->OpenWriter());
    // A commit of an ended process may still be in progress: wait for it, so that everything read
    // from here on is settled.
    WEIRHOUSE_TRY_STATUS(writer->WaitForWriters());
    if (options.create) WEIRHOUSE_TRY_STATUS(CheckBeforeMaking(*writer));
    WEIRHOUSE_TRY_STATUS(Migrate(*writer, clock.Now(), random));
  }
  WEIRHOUSE_TRY_STATUS(catalog->Read(CheckVersion));
  if (options.claim && !options.read_only) WEIRHOUSE_TRY_STATUS(catalog->Claim());
  return std::unique_ptr<Catalog>(std::move(catalog));
}

Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const CatalogOptions& options) {
  const auto open = [path](bool read_only) -> Result<std::unique_ptr<Database>> {
    WEIRHOUSE_TRY(std::unique_ptr<Database> db, platform::Sqlite::Open(path, read_only));
    return db;
  };
  return SqlCatalog::Open(open, path, options);
}

Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const std::string& url,
                                                     const std::string& default_schema,
                                                     const CatalogOptions& options) {
  WEIRHOUSE_TRY(const platform::PostgresAddress address,
                platform::ParsePostgresUrl(url, default_schema));
  const auto open = [address](bool read_only) {
    return platform::Postgres::Open(address, read_only);
  };
  return SqlCatalog::Open(open, address.shown, options);
}

Result<std::unique_ptr<Database>> SqlCatalog::OpenWriter() const {
  if (read_only_) {
    return Status(Code::kPermissionDenied,
                  fmt::format("the catalog is open for reading only: {}", shown_))
        .WithError("WH7082")
        .WithHint("a writing command opens the project for writing");
  }
  return open_(/*read_only=*/false);
}

Result<std::unique_ptr<Database>> SqlCatalog::OpenTalliedWriter() const {
  WEIRHOUSE_TRY(std::unique_ptr<Database> writer, OpenWriter());
  return std::unique_ptr<Database>(std::make_unique<TalliedDatabase>(std::move(writer)));
}

Status SqlCatalog::Claim() {
  std::int64_t claim = 0;
  WEIRHOUSE_TRY_STATUS(Write([&](Database& db) -> Status {
    WEIRHOUSE_TRY(const std::optional<std::int64_t> next,
                  db.Insert("INSERT INTO counter (name, next) VALUES ('writer', 1) ON CONFLICT "
                            "(name) DO UPDATE SET next = counter.next + 1 RETURNING next",
                            {}));
    claim = next.value_or(0);
    return Status::Ok();
  }));
  claim_ = claim;
  return Status::Ok();
}

Status SqlCatalog::CheckClaim(Database& db) const {
  if (claim_ == 0) return Status::Ok();
  std::int64_t newest = 0;
  WEIRHOUSE_TRY_STATUS(
      db.Each("SELECT next FROM counter WHERE name = 'writer'", {}, [&](const auto& row) {
        newest = row.Int(0);
        return Status::Ok();
      }));
  if (newest == claim_) return Status::Ok();
  return Status(Code::kUnavailable, fmt::format("another process has taken over as the project's "
                                                "writer (number {}, this process is {}): {}",
                                                newest, claim_, shown_))
      .WithError(kWriterReplaced)
      .WithHint("end this process: its writes are refused from now on");
}

Status SqlCatalog::Write(const Body& body) {
  return writer_.Write({.body = body, .what = "write to the catalog"});
}

SqlCatalog::Reader::~Reader() {
  if (!counted_) return;
  const std::lock_guard lock(catalog_.read_mutex_);
  --catalog_.readers_at_work_;
  if (connection_ != nullptr && !at_work_ && !connection_->lost() &&
      catalog_.idle_readers_.size() < kReadersKept) {
    catalog_.idle_readers_.push_back(std::move(connection_));
  }
  catalog_.reader_back_.notify_one();
}

Status SqlCatalog::Reader::Open() {
  {
    std::unique_lock lock(catalog_.read_mutex_);
    if (!counted_) {
      catalog_.reader_back_.wait(lock, [&] { return catalog_.readers_at_work_ < kReadersMax; });
      ++catalog_.readers_at_work_;
      counted_ = true;
    }
    while (connection_ == nullptr && !catalog_.idle_readers_.empty()) {
      connection_ = std::move(catalog_.idle_readers_.back());
      catalog_.idle_readers_.pop_back();
      if (connection_->lost()) connection_.reset();
    }
  }
  if (connection_ != nullptr) return Status::Ok();
  WEIRHOUSE_TRY(connection_, catalog_.open_(/*read_only=*/true));
  return Status::Ok();
}

Status SqlCatalog::Reader::Run(const Body& statement) {
  WEIRHOUSE_TRY_STATUS(Open());
  at_work_ = true;
  Status status = statement(*connection_);
  at_work_ = false;
  // The connection ended while it was idle, so no row was visited: use another one. The other idle
  // ones have ended too, or will be found to have.
  if (status.ok() || !connection_->lost()) return status;
  WEIRHOUSE_TRY(connection_, catalog_.open_(/*read_only=*/true));
  at_work_ = true;
  status = statement(*connection_);
  at_work_ = false;
  return status;
}

Status SqlCatalog::Reader::RunToEnd(const Body& statements) {
  at_work_ = true;
  Status status = statements(*connection_);
  // Nothing was written, so ending the transaction is enough.
  connection_->Rollback();
  at_work_ = false;
  return status;
}

namespace {
// The states that this thread is reading, the innermost first.
struct HeldState {
  const SqlCatalog* catalog;
  Database* database;
  const HeldState* outer;
};
thread_local const HeldState* held_state = nullptr;

class Hold {
 public:
  Hold(const SqlCatalog& catalog, Database& database)
      : state_{&catalog, &database, std::exchange(held_state, &state_)} {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { held_state = state_.outer; }

 private:
  const HeldState state_;
};

// The connection on which this thread reads one state of `catalog`; null: none.
Database* FindHeldConnection(const SqlCatalog& catalog) {
  for (const HeldState* state = held_state; state != nullptr; state = state->outer) {
    if (state->catalog == &catalog) return state->database;
  }
  return nullptr;
}
}  // namespace

Status SqlCatalog::Read(const Body& body) {
  if (Database* const held = FindHeldConnection(*this)) return body(*held);
  return Reader(*this).Run(body);
}

Status SqlCatalog::ReadOneState(const Body& body) {
  return ReadTogether([&] { return Read(body); });
}

Status SqlCatalog::ReadTogether(const std::function<Status()>& body) {
  if (FindHeldConnection(*this) != nullptr) return body();
  Reader reader(*this);
  WEIRHOUSE_TRY_STATUS(reader.Run([](Database& db) { return db.BeginRead(); }));
  return reader.RunToEnd([&](Database& database) {
    const Hold hold(*this, database);
    return body();
  });
}

Status AtOneMoment(Catalog& catalog, const std::function<Status()>& body) {
  auto* const sql = dynamic_cast<SqlCatalog*>(&catalog);
  return sql == nullptr ? body() : sql->ReadTogether(body);
}
}  // namespace weirhouse::catalog
