"""Prints the rows of tables as pyiceberg reads them: [--where FILTER] METADATA_JSON…

One JSON object a line, ordered by id; an empty line after each table.
"""
import argparse
import json

from pyiceberg.table import StaticTable

parser = argparse.ArgumentParser()
parser.add_argument("--where")
parser.add_argument("metadata", nargs="+")
arguments = parser.parse_args()


def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


for metadata in arguments.metadata:
    table = StaticTable.from_metadata(metadata)
    scan = table.scan(row_filter=arguments.where) if arguments.where else table.scan()
    for row in sorted(scan.to_arrow().to_pylist(), key=lambda r: r["id"]):
        print(json.dumps({name: plain(value) for name, value in row.items()}))
    print()
