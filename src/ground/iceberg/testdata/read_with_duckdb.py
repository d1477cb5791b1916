"""Prints the rows of tables as DuckDB reads them: [--where FILTER] METADATA_JSON…

One JSON object a line, ordered by id; an empty line after each table.
"""
import argparse
import importlib.util
import json
import pathlib

import duckdb

parser = argparse.ArgumentParser()
parser.add_argument("--where", default="true")
parser.add_argument("metadata", nargs="+")
arguments = parser.parse_args()

connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "iceberg"):
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    (path,) = folder.rglob(f"{name}.duckdb_extension")
    connection.execute(f"LOAD '{path}'")
connection.execute("SET TimeZone = 'UTC'")


def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


for metadata in arguments.metadata:
    result = connection.execute(
        f"SELECT * FROM iceberg_scan('{metadata}') WHERE {arguments.where} ORDER BY id")
    for row in result.to_arrow_table().to_pylist():
        print(json.dumps({name: plain(value) for name, value in row.items()}))
    print()
