"""pyiceberg and DuckDB read the tables with the same rows as `wh sql`; nobody else writes them."""
import datetime
import json
import sqlite3

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from project import Project


@pytest.fixture(scope="module")
def evolved(tmp_path_factory, faulty_days, clean_days):
    """Upserts, corrections, then an optional column in the contract and in the table."""
    landing, _ = faulty_days
    project = Project.make(tmp_path_factory.mktemp("interop") / "flights")
    project.apply()
    project.land_all(landing)
    project.wh("run")
    project.edit("contracts/arrival.odcs.yaml", ("version: 1.0.0", "version: 1.1.0"),
                 ("      - name: reported_at\n",
                  "      - { name: gate_code, logicalType: string }\n      - name: reported_at\n"))
    project.edit("processed/arrival.sql", ("  r.reported_at\n", "  r.reported_at,\n  r.gate_code\n"))
    project.apply()
    lines = (clean_days / "arrival/2013-01-11.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    for number, record in enumerate(records):
        record["gate_code"] = f"C{number % 40}"
    project.land("arrival", "2013-01-11.jsonl", "".join(json.dumps(r) + "\n" for r in records).encode())
    project.wh("run")
    return project


def plain(value):
    if isinstance(value, datetime.datetime):
        value = value.astimezone(datetime.timezone.utc)
        return value.strftime("%Y-%m-%dT%H:%M:%S") + (f".{value.microsecond:06}".rstrip("0") if value.microsecond else "") + "Z"
    if isinstance(value, (bytes, bytearray)):
        try:    # as the command prints them
            return value.decode()
        except UnicodeDecodeError:
            return "0x" + value.hex()
    return value


def lines_of(table):
    names = [name for name in table.column_names if not name.startswith("_")]
    return sorted(json.dumps({k: plain(row[k]) for k in names}, sort_keys=True) for row in table.to_pylist())


def catalog_of(project):
    return SqlCatalog("weirhouse", uri=f"sqlite:///{project.folder}/.weirhouse/catalog.db",
                      warehouse=f"file://{project.folder}/.weirhouse/lake", init_catalog_tables="false")


def metadata_of(project, table):
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as db:
        return db.execute("select metadata_location from table_pointer where name = ?", [table]).fetchone()[0]


def text_rows(project, table):
    """Rows through `wh sql`."""
    return sorted(json.dumps({k: v for k, v in row.items() if not k.startswith("_")}, sort_keys=True)
                  for row in project.rows(f"select * from {table}"))


def test_pyiceberg_reads_the_same_rows(evolved):
    catalog = catalog_of(evolved)
    tables = evolved.tables("processed", "feature")
    assert len(tables) == 10
    for name in tables:
        assert lines_of(catalog.load_table(name).scan().to_arrow()) == text_rows(evolved, name), name


def test_duckdb_reads_the_same_rows(evolved):
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    load_extensions(db)
    for name in evolved.tables("processed", "feature"):
        found = db.sql(f"select * from iceberg_scan('{metadata_of(evolved, name)}')").to_arrow_table()
        assert lines_of(found) == text_rows(evolved, name), name


def load_extensions(db):
    import duckdb_extension_avro
    import duckdb_extension_iceberg
    for name, package in (("avro", duckdb_extension_avro), ("iceberg", duckdb_extension_iceberg)):
        folder = package.__path__[0]
        found = next(p for p in __import__("pathlib").Path(folder).rglob(f"{name}.duckdb_extension*"))
        db.execute(f"load '{found}'")


def test_old_and_new_files_answer_to_the_new_column(evolved):
    rows = catalog_of(evolved).load_table("processed.arrival").scan().to_arrow().to_pylist()
    coded = [row for row in rows if row["gate_code"] is not None]
    assert coded and len(coded) < len(rows)
    assert {row["arrived_at"].date().isoformat() for row in coded} == {"2013-01-11"}


def test_a_foreign_write_is_refused(evolved):
    before = evolved.digests()
    table = catalog_of(evolved).load_table("processed.plane")
    with pytest.raises(Exception) as refused:
        table.append(table.scan(limit=1).to_arrow())
    assert "view" in str(refused.value).lower() or "iceberg_tables" in str(refused.value)
    with pytest.raises(Exception):
        catalog_of(evolved).drop_table("processed.plane")
    assert evolved.digests() == before
    evolved.wh("verify", "--deep")


def test_a_breaking_change_is_refused(evolved):
    contract = evolved.folder / "contracts/arrival.odcs.yaml"
    text = contract.read_text()
    contract.write_text(text.replace("maximum: 2880", "maximum: 60").replace("version: 1.1.0", "version: 1.2.0"))
    try:
        evolved.wh("plan", code=4)
    finally:
        contract.write_text(text)
