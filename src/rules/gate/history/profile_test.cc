#include "rules/gate/history/profile.h"

#include <arrow/api.h>

#include <cmath>
#include <numeric>

#include "rules/gate/history/drift.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
template <typename Builder, typename T>
ColumnProfile ProfileOf(const std::vector<T>& values, int nulls = 0,
                        CountValues count = CountValues::kCapped) {
  Builder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  EXPECT_TRUE(builder.AppendNulls(nulls).ok());
  return ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), count).value();
}
ColumnProfile Reals(const std::vector<double>& values, int nulls = 0) {
  return ProfileOf<arrow::DoubleBuilder>(values, nulls);
}
ColumnProfile Integers(const std::vector<std::int64_t>& values, int nulls = 0) {
  return ProfileOf<arrow::Int64Builder>(values, nulls);
}
std::string Written(const ColumnProfile& column) {
  return ToJson(BatchProfile{column.rows, {{"c", column}}}).dump();
}

TEST(Profile, CountsRowsNullsNanAndValues) {
  const ColumnProfile profile = Reals({1.5, 1.5, std::nan(""), -0.0, 0.0}, 2);
  EXPECT_EQ(profile.rows, 7);
  EXPECT_EQ(profile.nulls, 2);
  EXPECT_EQ(profile.nan, 1);
  EXPECT_EQ(profile.numbers, (NumberCounts{{0, 2}, {1.5, 2}}));
  EXPECT_EQ(profile.Sum(), 3);
  EXPECT_EQ(*profile.Mean(), 0.75);
}

TEST(Profile, DeviationHasNoCancellation) {
  // The naive formula loses all digits here.
  const ColumnProfile profile = Reals({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16});
  EXPECT_DOUBLE_EQ(*profile.Stddev(), std::sqrt(30.0));
  EXPECT_DOUBLE_EQ(*Reals({0.1, 0.2, 0.4}).Stddev(), 0.1527525231651947);
  EXPECT_FALSE(Reals({1}).Stddev().has_value());
}

TEST(Profile, SumsOfGreatIntegersAreExact) {
  const ColumnProfile profile = Integers({INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, 5});
  EXPECT_EQ(profile.Sum(), 3);
}

TEST(Profile, IsWrittenAndReadBackExactly) {
  for (const ColumnProfile& column :
       {Reals({0.1, 1e300, -1e-300, 5, HUGE_VAL, std::nan("")}, 1), Integers({-60, 0, 1272, 7}, 3),
        ProfileOf<arrow::StringBuilder, std::string>({"a", "", "ä \"q\""}, 1), Reals({})}) {
    BatchProfile batch{column.rows, {{"c", column}}};
    ASSERT_OK_AND(const BatchProfile read,
                  ProfileFromJson(nlohmann::json::parse(ToJson(batch).dump())));
    EXPECT_EQ(ToJson(read).dump(), ToJson(batch).dump());
    EXPECT_EQ(read.columns.at("c").numbers, column.numbers);
    EXPECT_EQ(read.columns.at("c").texts, column.texts);
  }
}

TEST(Profile, SumsThatNoDoubleHoldsAreKept) {
  const ColumnProfile great = Reals({1.7e308, 1.7e308, 1.7e308, -1e-200});
  BatchProfile batch{4, {{"c", great}}};
  ASSERT_OK_AND(const BatchProfile read,
                ProfileFromJson(nlohmann::json::parse(ToJson(batch).dump())));
  EXPECT_EQ(read.columns.at("c").sum, great.sum);
  EXPECT_EQ(read.columns.at("c").sum_of_squares, great.sum_of_squares);
  EXPECT_EQ(ToJson(read).dump(), ToJson(batch).dump());
}

TEST(Profile, MergesDecimalsOfTwoScales) {
  ColumnProfile cents = Integers({150, 250});
  cents.scale = 2;
  ColumnProfile mills = Integers({1000});
  mills.scale = 3;
  const ColumnProfile merged = Merge(cents, mills);
  EXPECT_DOUBLE_EQ(*merged.Mean(), 5.0 / 3);
  EXPECT_DOUBLE_EQ(*merged.Stddev(), 0.7637626158259734);
}

TEST(ReadHistory, ProfilesOfOneCommitAreOneBatch) {
  const BatchProfile one{3, {{"c", Integers({1, 2, 2})}}};
  const BatchProfile other{3, {{"d", Integers({7, 7, 7})}}};
  std::vector<catalog::MetricRecord> metrics = {
      MakeProfileMetric("processed.t", "a", DayEnd(1), true, one),
      MakeProfileMetric("processed.t", "a", DayEnd(1), true, other),
      MakeProfileMetric("processed.t", "a", DayEnd(1), true, one)};
  metrics[0].seq = metrics[1].seq = CommitSeq(7);
  metrics[2].seq = CommitSeq(8);
  MarkRestart(metrics[2].value);
  ASSERT_OK_AND(const auto history, ReadHistory(metrics));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].profile->columns.size(), 2u);
  EXPECT_FALSE(history[0].restarts_warmup);
  EXPECT_TRUE(history[1].restarts_warmup);
}

TEST(Profile, DamageIsNoticed) {
  const nlohmann::json good = ToJson(BatchProfile{3, {{"c", Integers({1, 2, 2})}}});
  EXPECT_OK(ProfileFromJson(good));
  auto damaged = [&](auto change) {
    nlohmann::json json = good;
    change(json);
    const Status status = ProfileFromJson(json).status();
    EXPECT_EQ(status.error_code(), status.ok() ? "" : "WH3011");
    return status.code();
  };
  EXPECT_EQ(damaged([](auto& j) { j["v"] = 2; }), Code::kCorruption);
  EXPECT_EQ(damaged([](auto& j) { j.erase("rows"); }), Code::kCorruption);
  EXPECT_EQ(damaged([](auto& j) { j["columns"]["c"]["values"] = "1:1 1:2"; }), Code::kCorruption);
  EXPECT_EQ(damaged([](auto& j) { j["columns"]["c"]["values"] = "1:x"; }), Code::kCorruption);
  EXPECT_EQ(damaged([](auto& j) { j["columns"]["c"]["sum"] = "zz"; }), Code::kCorruption);
  EXPECT_EQ(damaged([](auto& j) { j["columns"]["c"]["min"] = "0xzz"; }), Code::kCorruption);
}

TEST(Profile, DoesNotSeeOrderOrChunks) {
  const std::vector<double> values = {0.1, 0.7, 1e17, -1e17, 0.3, 2.5};
  std::vector<double> reversed(values.rbegin(), values.rend());
  EXPECT_EQ(Written(Reals(values)), Written(Reals(reversed)));
  EXPECT_EQ(Written(Merge(Reals({0.1, 0.7, 1e17}), Reals({-1e17, 0.3, 2.5}))),
            Written(Reals(values)));
}

TEST(Profile, MergeIsAssociativeAndCommutative) {
  const ColumnProfile a = Reals({0.1, 1e17, 3}, 1);
  const ColumnProfile b = Reals({-1e17, 0.3});
  const ColumnProfile c = Reals({3, std::nan("")}, 2);
  EXPECT_EQ(Written(Merge(Merge(a, b), c)), Written(Merge(a, Merge(b, c))));
  EXPECT_EQ(Written(Merge(a, b)), Written(Merge(b, a)));
  const ColumnProfile* all[] = {&c, &a, &b};
  EXPECT_EQ(Written(MergeAll(all)), Written(Merge(Merge(a, b), c)));
}

TEST(Profile, CountsExactlyUpToItsLimitAndSamplesBeyond) {
  std::vector<std::int64_t> values(kDistinctValuesMax);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_FALSE(Integers(values).sampled);
  values.resize(100'000);
  std::iota(values.begin(), values.end(), 0);
  const ColumnProfile sampled = Integers(values);
  EXPECT_TRUE(sampled.sampled);
  EXPECT_LE(sampled.numbers.size(), static_cast<std::size_t>(kSamplePoints + 2 * kSampleTail));
  EXPECT_EQ(sampled.numbers[kSampleTail - 1].first, kSampleTail - 1);
  EXPECT_EQ(sampled.numbers.back().first, 99'999);
  EXPECT_EQ(TotalOf(sampled.numbers), 100'000);
  // No rank is off by more than half a stratum.
  for (int percent = 1; percent < 100; ++percent) {
    EXPECT_NEAR(QuantileOf(sampled.numbers, {percent, 100}, QuantileMethod::kLower),
                percent * 1000.0, 100'000.0 / (2 * kSamplePoints) + 1);
  }
  EXPECT_EQ(*sampled.min, 0);
  EXPECT_EQ(*sampled.max, 99'999);
}

TEST(Profile, KeepsTheMostFrequentTextsBeyondItsLimit) {
  std::vector<std::string> values;
  for (int i = 0; i < 5'000; ++i) values.push_back(fmt::format("v{:05}", i));
  values.push_back("v04999");
  const auto profile = ProfileOf<arrow::StringBuilder, std::string>(values);
  EXPECT_TRUE(profile.sampled);
  EXPECT_EQ(profile.texts.size(), kDistinctValuesMax);
  EXPECT_EQ(profile.texts.back(), (std::pair<std::string, std::int64_t>{"v04999", 2}));
  EXPECT_EQ(profile.other_texts, 5'001 - 2 - 4'095);
}

TEST(ReadHistory, LeavesOutWhatIsNotInTheBaseline) {
  const BatchProfile profile{3, {{"c", Integers({1, 2, 2})}}};
  std::vector<catalog::MetricRecord> metrics = {
      MakeProfileMetric("processed.t", "a", DayEnd(1), true, profile),
      MakeProfileMetric("processed.t", "b", DayEnd(2), false, profile)};
  metrics.push_back(metrics[0]);
  metrics.back().name = "row_count";
  ASSERT_OK_AND(const auto history, ReadHistory(metrics));
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].batch, "a");
  EXPECT_EQ(history[0].profile->rows, 3);
  metrics[0].value = {{"v", 1}};
  const Status damaged = ReadHistory(metrics).status();
  EXPECT_EQ(damaged.code(), Code::kCorruption);
  EXPECT_EQ(damaged.error_code(), "WH3011");
  EXPECT_THAT(damaged.message(), ::testing::StartsWith("batch \"a\" of processed.t: a stored "
                                                       "profile cannot be read: "));
  EXPECT_THAT(damaged.hint(), ::testing::HasSubstr("`wh verify`"));
}
}  // namespace
}  // namespace weirhouse::gate
