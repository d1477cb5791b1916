#include "rules/transform/check/canonical_number.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "ground/iceberg/table.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/run/run.h"

namespace weirhouse::transform {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::shared_ptr<arrow::Table> Numbers(const std::vector<double>& values) {
  arrow::DoubleBuilder wide;
  arrow::FloatBuilder narrow;
  for (const double value : values) {
    WEIRHOUSE_CHECK(wide.Append(value).ok() && narrow.Append(static_cast<float>(value)).ok());
  }
  return arrow::Table::Make(
      arrow::schema({arrow::field("d", arrow::float64()), arrow::field("f", arrow::float32())}),
      {wide.Finish().ValueOrDie(), narrow.Finish().ValueOrDie()});
}

std::vector<std::uint64_t> BitsOf(const arrow::Table& rows, const std::string& column) {
  std::vector<std::uint64_t> bits;
  for (const auto& chunk : rows.GetColumnByName(column)->chunks()) {
    const auto& values = static_cast<const arrow::DoubleArray&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      bits.push_back(std::bit_cast<std::uint64_t>(values.Value(i)));
    }
  }
  return bits;
}

TEST(CanonicalNumber, ThereIsOneNanAndTheSignOfZeroStaysWhereItMayBeSeen) {
  const auto rows = Numbers({1.5, -0.0, std::copysign(kNan, -1.0), std::nan("77")});
  ASSERT_OK_AND(const auto kept, CanonicalNumbers(rows, ZeroSign::kKept));
  EXPECT_EQ(BitsOf(*kept, "d"), BitsOf(*Numbers({1.5, -0.0, kNan, kNan}), "d"));
  ASSERT_OK_AND(const auto dropped, CanonicalNumbers(rows, ZeroSign::kDropped));
  EXPECT_EQ(BitsOf(*dropped, "d"), BitsOf(*Numbers({1.5, 0.0, kNan, kNan}), "d"));
  const auto& narrow =
      static_cast<const arrow::FloatArray&>(*dropped->GetColumnByName("f")->chunk(0));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(narrow.Value(1)), 0U);
}

TEST(CanonicalNumber, WhatIsCanonicalIsNotCopied) {
  const auto rows = Numbers({1.5, 0.0, kNan});
  ASSERT_OK_AND(const auto same, CanonicalNumbers(rows, ZeroSign::kDropped));
  EXPECT_EQ(same.get(), rows.get());
}

std::shared_ptr<arrow::Table> Weather(const std::string& temps) {
  std::string json;
  for (std::size_t at = 0; at < temps.size(); ++at) {
    json += json.empty() ? "[" : ",";
    json += std::string(R"({"origin":"EWR","temp":)") + (temps[at] == '-' ? "-0.0" : "0.0") +
            R"(,"_record":)" + std::to_string(at) + "}";
  }
  return weirhouse::testing::TableOf(flights::Schemas().Find("records.weather")->schema,
                                     json + "]");
}

TEST(CanonicalNumber, AnAggregateNeverShowsWhichZeroCameFirst) {
  ASSERT_OK_AND(const auto checked,
                flights::Check("-- wh: table processed.t; key n; mode full\n"
                               "SELECT temp, min(temp) AS low, max(temp) AS high, "
                               "CAST(min(temp) AS VARCHAR) AS told, min(-temp) AS turned, "
                               "count(*) AS n FROM records.weather GROUP BY temp"));
  auto& session = flights::Session();
  std::set<std::string> answers;
  for (const char* temps : {"+-", "-+", "--", "++"}) {
    ASSERT_OK(RegisterInput(session, checked, "records.weather", Weather(temps)));
    ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTime{}));
    ASSERT_EQ(rows->num_rows(), 1);
    answers.insert(iceberg::ContentDigest(*rows).value().ToHex());
  }
  EXPECT_EQ(answers.size(), 1U);
}

TEST(CanonicalNumber, ARowOfItsOwnKeepsItsZero) {
  ASSERT_OK_AND(const auto checked,
                flights::Check("-- wh: table processed.t; key origin; mode incremental\n"
                               "SELECT origin, temp FROM records.weather"));
  auto& session = flights::Session();
  ASSERT_OK(RegisterInput(session, checked, "records.weather", Weather("-")));
  ASSERT_OK_AND(const auto rows, RunTransform(session, checked, ProcessTime{}));
  EXPECT_EQ(BitsOf(*rows, "temp"), BitsOf(*Numbers({-0.0}), "d"));
}
}  // namespace
}  // namespace weirhouse::transform
