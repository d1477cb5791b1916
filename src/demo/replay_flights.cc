// Arrivals and departures from flights.csv, whose clock times are local to each airport.
#include <arrow/api.h>
#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"
#include "demo/replay.h"
#include "storage/sql.h"

namespace weirhouse::demo {
namespace {
// Scheduled departure is an hour in UTC plus the minute; departure adds the delay; arrival is the
// first moment after it at which the destination's clock shows arr_time (hhmm, 2400 = midnight).
// Four island airports are missing from airports.csv; all keep Puerto Rico's time. A local date is
// never after the UTC date of what happens, and never more than 3 days before (the longest delay).
constexpr std::string_view kFlightsSql = R"(
WITH flight AS (
  SELECT f.*, make_date(year::INT, month::INT, day::INT) AS local_date,
         coalesce(a.tzone, 'America/Puerto_Rico') AS zone,
         time_hour::TIMESTAMPTZ + to_minutes(minute::DOUBLE::INT) AS sched_dep_at
  FROM read_csv({flights}, nullstr = 'NA', all_varchar = true) AS f
  LEFT JOIN read_csv({airports}, nullstr = 'NA', all_varchar = true) AS a ON a.faa = f.dest
  WHERE make_date(year::INT, month::INT, day::INT)
        BETWEEN DATE '1970-01-01' + {first} - 3 AND DATE '1970-01-01' + {last}
), departed AS (
  SELECT *, sched_dep_at + to_minutes(dep_delay::DOUBLE::INT) AS departed_at,
         arr_time::DOUBLE::INT % 2400 AS clock
  FROM flight
), landed AS (
  SELECT *, timezone(zone, departed_at) AS left_local,
         date_trunc('day', timezone(zone, departed_at)) +
             to_minutes((clock // 100) * 60 + clock % 100) AS shown_local
  FROM departed
), moment AS (
  SELECT *, CASE WHEN arr_delay IS NOT NULL THEN
             epoch_us(timezone(zone, CASE WHEN shown_local > left_local THEN shown_local
                                          ELSE shown_local + INTERVAL 1 DAY END)) END AS arrived_us,
         epoch_us(sched_dep_at) AS sched_dep_us, epoch_us(departed_at) AS departed_us
  FROM landed
), report AS (
  SELECT carrier || flight || '-' || origin || '-' ||
             strftime(local_date + {shift}, '%Y%m%d') AS flight_id,
         carrier, flight::BIGINT AS flight, tailnum, origin, dest,
         distance::DOUBLE::BIGINT AS distance, arr_delay::DOUBLE::BIGINT + {delay} AS arr_delay,
         air_time::DOUBLE::BIGINT AS air_time, sched_dep_us, departed_us, arrived_us,
         {known} AS known_us
  FROM moment
)
SELECT * REPLACE (known_us + {shift_us} AS known_us, arrived_us + {shift_us} AS arrived_us)
FROM report
WHERE known_us IS NOT NULL AND known_us // {day_us} BETWEEN {first} AND {last}
ORDER BY known_us, flight_id)";

// The columns of the query's result, each in one chunk.
class FlightRows {
 public:
  static Result<FlightRows> Load(const std::string& flights_csv, const std::string& package,
                                 const Period& period, std::string_view known) {
    storage::SqlOptions options;
    options.locked = false;  // reads the package's files; the SQL is ours
    options.memory_limit_mb = 1024;
    WEIRHOUSE_TRY(const std::unique_ptr<storage::SqlEngine> engine,
                  storage::SqlEngine::Open(options));
    WEIRHOUSE_TRY(const std::unique_ptr<storage::SqlSession> session, engine->Connect());
    const std::string sql = fmt::format(
        kFlightsSql, fmt::arg("flights", QuoteLiteral(flights_csv)),
        fmt::arg("airports", QuoteLiteral(package + "/airports.csv")),
        fmt::arg("first", period.first_day), fmt::arg("last", period.last_day),
        fmt::arg("shift", period.shift_days), fmt::arg("shift_us", period.shift_days * kDayMicros),
        fmt::arg("delay", period.added_delay_min), fmt::arg("known", known),
        fmt::arg("day_us", kDayMicros));
    auto rows = session->Query(sql);
    if (!rows.ok()) return rows.status().WithContext("could not read the example's flights");
    auto combined = (*rows)->CombineChunks();
    if (!combined.ok()) return Status(Code::kUnavailable, combined.status().ToString());
    return FlightRows(combined.MoveValueUnsafe());
  }

  std::int64_t row_count() const { return table_->num_rows(); }
  std::string_view Text(const char* column, std::int64_t row) const {
    const auto& array = static_cast<const arrow::StringArray&>(Column(column));
    return array.GetView(row);
  }
  std::int64_t Int(const char* column, std::int64_t row) const {
    return static_cast<const arrow::Int64Array&>(Column(column)).Value(row);
  }
  bool IsNull(const char* column, std::int64_t row) const { return Column(column).IsNull(row); }

 private:
  explicit FlightRows(std::shared_ptr<arrow::Table> table) : table_(std::move(table)) {}
  const arrow::Array& Column(const char* name) const {
    return *table_->column(table_->schema()->GetFieldIndex(name))->chunk(0);
  }
  std::shared_ptr<arrow::Table> table_;
};

// Writes one JSON object after another into one text.
class JsonLine {
 public:
  explicit JsonLine(const FlightRows& rows) : rows_(rows) {}

  void Start(std::int64_t row) {
    row_ = row;
    line_.assign(1, '{');
  }
  void Text(const char* name) {
    Name(name);
    if (rows_.IsNull(name, row_)) {
      line_ += "null";
    } else {
      Quoted(rows_.Text(name, row_));
    }
  }
  void Int(const char* name) {
    Name(name);
    if (rows_.IsNull(name, row_)) {
      line_ += "null";
    } else {
      fmt::format_to(std::back_inserter(line_), "{}", rows_.Int(name, row_));
    }
  }
  void Time(const char* name, const char* column) {
    Name(name);
    if (rows_.IsNull(column, row_)) {
      line_ += "null";
    } else {
      Quoted(FormatTime(rows_.Int(column, row_)));
    }
  }
  void Word(const char* name, std::string_view value) {
    Name(name);
    Quoted(value);
  }
  std::string_view End() {
    line_ += '}';
    return line_;
  }

 private:
  void Name(std::string_view name) {
    if (line_.size() > 1) line_ += ',';
    Quoted(name);
    line_ += ':';
  }
  // Codes and names of the package hold neither quotes nor control characters.
  void Quoted(std::string_view value) {
    line_ += '"';
    line_ += value;
    line_ += '"';
  }
  const FlightRows& rows_;
  std::int64_t row_ = 0;
  std::string line_;
};
}  // namespace

Period WholeYear() { return {DaysFromCivil(2013, 1, 1), DaysFromCivil(2014, 1, 1)}; }

Result<Replay> ReplayArrivals(const std::string& flights_csv, const std::string& package,
                              const Period& period) {
  WEIRHOUSE_TRY(const FlightRows rows,
                FlightRows::Load(flights_csv, package, period, "arrived_us"));
  Replay replay;
  replay.source = "arrival";
  replay.extension = "jsonl";
  replay.text.reserve(static_cast<std::size_t>(rows.row_count()) * 200);
  JsonLine line(rows);
  for (std::int64_t row = 0; row < rows.row_count(); ++row) {
    line.Start(row);
    for (const char* name : {"flight_id", "carrier", "tailnum", "origin", "dest"}) line.Text(name);
    line.Time("arrived_at", "arrived_us");
    line.Int("arr_delay");
    line.Int("air_time");
    line.Time("reported_at", "known_us");
    replay.Add(rows.Int("known_us", row), line.End());
  }
  return replay;
}

Result<Replay> ReplayDepartures(const std::string& flights_csv, const std::string& package,
                                const Period& period) {
  WEIRHOUSE_TRY(const FlightRows rows, FlightRows::Load(flights_csv, package, period,
                                                        "coalesce(departed_us, sched_dep_us)"));
  Replay replay;
  replay.source = "departure";
  replay.extension = "jsonl";
  replay.text.reserve(static_cast<std::size_t>(rows.row_count()) * 260);
  JsonLine line(rows);
  for (std::int64_t row = 0; row < rows.row_count(); ++row) {
    line.Start(row);
    for (const char* name : {"flight_id", "carrier"}) line.Text(name);
    line.Int("flight");
    for (const char* name : {"tailnum", "origin", "dest"}) line.Text(name);
    line.Time("sched_dep_at", "sched_dep_us");
    line.Time("departed_at", "departed_us");
    line.Time("reported_at", "known_us");
    line.Int("distance");
    line.Word("status", rows.IsNull("departed_us", row) ? "cancelled" : "departed");
    replay.Add(rows.Int("known_us", row), line.End());
  }
  return replay;
}
}  // namespace weirhouse::demo
