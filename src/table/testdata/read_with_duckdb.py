"""Prints the rows of a table as DuckDB reads them: METADATA_JSON [FILTER] → JSON lines by id."""
import importlib.util
import json
import pathlib
import sys

import duckdb

connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "iceberg"):
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    (path,) = folder.rglob(f"{name}.duckdb_extension")
    connection.execute(f"LOAD '{path}'")
connection.execute("SET TimeZone = 'UTC'")
where = f"WHERE {sys.argv[2]}" if len(sys.argv) > 2 else ""
result = connection.execute(f"SELECT * FROM iceberg_scan('{sys.argv[1]}') {where} ORDER BY id")


def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


for row in result.to_arrow_table().to_pylist():
    print(json.dumps({name: plain(value) for name, value in row.items()}))
