// The contracts of the flights project, as the user guide prints them.
#pragma once

#include <string_view>

namespace weirhouse::contract {

inline constexpr std::string_view kArrivalContract =
    R"yaml({ apiVersion: v3.1.0, kind: DataContract, id: arrival, version: 1.0.0, status: active, team: { name: flight-data }, schema: [ { name: arrival, logicalType: object, properties: [
  { name: flight_id, logicalType: string, required: true, logicalTypeOptions: { pattern: '^[A-Z0-9]{2}[0-9]{1,4}-[A-Z]{3}-[0-9]{8}$' } },
  { name: carrier, logicalType: string, required: true, logicalTypeOptions: { minLength: 2, maxLength: 2 } }, { name: tailnum, logicalType: string },
  { name: origin, logicalType: string, required: true }, { name: dest, logicalType: string, required: true }, { name: arrived_at, logicalType: timestamp, required: true },
  { name: arr_delay, logicalType: integer, required: true, description: minutes, logicalTypeOptions: { minimum: -120, maximum: 2880 } },
  { name: air_time, logicalType: integer, logicalTypeOptions: { minimum: 1 } }, { name: reported_at, logicalType: timestamp, required: true, description: when the airline sent it } ],
  quality: [ { metric: duplicateValues, mustBe: 0, arguments: { properties: [flight_id, reported_at] } } ] } ], customProperties: [     # judged after dedup
  { property: whCompatibility, value: backward },    # additive is accepted; anything else needs `contract publish --major`
  { property: whUnknownFields, value: keep }, { property: whViolation, value: quarantine },      # keep | drop | quarantine; quarantine | reject_object | fail
  { property: whMigrateFrom0, value: arr_delay = arr_delay_seconds / 60 } ] }      # optional: version 0 records read as version 1
)yaml";

inline constexpr std::string_view kDepartureContract =
    R"yaml({ apiVersion: v3.1.0, kind: DataContract, id: departure, version: 1.1.0, status: active, schema: [ { name: departure, logicalType: object, properties: [
  { name: flight_id, logicalType: string, required: true }, { name: carrier, logicalType: string, required: true }, { name: flight, logicalType: integer, required: true },
  { name: tailnum, logicalType: string }, { name: origin, logicalType: string, required: true }, { name: dest, logicalType: string, required: true },
  { name: sched_dep_at, logicalType: timestamp, required: true }, { name: departed_at, logicalType: timestamp }, { name: reported_at, logicalType: timestamp, required: true },
  { name: distance, logicalType: integer, required: true, logicalTypeOptions: { exclusiveMinimum: 0 } },
  { name: status, logicalType: string, description: added in 1.1.0 and so optional, customProperties: [ { property: whDefault, value: departed } ],
    quality: [ { metric: invalidValues, mustBe: 0, arguments: { validValues: [departed, cancelled] } } ] } ] } ] }
)yaml";

inline constexpr std::string_view kWeatherContract =
    R"yaml({ apiVersion: v3.1.0, kind: DataContract, id: weather, version: 1.0.0, status: active, customProperties: [ { property: whUnknownFields, value: drop } ], schema: [
  { name: weather, logicalType: object, properties: [ { name: time_hour, logicalType: timestamp, required: true }, { name: temp, logicalType: number }, { name: dewp, logicalType: number },
  { name: origin, logicalType: string, required: true, quality: [ { metric: invalidValues, mustBe: 0, arguments: { validValues: [EWR, JFK, LGA] } } ] },
  { name: humid, logicalType: number, logicalTypeOptions: { minimum: 0, maximum: 100 } }, { name: wind_dir, logicalType: integer, logicalTypeOptions: { minimum: 0, maximum: 360 } },
  { name: wind_speed, logicalType: number, logicalTypeOptions: { minimum: 0, maximum: 200 } }, { name: wind_gust, logicalType: number }, { name: pressure, logicalType: number },
  { name: precip, logicalType: number, logicalTypeOptions: { minimum: 0 } }, { name: visib, logicalType: number, logicalTypeOptions: { minimum: 0, maximum: 10 } } ] } ] }
)yaml";

inline constexpr std::string_view kPlaneContract =
    R"yaml({ apiVersion: v3.1.0, kind: DataContract, id: plane, version: 1.0.0, status: active, schema: [ { name: plane, logicalType: object, properties: [
  { name: tailnum, logicalType: string, required: true, unique: true, primaryKey: true, primaryKeyPosition: 1 }, { name: year, logicalType: integer, logicalTypeOptions: { minimum: 1903 } },
  { name: manufacturer, logicalType: string }, { name: model, logicalType: string }, { name: engines, logicalType: integer }, { name: seats, logicalType: integer } ] } ],
  customProperties: [ { property: whUnknownFields, value: drop } ] }
)yaml";

}  // namespace weirhouse::contract
