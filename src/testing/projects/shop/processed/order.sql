-- wh: table processed.order; key id; order reported_at; event at; known reported_at
-- wh: partition month(at); mode incremental; history keep
SELECT r.id, r.shop, s.city, r.amount, r.at, r.reported_at FROM records.order AS r JOIN ref.shop AS s USING (shop)
