-- wh: table processed.departure; key flight_id; order reported_at
-- wh: event sched_dep_at; known reported_at; partition month(sched_dep_at); mode incremental
SELECT
  r.flight_id,
  r.carrier,
  r.flight,
  r.tailnum,
  r.origin,
  r.dest,
  r.sched_dep_at,
  r.departed_at,
  date_diff('minute', r.sched_dep_at, r.departed_at) AS dep_delay,
  r.distance,
  r.status,
  r.reported_at
FROM records.departure AS r
