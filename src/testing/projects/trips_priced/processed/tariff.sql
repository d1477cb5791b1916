-- wh: table processed.tariff; key zone; order set_at; mode incremental
SELECT r.zone, r.price, r.set_at FROM records.tariff AS r
