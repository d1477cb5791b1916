"""Compares metadata files as pyiceberg understands them: (METADATA_JSON METADATA_JSON)…

Prints the first member in which a pair differs, and nothing otherwise.
"""
import pathlib
import sys

from pyiceberg.table.metadata import TableMetadataUtil


def read(location):
    text = pathlib.Path(location.removeprefix("file://")).read_text()
    members = TableMetadataUtil.parse_raw(text).model_dump()
    members["location"] = members["location"].removeprefix("file://")  # one spelling for one place
    return members


for first, second in zip(sys.argv[1::2], sys.argv[2::2]):
    one, other = read(first), read(second)
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            print(f"{first}: {key}: {one.get(key)!r} became {other.get(key)!r}")
            break
