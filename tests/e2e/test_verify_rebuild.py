"""`wh verify --rebuild`: tables against a rebuild computed aside, as text and JSON, beside a daemon too."""
import contextlib
import hashlib
import json
import sqlite3

import pytest

from project import Project, wait_until

YAML = """name: chain
version: 1
clock: replay
sources:
  ev: { landing: landing/ev/, format: jsonl, contract: ev, batch: { by: name, pattern: '{date}' } }
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: ev
version: 1.0.0
status: active
schema:
  - name: ev
    logicalType: object
    properties:
      - { name: id, logicalType: integer, required: true }
      - { name: k, logicalType: string }
      - { name: o, logicalType: integer }
      - { name: v, logicalType: integer }
      - { name: at, logicalType: timestamp }
"""
TABLES = {
    "t1": ("key id; order o", "SELECT t.id, t.k, t.o, t.v, t.at FROM records.ev t"),
    "t2": ("key k; order o; event at; known at; history keep",
           "SELECT t.k, t.o, t.v, t.at FROM processed.t1 t WHERE t.v > 0"),
}
VIEW = """feature_view: sums
version: 1
entity: { k: string }
source: processed.t2
event_time: at
known_time: at
windows: [24h]
features: { n: { agg: count }, total: { agg: sum, of: v } }
online: { fill: stream }
"""


def lines(*rows):
    return "".join(json.dumps({"id": i, "k": k, "o": o, "v": v, "at": f"2013-01-01T{o:02d}:00:00Z"}) + "\n"
                   for i, k, o, v in rows).encode()


FIRST = lines((1, "a", 1, 5), (2, "a", 2, 7), (3, "b", 1, 1))
SECOND = lines((2, "c", 3, 8), (3, "b", 4, -1))


@pytest.fixture
def chain(tmp_path):
    project = Project(tmp_path / "chain")
    files = {"weirhouse.yaml": YAML, "contracts/ev.odcs.yaml": CONTRACT, "features/sums.yaml": VIEW}
    for name, (words, select) in TABLES.items():
        files[f"processed/{name}.sql"] = f"-- wh: table processed.{name}; {words}\n{select}\n"
    for path, text in files.items():
        file = project.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    project.wh("init")
    project.apply()
    return project


def named(report):
    return {table["table"]: table for table in report["tables"]}


def test_what_corrections_left_is_what_a_rebuild_gives(chain):
    chain.land("ev", "2013-01-01.jsonl", FIRST)
    chain.wh("ingest")
    chain.land("ev", "2013-01-02.jsonl", SECOND)
    chain.wh("ingest")
    assert chain.rows("select k, v from processed.t2 order by k") == [{"k": "a", "v": 5}, {"k": "c", "v": 8}]
    assert chain.rows("select count(*) as n from feature.sums_v1") == [{"n": 2}]
    before = chain.status()["commit"] if "commit" in chain.status() else None
    report = chain.json("verify", "--rebuild")
    assert report["same"] and report["notes"] == [] and report["states"] == []
    assert set(named(report)) == {"processed.t1", "processed.t2", "processed.t2_history", "feature.sums_v1"}
    assert report["online"][0]["questions"] > 0
    assert "what a rebuild gives" in chain.wh("verify", "--rebuild", "t2").stdout
    assert before is None or chain.status()["commit"] == before
    # The same beside a daemon that takes in what lands.
    with chain.serve():
        chain.land("ev", "2013-01-03.jsonl", lines((1, "c", 5, 2), (3, "d", 6, 3)))
        wait_until(lambda: chain.rows("select count(*) as n from processed.t2") == [{"n": 2}], 30, "the third day")
        wait_until(lambda: chain.json("verify", "--rebuild", code=None)["notes"] == [], 30, "features")
        assert chain.json("verify", "--rebuild")["same"]


def test_what_differs_is_named_by_its_key(chain):
    chain.land("ev", "2013-01-01.jsonl", FIRST)
    chain.wh("ingest")
    for path in (chain.folder / ".weirhouse/lake/raw/ev").rglob("*"):
        if path.is_file():  # as if it had arrived with another value
            path.chmod(0o644)
            path.write_bytes(path.read_bytes().replace(b'"v": 7', b'"v": 9'))
            with contextlib.closing(sqlite3.connect(chain.folder / ".weirhouse/catalog.db")) as catalog, catalog:
                catalog.execute("update object set digest = ? where digest = ?",
                                (hashlib.sha256(path.read_bytes()).hexdigest(), path.name))
    done = chain.wh("verify", "--rebuild", code=9)
    assert "id=2: v is 7, rebuilt 9" in done.stdout and "NOT what a rebuild gives" in done.stdout
    table = named(chain.json("verify", "--rebuild", "processed.t1", code=9))["processed.t1"]
    assert table["differing"] == 1
    assert table["first"][0]["key"] == {"id": 2}
    assert table["first"][0]["stored"]["v"] == 7 and table["first"][0]["rebuilt"]["v"] == 9
    assert "WH7020" in chain.wh("verify", "--rebuild", "processed.t9", code=6).stderr
    chain.wh("verify", "processed.t1", code=2)


def test_the_second_table_over_a_source_counts_no_states(tmp_path):
    project = Project(tmp_path / "two")
    for path, text in {"weirhouse.yaml": YAML, "contracts/ev.odcs.yaml": CONTRACT,
                       "processed/a.sql": "-- wh: table processed.a; key id; order arrival\nSELECT e.id, e.v FROM records.ev e\n",
                       "processed/b.sql": "-- wh: table processed.b; key id; order o\nSELECT e.id, e.o, e.v FROM records.ev e\n"}.items():
        (tmp_path / "two" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "two" / path).write_text(text)
    project.wh("init", "-q")
    (tmp_path / "two/landing/ev").mkdir(parents=True, exist_ok=True)
    (tmp_path / "two/landing/ev/2013-01-01.jsonl").write_bytes(FIRST + SECOND)
    project.wh("apply", "--yes")
    for table in ([], ["processed.a"], ["processed.b"]):
        project.wh("verify", "--rebuild", *table)
    counted = {table: json.loads(project.wh("verify", "--rebuild", table, "--json").stdout)["states_compared"]
               for table in ("processed.a", "processed.b")}
    assert counted["processed.a"] > 0 and counted["processed.b"] == 0, counted
