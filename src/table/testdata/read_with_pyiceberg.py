"""Prints the rows of a table as pyiceberg reads them: METADATA_JSON [FILTER] → JSON lines by id."""
import json
import sys

from pyiceberg.table import StaticTable


def plain(value):
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


table = StaticTable.from_metadata(sys.argv[1])
scan = table.scan(row_filter=sys.argv[2]) if len(sys.argv) > 2 else table.scan()
rows = [{k: plain(v) for k, v in row.items()} for row in scan.to_arrow().to_pylist()]
for row in sorted(rows, key=lambda r: r["id"]):
    print(json.dumps(row))
