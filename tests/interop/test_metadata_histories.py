"""Metadata that we write is read back identical, field by field, by pyiceberg's and Iceberg Java's parsers.

The histories are made by iceberg_test (src/ground/iceberg/update/metadata_history_test.cc): schemas, partition specs, sort orders,
snapshots, refs and statistics through the updates of the REST specification, mixed with writes of our own.
WEIRHOUSE_HISTORY_COUNT sets their number, 1,000 by default.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.typedef import IcebergBaseModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = ROOT / ".deps/java/rck"
COUNT = int(os.environ.get("WEIRHOUSE_HISTORY_COUNT", "1000"))


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """The last metadata file of each history, as text."""
    folder = tmp_path_factory.mktemp("histories")
    subprocess.run(
        [ROOT / "build/dev/bin/iceberg_test", "--gtest_filter=MetadataHistory.*"], check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "WEIRHOUSE_HISTORIES": str(folder), "WEIRHOUSE_HISTORY_COUNT": str(COUNT)})
    paths = (folder / "list").read_text().split()
    assert len(paths) == COUNT
    return folder, {path: pathlib.Path(path).read_text() for path in paths}


# What the specification lets a writer say in several ways, by member: the values that mean "absent".
ABSENT = {
    "current-snapshot-id": (None, -1), "refs": ({},), "snapshots": ([],), "snapshot-log": ([],), "metadata-log": ([],),
    "statistics": ([],), "partition-statistics": ([],), "properties": ({},), "identifier-field-ids": ([],),
    "sequence-number": (None, 0), "last-sequence-number": (None, 0), "encryption-keys": ([],),
}


def spelled(value, key=None):
    """`value` in one spelling: types without blanks, what is absent or empty left out."""
    if isinstance(value, dict):
        members = {name: spelled(member, name) for name, member in value.items()}
        return {name: member for name, member in members.items()
                if member is not None and not any(member == absent for absent in ABSENT.get(name, ()))}
    if isinstance(value, list):
        items = [spelled(item) for item in value]
        if key == "identifier-field-ids":
            return sorted(items)
        if key in ("statistics", "partition-statistics"):
            return sorted(items, key=lambda file: str(file["snapshot-id"]))
        return items
    if isinstance(value, str) and key in ("type", "element", "key", "value") and re.match(r"(decimal|fixed)[(\[]", value):
        return value.replace(" ", "")
    return value


def differences(ours, theirs, path=""):
    """Where two JSON values differ, as readable lines."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (mine, other) in enumerate(zip(ours, theirs)):
            yield from differences(mine, other, f"{path}[{i}]")
    elif ours != theirs or type(ours) is not type(theirs):
        yield f"{path}: ours {ours!r}, read back {theirs!r}"


def assert_same(written, read_back):
    found = {}
    for path, text in written.items():
        lines = list(differences(spelled(json.loads(text)), spelled(read_back[path])))
        if lines:
            found[path] = lines
    example = next(iter(found.items()), None)
    assert not found, f"{len(found)} of {len(written)} differ, the first: {example[0]}\n" + "\n".join(example[1][:20])


def test_histories_are_varied(histories):
    """A comparison of empty tables would prove nothing."""
    read = [json.loads(text) for text in histories[1].values()]
    assert {metadata["format-version"] for metadata in read} == {1, 2, 3}
    for key, least in {"schemas": 3, "partition-specs": 3, "sort-orders": 3, "snapshots": 5, "refs": 3,
                       "statistics": 2, "snapshot-log": 4, "metadata-log": 10}.items():
        assert max(len(metadata.get(key, [])) for metadata in read) >= least, key


def leaves(value, path=()):
    """Every path to a number, text or flag."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def test_any_changed_value_is_found(histories):
    """The comparison itself: each value of the longest history, changed alone."""
    text = max(histories[1].values(), key=len)
    paths = list(leaves(json.loads(text)))
    assert len(paths) > 300
    for path in paths:
        changed = json.loads(text)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = "other" if holder[path[-1]] != "other" else "another"
        assert any(differences(spelled(json.loads(text)), spelled(changed))), path


def test_pyiceberg_reads_back_what_we_wrote(histories):
    written = histories[1]
    # Version 3 it reads, but refuses to write: the base class prints what it read.
    assert_same(written, {path: json.loads(IcebergBaseModel.model_dump_json(TableMetadataUtil.parse_raw(text)))
                          for path, text in written.items()})


def test_java_reads_back_what_we_wrote(histories, tmp_path):
    if not JARS.is_dir():
        pytest.fail("Iceberg's jars are missing: run tools/fetch-jars rck")
    folder, written = histories
    out = tmp_path / "read"
    subprocess.run(["java", "-cp", f"{JARS}/*", ROOT / "tests/interop/MetadataReader.java", folder / "list", out],
                   check=True)
    lines = out.read_text().splitlines()
    assert len(lines) == len(written)
    assert_same(written, dict(zip(written, map(json.loads, lines))))
