-- wh: table processed.priced; key trip_id; event at; known known_at; mode full
SELECT l.trip_id, l.zone, l.twice + p.price AS total, l.at, l.known_at FROM processed.long_trip AS l JOIN processed.tariff AS p USING (zone)
