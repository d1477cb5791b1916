"""Writes tables for our Scan to read: FOLDER → JSON {name: {metadata, rows}} on standard output.

appended       partitioned by origin, two appends, one added column
deleted        a delete that pyiceberg does by rewriting files
merge_on_read  position and equality delete files, written by hand: pyiceberg writes none
"""
import datetime
import json
import pathlib
import sys

import pyarrow
import pyarrow.parquet
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (DataFile, DataFileContent, FileFormat, ManifestContent,
                                ManifestEntry, ManifestEntryStatus, ManifestWriterV2,
                                write_manifest_list)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, AssertRefSnapshotId, SetSnapshotRefUpdate
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestamptzType

UTC = datetime.timezone.utc
folder = pathlib.Path(sys.argv[1])
(folder / "warehouse").mkdir(parents=True, exist_ok=True)
catalog = SqlCatalog("test", uri=f"sqlite:///{folder}/catalog.db",
                     warehouse=f"file://{folder}/warehouse")
catalog.create_namespace("foreign")
schema = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "origin", StringType(), required=False),
    NestedField(3, "at", TimestamptzType(), required=False),
    NestedField(4, "delay", DoubleType(), required=False),
)
arrow_schema = pyarrow.schema([
    pyarrow.field("id", pyarrow.int64(), nullable=False), ("origin", pyarrow.string()),
    ("at", pyarrow.timestamp("us", tz="UTC")), ("delay", pyarrow.float64())])


def rows(first, count):
    return pyarrow.Table.from_pylist(
        [{"id": i, "origin": None if i % 5 == 0 else f"O{i % 3}",
          "at": datetime.datetime(2013, 1 + i % 3, 1 + i % 28, tzinfo=UTC), "delay": i / 4}
         for i in range(first, first + count)], schema=arrow_schema)


def answer(table):
    table = catalog.load_table(table.name())
    listed = table.scan().to_arrow().to_pylist()
    return {"metadata": table.metadata_location, "ids": sorted(r["id"] for r in listed)}


answers = {}
spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "origin"))
table = catalog.create_table("foreign.appended", schema, partition_spec=spec)
table.append(rows(0, 20))
with table.update_schema() as update:
    update.add_column("note", StringType())
table.append(rows(20, 10).append_column("note", pyarrow.array([f"n{i}" for i in range(20, 30)])))
answers["appended"] = answer(table)

table = catalog.create_table("foreign.deleted", schema)
table.append(rows(0, 20))
table.delete("id < 7")
answers["deleted"] = answer(table)


class DeleteManifestWriter(ManifestWriterV2):
    def content(self):
        return ManifestContent.DELETES

    @property
    def _meta(self):
        return {**super()._meta, "content": "deletes"}


def local(location):
    return pathlib.Path(location.removeprefix("file://"))


def delete_file(table, name, content, arrow_rows, field_ids, equality_ids=None):
    """A Parquet file of deletes, as a foreign engine leaves it."""
    fields = [field.with_metadata({"PARQUET:field_id": str(i)})
              for field, i in zip(arrow_rows.schema, field_ids)]
    path = f"{table.location()}/data/{name}.parquet"
    pyarrow.parquet.write_table(arrow_rows.cast(pyarrow.schema(fields)), local(path))
    return DataFile.from_args(
        content=content, file_path=path, file_format=FileFormat.PARQUET, partition=Record(),
        record_count=arrow_rows.num_rows, file_size_in_bytes=local(path).stat().st_size,
        column_sizes={}, value_counts={}, null_value_counts={}, nan_value_counts={},
        lower_bounds={}, upper_bounds={}, key_metadata=None, split_offsets=None,
        equality_ids=equality_ids, sort_order_id=None, spec_id=0)


def commit_deletes(name, number, files):
    """A snapshot of merge-on-read deletes: pyiceberg's own commit has no way to make one."""
    table = catalog.load_table(name)
    parent = table.current_snapshot()
    snapshot_id = 4_611_686_018_427_387_904 + number  # beyond 2^53, as ids are
    sequence_number = table.metadata.last_sequence_number + 1
    output = table.io.new_output(f"{table.location()}/metadata/deletes-{number}-m0.avro")
    writer = DeleteManifestWriter(table.spec(), table.schema(), output, snapshot_id, "deflate")
    with writer:
        for file in files:
            writer.add_entry(ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, sequence_number=None,
                file_sequence_number=None, data_file=file))
    manifests = parent.manifests(table.io) + [writer.to_manifest_file()]
    list_path = f"{table.location()}/metadata/snap-{snapshot_id}-0-deletes.avro"
    with write_manifest_list(2, table.io.new_output(list_path), snapshot_id, parent.snapshot_id,
                             sequence_number, "deflate") as list_writer:
        list_writer.add_manifests(manifests)
    snapshot = Snapshot(
        snapshot_id=snapshot_id, parent_snapshot_id=parent.snapshot_id,
        sequence_number=sequence_number, timestamp_ms=parent.timestamp_ms + 1,
        manifest_list=list_path, schema_id=table.schema().schema_id,
        summary=Summary(Operation.DELETE, **{"total-data-files": "1"}))
    catalog.commit_table(
        table, (AssertRefSnapshotId(ref="main", snapshot_id=parent.snapshot_id),),
        (AddSnapshotUpdate(snapshot=snapshot),
         SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id)))


name = "foreign.merge_on_read"
table = catalog.create_table(name, schema)
table.append(rows(0, 20))
(first,) = [task.file.file_path for task in catalog.load_table(name).scan().plan_files()]
commit_deletes(name, 1, [
    delete_file(table, "positions", DataFileContent.POSITION_DELETES,
                pyarrow.table({"file_path": [first, first], "pos": [0, 3]}),
                (2147483546, 2147483545)),
    delete_file(table, "by-id", DataFileContent.EQUALITY_DELETES,
                pyarrow.table({"id": pyarrow.array([5, 6, 100], pyarrow.int64())}), (1,), [1]),
])
catalog.load_table(name).append(rows(5, 2))  # newer than the deletes: 5 and 6 are there again
catalog.load_table(name).append(rows(30, 3))
commit_deletes(name, 2, [
    delete_file(table, "by-origin", DataFileContent.EQUALITY_DELETES,
                pyarrow.table({"origin": pyarrow.array([None], pyarrow.string())}), (2,), [2]),
])
gone = {0, 3} | {i for i in range(0, 33) if i % 5 == 0}
answers["merge_on_read"] = {
    "metadata": catalog.load_table(name).metadata_location,
    "ids": sorted(i for i in [*range(0, 20), *range(30, 33)] if i not in gone)}
json.dump(answers, sys.stdout)
