// The drivers that pass the conformance suite: one line each.
#include "catalog/conformance.h"
#include "storage/sqlite.h"

namespace weirhouse::catalog {
namespace {

class SqlitePlace : public CatalogPlace {
 public:
  Result<std::unique_ptr<Catalog>> Open(Clock& clock, bool read_only) override {
    return OpenSqliteCatalog(scratch_ / "catalog.db", {.read_only = read_only, .clock = &clock});
  }
  void Edit(const std::string& sql) override {
    auto db = storage::Sqlite::Open(scratch_ / "catalog.db", /*read_only=*/false);
    ASSERT_OK(db);
    ASSERT_OK((*db)->Script(sql));
  }

 private:
  testing::ScratchFolder scratch_;
};

const auto kDrivers =
    ::testing::Values(CatalogDriver{"Sqlite", [] { return std::make_unique<SqlitePlace>(); }});
std::string NameOf(const ::testing::TestParamInfo<CatalogDriver>& driver) {
  return driver.param.name;
}
INSTANTIATE_TEST_SUITE_P(Drivers, CatalogConformance, kDrivers, NameOf);
INSTANTIATE_TEST_SUITE_P(Drivers, TamperedConformance, kDrivers, NameOf);
}  // namespace
}  // namespace weirhouse::catalog
