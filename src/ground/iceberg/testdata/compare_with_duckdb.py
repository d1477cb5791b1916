"""Compares rows of an Arrow file with those DuckDB reads: (METADATA_JSON ARROW_FILE)…

Prints the first difference of each table that has one, and nothing otherwise.
"""
import importlib.util
import pathlib
import re
import sys
import uuid

import duckdb
import pyarrow

UUID_TEXT = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "iceberg"):
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    (path,) = pathlib.Path(spec.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension")
    connection.execute(f"LOAD '{path}'")
connection.execute("SET TimeZone = 'UTC'")


def plain(value):
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str) and UUID_TEXT.fullmatch(value):
        return uuid.UUID(value).bytes  # DuckDB gives them out as text
    return value


def rows_of(table):
    return sorted((plain(row) for row in table.to_pylist()), key=lambda row: row["id"])


for metadata, file in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        theirs = rows_of(connection.execute(f"FROM iceberg_scan('{metadata}')").to_arrow_table())
    except duckdb.Error as error:
        print(f"{metadata}: {error}")
        continue
    ours = rows_of(pyarrow.ipc.open_file(file).read_all())
    if len(ours) != len(theirs):
        print(f"{metadata}: {len(ours)} rows instead of {len(theirs)}")
    for mine, their in zip(ours, theirs):
        if mine != their:
            column = next(name for name in their if mine.get(name) != their[name])
            print(f"{metadata}: row {mine['id']}: {column}: {mine.get(column)} instead of "
                  f"{their[column]}")
            break
