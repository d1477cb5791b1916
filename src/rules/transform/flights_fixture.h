// The flights project's SQL and schemas, for tests. Header only; never part of the product.
#pragma once

#include <arrow/api.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ground/platform/sql/sql.h"
#include "rules/transform/check/check.h"
#include "rules/transform/definition.h"
#include "testing/testing.h"

namespace weirhouse::transform::flights {

inline const std::string kArrivalSql =
    R"(-- wh: table processed.arrival; key flight_id; order reported_at; event arrived_at; known reported_at     -- the last by (declared order, then content digest) wins
-- wh: partition month(arrived_at); mode incremental; history keep     -- processed.arrival: current rows
SELECT r.flight_id, r.carrier, al.name AS airline, r.tailnum, r.origin, r.dest, r.arrived_at, r.arr_delay, r.air_time, r.reported_at FROM records.arrival AS r JOIN ref.airline AS al USING (carrier)
)";
inline const std::string kDepartureSql =
    R"(-- wh: table processed.departure; key flight_id; order reported_at; event sched_dep_at; known reported_at; partition month(sched_dep_at); mode incremental
SELECT r.flight_id, r.carrier, r.flight, r.tailnum, r.origin, r.dest, r.sched_dep_at, r.departed_at, date_diff('minute', r.sched_dep_at, r.departed_at) AS dep_delay, r.distance,
       r.status, r.reported_at FROM records.departure AS r
)";
inline const std::string kWeatherSql =
    R"(-- wh: table processed.weather; key origin, observed_at; event observed_at; mode incremental
SELECT r.origin, r.time_hour AS observed_at, r.temp, r.dewp, r.humid, r.wind_dir, r.wind_speed, coalesce(r.wind_gust, r.wind_speed) AS wind_gust,
       r.precip, r.pressure, r.visib FROM records.weather AS r
)";
inline const std::string kPlaneSql =
    R"(-- wh: table processed.plane; key tailnum; order arrival; mode full     -- a newer file wins: asked for by name, and `plan` says that this table depends on arrival order
SELECT r.tailnum, r.year AS built, r.manufacturer, r.model, r.engines, r.seats FROM records.plane AS r
)";

// "a:s b:i c:t d:f": text, integer, time, float, boolean, decimal; with `hidden`, the hidden
// columns of records too.
inline std::shared_ptr<arrow::Schema> SchemaOf(const std::string& columns, bool hidden) {
  arrow::FieldVector fields;
  std::string name;
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == ' ') continue;
    if (columns[i] != ':') {
      name += columns[i];
      continue;
    }
    const char kind = columns[++i];
    fields.push_back(arrow::field(std::exchange(name, ""), kind == 's'   ? arrow::utf8()
                                                           : kind == 'i' ? arrow::int64()
                                                           : kind == 't' ? time
                                                           : kind == 'b' ? arrow::boolean()
                                                           : kind == 'd' ? arrow::decimal128(10, 2)
                                                                         : arrow::float64()));
  }
  if (hidden) {
    fields.push_back(arrow::field("_record", arrow::int64()));
    fields.push_back(arrow::field("_ingested_at", time));
    fields.push_back(arrow::field("_unknown", arrow::utf8()));
  }
  return arrow::schema(std::move(fields));
}

inline SchemaCatalog Schemas() {
  SchemaCatalog schemas;
  schemas.Add("records.arrival",
              SchemaOf("flight_id:s carrier:s tailnum:s origin:s dest:s arrived_at:t arr_delay:i "
                       "air_time:i reported_at:t",
                       true),
              "contract arrival 1.0.0 (contracts/arrival.odcs.yaml:5)");
  schemas.Add("records.departure",
              SchemaOf("flight_id:s carrier:s flight:i tailnum:s origin:s dest:s sched_dep_at:t "
                       "departed_at:t reported_at:t distance:i status:s",
                       true),
              "contract departure 1.1.0 (contracts/departure.odcs.yaml:1)");
  schemas.Add("records.weather",
              SchemaOf("time_hour:t temp:f dewp:f origin:s humid:f wind_dir:i wind_speed:f "
                       "wind_gust:f pressure:f precip:f visib:f fee:d",
                       true),
              "contract weather 1.0.0 (contracts/weather.odcs.yaml:1)");
  schemas.Add("records.plane",
              SchemaOf("tailnum:s year:i manufacturer:s model:s engines:i seats:i", true),
              "contract plane 1.0.0 (contracts/plane.odcs.yaml:1)");
  schemas.Add("ref.airline", SchemaOf("carrier:s name:s", false), "seed seeds/airlines.csv");
  return schemas;
}

// A session of an engine of its own. Kept over the tests of a program: opening costs 30 ms. Never
// closed: at the end of the program what DuckDB keeps for itself may be gone before it.
inline platform::SqlSession& Session() {
  static platform::SqlEngine& engine = *platform::SqlEngine::Open({}).value().release();
  static platform::SqlSession& session = *engine.Connect().value().release();
  return session;
}

inline Result<CheckedTransform> Check(const std::string& sql,
                                      const std::string& path = "processed/t.sql",
                                      const SchemaCatalog& schemas = Schemas()) {
  WEIRHOUSE_TRY(const TransformDefinition definition, ParseTransform(sql, path));
  return CheckTransform(Session(), definition, schemas);
}

// "WH2104 3:97+8 message | caret note | hint", one line per finding.
inline std::string Findings(const Status& status) {
  std::string text;
  for (const Diagnostic& finding : status.diagnostics()) {
    text += finding.error_code;
    if (finding.span) {
      text += " " + std::to_string(finding.span->line) + ":" +
              std::to_string(finding.span->column) + "+" + std::to_string(finding.span->width);
    }
    text += " " + finding.message;
    if (!finding.caret_note.empty()) text += " | " + finding.caret_note;
    if (!finding.hint.empty()) text += " | " + finding.hint;
    text += "\n";
  }
  if (status.diagnostics().empty()) text = status.ToString();
  return text;
}
template <typename T>
std::string Findings(const Result<T>& result) {
  return result.ok() ? "no findings" : Findings(result.status());
}
}  // namespace weirhouse::transform::flights
