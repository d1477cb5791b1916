"""Compares rows of an Arrow file with those pyiceberg reads: (METADATA_JSON ARROW_FILE)…

Prints the first difference of each table that has one, and nothing otherwise. Where the table is
partitioned, rows are also asked for by the value of their partition column: files that are filed
under a wrong partition value are then not found.
"""
import sys
import uuid

import pyarrow
from pyiceberg.expressions import EqualTo
from pyiceberg.table import StaticTable
from pyiceberg.types import UUIDType


def plain(value):
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def rows_of(table):
    return sorted((plain(row) for row in table.to_pylist()), key=lambda row: row["id"])


def check_filters(table, rows):
    for field in table.spec().fields:
        column = table.schema().find_column_name(field.source_id)
        if isinstance(table.schema().find_type(field.source_id), UUIDType):
            continue  # pyiceberg has no filter for them
        values = sorted({row[column] for row in rows if row[column] is not None})
        for value in values[::5]:
            wanted = [row for row in rows if row[column] == value]
            found = rows_of(table.scan(row_filter=EqualTo(column, value)).to_arrow())
            if found != wanted:
                print(f"{table.metadata_location}: {len(found)} rows have {column} = {value!r}, "
                      f"not {len(wanted)}")
                return


for metadata, file in zip(sys.argv[1::2], sys.argv[2::2]):
    table = StaticTable.from_metadata(metadata)
    theirs = rows_of(table.scan().to_arrow())
    ours = rows_of(pyarrow.ipc.open_file(file).read_all())
    if len(ours) != len(theirs):
        print(f"{metadata}: {len(ours)} rows instead of {len(theirs)}")
    for mine, their in zip(ours, theirs):
        if mine != their:
            column = next(name for name in their if mine.get(name) != their[name])
            print(f"{metadata}: row {mine['id']}: {column}: {mine.get(column)} instead of "
                  f"{their[column]}")
            break
    check_filters(table, theirs)
