-- wh: table processed.weather; key origin, observed_at; event observed_at; mode incremental
SELECT
  r.origin,
  r.time_hour AS observed_at,
  r.temp,
  r.dewp,
  r.humid,
  r.wind_dir,
  r.wind_speed,
  coalesce(r.wind_gust, r.wind_speed) AS wind_gust,
  r.precip,
  r.pressure,
  r.visib
FROM records.weather AS r
