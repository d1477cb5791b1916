-- wh: table processed.t; key a, "b; order arrival
SELECT $$x$$, E'\n' /* c */ FROM processed."a""b" -- x