-- wh: table processed.plane; key tailnum; order arrival; mode full
--
-- A newer file wins: asked for by name, and `plan` says that this table depends on arrival order.
SELECT
  r.tailnum,
  r.year AS built,
  r.manufacturer,
  r.model,
  r.engines,
  r.seats
FROM records.plane AS r
