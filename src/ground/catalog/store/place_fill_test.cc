#include "ground/catalog/store/place_fill.h"

#include "ground/catalog/conformance.h"
#include "ground/catalog/store/schema.h"
#include "ground/catalog/store/tally.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
namespace {
// A catalog as the version before places left it.
void MakeVersion11(const std::string& path) {
  const auto db = ValueOf(platform::Sqlite::Open(path, /*read_only=*/false));
  ASSERT_OK(
      db->Script("CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                 "applied_at BIGINT NOT NULL)"));
  for (const Migration& migration : Migrations().first(11)) {
    ASSERT_OK(db->Script(std::string(migration.sql)));
    ASSERT_OK(db->Run("INSERT INTO migration VALUES (?, ?, 0)",
                      {std::int64_t{migration.version}, std::string(migration.name)}));
  }
  ASSERT_OK(db->Script(R"sql(
INSERT INTO setting VALUES ('project_id', '"p"'), ('table_places.a.moved', '["/lake/m/", "/lake/n"]'),
  ('lake', '"/lake"');
INSERT INTO table_pointer (name, namespace, short_name, uuid, metadata_location, seq, kind) VALUES
  ('a.t', 'a', 't', 'u1', '/lake/a/t/metadata/00001-x.metadata.json', 0, 'table'),
  ('a.file', 'a', 'file', 'u2', 'file:///lake/a/f/metadata/00001-x.metadata.json', 0, 'table'),
  ('a.moved', 'a', 'moved', 'u3', '/lake/a/m/metadata/00001-x.metadata.json', 0, 'table'),
  ('a.odd', 'a', 'odd', 'u4', '/lake/a/odd/00001-x.metadata.json', 0, 'table'),
  ('a.v', 'a', 'v', 'u5', '/lake/a/v/00001-x.metadata.json', 0, 'view');
)sql"));
  ASSERT_OK(db->Begin());
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
  request.tables[0].uuid = "u4";
  request.tables[0].places = {"/lake/a/odd"};
  ASSERT_OK(catalog->Commit(request));
  const auto around = ValueOf(catalog->PlacesAround({"/lake/a/odd/x"}));
  ASSERT_EQ(around.size(), 1U);
  EXPECT_EQ(around[0].place, "/lake/a/odd");
  EXPECT_OK(catalog->VerifyChain());
}
}  // namespace
}  // namespace weirhouse::catalog
