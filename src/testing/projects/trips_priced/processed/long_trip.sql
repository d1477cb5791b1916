-- wh: table processed.long_trip; key trip_id; order known_at; event at; known known_at
-- wh: mode incremental; history keep
SELECT t.trip_id, t.zone, t.fare * 2 AS twice, t.at, t.known_at FROM processed.trips AS t WHERE t.fare > 20
