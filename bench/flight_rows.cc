#include "flight_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/random.h"
#include "measure.h"

namespace weirhouse::bench {
namespace {
void Done(const arrow::Status& status) {
  if (!status.ok()) Fail(Status(Code::kInternal, status.ToString()));
}
template <typename Builder>
std::shared_ptr<arrow::Array> Finished(Builder& builder) {
  std::shared_ptr<arrow::Array> array;
  Done(builder.Finish(&array));
  return array;
}
std::shared_ptr<arrow::DataType> Time() { return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"); }

struct ArrivalBuilders {
  arrow::StringBuilder flight_id, carrier, airline, tailnum, origin, dest;
  arrow::TimestampBuilder arrived_at{Time(), arrow::default_memory_pool()};
  arrow::Int64Builder arr_delay, air_time;
  arrow::TimestampBuilder reported_at{Time(), arrow::default_memory_pool()};
  arrow::Int64Builder record;
  arrow::TimestampBuilder ingested_at{Time(), arrow::default_memory_pool()};

  void Append(std::int64_t id, std::int64_t time, Random& random, std::uint64_t carriers) {
    static constexpr const char* kOrigins[] = {"EWR", "JFK", "LGA"};
    const std::uint64_t airline_number = random.Below(carriers);
    const std::string code = {'A', static_cast<char>('A' + airline_number)};
    Done(flight_id.Append(fmt::format("{}{}-{:09}", code, random.Below(9000), id)));
    Done(carrier.Append(code));
    Done(airline.Append(fmt::format("Air Line Number {} Inc.", airline_number)));
    const std::uint64_t tail = random.Below(4100);
    Done(tail < 4000 ? tailnum.Append(fmt::format("N{}", 10000 + tail)) : tailnum.AppendNull());
    Done(origin.Append(kOrigins[random.Below(3)]));
    Done(dest.Append(fmt::format("D{:02}", random.Below(100))));
    Done(arrived_at.Append(time));
    Done(arr_delay.Append(static_cast<std::int64_t>(random.Below(240)) - 60));
    Done(air_time.Append(static_cast<std::int64_t>(random.Below(300)) + 30));
    Done(reported_at.Append(time));
    Done(record.Append(id));
    Done(ingested_at.Append(time + 60'000'000));
  }
};
}  // namespace

std::shared_ptr<arrow::Table> ArrivalRows(std::int64_t count, std::int64_t begin, std::int64_t span,
                                          std::int64_t first, std::uint64_t seed, int carriers) {
  SeededRandom random(seed);
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < count; ++i) {
    // Whole minutes, as the real ones are: ties are part of the input.
    const std::int64_t minute =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(span / 60'000'000)));
    times.push_back(begin + minute * 60'000'000);
  }
  std::sort(times.begin(), times.end());
  ArrivalBuilders rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.Append(first + i, times[static_cast<std::size_t>(i)], random,
                static_cast<std::uint64_t>(carriers));
  }
  const auto schema = arrow::schema(
      {arrow::field("flight_id", arrow::utf8(), false),
       arrow::field("carrier", arrow::utf8(), false), arrow::field("airline", arrow::utf8()),
       arrow::field("tailnum", arrow::utf8()), arrow::field("origin", arrow::utf8(), false),
       arrow::field("dest", arrow::utf8(), false), arrow::field("arrived_at", Time(), false),
       arrow::field("arr_delay", arrow::int64(), false), arrow::field("air_time", arrow::int64()),
       arrow::field("reported_at", Time(), false), arrow::field("_record", arrow::int64(), false),
       arrow::field("_ingested_at", Time(), false)});
  return arrow::Table::Make(
      schema, {Finished(rows.flight_id), Finished(rows.carrier), Finished(rows.airline),
               Finished(rows.tailnum), Finished(rows.origin), Finished(rows.dest),
               Finished(rows.arrived_at), Finished(rows.arr_delay), Finished(rows.air_time),
               Finished(rows.reported_at), Finished(rows.record), Finished(rows.ingested_at)});
}

std::shared_ptr<arrow::Table> LedgerRow(std::int64_t ordinal) {
  arrow::StringBuilder name, digest;
  arrow::Int64Builder size, records, first;
  Done(name.Append(fmt::format("{}.jsonl", ordinal)));
  Done(digest.Append(Sha256Of(fmt::format("object {}", ordinal)).ToHex()));
  Done(size.Append(180'000));
  Done(records.Append(900));
  Done(first.Append(ordinal * 900));
  const auto schema = arrow::schema({arrow::field("name", arrow::utf8(), false),
                                     arrow::field("digest", arrow::utf8(), false),
                                     arrow::field("size_bytes", arrow::int64(), false),
                                     arrow::field("record_count", arrow::int64(), false),
                                     arrow::field("first_record_id", arrow::int64(), false)});
  return arrow::Table::Make(schema, {Finished(name), Finished(digest), Finished(size),
                                     Finished(records), Finished(first)});
}
}  // namespace weirhouse::bench
