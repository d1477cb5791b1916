#include "catalog/sqlite_catalog.h"

#include <fmt/format.h>

#include "catalog/schema.h"

namespace weirhouse::catalog {

Result<std::unique_ptr<Catalog>> SqliteCatalog::Open(const std::string& path,
                                                     const SqliteCatalogOptions& options) {
  Clock& clock = options.clock != nullptr ? *options.clock : SystemClock();
  Random& random = options.random != nullptr ? *options.random : SystemRandom();
  std::unique_ptr<SqliteCatalog> catalog(new SqliteCatalog(path, options.read_only, clock));
  if (!options.read_only) {
    WEIRHOUSE_TRY(const auto writer, catalog->OpenWriter());
    WEIRHOUSE_TRY_STATUS(Migrate(*writer, clock.Now(), random));
  }
  WEIRHOUSE_TRY(catalog->reader_, storage::Sqlite::Open(path, /*read_only=*/true));
  WEIRHOUSE_TRY_STATUS(CheckVersion(*catalog->reader_));
  return std::unique_ptr<Catalog>(std::move(catalog));
}

Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const SqliteCatalogOptions& options) {
  return SqliteCatalog::Open(path, options);
}

Result<std::unique_ptr<storage::Sqlite>> SqliteCatalog::OpenWriter() const {
  if (read_only_) {
    return Status(Code::kPermissionDenied,
                  fmt::format("catalog is open for reading only: {}", path_))
        .WithError("WH7082")
        .WithHint("a writing command opens the project for writing");
  }
  return storage::Sqlite::Open(path_, /*read_only=*/false);
}

Status SqliteCatalog::Write(const Body& body) { return writer_.Write({.body = body}); }

Status SqliteCatalog::Read(const Body& body) {
  const std::lock_guard lock(read_mutex_);
  return body(*reader_);
}

Status SqliteCatalog::ReadOneState(const Body& body) {
  const std::lock_guard lock(read_mutex_);
  WEIRHOUSE_TRY_STATUS(reader_->Run("BEGIN"));
  Status status = body(*reader_);
  reader_->Rollback();  // nothing was written: ending the transaction is all that is wanted
  return status;
}
}  // namespace weirhouse::catalog
