// What every backend of the online store must do. A driver adds one line to OnlineDrivers
// (online_drivers_test.h); the tests of the store itself run over all of them too.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rules/feature/online/backend.h"
#include "rules/feature/online/online_place_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {

class OnlineBackendConformance : public ::testing::TestWithParam<OnlineDriver> {
 protected:
  using Rows = std::vector<std::pair<std::string, std::string>>;  // "entity@event/known key", value

  void SetUp() override {
    place_ = GetParam().make_place();
    backend_ = place_->Open();
  }
  void Reopen() {
    backend_.reset();
    backend_ = place_->Open();
  }
  static OnlineRowKey Key(std::string_view entity, std::int64_t event, std::int64_t known,
                          std::string_view row_key) {
    static const std::string digest(32, '\x07');
    return {entity, event, known, row_key, digest};
  }
  template <typename Fill>
  void Write(const Fill& fill) {
    const auto writes = backend_->NewWrites();
    fill(*writes);
    ASSERT_OK(backend_->Write(*writes, /*sync=*/false));
  }
  static std::string NameOf(const OnlineRowKey& key) {
    return std::string(key.entity) + "@" + std::to_string(key.event_time) + "/" +
           std::to_string(key.known_time) + " " + std::string(key.row_key);
  }
  static VisitOnlineRow Into(std::vector<std::string>& names) {
    return [&names](const OnlineRowKey& key, std::string_view value) {
      names.push_back(NameOf(key) + "=" + std::string(value));
      return true;
    };
  }
  std::vector<std::string> AllOf(const ViewPlace& place) {
    std::vector<std::string> names;
    EXPECT_OK(backend_->EachRow(place, Into(names)));
    std::sort(names.begin(), names.end());
    return names;
  }

  const ViewPlace one_{"v@1", 1};
  const ViewPlace two_{"v@1", 2};
  const ViewPlace other_{"v@12", 1};  // a view whose name begins with the other's
  std::unique_ptr<OnlinePlace> place_;
  std::unique_ptr<OnlineBackend> backend_;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(OnlineBackendConformance, GivesTheRowsOfAnEntityNewestFirst) {
  Write([&](OnlineWrites& writes) {
    for (const auto& [event, known] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {5, 5}, {-3, 9}, {20, 20}, {5, 8}, {INT64_MIN, 0}, {INT64_MAX, 0}, {0, 1}}) {
      writes.PutRow(one_, Key("a", event, known, "k"), "x");
      writes.PutRow(one_, Key("ab", event, known, "k"), "wrong");
      writes.PutRow(two_, Key("a", event, known, "k"), "wrong");
      writes.PutRow(other_, Key("a", event, known, "k"), "wrong");
    }
  });
  const auto moment = backend_->Look();
  std::vector<std::string> older;
  ASSERT_OK(moment->RowsUpTo(one_, "a", 5, Into(older)));
  EXPECT_THAT(older, ElementsAre("a@5/8 k=x", "a@5/5 k=x", "a@0/1 k=x", "a@-3/9 k=x",
                                 "a@-9223372036854775808/0 k=x"));
  std::vector<std::string> newer;
  ASSERT_OK(moment->RowsAfter(one_, "a", 5, Into(newer)));
  EXPECT_THAT(newer, ElementsAre("a@9223372036854775807/0 k=x", "a@20/20 k=x"));
  std::vector<std::string> none;
  ASSERT_OK(moment->RowsUpTo(one_, "b", 5, Into(none)));
  EXPECT_THAT(none, IsEmpty());
}

TEST_P(OnlineBackendConformance, StopsWhereTheVisitSaysSo) {
  Write([&](OnlineWrites& writes) {
    for (std::int64_t time = 0; time < 9; ++time) writes.PutRow(one_, Key("a", time, 0, "k"), "x");
  });
  int seen = 0;
  ASSERT_OK(backend_->Look()->RowsUpTo(
      one_, "a", 8, [&](const OnlineRowKey&, std::string_view) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
}

TEST_P(OnlineBackendConformance, TellsVersionsOfARowApartByAllOfTheirKey) {
  const std::string bytes("\x00\xff k", 4);
  Write([&](OnlineWrites& writes) {
    writes.PutRow(one_, Key(bytes, 1, 1, bytes), bytes);
    writes.PutRow(one_, Key(bytes, 1, 1, "k2"), "2");
    writes.PutRow(one_, Key(bytes, 1, 2, bytes), "3");
  });
  EXPECT_EQ(backend_->Row(one_, Key(bytes, 1, 1, bytes)).value(), bytes);
  EXPECT_EQ(backend_->Row(one_, Key(bytes, 1, 2, bytes)).value(), "3");
  EXPECT_EQ(backend_->Row(one_, Key(bytes, 2, 2, bytes)).value(), std::nullopt);
  EXPECT_EQ(backend_->Row(two_, Key(bytes, 1, 1, bytes)).value(), std::nullopt);
  Write([&](OnlineWrites& writes) { writes.DeleteRow(one_, Key(bytes, 1, 1, bytes)); });
  EXPECT_EQ(AllOf(one_).size(), 2u);
}

TEST_P(OnlineBackendConformance, AnswersVersionListsInTheOrderAsked) {
  Write([&](OnlineWrites& writes) {
    writes.PutVersions(one_, "k1", "a");
    writes.PutVersions(one_, "k2", "b");
    writes.PutVersions(two_, "k3", "c");
    writes.DeleteVersions(one_, "k1");
    writes.PutVersions(one_, "", "");
  });
  ASSERT_OK_AND(const auto lists, backend_->Versions(one_, {"k2", "k3", "k1", ""}));
  EXPECT_THAT(lists, ElementsAre("b", std::nullopt, std::nullopt, ""));
  std::vector<std::string> all;
  ASSERT_OK(backend_->EachVersions(one_, [&](std::string_view key, std::string_view value) {
    all.push_back(std::string(key) + "=" + std::string(value));
    return true;
  }));
  EXPECT_THAT(all, ::testing::UnorderedElementsAre("k2=b", "="));
}

TEST_P(OnlineBackendConformance, AppliesWritesInTheOrderOfTheCalls) {
  Write([&](OnlineWrites& writes) { writes.PutRow(one_, Key("a", 1, 1, "old"), "x"); });
  Write([&](OnlineWrites& writes) {
    writes.PutRow(one_, Key("a", 2, 2, "before"), "x");
    writes.DropGeneration(one_);
    writes.PutRow(one_, Key("a", 3, 3, "after"), "x");
    EXPECT_GE(writes.count(), 3);
  });
  EXPECT_THAT(AllOf(one_), ElementsAre("a@3/3 after=x"));
}

TEST_P(OnlineBackendConformance, DropsAGenerationOrAViewAndNothingElse) {
  const auto fill = [&](OnlineWrites& writes) {
    for (const ViewPlace& place : {one_, two_, other_}) {
      writes.PutRow(place, Key("a", 1, 1, "k"), "x");
      writes.PutVersions(place, "k", "list");
      writes.PutGap(place, "a");
      writes.PutMarker(place.view_id, "marker");
    }
  };
  const auto holds = [&](const ViewPlace& place) {
    const bool gap = backend_->Look()->HasGap(place, "a").value();
    const bool list = backend_->Versions(place, {"k"}).value().front().has_value();
    EXPECT_EQ(gap, list);
    EXPECT_EQ(gap, !AllOf(place).empty());
    return gap;
  };
  Write(fill);
  Write([&](OnlineWrites& writes) { writes.DropGeneration(one_); });
  EXPECT_FALSE(holds(one_));
  EXPECT_TRUE(holds(two_));
  EXPECT_TRUE(holds(other_));
  Write(fill);
  Write([&](OnlineWrites& writes) { writes.DropView("v@1"); });
  EXPECT_FALSE(holds(one_));
  EXPECT_FALSE(holds(two_));
  EXPECT_TRUE(holds(other_));
  EXPECT_EQ(backend_->Look()->Marker("v@1").value(), "marker") << "the marker stays";
  Write([&](OnlineWrites& writes) { writes.DeleteMarker("v@1"); });
  EXPECT_EQ(backend_->Look()->Marker("v@1").value(), std::nullopt);
}

TEST_P(OnlineBackendConformance, CopiesAGenerationInPlaceOfWhatIsThere) {
  Write([&](OnlineWrites& writes) {
    writes.PutRow(one_, Key("a", 1, 1, "k"), "x");
    writes.PutVersions(one_, "k", "list");
    writes.PutGap(one_, "a");
    writes.PutRow(two_, Key("stale", 1, 1, "k"), "left");
    writes.PutVersions(two_, "stale", "left");
  });
  ASSERT_OK(backend_->Copy(one_, two_));
  EXPECT_EQ(AllOf(two_), AllOf(one_));
  EXPECT_THAT(backend_->Versions(two_, {"k", "stale"}).value(), ElementsAre("list", std::nullopt));
  EXPECT_TRUE(backend_->Look()->HasGap(two_, "a").value());
}

TEST_P(OnlineBackendConformance, KeepsWhatWasWrittenWhenItIsOpenedAgain) {
  Write([&](OnlineWrites& writes) {
    writes.PutRow(one_, Key("a", 1, 1, "k"), "x");
    writes.PutMarker("v@1", "1");
    writes.PutMarker("v@12", "2");
  });
  Reopen();
  EXPECT_THAT(AllOf(one_), ElementsAre("a@1/1 k=x"));
  ASSERT_OK_AND(const auto markers, backend_->Markers());
  EXPECT_THAT(markers, ElementsAre(std::pair("v@1", "1"), std::pair("v@12", "2")));
}

// What the two kinds of drivers share: no moment ever shows some of two states.
TEST_P(OnlineBackendConformance, AMomentIsOfOneStateOrSaysThatItHasGone) {
  const auto write = [&](const std::string& value) {
    Write([&](OnlineWrites& writes) {
      writes.PutMarker("v@1", value);
      writes.PutMarker("v@12", value);
      writes.PutRow(one_, Key("a", 1, 1, "k"), value);
      writes.PutRow(other_, Key("a", 1, 1, "k"), value);
    });
  };
  write("first");
  const auto moment = backend_->Look();
  EXPECT_EQ(moment->Marker("v@1").value(), "first");
  write("second");
  for (const ViewPlace& place : {one_, other_}) {
    std::vector<std::string> rows;
    const Status read = moment->RowsUpTo(place, "a", 9, Into(rows));
    const auto marker = moment->Marker(place.view_id);
    if (GetParam().keeps_moments) {
      ASSERT_OK(read);
      EXPECT_THAT(rows, ElementsAre("a@1/1 k=first"));
      EXPECT_EQ(marker.value(), "first");
    } else {
      EXPECT_EQ(read.code(), Code::kConflict);
      EXPECT_THAT(rows, IsEmpty());
      EXPECT_EQ(marker.status().code(), Code::kConflict);
      EXPECT_EQ(moment->HasGap(place, "a").status().code(), Code::kConflict);
    }
  }
  EXPECT_EQ(backend_->Look()->Marker("v@1").value(), "second");
}

TEST_P(OnlineBackendConformance, RowsMayGoWhileTheirGenerationIsVisited) {
  Write([&](OnlineWrites& writes) {
    for (const char* entity : {"a", "b", "c"}) writes.PutRow(one_, Key(entity, 1, 1, "k"), "x");
  });
  std::vector<std::string> seen;
  ASSERT_OK(backend_->EachRow(one_, [&](const OnlineRowKey& key, std::string_view) {
    seen.push_back(std::string(key.entity));
    const std::string entity = seen.back();
    Write([&](OnlineWrites& writes) { writes.DeleteRow(one_, Key(entity, 1, 1, "k")); });
    return true;
  }));
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(AllOf(one_), IsEmpty());
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnlineBackendConformance);
}  // namespace weirhouse::feature
