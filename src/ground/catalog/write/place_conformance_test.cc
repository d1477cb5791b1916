#include <thread>

#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {

// A commit that makes `table` in `place`, or moves it there.
CommitRequest PlacedAt(Catalog& catalog, const std::string& table, const std::string& place,
                       std::optional<std::string> expected = std::nullopt) {
  static int count = 0;
  const std::string name = table + " in " + place + " " + std::to_string(++count);
  CommitRequest request = SwapOf(ValueOf(catalog.PlanRun(PlanOf(name))), table, std::move(expected),
                                 place + "/metadata/" + name);
  request.tables[0].places = {place};
  return request;
}

std::vector<std::string> Around(Catalog& catalog, const std::string& place) {
  std::vector<std::string> found;
  for (const PlaceRecord& one : ValueOf(catalog.PlacesAround({place}))) {
    found.push_back(one.table + (one.standing ? " " : " going ") + one.place);
  }
  return found;
}

TEST_P(CatalogConformance, NoTableLiesInsideAnothersFolderOrAroundIt) {
  ASSERT_OK(catalog_->Commit(PlacedAt(*catalog_, "a.t", "/lake/a/t")));
  for (const char* place : {"/lake/a/t", "/lake/a/t/x", "/lake/a/t/x/y", "/lake/a", "/lake"}) {
    const Status refused = catalog_->Commit(PlacedAt(*catalog_, "a.u", place)).status();
    EXPECT_EQ(refused.code(), Code::kConflict) << place;
    EXPECT_EQ(refused.error_code(), "WH7002") << place;
    EXPECT_THAT(refused.message(), ::testing::HasSubstr("\"a.t\"")) << place;
    EXPECT_THAT(Around(*catalog_, place), ::testing::ElementsAre("a.t /lake/a/t"));
  }
  EXPECT_FALSE(ValueOf(catalog_->FindTable("a.u")).has_value()) << "nothing of it was written";
  for (const char* place : {"/lake/a/t2", "/lake/a/t-b", "/lake/a/t.x", "/lake/a/"}) {
    EXPECT_THAT(Around(*catalog_, place), ::testing::IsEmpty()) << place;
  }
  ASSERT_OK(catalog_->Commit(PlacedAt(*catalog_, "a.u", "/lake/a/t2")));
  // What a table has it may have in several pieces, one inside the other.
  CommitRequest wider = PlacedAt(*catalog_, "b.t", "/lake/b");
  wider.tables[0].places.push_back("/lake/b/data");
  ASSERT_OK(catalog_->Commit(wider));
  EXPECT_THAT(Around(*catalog_, "/lake/b/data/x"),
              ::testing::ElementsAre("b.t /lake/b", "b.t /lake/b/data"));
}

TEST_P(CatalogConformance, PlacesGoWithTheirTable) {
  CommitRequest first = PlacedAt(*catalog_, "a.t", "/lake/t");
  ASSERT_OK(catalog_->Commit(first));
  const std::string location = first.tables[0].metadata_location;
  // A change that names none leaves them, one that names others moves them.
  auto run = ValueOf(catalog_->PlanRun(PlanOf("same")));
  ASSERT_OK(catalog_->Commit(SwapOf(run, "a.t", location, "m2")));
  EXPECT_THAT(Around(*catalog_, "/lake/t"), ::testing::ElementsAre("a.t /lake/t"));
  CommitRequest moved = PlacedAt(*catalog_, "a.t", "/lake/elsewhere", "m2");
  ASSERT_OK(catalog_->Commit(moved));
  EXPECT_THAT(Around(*catalog_, "/lake/t"), ::testing::IsEmpty());
  // Another name, the same place.
  run = ValueOf(catalog_->PlanRun(PlanOf("rename")));
  CommitRequest rename = SwapOf(run, "b.other", std::nullopt, "other");
  rename.renames.push_back({"a.t", "raw.u", moved.tables[0].metadata_location});
  ASSERT_OK(catalog_->Commit(rename));
  EXPECT_THAT(Around(*catalog_, "/lake/elsewhere"),
              ::testing::ElementsAre("raw.u /lake/elsewhere"));
  // A drop and a table at the same place in one commit.
  CommitRequest instead = PlacedAt(*catalog_, "a.v", "/lake/elsewhere/v");
  instead.drops.push_back({"raw.u", moved.tables[0].metadata_location});
  ASSERT_OK(catalog_->Commit(instead));
  EXPECT_THAT(Around(*catalog_, "/lake/elsewhere"),
              ::testing::ElementsAre("a.v /lake/elsewhere/v"));
}

TEST_P(CatalogConformance, APlaceThatIsBeingEmptiedIsNobodysUntilItIsReleasedOrItsTimeIsOver) {
  for (const bool in_time : {true, false}) {
    CommitRequest made = PlacedAt(*catalog_, "a.t", "/lake/t");
    ASSERT_OK(catalog_->Commit(made));
    CommitRequest drop = PlacedAt(*catalog_, "a.other", in_time ? "/lake/1" : "/lake/2");
    if (!in_time) drop.tables.clear();
    drop.drops.push_back(
        {"a.t", made.tables[0].metadata_location, clock_.Now() + std::chrono::minutes(5)});
    ASSERT_OK(catalog_->Commit(drop));
    EXPECT_THAT(Around(*catalog_, "/lake/t"), ::testing::ElementsAre("a.t going /lake/t"));
    // Not even a table of the same name.
    const Status refused = catalog_->Commit(PlacedAt(*catalog_, "a.t", "/lake/t/x")).status();
    EXPECT_EQ(refused.error_code(), "WH7002");
    if (in_time) {
      ASSERT_OK(catalog_->ReleasePlaces({"/lake/t"}));
    } else {
      clock_.Advance(std::chrono::minutes(6));
    }
    EXPECT_THAT(Around(*catalog_, "/lake/t"), ::testing::IsEmpty());
    CommitRequest again = PlacedAt(*catalog_, "a.t", "/lake/t");
    ASSERT_OK(catalog_->Commit(again));
    auto run = ValueOf(catalog_->PlanRun(PlanOf(in_time ? "end 1" : "end 2")));
    CommitRequest end = SwapOf(run, "x.y" + std::to_string(in_time ? 1 : 2), std::nullopt, "m");
    end.drops.push_back({"a.t", again.tables[0].metadata_location});
    ASSERT_OK(catalog_->Commit(end));
    ASSERT_OK(catalog_->ReleasePlaces({"/lake/t"}));
  }
}

// Two servers over one database: each looks, finds the place free, and commits.
TEST_P(CatalogConformance, OfTwoCatalogsThatWantOnePlaceOneGetsIt) {
  const auto other = ValueOf(place_->Open(clock_, /*read_only=*/false));
  for (int round = 0; round < 10; ++round) {
    const std::string place = "/lake/" + std::to_string(round);
    const std::string number = std::to_string(round);
    EXPECT_THAT(Around(*catalog_, place), ::testing::IsEmpty());
    EXPECT_THAT(Around(*other, place), ::testing::IsEmpty());
    const CommitRequest mine = PlacedAt(*catalog_, "a.mine" + number, place);
    const CommitRequest theirs = PlacedAt(*other, "a.theirs" + number, place + "/inner");
    Status second;
    std::thread racing([&] { second = other->Commit(theirs).status(); });
    const Status first = catalog_->Commit(mine).status();
    racing.join();
    EXPECT_NE(first.ok(), second.ok());
    EXPECT_EQ((first.ok() ? second : first).error_code(), "WH7002");
    EXPECT_EQ(Around(*other, place).size(), 1U);
  }
}

TEST_P(CatalogConformance, PropertiesThatWereChangedMeanwhileAreNotWrittenOver) {
  const auto other = ValueOf(place_->Open(clock_, /*read_only=*/false));
  using What = NamespaceChange::What;
  const auto change = [](Catalog& catalog, const std::string& key, NamespaceChange wanted) {
    const auto run = ValueOf(catalog.PlanRun(PlanOf(key)));
    CommitRequest request;
    request.run = run.id;
    request.idempotency_key = run.plan.idempotency_key;
    request.layer = Layer::kMaintenance;
    request.namespaces.push_back(std::move(wanted));
    return catalog.Commit(request).status();
  };
  ASSERT_OK(change(*catalog_, "make", {What::kCreate, {"a", {{"n", "0"}}}}));
  // Each adds one to what it reads, eight times, against the other.
  const auto count_up = [&](Catalog& catalog, const std::string& who) {
    for (int i = 0; i < 8; ++i) {
      for (int attempt = 0; attempt < 1'000; ++attempt) {
        const auto found = ValueOf(catalog.FindNamespace("a"));
        if (!found) return;
        NamespaceRecord wanted = *found;
        wanted.properties["n"] = std::to_string(std::stoi(wanted.properties["n"]) + 1);
        const Status status =
            change(catalog, who + std::to_string(i) + "." + std::to_string(attempt),
                   {What::kSet, std::move(wanted), found->properties});
        if (status.ok()) break;
        EXPECT_EQ(status.error_code(), "WH7002") << status.ToString();
      }
    }
  };
  std::thread racing([&] { count_up(*other, "theirs"); });
  count_up(*catalog_, "mine");
  racing.join();
  EXPECT_EQ(ValueOf(catalog_->FindNamespace("a"))->properties.at("n"), "16");
  // Without an expectation, whatever is there is replaced.
  ASSERT_OK(change(*catalog_, "set", {What::kSet, {"a", {{"m", "1"}}}}));
  EXPECT_EQ(ValueOf(catalog_->FindNamespace("a"))->properties.size(), 1U);
}
}  // namespace
}  // namespace weirhouse::catalog
