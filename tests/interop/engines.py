"""The engines of the matrix behind one interface: each does things its own way, in its own words."""
import contextlib
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import EqualTo, In

from project import ROOT, environment

SPARK_JAR = ROOT / ".deps/java/spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar"
SPARK_PYTHON = ROOT / ".deps/spark/bin/python"
WAREHOUSE = "matrix"

SCHEMA = pa.schema([
    pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string()), pa.field("day", pa.date32()),
    pa.field("amount", pa.decimal128(9, 2)), pa.field("seen", pa.timestamp("us", tz="UTC")), pa.field("ratio", pa.float64()),
])
NOTE = pa.field("note", pa.string())


def make_rows(first, count, note=None):
    rows = []
    for number in range(first, first + count):
        row = {
            "id": number,
            "name": None if number % 7 == 3 else f"name {number % 13}",
            "day": datetime.date(2013, 1, 1) + datetime.timedelta(days=number % 40),
            "amount": decimal.Decimal(number * 37 % 100000).scaleb(-2),
            "seen": datetime.datetime(2013, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=number * 977, microseconds=number),
            "ratio": number / 8 - 3,
        }
        if note is not None:
            row["note"] = f"{note} {number}"
        rows.append(row)
    return rows


def plain(value):
    """One spelling for the values that engines spell differently."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, str) and len(value) >= 20 and value[4] == "-" and value[10] == "T" and value.endswith("Z"):
        return plain(datetime.datetime.fromisoformat(value.replace("Z", "+00:00")))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value


def normal(rows):
    """Rows as text, in one order; absent and null columns are the same."""
    lines = [json.dumps({key: plain(value) for key, value in row.items() if value is not None}, sort_keys=True) for row in rows]
    return sorted(lines)


def arrow(rows, schema=SCHEMA):
    if rows and "note" in rows[0]:
        schema = schema.append(NOTE)
    return pa.Table.from_pylist(rows, schema=schema)


def sql_literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, datetime.datetime):
        return f"TIMESTAMP '{value.strftime('%Y-%m-%d %H:%M:%S.%f')}+00:00'"
    if isinstance(value, datetime.date):
        return f"DATE '{value}'"
    if isinstance(value, decimal.Decimal):
        return f"CAST('{value}' AS DECIMAL(9, 2))"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def sql_values(rows, literal=sql_literal):
    return ", ".join("(" + ", ".join(literal(value) for value in row.values()) + ")" for row in rows)


class PyIceberg:
    name = "pyiceberg"
    transforms = ("identity", "bucket", "truncate", "year", "month", "day", "hour")

    def __init__(self, uri, token):
        self.catalog = load_catalog("x", type="rest", uri=uri, token=token, warehouse=WAREHOUSE)

    def create_namespace(self, name):
        self.catalog.create_namespace_if_not_exists(name)

    def create(self, table, partition=None):
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import parse_transform
        made = self.catalog.create_table(table, SCHEMA)
        if partition:
            transform, column = partition
            with made.update_spec() as update:
                update.add_field(column, parse_transform(transform), f"{column}_part")

    def table(self, name):
        return self.catalog.load_table(name)

    def append(self, table, rows):
        self.table(table).append(arrow(rows))

    def add_column(self, table):
        from pyiceberg.types import StringType
        with self.table(table).update_schema() as update:
            update.add_column("note", StringType())

    def delete(self, table, ids):
        self.table(table).delete(In("id", ids))

    def update(self, table, rows):
        self.table(table).upsert(arrow(rows), join_cols=["id"])

    def overwrite(self, table, rows):
        self.table(table).overwrite(arrow(rows))

    def read(self, table, snapshot=None, ref=None):
        loaded = self.table(table)
        if ref:
            snapshot = loaded.snapshot_by_name(ref).snapshot_id
        return loaded.scan(snapshot_id=snapshot).to_arrow().to_pylist()

    def close(self):
        self.catalog.close()

    def read_where_id(self, table, number):
        return self.table(table).scan(row_filter=EqualTo("id", number)).to_arrow().to_pylist()

    def tag(self, table, name, snapshot):
        self.table(table).manage_snapshots().create_tag(snapshot, name).commit()

    def branch(self, table, name, snapshot):
        self.table(table).manage_snapshots().create_branch(snapshot, name).commit()

    def snapshots(self, table):
        return [entry.snapshot_id for entry in self.table(table).history()]


class DuckDb:
    name = "duckdb"
    transforms = ()    # it appends to tables of any partitioning, and makes none of its own

    def __init__(self, uri, token):
        self.db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        for package, extension in ((duckdb_extension_httpfs, "httpfs"), (duckdb_extension_avro, "avro"), (duckdb_extension_iceberg, "iceberg")):
            path = next(pathlib.Path(package.__file__).parent.rglob(f"{extension}.duckdb_extension"))
            self.db.execute(f"LOAD '{path}'")
        self.db.execute("SET TimeZone = 'UTC'")
        self.db.execute(f"CREATE SECRET s (TYPE iceberg, TOKEN '{token}')")
        self.db.execute(f"ATTACH '{WAREHOUSE}' AS x (TYPE iceberg, ENDPOINT '{uri}', SECRET s, ACCESS_DELEGATION_MODE 'none')")

    def close(self):
        self.db.close()

    def sql(self, text):
        return self.db.execute(text).to_arrow_table().to_pylist()

    def create_namespace(self, name):
        self.db.execute(f"CREATE SCHEMA IF NOT EXISTS x.{name}")

    def create(self, table, partition=None):
        assert partition is None
        self.db.execute(f"CREATE TABLE x.{table} (id BIGINT NOT NULL, name VARCHAR, day DATE, amount DECIMAL(9, 2), "
                        "seen TIMESTAMPTZ, ratio DOUBLE)")

    def append(self, table, rows):
        self.db.execute(f"INSERT INTO x.{table} ({', '.join(rows[0])}) VALUES {sql_values(rows, self.literal)}")

    @staticmethod
    def literal(value):
        if isinstance(value, datetime.datetime):
            return f"TIMESTAMPTZ '{value.strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"
        return sql_literal(value)

    def add_column(self, table):
        self.db.execute(f"ALTER TABLE x.{table} ADD COLUMN note VARCHAR")

    def delete(self, table, ids):
        self.db.execute(f"DELETE FROM x.{table} WHERE id IN ({', '.join(map(str, ids))})")

    def update(self, table, rows):
        for row in rows:
            changes = ", ".join(f"{key} = {self.literal(value)}" for key, value in row.items() if key != "id")
            self.db.execute(f"UPDATE x.{table} SET {changes} WHERE id = {row['id']}")

    def read(self, table, snapshot=None, ref=None):
        at = f" AT (VERSION => {snapshot})" if snapshot else ""
        return self.sql(f"SELECT * FROM x.{table}{at}")

    def read_where_id(self, table, number):
        return self.sql(f"SELECT * FROM x.{table} WHERE id = {number}")


class Spark:
    name = "spark"
    transforms = ("identity", "bucket", "truncate", "year", "month", "day", "hour")
    WORDS = {"bucket[4]": "bucket(4, {})", "truncate[3]": "truncate(3, {})", "year": "years({})", "month": "months({})",
             "day": "days({})", "hour": "hours({})", "identity": "{}"}

    def __init__(self, uri, token):
        self.process = subprocess.Popen(
            [SPARK_PYTHON, pathlib.Path(__file__).with_name("spark_shell.py"), uri, token, WAREHOUSE, SPARK_JAR],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**environment(), "PYSPARK_PYTHON": str(SPARK_PYTHON)})
        while not self.process.stdout.readline().startswith('{"ready"'):
            if self.process.poll() is not None:
                raise RuntimeError("Spark did not start")

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)

    def sql(self, text):
        self.process.stdin.write(json.dumps({"sql": text}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):
            line = self.process.stdout.readline()
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["rows"]

    def create_namespace(self, name):
        self.sql(f"CREATE NAMESPACE IF NOT EXISTS x.{name}")

    def create(self, table, partition=None, mode="copy-on-write"):
        by = f" PARTITIONED BY ({self.WORDS[partition[0]].format(partition[1])})" if partition else ""
        self.sql(f"CREATE TABLE x.{table} (id BIGINT NOT NULL, name STRING, day DATE, amount DECIMAL(9, 2), seen TIMESTAMP, "
                 f"ratio DOUBLE) USING iceberg{by} TBLPROPERTIES ('write.delete.mode' = '{mode}', "
                 f"'write.update.mode' = '{mode}', 'write.merge.mode' = '{mode}')")

    def append(self, table, rows):
        self.sql(f"INSERT INTO x.{table} ({', '.join(rows[0])}) VALUES {sql_values(rows)}")

    def add_column(self, table):
        self.sql(f"ALTER TABLE x.{table} ADD COLUMN note STRING")

    def delete(self, table, ids):
        self.sql(f"DELETE FROM x.{table} WHERE id IN ({', '.join(map(str, ids))})")

    def update(self, table, rows):
        names = ", ".join(rows[0])
        changes = ", ".join(f"t.{key} = s.{key}" for key in rows[0] if key != "id")
        self.sql(f"MERGE INTO x.{table} t USING (SELECT * FROM VALUES {sql_values(rows)} AS v({names})) s ON t.id = s.id "
                 f"WHEN MATCHED THEN UPDATE SET {changes} WHEN NOT MATCHED THEN INSERT ({names}) VALUES "
                 f"({', '.join('s.' + key for key in rows[0])})")

    def overwrite(self, table, rows):
        names = ", ".join(rows[0])
        self.sql(f"INSERT OVERWRITE x.{table} SELECT {names} FROM VALUES {sql_values(rows)} AS v({names})")

    def read(self, table, snapshot=None, ref=None):
        at = f" VERSION AS OF {snapshot}" if snapshot else f" VERSION AS OF '{ref}'" if ref else ""
        return self.sql(f"SELECT * FROM x.{table}{at}")

    def read_where_id(self, table, number):
        return self.sql(f"SELECT * FROM x.{table} WHERE id = {number}")

    def tag(self, table, name, snapshot):
        self.sql(f"ALTER TABLE x.{table} CREATE TAG {name} AS OF VERSION {snapshot}")

    def branch(self, table, name, snapshot):
        self.sql(f"ALTER TABLE x.{table} CREATE BRANCH {name} AS OF VERSION {snapshot}")


ENGINES = {"pyiceberg": PyIceberg, "duckdb": DuckDb, "spark": Spark}
# Spark takes half a gigabyte to install: `make interop` asks for it, `make test` does without.
WRITERS = tuple(os.environ.get("WEIRHOUSE_ENGINES", "pyiceberg duckdb").split())
READERS = (*WRITERS, "weirhouse")


class Ours:
    """`wh sql`: reads tables of any engine."""
    name = "weirhouse"

    def __init__(self, project):
        self.project = project

    def read(self, table, snapshot=None, ref=None):
        at = ["--at", str(snapshot or ref)] if snapshot or ref else []
        rows = self.project.json("sql", f"select * from {table}", "--limit", "100000", *at)["rows"]
        for row in rows:
            if row.get("amount") is not None:
                row["amount"] = decimal.Decimal(str(row["amount"])).quantize(decimal.Decimal("0.01"))
        return rows

    def read_where_id(self, table, number):
        return [row for row in self.read(table) if row["id"] == number]
