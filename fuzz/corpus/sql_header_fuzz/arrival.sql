-- wh: table processed.arrival; key flight_id; order reported_at; event arrived_at; known reported_at     -- the last wins
-- wh: partition month(arrived_at); mode incremental; history keep
SELECT r.flight_id FROM records.arrival AS r JOIN ref.airline AS al USING (carrier)
