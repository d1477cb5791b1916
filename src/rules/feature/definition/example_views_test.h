// The feature views and the training set of the flights example.
#pragma once

namespace weirhouse::feature {

// clang-format off
inline constexpr const char* kExampleViews = R"yaml(
--- { feature_view: carrier_delay, version: 1, entity: { carrier: string }, source: processed.arrival_history, event_time: arrived_at,
  known_time: reported_at, windows: [1h, 24h, 7d],     # known_time: a column, or { delay: 20m }, or absent = ingestion time
  features: { n: { agg: count }, mean: { agg: mean, of: arr_delay }, late_rate: { agg: mean, of: case when arr_delay > 15 then 1 else 0 end } }, online: { fill: stream } }
--- { feature_view: origin_delay, version: 1, entity: { origin: string }, source: processed.arrival_history, event_time: arrived_at, known_time: reported_at, windows: [1h, 24h, 7d],
  features: { n: { agg: count }, mean: { agg: mean, of: arr_delay }, late_rate: { agg: mean, of: case when arr_delay > 15 then 1 else 0 end } }, online: { fill: stream } }
--- { feature_view: tail_delay, version: 1, entity: { tailnum: string }, source: processed.arrival_history, event_time: arrived_at, known_time: reported_at, windows: [1h, 24h, 7d],
  features: { n: { agg: count }, mean: { agg: mean, of: arr_delay }, last: { agg: last, of: arr_delay, windows: [7d] }, secs_since: { agg: seconds_since_last, windows: none } },
  online: { fill: stream, ttl: 30d } }   # a null tail number matches nothing: count 0, the rest null, status not_found
--- { feature_view: weather_now, version: 1, entity: { origin: string }, source: processed.weather, event_time: observed_at, known_time: { delay: 20m }, ttl: 3h,
  features: { temp: latest, wind_speed: latest, wind_gust: latest, precip: latest, visib: latest }, online: { fill: stream } }      # t - ttl <= event time <= t
--- { feature_view: plane_facts, version: 1, entity: { tailnum: string }, source: processed.plane, as_of: latest, features: { built: latest, seats: latest, engines: latest }, online: { fill: batch } }
--- { feature_view: flight_request, version: 1, request: { sched_dep_at: timestamp, distance: integer }, features: {       # no source: computed from the request
  local_hour: extract(hour from request.sched_dep_at at time zone 'America/New_York'), weekday: isodow(request.sched_dep_at at time zone 'America/New_York'), distance: request.distance } }
)yaml";

inline constexpr const char* kExampleTrainingSet = R"yaml(
{ training_set: late_v1, spine: "select d.flight_id, d.carrier, d.origin, d.tailnum, d.sched_dep_at, d.distance, a.arr_delay > 15 as late
    from processed.departure d join processed.arrival a using (flight_id)",
  time: sched_dep_at, label: late,     # t of each row; the label is learnt at arrival and never a feature
  features: ['carrier_delay@1:*', 'origin_delay@1:*', 'tail_delay@1:*', 'weather_now@1:*', 'plane_facts@1:*', 'flight_request@1:*'], split: { by: time, train: 70%, valid: 15%, test: 15% } }
)yaml";
// clang-format on
}  // namespace weirhouse::feature
