#include "catalog/sql_catalog.h"

#include <fmt/format.h>

#include "catalog/schema.h"
#include "storage/postgres.h"
#include "storage/sqlite.h"

namespace weirhouse::catalog {
namespace {
using storage::Database;

Status NoCatalog(const std::string& shown) {
  return Status(Code::kNotFound, fmt::format("catalog does not exist: {}", shown))
      .WithError("WH7012")
      .WithHint("`wh init` makes it");
}
}  // namespace

Result<std::unique_ptr<Catalog>> SqlCatalog::Open(Opener open, std::string shown,
                                                  const CatalogOptions& options) {
  Clock& clock = options.clock != nullptr ? *options.clock : SystemClock();
  Random& random = options.random != nullptr ? *options.random : SystemRandom();
  std::unique_ptr<SqlCatalog> catalog(
      new SqlCatalog(std::move(open), std::move(shown), options.read_only, clock));
  if (options.read_only || !options.create) {
    WEIRHOUSE_TRY_STATUS(catalog->OpenReader());
    WEIRHOUSE_TRY(const int version, SchemaVersion(*catalog->reader_));
    if (version == 0) return NoCatalog(catalog->shown_);
  }
  if (!options.read_only) {
    WEIRHOUSE_TRY(const auto writer, catalog->OpenWriter());
    // A commit of a process that is gone may still be on its way: it is waited for, so that all
    // that is read from here on is settled.
    WEIRHOUSE_TRY_STATUS(writer->WaitForWriters());
    WEIRHOUSE_TRY_STATUS(Migrate(*writer, clock.Now(), random));
  }
  WEIRHOUSE_TRY_STATUS(catalog->OpenReader());
  WEIRHOUSE_TRY_STATUS(CheckVersion(*catalog->reader_));
  if (options.claim && !options.read_only) WEIRHOUSE_TRY_STATUS(catalog->Claim());
  return std::unique_ptr<Catalog>(std::move(catalog));
}

Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const CatalogOptions& options) {
  const auto open = [path](bool read_only) -> Result<std::unique_ptr<Database>> {
    WEIRHOUSE_TRY(std::unique_ptr<Database> db, storage::Sqlite::Open(path, read_only));
    return db;
  };
  return SqlCatalog::Open(open, path, options);
}

Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const std::string& url,
                                                     const std::string& default_schema,
                                                     const CatalogOptions& options) {
  WEIRHOUSE_TRY(const storage::PostgresAddress address,
                storage::ParsePostgresUrl(url, default_schema));
  const auto open = [address](bool read_only) {
    return storage::Postgres::Open(address, read_only);
  };
  return SqlCatalog::Open(open, address.shown, options);
}

Result<std::unique_ptr<Database>> SqlCatalog::OpenWriter() const {
  if (read_only_) {
    return Status(Code::kPermissionDenied,
                  fmt::format("catalog is open for reading only: {}", shown_))
        .WithError("WH7082")
        .WithHint("a writing command opens the project for writing");
  }
  return open_(/*read_only=*/false);
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
  return Status(Code::kUnavailable,
                fmt::format("another process has taken over as the project's writer (number {}, "
                            "this one is {}): {}",
                            newest, claim_, shown_))
      .WithError("WH7100")
      .WithHint("end this process: nothing that it writes is taken any more");
}

Status SqlCatalog::OpenReader() {
  if (reader_ == nullptr || reader_->lost()) {
    reader_.reset();
    WEIRHOUSE_TRY(reader_, open_(/*read_only=*/true));
  }
  return Status::Ok();
}

Status SqlCatalog::Write(const Body& body) {
  return writer_.Write({.body = body, .what = "write to the catalog"});
}

Status SqlCatalog::OnReader(const Body& statement) {
  WEIRHOUSE_TRY_STATUS(OpenReader());
  Status status = statement(*reader_);
  // The connection had ended while nobody used it, so no row was visited: another one will do.
  if (status.ok() || !reader_->lost()) return status;
  WEIRHOUSE_TRY_STATUS(OpenReader());
  return statement(*reader_);
}

Status SqlCatalog::Read(const Body& body) {
  const std::lock_guard lock(read_mutex_);
  return OnReader(body);
}

Status SqlCatalog::ReadOneState(const Body& body) {
  const std::lock_guard lock(read_mutex_);
  WEIRHOUSE_TRY_STATUS(OnReader([](Database& db) { return db.BeginRead(); }));
  Status status = body(*reader_);
  reader_->Rollback();  // nothing was written: ending the transaction is all that is wanted
  return status;
}
}  // namespace weirhouse::catalog
