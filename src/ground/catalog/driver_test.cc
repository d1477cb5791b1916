// The drivers that pass the conformance suite: one line each.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "ground/catalog/conformance.h"
#include "ground/platform/db/postgres.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
namespace {

class SqlitePlace : public CatalogPlace {
 public:
  Result<std::unique_ptr<Catalog>> Open(Clock& clock, bool read_only) override {
    return OpenSqliteCatalog(scratch_ / "catalog.db", {.read_only = read_only, .clock = &clock});
  }
  Result<std::unique_ptr<Catalog>> OpenClaimed(Clock& clock) override {
    return OpenSqliteCatalog(scratch_ / "catalog.db", {.claim = true, .clock = &clock});
  }
  void Edit(const std::string& sql) override {
    auto db = platform::Sqlite::Open(scratch_ / "catalog.db", /*read_only=*/false);
    ASSERT_OK(db);
    ASSERT_OK((*db)->Script(sql));
  }

 private:
  testing::ScratchFolder scratch_;
};

const char* ServerUrl() { return std::getenv("WEIRHOUSE_TEST_POSTGRES"); }

// Schemas on the server that tools/test starts. Making one takes a third of a second, so that those
// a test is done with are put back as they were new and used again.
class SchemaPool {
 public:
  ~SchemaPool() {
    for (const std::string& schema : made_) {
      Script(schema, fmt::format("DROP SCHEMA {} CASCADE", schema));
    }
  }
  std::string Take() {
    if (made_.empty()) Make(pristine_);
    if (free_.empty()) free_.push_back(Make(fmt::format("{}_{}", pristine_, made_.size())));
    std::string schema = std::move(free_.back());
    free_.pop_back();
    return schema;
  }
  void GiveBack(const std::string& schema) {
    auto db = Open(schema);
    std::string sql = "BEGIN;";
    EXPECT_OK(
        db->Each("SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND "
                 "table_type = 'BASE TABLE'",
                 {pristine_}, [&](const platform::DatabaseRow& row) {
                   sql += fmt::format("DELETE FROM {0}; INSERT INTO {0} SELECT * FROM {1}.{0};",
                                      row.Text(0), pristine_);
                   return Status::Ok();
                 }));
    EXPECT_OK(db->Script(sql + "COMMIT"));
    free_.push_back(schema);
  }
  static std::unique_ptr<platform::Database> Open(const std::string& schema) {
    const auto address = ValueOf(platform::ParsePostgresUrl(ServerUrl(), schema));
    return ValueOf(platform::Postgres::Open(address, /*read_only=*/false));
  }
  static void Script(const std::string& schema, const std::string& sql) {
    EXPECT_OK(Open(schema)->Script(sql));
  }

 private:
  std::string Make(const std::string& schema) {
    EXPECT_OK(OpenPostgresCatalog(ServerUrl(), schema));
    made_.push_back(schema);
    return schema;
  }
  const std::string pristine_ = fmt::format("conformance_{}", getpid());
  std::vector<std::string> made_;
  std::vector<std::string> free_;
};
SchemaPool& Pool() {
  static SchemaPool pool;
  return pool;
}

class PostgresPlace : public CatalogPlace {
 public:
  PostgresPlace() : schema_(Pool().Take()) {}
  ~PostgresPlace() override { Pool().GiveBack(schema_); }
  Result<std::unique_ptr<Catalog>> Open(Clock& clock, bool read_only) override {
    return OpenPostgresCatalog(ServerUrl(), schema_, {.read_only = read_only, .clock = &clock});
  }
  Result<std::unique_ptr<Catalog>> OpenClaimed(Clock& clock) override {
    return OpenPostgresCatalog(ServerUrl(), schema_, {.claim = true, .clock = &clock});
  }
  void Edit(const std::string& sql) override { SchemaPool::Script(schema_, sql); }

 private:
  const std::string schema_;
};

std::vector<CatalogDriver> Drivers() {
  std::vector<CatalogDriver> drivers{{"Sqlite", [] { return std::make_unique<SqlitePlace>(); }}};
  if (ServerUrl() != nullptr) {
    drivers.push_back({"Postgres", [] { return std::make_unique<PostgresPlace>(); }});
  }
  return drivers;
}
std::string NameOf(const ::testing::TestParamInfo<CatalogDriver>& driver) {
  return driver.param.name;
}
INSTANTIATE_TEST_SUITE_P(Drivers, CatalogConformance, ::testing::ValuesIn(Drivers()), NameOf);
INSTANTIATE_TEST_SUITE_P(Drivers, TamperedConformance, ::testing::ValuesIn(Drivers()), NameOf);
}  // namespace
}  // namespace weirhouse::catalog
