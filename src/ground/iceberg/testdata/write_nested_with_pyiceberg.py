"""Writes tables for our Scan to read: FOLDER → JSON {name: metadata} on standard output.

partitioned    one table for each transform, every primitive type
nested         structs, lists, maps; then fields added, renamed, dropped and added again inside them
mapped         a Parquet file without field ids, found by the table's name mapping
version_one    the same rows, format version 1
"""
import datetime
import decimal
import json
import pathlib
import sys
import uuid

import pyarrow
import pyarrow.parquet
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (BucketTransform, DayTransform, HourTransform, IdentityTransform,
                                  MonthTransform, TruncateTransform, YearTransform)
from pyiceberg.types import (BinaryType, BooleanType, DateType, DecimalType, DoubleType, FixedType,
                             FloatType, IntegerType, ListType, LongType, MapType, NestedField,
                             StringType, StructType, TimestampType, TimestamptzType, TimeType,
                             UUIDType)

folder = pathlib.Path(sys.argv[1])
(folder / "warehouse").mkdir(parents=True, exist_ok=True)
catalog = SqlCatalog("test", uri=f"sqlite:///{folder}/catalog.db",
                     warehouse=f"file://{folder}/warehouse")
catalog.create_namespace("foreign")
answers = {}


def keep(table):
    answers[table.name()[-1]] = catalog.load_table(table.name()).metadata_location


flat = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "name", StringType()),
    NestedField(3, "at", TimestamptzType()),
    NestedField(4, "here", TimestampType()),
    NestedField(5, "on", DateType()),
    NestedField(6, "clock", TimeType()),
    NestedField(7, "price", DecimalType(9, 2)),
    NestedField(8, "raw", BinaryType()),
    NestedField(9, "four", FixedType(4)),
    NestedField(10, "key", UUIDType()),
    NestedField(11, "small", IntegerType()),
    NestedField(12, "share", FloatType()),
    NestedField(13, "delay", DoubleType()),
    NestedField(14, "ok", BooleanType()),
    identifier_field_ids=[1],
)


def flat_row(i):
    if i % 5 == 4:
        return {"id": i}
    at = datetime.datetime(2013, 1, 1) + datetime.timedelta(days=i * 37 - 60, microseconds=i)
    return {"id": i, "name": f"näme-{i}", "at": at.replace(tzinfo=datetime.timezone.utc), "here": at,
            "on": at.date(), "clock": at.time(), "price": decimal.Decimal(i * 77 - 200) / 100,
            "raw": bytes([i] * 5), "four": bytes([i] * 4), "key": uuid.UUID(int=i * 2**90 + 1).bytes,
            "small": i * 9 - 30, "share": i / 4, "delay": i / 8, "ok": i % 2 == 0}


def rows_of(schema, rows):
    return pyarrow.Table.from_pylist(rows, schema=schema_to_pyarrow(schema, include_field_ids=False))


partitions = {
    "bucket_name": (2, BucketTransform(4)), "bucket_id": (1, BucketTransform(3)),
    "bucket_key": (10, BucketTransform(3)), "bucket_price": (7, BucketTransform(3)),
    "truncate_name": (2, TruncateTransform(3)), "truncate_small": (11, TruncateTransform(10)),
    "truncate_price": (7, TruncateTransform(50)), "year_at": (3, YearTransform()),
    "month_on": (5, MonthTransform()), "day_here": (4, DayTransform()), "hour_at": (3, HourTransform()),
    "identity_price": (7, IdentityTransform()), "identity_on": (5, IdentityTransform()),
}
for name, (source, transform) in partitions.items():
    spec = PartitionSpec(PartitionField(source, 1000, transform, "p"))
    order = SortOrder(SortField(source, BucketTransform(2) if source == 2 else IdentityTransform(),
                                SortDirection.DESC, NullOrder.NULLS_LAST))
    table = catalog.create_table(f"foreign.{name}", flat, partition_spec=spec, sort_order=order)
    table.append(rows_of(flat, [flat_row(i) for i in range(12)]))
    table.append(rows_of(flat, [flat_row(i) for i in range(12, 20)]))
    keep(table)

table = catalog.create_table("foreign.version_one", flat, properties={"format-version": "1"})
table.append(rows_of(flat, [flat_row(i) for i in range(20)]))
keep(table)

point = StructType(NestedField(20, "x", IntegerType()), NestedField(21, "y", FloatType()),
                   NestedField(22, "label", StringType()))
nested = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "where", point),
    NestedField(3, "tags", ListType(30, StringType(), element_required=False)),
    NestedField(4, "counts", MapType(40, StringType(), 41, IntegerType(), value_required=False)),
    NestedField(5, "trail", ListType(50, StructType(NestedField(51, "t", TimestamptzType()),
                                                    NestedField(52, "v", DecimalType(5, 1))),
                                     element_required=False)),
)


def nested_row(i):
    if i % 6 == 5:
        return {"id": i}
    at = datetime.datetime(2013, 1, 1, tzinfo=datetime.timezone.utc)
    return {"id": i,
            "where": None if i % 4 == 3 else {"x": i, "y": i / 2, "label": None if i % 3 == 0 else f"L{i}"},
            "tags": [f"t{k}" if k % 2 == 0 else None for k in range(i % 4)],
            "counts": [(f"k{k}", k if k != 1 else None) for k in range(i % 3)],
            "trail": [{"t": at + datetime.timedelta(hours=k), "v": decimal.Decimal(k) / 10}
                      for k in range(i % 3)] + ([None] if i % 2 else [])}


table = catalog.create_table("foreign.nested", nested)
nested = table.schema()  # with the ids that the catalog gave
table.append(rows_of(nested, [nested_row(i) for i in range(20)]))
keep(table)
with table.update_schema() as update:
    update.add_column(("where", "z"), DoubleType())
    update.rename_column("where.label", "title")
    update.update_column(("where", "x"), field_type=LongType())
    update.update_column(("where", "y"), field_type=DoubleType())
    update.update_column(("counts", "value"), field_type=LongType())
    update.update_column(("trail", "element", "v"), field_type=DecimalType(7, 1))
    update.add_column(("trail", "element", "note"), StringType())
    update.add_column("extra", StructType(NestedField(90, "a", IntegerType())))
table = catalog.load_table("foreign.nested")
with table.update_schema(allow_incompatible_changes=True) as update:
    update.delete_column(("where", "title"))
table = catalog.load_table("foreign.nested")
with table.update_schema() as update:
    update.add_column(("where", "title"), StringType())  # another field of the same name
    update.move_first(("where", "title"))
table = catalog.load_table("foreign.nested")
answers["nested_evolved"] = table.metadata_location
table.append(rows_of(table.schema(), [
    {"id": 100 + i, "where": {"title": f"T{i}", "x": 2**40 + i, "y": i / 3, "z": i / 7},
     "tags": [], "counts": [("a", 2**41)], "trail": [{"t": None, "v": decimal.Decimal("123456.5"), "note": "n"}],
     "extra": {"a": i}} for i in range(5)]))
answers["nested_evolved_appended"] = catalog.load_table("foreign.nested").metadata_location

table = catalog.create_table("foreign.mapped", nested)
# Without a null list of structs, which pyiceberg reads as an empty one.
plain = rows_of(nested, [nested_row(i) for i in range(20) if i % 6 != 5])
path = f"{folder}/warehouse/plain.parquet"
pyarrow.parquet.write_table(plain, path)
table.add_files([f"file://{path}"])
with table.update_schema() as update:
    update.rename_column("tags", "labels")
    update.rename_column("where.label", "title")
    update.add_column("late", StringType())
keep(table)
json.dump(answers, sys.stdout)
