#include "rules/feature/online/online_store.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/time.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/online/online_drivers_test.h"
#include "rules/feature/online/online_layout.h"
#include "rules/feature/online/skew.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "testing/plants.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
constexpr std::int64_t kNow = 1000;

// Over every backend: what the store answers does not depend on who keeps its rows.
class OnlineStoreTest : public ::testing::TestWithParam<OnlineDriver> {
 protected:
  void SetUp() override {
    place_ = GetParam().make_place();
    Reopen();
  }
  void Reopen() {
    online_.reset();
    auto online = OnlineStore::Open(place_->Open());
    ASSERT_OK(online);
    online_ = std::move(online).value();
  }
  ApplyReport Apply(const ViewPlan& plan, const std::vector<SampleRow>& rows, std::int64_t seq,
                    std::vector<std::string> removed = {}) {
    const std::vector<OnlineChange> changes = {
        {&plan, SampleTable(plan, rows), std::move(removed)}};
    auto report = online_->Apply(changes, CommitSeq(seq), kNow);
    WEIRHOUSE_CHECK(report.ok());
    return *report;
  }
  FeatureValue First(const ViewPlan& plan, const std::string& who, std::int64_t at) {
    auto answer = online_->Get(plan, std::vector<Value>{Value(who)}, at, at);
    WEIRHOUSE_CHECK(answer.ok());
    return answer->values.front();
  }

  std::unique_ptr<OnlinePlace> place_;
  std::unique_ptr<OnlineStore> online_;
};
INSTANTIATE_TEST_SUITE_P(Drivers, OnlineStoreTest, ::testing::ValuesIn(OnlineDrivers()),
                         DriverName);

ViewPlan Latest(const std::string& source = "processed.x_history", const std::string& extra = "") {
  return PlanOf("{ feature_view: v, entity: { name: string }, source: " + source +
                    ", event_time: at, known_time: kn, " + extra + " features: { x: latest } }",
                {ValueType::kInt64});
}

SampleRow Put(const std::string& who, const std::string& key, std::int64_t event,
              std::int64_t known, std::int64_t x) {
  return {who, key, event, known, false, {Value(x)}};
}

TEST_P(OnlineStoreTest, AnswersWithStatusEventTimeVersionAndCommit) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "1", 10, 10, 7)}, 42);
  ASSERT_OK_AND(const FeatureAnswer answer,
                online_->Get(plan, std::vector<Value>{Value(std::string("a"))}, 15, 15));
  EXPECT_EQ(answer.values[0].name, "v.x");
  EXPECT_EQ(answer.values[0].value, Value(std::int64_t{7}));
  EXPECT_EQ(answer.values[0].AgeAt(15), 5);
  EXPECT_EQ(answer.seq, CommitSeq(42));
  EXPECT_EQ(answer.view_versions[0], (std::pair<std::string, int>{"v", 1}));
  EXPECT_EQ(First(plan, "b", 15).status, FeatureStatus::kNotFound);
  ASSERT_OK_AND(const FeatureAnswer null, online_->Get(plan, std::vector<Value>{Value()}, 15, 15));
  EXPECT_EQ(null.values[0].status, FeatureStatus::kNotFound);
}

TEST_P(OnlineStoreTest, ServesTheGreatestOrderHoweverRowsArrive) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "2", 20, 20, 2), Put("a", "1", 10, 10, 1)}, 1);
  EXPECT_EQ(First(plan, "a", 30).value, Value(std::int64_t{2}));
  EXPECT_EQ(Apply(plan, {Put("a", "0", 5, 25, 9)}, 2).stale, 0) << "another table key";
  EXPECT_EQ(First(plan, "a", 30).value, Value(std::int64_t{2})) << "older event time";
  Apply(plan, {Put("a", "2", 20, 21, 3)}, 3);
  EXPECT_EQ(First(plan, "a", 30).value, Value(std::int64_t{3})) << "corrected";
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{2})) << "not known at 20";
}

TEST_P(OnlineStoreTest, TellsDuplicatesStaleRowsAndThoseDueLater) {
  const ViewPlan plan = Latest();
  EXPECT_EQ(Apply(plan, {Put("a", "1", 10, 12, 1)}, 1).rows, 1);
  EXPECT_EQ(Apply(plan, {Put("a", "1", 10, 12, 1)}, 2).duplicates, 1);
  EXPECT_EQ(Apply(plan, {Put("a", "1", 10, 11, 5)}, 3).stale, 1);
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{1})) << "the later version stands";
  EXPECT_EQ(First(plan, "a", 11).value, Value(std::int64_t{5})) << "before it was known";
  EXPECT_EQ(Apply(plan, {Put("a", "2", kNow + 5, 13, 8)}, 4).due_later, 1);
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{1}));
  EXPECT_EQ(First(plan, "a", kNow + 5).value, Value(std::int64_t{8}));
}

// Comparing each with each would take minutes.
TEST_P(OnlineStoreTest, OneKeyMayHaveVeryManyVersions) {
  constexpr std::int64_t kVersions = 60'000;
  const ViewPlan plan = Latest();
  std::vector<SampleRow> rows;
  for (std::int64_t i = 0; i < kVersions; ++i)
    rows.push_back(Put("a", "1", i % 7, (i * 7919) % kVersions, i));
  rows.push_back(rows.front());
  const ApplyReport first = Apply(plan, rows, 1);
  EXPECT_EQ(first.rows, kVersions);
  EXPECT_EQ(first.duplicates, 1);
  const ApplyReport second = Apply(plan, {rows[5], Put("a", "1", 3, kVersions, -1)}, 2);
  EXPECT_EQ(second.duplicates, 1);
  EXPECT_EQ(second.rows, 1);
  EXPECT_EQ(First(plan, "a", kVersions + 1).value, Value(std::int64_t{-1}));
  ApplyReport anew;
  ASSERT_OK(online_->Prepare(plan, SampleTable(plan, rows), kNow, 0, &anew));
}

TEST_P(OnlineStoreTest, ForgetsRowsThatLeftASourceWithoutHistory) {
  const ViewPlan plan = Latest("processed.x");
  Apply(plan, {Put("a", "1", 10, 10, 1), Put("b", "2", 10, 10, 2)}, 1);
  Apply(plan, {Put("b", "1", 5, 11, 3)}, 2, {"2"});
  EXPECT_EQ(First(plan, "a", 20).status, FeatureStatus::kNotFound) << "replaced, and now b's";
  EXPECT_EQ(First(plan, "b", 20).value, Value(std::int64_t{3})) << "key 2 was removed";
}

TEST_P(OnlineStoreTest, StandsWhereItStoodAfterReopening) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "1", 10, 10, 1)}, 7);
  Reopen();
  EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(7));
  EXPECT_EQ(First(plan, "a", 10).value, Value(std::int64_t{1}));
  ASSERT_OK(online_->Reset(plan));
  EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(0));
  EXPECT_EQ(First(plan, "a", 10).status, FeatureStatus::kNotFound);
}

TEST_P(OnlineStoreTest, RefusesATimeBeforeWhatItKeeps) {
  const ViewPlan plan = Latest("processed.x_history", "ttl: 10us,");
  Apply(plan,
        {Put("a", "1", 10, 10, 1), Put("a", "2", 20, 20, 2), Put("a", "3", 95, 95, 3),
         Put("b", "4", 15, 15, 4)},
        1);
  ASSERT_OK_AND(const std::int64_t dropped, online_->Evict(plan, 100, 20));
  EXPECT_EQ(dropped, 1) << "each entity keeps its newest older row";
  const std::vector<Value> a = {Value(std::string("a"))};
  EXPECT_EQ(online_->Get(plan, a, 79, 79).status().error_code(), "WH4010");
  EXPECT_EQ(First(plan, "a", 80).status, FeatureStatus::kExpired);
  EXPECT_EQ(First(plan, "b", 100).status, FeatureStatus::kExpired);
  EXPECT_EQ(First(plan, "a", 100).value, Value(std::int64_t{3}));
  EXPECT_EQ(First(plan, "a", 5000).status, FeatureStatus::kExpired) << "the future may be asked";
  Reopen();
  EXPECT_EQ(online_->Get(plan, a, 79, 79).status().error_code(), "WH4010");
}

TEST_P(OnlineStoreTest, IsRebuiltToAnswerAsIfRowsHadBeenApplied) {
  ViewPlan plan = EveryAggregate();
  std::erase_if(plan.outputs,
                [](const PlannedOutput& o) { return o.aggregate == Aggregate::kSum; });
  SeededRandom random(21);
  const std::vector<SampleRow> rows = RandomRows(random, 150);
  const auto answers = [&] {
    std::string text;
    for (const char* who : {"a", "b", "c", "z"}) {
      for (std::int64_t at = 28; at < 45; ++at) {
        auto answer = online_->Get(plan, std::vector<Value>{Value(std::string(who))}, at, at);
        WEIRHOUSE_CHECK(answer.ok());
        text += answer->Bits();
        for (const FeatureValue& value : answer->values) text += StatusName(value.status);
      }
    }
    return text;
  };
  Apply(plan, rows, 5);
  const std::string applied = answers();
  ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, rows), CommitSeq(9), 1000, 1000));
  EXPECT_EQ(answers(), applied) << "all is kept";
  EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(9));
  ASSERT_OK_AND(const ApplyReport part,
                online_->Rebuild(plan, SampleTable(plan, rows), CommitSeq(9), 30, 2));
  EXPECT_LT(part.rows, 100);
  EXPECT_EQ(
      online_->Get(plan, std::vector<Value>{Value(std::string("a"))}, 27, 27).status().error_code(),
      "WH4010");
  // Then a correction of a row that was rebuilt, and of one that was not kept.
  std::vector<SampleRow> more = {rows[3], rows[40]};
  for (SampleRow& row : more) {
    row.known_time = 29;  // within the lateness
    row.is_delete = false;
    row.event_time = 29;
  }
  Apply(plan, more, 10);
  std::vector<SampleRow> all = rows;
  all.insert(all.end(), more.begin(), more.end());
  ASSERT_OK_AND(const LoadedView offline, LoadedView::Load(plan, *SampleTable(plan, all)));
  for (std::int64_t at = 28; at < 45; ++at) {
    const std::vector<Value> who = {Value(std::string("a"))};
    ASSERT_OK_AND(const FeatureAnswer answer, online_->Get(plan, who, at, at));
    std::vector<Cell> cells(plan.outputs.size());
    ASSERT_OK(
        Evaluate(plan, offline.Of(*EncodeEntity(plan.view.entity, who).value()), {at, at}, cells));
    for (std::size_t i = 0; i < cells.size(); ++i) {
      EXPECT_TRUE(SameBits(answer.values[i].value, cells[i].ToValue()))
          << "t=" << at << " " << answer.values[i].name << ": online "
          << ToText(answer.values[i].value) << ", offline " << ToText(cells[i].ToValue());
    }
  }
}

TEST_P(OnlineStoreTest, AStateStaysOneWhateverIsWrittenMeanwhile) {
  const ViewPlan plan = Latest("processed.x");
  Apply(plan, {Put("a", "1", 10, 10, 1), Put("b", "2", 10, 10, 2)}, 1);
  const OnlineState before = online_->Look();
  ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, {Put("a", "1", 10, 11, 7)}), CommitSeq(2),
                             kNow, kNow));
  Apply(plan, {Put("a", "1", 10, 12, 8)}, 3);
  const auto value = [&](const OnlineState& state, const char* who) {
    auto answer = state.Get(plan, std::vector<Value>{Value(std::string(who))}, 20, 20);
    WEIRHOUSE_CHECK(answer.ok());
    return std::pair(answer->values[0].value, answer->seq);
  };
  if (GetParam().keeps_moments) {
    EXPECT_EQ(value(before, "a"), std::pair(Value(std::int64_t{1}), CommitSeq(1)));
    EXPECT_EQ(value(before, "b"), std::pair(Value(std::int64_t{2}), CommitSeq(1)));
  } else {
    EXPECT_EQ(before.Holds(plan).status().code(), Code::kConflict);
  }
  EXPECT_EQ(value(online_->Look(), "a"), std::pair(Value(std::int64_t{8}), CommitSeq(3)));
  EXPECT_EQ(value(online_->Look(), "b"), std::pair(Value(), CommitSeq(3)));
}

TEST_P(OnlineStoreTest, WhatIsPreparedIsServedOnlyOnceItIsApplied) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "1", 10, 10, 1)}, 1);
  ApplyReport report;
  const auto rows = SampleTable(plan, {Put("a", "1", 10, 10, 5), Put("b", "2", 10, 10, 6)});
  ASSERT_OK(online_->Prepare(plan, rows, kNow, 0, &report));
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{1}));
  Reopen();  // cut short: nobody applied it
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{1}));
  EXPECT_EQ(First(plan, "b", 20).status, FeatureStatus::kNotFound);
  const auto fewer = SampleTable(plan, {Put("c", "3", 10, 10, 9)});
  ASSERT_OK(online_->Rebuild(plan, fewer, CommitSeq(2), kNow, 0));
  EXPECT_EQ(First(plan, "b", 20).status, FeatureStatus::kNotFound) << "nothing of it is left";
  EXPECT_EQ(First(plan, "c", 20).value, Value(std::int64_t{9}));
}

TEST_P(OnlineStoreTest, AViewOfAnotherLifeIsNotServed) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "1", 10, 10, 1)}, 1);
  online_->Distrust(plan);
  EXPECT_FALSE(online_->Look().Holds(plan).value());
  EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(0));
  EXPECT_EQ(First(plan, "a", 20).status, FeatureStatus::kNotFound);
  Apply(plan, {Put("a", "2", 11, 11, 2)}, 2);
  EXPECT_EQ(First(plan, "a", 20).status, FeatureStatus::kNotFound) << "an increment mends nothing";
  ASSERT_OK(
      online_->Rebuild(plan, SampleTable(plan, {Put("a", "3", 10, 10, 3)}), CommitSeq(2), kNow, 0));
  EXPECT_TRUE(online_->Look().Holds(plan).value());
  EXPECT_EQ(First(plan, "a", 20).value, Value(std::int64_t{3}));
}

TEST_P(OnlineStoreTest, AnswersWithTheSameStatusesAfterARebuild) {
  ViewPlan plan = EveryAggregate();
  std::erase_if(plan.outputs,
                [](const PlannedOutput& o) { return o.aggregate == Aggregate::kSum; });
  SeededRandom random(33);
  const auto answers = [&] {
    std::string text;
    for (const char* who : {"a", "b", "c", "z"}) {
      for (std::int64_t at = 26; at < 48; ++at) {
        auto answer = online_->Get(plan, std::vector<Value>{Value(std::string(who))}, at, at);
        WEIRHOUSE_CHECK(answer.ok());
        text += fmt::format("{}@{} {}", who, at, answer->Bits());
        for (const FeatureValue& value : answer->values)
          text += fmt::format(" {}/{}", StatusName(value.status), value.event_time.value_or(-1));
        text += "\n";
      }
    }
    return text;
  };
  for (int round = 0; round < 60; ++round) {
    ASSERT_OK(online_->Reset(plan));
    const std::vector<SampleRow> rows = RandomRows(random, 20 + random.Below(60));
    Apply(plan, rows, 5);
    const std::string applied = answers();
    // What no question from 30 - 4 on can see may go.
    ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, rows), CommitSeq(5), 30, 4));
    ASSERT_EQ(answers(), applied) << "round " << round;
  }
}

TEST_P(OnlineStoreTest, SaysSoWhenWhatStoodBehindAKeptRowIsNotThere) {
  for (const char* source : {"processed.x", "processed.x_history"}) {
    const ViewPlan plan = Latest(source, "ttl: 10us,");
    ASSERT_OK(online_->Reset(plan));
    const std::vector<SampleRow> rows = {Put("a", "1", 10, 10, 1), Put("a", "2", 20, 20, 2),
                                         Put("b", "3", 15, 15, 3)};
    ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, rows), CommitSeq(1), 100, 5));
    EXPECT_EQ(First(plan, "a", 100).status, FeatureStatus::kExpired);
    // The row that was kept comes to lie elsewhere: behind it stood row 1, which is not here.
    Apply(plan, {Put("a", "2", 103, 102, 5)}, 2);
    const std::vector<Value> a = {Value(std::string("a"))};
    EXPECT_EQ(online_->Get(plan, a, 102, 102).status().error_code(), "WH4010") << source;
    EXPECT_EQ(First(plan, "a", 104).value, Value(std::int64_t{5})) << "nothing old is asked for";
    EXPECT_EQ(First(plan, "b", 102).status, FeatureStatus::kExpired) << "another entity";
    std::vector<SampleRow> all = rows;
    all[1] = Put("a", "2", 103, 102, 5);
    ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, all), CommitSeq(2), 104, 5));
    EXPECT_EQ(First(plan, "a", 102).status, FeatureStatus::kExpired) << "row 1 is kept now";
  }
}

TEST_P(OnlineStoreTest, SaysWhatOfItCannotBeReadAndThatNothingIsLost) {
  const ViewPlan plan = Latest();
  const std::string& view = plan.view.id();
  Apply(plan, {Put("a", "1", 10, 10, 7)}, 1);
  online_.reset();
  auto backend = place_->Open();
  ASSERT_OK_AND(const auto markers, backend->Markers());
  ASSERT_OK_AND(const OnlineMarker marker, DecodeMarker(markers.at(view)));
  const ViewPlace place{view, marker.generation};
  auto writes = backend->NewWrites();
  ASSERT_OK(backend->EachRow(place, [&](const OnlineRowKey& key, std::string_view) {
    writes->PutRow(place, key, "x");
    return true;
  }));
  ASSERT_EQ(writes->count(), 1);
  ASSERT_OK(backend->Write(*writes, false));
  writes.reset();
  backend.reset();
  Reopen();
  const Status row =
      online_->Get(plan, std::vector<Value>{Value(std::string("a"))}, 15, 15).status();

  online_.reset();
  backend = place_->Open();
  writes = backend->NewWrites();
  writes->PutMarker(view, "x");
  ASSERT_OK(backend->Write(*writes, false));
  writes.reset();
  const Status whole = OnlineStore::Open(std::move(backend)).status();
  for (const Status& status : {row, whole}) {
    EXPECT_EQ(status.code(), Code::kCorruption);
    EXPECT_EQ(status.error_code(), "WH4014");
    EXPECT_THAT(status.hint(), ::testing::HasSubstr("only a cache, made anew from the tables"));
  }
  EXPECT_EQ(row.message(), "the online store has an unreadable row");
  EXPECT_EQ(whole.message(), "the online store has an unreadable marker");
}

TEST_P(OnlineStoreTest, KeepsEverythingOfAStagingAreaWithoutBound) {
  const ViewPlan plan = Latest();
  Apply(plan, {Put("a", "1", 10, 10, 1), Put("a", "2", 20, 20, 2)}, 1);
  ASSERT_OK_AND(const std::int64_t dropped, online_->Evict(plan, 1'000'000, 0));
  EXPECT_EQ(dropped, 0);
  EXPECT_EQ(First(plan, "a", 10).value, Value(std::int64_t{1}));
}

TEST_P(OnlineStoreTest, HoldsFactsWithoutTime) {
  const ViewPlan plan = PlanOf(
      "{ feature_view: facts, entity: { name: string }, source: processed.plane, as_of: latest, "
      "features: { x: latest, y: latest, s: latest } }",
      {ValueType::kInt64, ValueType::kDouble, ValueType::kString});
  Apply(plan, {{"a", "a", std::nullopt, 10, false, {Value(std::int64_t{4}), Value(2.5), Value()}}},
        1);
  ASSERT_OK_AND(const FeatureAnswer answer,
                online_->Get(plan, std::vector<Value>{Value(std::string("a"))}, 5, 5));
  EXPECT_EQ(answer.values[0].value, Value(std::int64_t{4}))
      << "as of latest: known at 10, asked at 5";
  EXPECT_EQ(answer.values[1].value, Value(2.5));
  EXPECT_EQ(answer.values[2].status, FeatureStatus::kNull);
  EXPECT_FALSE(answer.values[0].event_time.has_value());
}

TEST_P(OnlineStoreTest, RefusesAnEntityOfAnotherType) {
  const auto answer = online_->Get(Latest(), std::vector<Value>{Value(std::int64_t{1})}, 5, 5);
  EXPECT_EQ(answer.status().error_code(), "WH4013");
}

// ---- Online against offline
// -----------------------------------------------------------------------
ViewPlan Everything() {
  ViewPlan plan = EveryAggregate();
  std::erase_if(plan.outputs, [](const PlannedOutput& o) {
    return o.aggregate == Aggregate::kSum && o.type == ValueType::kInt64;
  });
  return plan;
}

// Rows in random order and batches, some batches twice, as a replay with faults would bring them.
void Replay(OnlineStore& online, const ViewPlan& plan, std::vector<SampleRow> rows,
            Random& random) {
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.Below(i)]);
  std::int64_t seq = 0;
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::size_t end = std::min(rows.size(), begin + 1 + random.Below(9));
    const std::vector<SampleRow> batch(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                       rows.begin() + static_cast<std::ptrdiff_t>(end));
    const std::vector<OnlineChange> changes = {{&plan, SampleTable(plan, batch), {}}};
    ++seq;
    ASSERT_OK(online.Apply(changes, CommitSeq(seq), kNow));
    if (random.Below(3) == 0) ASSERT_OK(online.Apply(changes, CommitSeq(seq), kNow));
    begin = end;
  }
}

std::vector<SkewSample> RandomSamples(const ViewPlan& plan, Random& random, int count) {
  std::vector<SkewSample> samples;
  for (int i = 0; i < count; ++i) {
    const char who = "abcz"[random.Below(4)];
    const std::int64_t at = static_cast<std::int64_t>(random.Below(45)) - 3;
    const std::int64_t known = random.Below(4) == 0 ? kLatest : at;
    samples.push_back({plan.view.id(), {Value(std::string(1, who))}, at, known, {}});
  }
  return samples;
}

SkewReport SkewOf(OnlineStore& online, const ViewPlan& plan, const ViewPlan& offline,
                  std::uint64_t seed, int rounds) {
  SkewReport sum;
  SeededRandom random(seed);
  for (int round = 0; round < rounds; ++round) {
    WEIRHOUSE_CHECK(online.Reset(plan).ok());
    const std::vector<SampleRow> rows = RandomRows(random, 20 + random.Below(80));
    Replay(online, plan, rows, random);
    const std::vector<SkewSample> samples = RandomSamples(plan, random, 120);
    // Offline the sample is judged by a plan without the planted fault.
    auto report = MeasureSkew({offline}, samples, &online,
                              [&](const FeatureView&) -> Result<std::shared_ptr<arrow::Table>> {
                                return SampleTable(plan, rows);
                              });
    WEIRHOUSE_CHECK(report.ok());
    sum.samples += report->samples;
    sum.values += report->values;
    sum.differing += report->differing;
    sum.status_differing += report->status_differing;
    sum.first.insert(sum.first.end(), report->first.begin(), report->first.end());
  }
  return sum;
}

TEST_P(OnlineStoreTest, EqualsOfflineBitForBitAfterAReplayInAnyOrder) {
  const ViewPlan plan = Everything();
  const SkewReport report = SkewOf(*online_, plan, plan, 11, 90);
  EXPECT_EQ(report.samples, 90 * 120);
  EXPECT_GT(report.values, 200'000);
  EXPECT_EQ(report.differing, 0) << report.first[0].feature << " at " << report.first[0].at;
  EXPECT_EQ(report.status_differing, 0);
}

// Ties on (event time, known time) between table keys, which only the full order decides.
std::vector<SampleRow> Ties() {
  return {Put("a", "k1", 10, 10, 1), Put("a", "k2", 10, 10, 2), Put("a", "k3", 10, 10, 3)};
}

TEST_P(OnlineStoreTest, DecidesTiesByTheFullOrder) {
  const ViewPlan plan = Latest();
  Apply(plan, Ties(), 1);
  EXPECT_EQ(First(plan, "a", 10).value, Value(std::int64_t{3}));
}

TEST_P(OnlineStoreTest, IsCaughtBySkewWhenItsTiesAreOrderedOtherwise) {
  const weirhouse::testing::Planting planted("tie_order");
  const ViewPlan plan = Latest();
  Apply(plan, Ties(), 1);
  EXPECT_NE(First(plan, "a", 10).value, Value(std::int64_t{3}));
  auto report = MeasureSkew({plan}, {{"v@1", {Value(std::string("a"))}, 12, 12, {}}}, online_.get(),
                            [&](const FeatureView&) -> Result<std::shared_ptr<arrow::Table>> {
                              return SampleTable(plan, Ties());
                            });
  ASSERT_OK(report);
  EXPECT_EQ(report->differing, 1);
  EXPECT_EQ(report->first[0].offline, Value(std::int64_t{3}));
}

TEST_P(OnlineStoreTest, AnotherStatusOfTheSameValueIsToldToo) {
  const ViewPlan plan = Latest();
  ASSERT_OK(online_->Reset(plan));
  Apply(plan, {Put("b", "k1", 10, 10, 1)}, 1);
  SampleRow nothing = Put("a", "k1", 10, 10, 1);
  nothing.values = {Value()};
  auto report = MeasureSkew({plan}, {{"v@1", {Value(std::string("a"))}, 12, 12, {}}}, online_.get(),
                            [&](const FeatureView&) -> Result<std::shared_ptr<arrow::Table>> {
                              return SampleTable(plan, {nothing});
                            });
  ASSERT_OK(report);
  EXPECT_EQ(report->differing, 0);
  EXPECT_EQ(report->status_differing, 1);
  ASSERT_EQ(report->first.size(), 1U);
  EXPECT_EQ(report->first[0].online_status, "not_found");
  EXPECT_EQ(report->first[0].offline_status, "null");
}

TEST_P(OnlineStoreTest, EvictionKeepsWhatARebuildKeeps) {
  const ViewPlan plan = Everything();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    const std::vector<SampleRow> rows = RandomRows(random, 150);
    ASSERT_OK(online_->Reset(plan));
    Replay(*online_, plan, rows, random);
    ASSERT_OK(online_->Evict(plan, 30, 2));
    std::string evicted;
    std::string rebuilt;
    const auto answers = [&](std::string* text) {
      for (const char* who : {"a", "b", "c", "z"}) {
        for (std::int64_t at = 28; at < 45; ++at) {
          const auto answer =
              online_->Get(plan, std::vector<Value>{Value(std::string(who))}, at, at);
          ASSERT_OK(answer);
          *text += fmt::format("{} at {}: {}", who, at, answer->Bits());
          for (const FeatureValue& value : answer->values)
            *text += fmt::format(" {}", StatusName(value.status));
          *text += "\n";
        }
      }
    };
    answers(&evicted);
    ASSERT_OK(online_->Rebuild(plan, SampleTable(plan, rows), CommitSeq(1000), 30, 2));
    answers(&rebuilt);
    EXPECT_EQ(evicted, rebuilt) << seed;
  }
}

TEST_P(OnlineStoreTest, EvictionIsDueOnceAQuarterOfWhatIsKeptMayGo) {
  const ViewPlan plan = Latest("processed.x_history", "ttl: 10us,");
  std::vector<SampleRow> rows;
  for (std::int64_t t = 0; t < 200; ++t) rows.push_back(Put("a", fmt::format("{}", t), t, t, t));
  Apply(plan, rows, 1);
  ASSERT_OK_AND(const std::int64_t first, online_->EvictIfDue(plan, 100, 30));
  EXPECT_EQ(first, 59);  // of those before 60, each entity's newest stays
  ASSERT_OK_AND(const std::int64_t soon, online_->EvictIfDue(plan, 109, 30));
  EXPECT_EQ(soon, 0);
  ASSERT_OK_AND(const std::int64_t due, online_->EvictIfDue(plan, 110, 30));
  EXPECT_EQ(due, 10);
}

TEST_P(OnlineStoreTest, AnswersTheSameAfterEvictionWhereItAnswersAtAll) {
  const ViewPlan plan = Everything();
  SeededRandom random(5);
  const std::vector<SampleRow> rows = RandomRows(random, 150);
  Replay(*online_, plan, rows, random);
  ASSERT_OK_AND(const std::int64_t dropped, online_->Evict(plan, 30, 2));
  (void)dropped;
  ASSERT_OK_AND(const LoadedView offline, LoadedView::Load(plan, *SampleTable(plan, rows)));
  for (std::int64_t at = 0; at < 45; ++at) {
    const auto answer = online_->Get(plan, std::vector<Value>{Value(std::string("a"))}, at, at);
    if (at < 28) {
      EXPECT_EQ(answer.status().error_code(), "WH4010") << at;
      continue;
    }
    ASSERT_OK(answer);
    std::vector<Cell> cells(plan.outputs.size());
    const std::vector<Value> who = {Value(std::string("a"))};
    ASSERT_OK(
        Evaluate(plan, offline.Of(*EncodeEntity(plan.view.entity, who).value()), {at, at}, cells));
    for (std::size_t i = 0; i < cells.size(); ++i) {
      EXPECT_TRUE(SameBits(answer->values[i].value, cells[i].ToValue())) << at << " " << i;
    }
  }
}

TEST_P(OnlineStoreTest, ManyRowsAreAppliedAPieceAtATimeAsAtOnce) {
  for (const char* source : {"processed.x", "processed.x_history"}) {
    const ViewPlan plan = Latest(source);
    std::vector<std::vector<std::string>> answers;
    for (const std::int64_t at_once : {1000, 1, 2, 3, 5}) {
      ASSERT_OK(online_->Reset(plan));
      online_->TakeAtOnce(at_once);
      Apply(plan, {Put("a", "1", 10, 10, 1), Put("b", "2", 10, 10, 2), Put("c", "3", 9, 9, 3)}, 1);
      Apply(plan,
            {Put("b", "1", 11, 12, 4), Put("a", "4", 12, 12, 5), Put("c", "3", 9, 13, 6),
             Put("a", "5", 12, 14, 7), Put("c", "6", 20, 20, 8)},
            2, {"2", "3"});
      EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(2));
      std::vector<std::string> all;
      for (const char* who : {"a", "b", "c"}) {
        for (const std::int64_t at : {9, 10, 12, 13, 15, 30}) {
          const FeatureValue value = First(plan, who, at);
          all.push_back(std::string(StatusName(value.status)) + " " +
                        std::to_string(value.event_time.value_or(-1)));
        }
      }
      answers.push_back(std::move(all));
      EXPECT_EQ(answers.back(), answers.front()) << source << " " << at_once;
      Reopen();
      EXPECT_EQ(online_->AppliedSeq(plan), CommitSeq(2));
    }
  }
}
}  // namespace
}  // namespace weirhouse::feature
