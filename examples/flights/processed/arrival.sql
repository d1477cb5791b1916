-- wh: table processed.arrival; key flight_id; order reported_at; event arrived_at; known reported_at
-- wh: partition month(arrived_at); mode incremental; history keep
--
-- Of one flight the last by (declared order, then content digest) wins, whichever arrived first.
-- processed.arrival has the current rows; processed.arrival_history every version, append-only,
-- read by the feature views.
SELECT
  r.flight_id,
  r.carrier,
  al.name AS airline,
  r.tailnum,
  r.origin,
  r.dest,
  r.arrived_at,
  r.arr_delay,
  r.air_time,
  r.reported_at
FROM records.arrival AS r
JOIN ref.airline AS al USING (carrier)
