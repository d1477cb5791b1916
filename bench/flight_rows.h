// Arrivals like those of the flights example, made from a seed: what the benchmarks of tables,
// commits and the kernel write and fold.
#pragma once

#include <cstdint>
#include <memory>

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::bench {

// 2013-01-01T00:00Z in microseconds.
inline constexpr std::int64_t kYearBegin = 1'356'998'400'000'000;
inline constexpr std::int64_t kDayMicros = 86'400'000'000;

// `count` rows in order of time within [begin, begin + span): flight_id (unique for a `first`),
// carrier (16), airline, tailnum (4,000, some NULL), origin (3), dest (100), arrived_at, arr_delay,
// air_time, reported_at (= arrived_at), _record, _ingested_at. `carriers` 1 gives one entity.
std::shared_ptr<arrow::Table> ArrivalRows(std::int64_t count, std::int64_t begin, std::int64_t span,
                                          std::int64_t first, std::uint64_t seed,
                                          int carriers = 16);
// One row of a raw ledger.
std::shared_ptr<arrow::Table> LedgerRow(std::int64_t ordinal);
}  // namespace weirhouse::bench
