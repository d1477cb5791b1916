#include "ground/catalog/store/place_fill.h"

#include "ground/catalog/conformance.h"
#include "ground/catalog/store/tally.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
namespace {
// A catalog as the version before places left it.
void MakeVersion11(const std::string& path) {
  {
    const auto catalog = ValueOf(OpenSqliteCatalog(path));
    ASSERT_NE(catalog, nullptr);
    const auto run = ValueOf(catalog->PlanRun(PlanOf("old")));
    CommitRequest request =
        SwapOf(run, "a.t", std::nullopt, "/lake/a/t/metadata/00001-x.metadata.json");
    const auto add = [&](const char* name, const char* location, PointerKind kind) {
      request.tables.push_back({name, name, std::nullopt, location, kind});
    };
    add("a.file", "file:///lake/a/f/metadata/00001-x.metadata.json", PointerKind::kTable);
    add("a.moved", "/lake/a/m/metadata/00001-x.metadata.json", PointerKind::kTable);
    add("a.odd", "/lake/a/odd/00001-x.metadata.json", PointerKind::kTable);
    add("a.v", "/lake/a/v/00001-x.metadata.json", PointerKind::kView);
    request.settings.push_back(setting::Lake().To("/lake"));
    request.settings.emplace_back(SettingKey("table_places.a.moved"),
                                  nlohmann::json{"/lake/m/", "/lake/n"});
    ASSERT_OK(catalog->Commit(request));
  }
  const auto db = ValueOf(platform::Sqlite::Open(path, /*read_only=*/false));
  ASSERT_OK(db->Begin());
  ASSERT_OK(db->Script("DROP TABLE table_place; DELETE FROM migration WHERE version = 12"));
  ASSERT_OK(RetakeTallies(*db, {}));
  ASSERT_OK(db->Commit());
}

TEST(FillPlaces, KnowsWhereTheTablesOfAnOlderCatalogLie) {
  const testing::ScratchFolder scratch;
  MakeVersion11(scratch / "catalog.db");
  const auto catalog = ValueOf(OpenSqliteCatalog(scratch / "catalog.db"));
  ASSERT_NE(catalog, nullptr);
  std::vector<std::string> places;
  for (const PlaceRecord& one : ValueOf(catalog->PlacesAround({"/lake"}))) {
    places.push_back(one.table + " " + one.place);
  }
  EXPECT_THAT(places,
              ::testing::ElementsAre("a.odd ", "a.file /lake/a/f", "a.moved /lake/a/m",
                                     "a.t /lake/a/t", "a.moved /lake/m", "a.moved /lake/n"));
  EXPECT_TRUE(ValueOf(catalog->Settings("table_places.")).empty());
  EXPECT_EQ(ValueOf(setting::Lake().In(*catalog)), "/lake");
  EXPECT_OK(catalog->VerifyChain());
  // A place that was not known is, once its table is committed to.
  const auto run = ValueOf(catalog->PlanRun(PlanOf("odd")));
  CommitRequest request =
      SwapOf(run, "a.odd", "/lake/a/odd/00001-x.metadata.json", "/lake/a/odd/metadata/2");
  request.tables[0].uuid = "a.odd";
  request.tables[0].places = {"/lake/a/odd"};
  ASSERT_OK(catalog->Commit(request));
  const auto around = ValueOf(catalog->PlacesAround({"/lake/a/odd/x"}));
  ASSERT_EQ(around.size(), 1U);
  EXPECT_EQ(around[0].place, "/lake/a/odd");
  EXPECT_OK(catalog->VerifyChain());
}
}  // namespace
}  // namespace weirhouse::catalog
