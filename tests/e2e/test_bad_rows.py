"""A row that SQL cannot be run on goes into quarantine with its place; nothing else waits for it."""
import json
import pathlib

import pytest

from project import Project

PROJECT = "name: rows\nversion: 1\nsources:\n  o: { landing: landing/o/, format: jsonl }\n"
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: o
version: 1.0.0
status: active
schema:
  - name: o
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: a, logicalType: string }
      - { name: n, logicalType: integer }
"""
TABLE = "-- wh: table processed.%s; key %s\n%s\n"
LATEST = ("--- { feature_view: %s, version: 1, entity: { id: string }, source: processed.o, as_of: latest, "
          "features: { n: %s }, online: { fill: stream } }\n")


def make(folder, files):
    folder = pathlib.Path(folder)
    for path, text in {"weirhouse.yaml": PROJECT, "contracts/o.odcs.yaml": CONTRACT, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "landing/o").mkdir(parents=True)
    project = Project(folder)
    project.wh("init")
    project.apply()
    return project


def land(project, name, records):
    project.land("o", name, b"".join(json.dumps(record).encode() + b"\n" for record in records))


def reasons(project):
    return sorted(row["reason"] for row in project.rows("select reason from quarantine.o"))


def checked(project):
    """Counts close, and a rebuild gives the same: before and after it is made."""
    status = project.status()
    assert status["adds_up"], status
    project.wh("verify", "--rebuild")
    kept = reasons(project)
    project.wh("run", "--full")
    assert reasons(project) == kept
    assert {s: n for s, n in project.status()["states"].items() if n} == {s: n for s, n in status["states"].items() if n}
    project.wh("verify", "--rebuild")


# expression, a value that it takes, one that it does not, where in the line it fails
EXPRESSIONS = {
    "comma": ("CAST(r.a AS DECIMAL(10,2))", "1.25", "12,50", 1),
    "integer": ("r.a::INTEGER", "7", "7.x", 4),
    "bigint overflow": ("r.n * 1000", 1, 9223372036854775807, 5),
    "date": ("CAST(r.a AS DATE)", "2024-01-31", "31.01.2024", 1),
    "timestamp": ("CAST(r.a AS TIMESTAMP)", "2024-01-31 10:00:00", "yesterday", 1),
    "boolean": ("CAST(r.a AS BOOLEAN)", "true", "maybe", 1),
    "double": ("CAST(r.a AS DOUBLE)", "1e3", "1e3e", 1),
    "strptime": ("strptime(r.a, '%d.%m.%Y')", "31.01.2024", "2024-01-31", 1),
    "regexp": ("regexp_matches('x', r.a)", "x", "(", 1),
    "decimal": ("CAST(r.n AS DECIMAL(5,0))", 5, 100000, 1),
    "list": ("CAST(r.a AS INTEGER[])[1]", "[1, 2]", "[1, x]", 1),
    "guarded": ("CASE WHEN r.a = 'x' THEN 0 ELSE CAST(r.a AS INTEGER) END", "x", "y", 33),
    "tiny": ("CAST(r.a AS UTINYINT) + 0", "255", "256", 1),
    "root": ("sqrt(r.n)", 4, -1, 1),
    "division": ("ln(r.n) / 2", 4, 0, 1),
    "date part": ("make_date(2024, r.n, 1)", 12, 13, 1),
    "chr": ("chr(CAST(r.n AS INTEGER))", 65, -5, 1),
    "blob": ("CAST(r.a AS BLOB)::VARCHAR", "x", "\\x", 1),
}


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_kinds_of_failure(tmp_path, kind):
    expression, good, bad, column = EXPRESSIONS[kind]
    field = "n" if isinstance(good, int) else "a"
    sql = TABLE % ("o", "id", f"SELECT\n  r.id,\n  {expression} AS v\nFROM records.o AS r")
    project = make(tmp_path / "p", {"processed/o.sql": sql})
    land(project, "1.jsonl", [{"id": "1", field: good}, {"id": "2", field: bad}, {"id": "3", field: good}])
    told = project.wh("ingest").stderr
    assert f"processed/o.sql:4:{column + 2}" in told and "first o/1.jsonl:2, found " in told, told
    shown = f'"{bad}"' if field == "a" else str(bad)
    assert f"found {field} = {shown}: " in told, told  # the value, whatever the engine says of it
    assert [row["id"] for row in project.rows("select id from processed.o order by id")] == ["1", "3"]
    assert len(reasons(project)) == 1 and reasons(project)[0].startswith("WH2114 ")


def test_one_bad_value_stops_neither_rows_nor_tables_nor_views(tmp_path):
    files = {"processed/o.sql": TABLE % ("o", "id; order arrival", "SELECT r.id, r.n, CAST(r.a AS DECIMAL(10,2)) AS a FROM records.o AS r"),
             "processed/all.sql": TABLE % ("all", "id", "SELECT r.id, r.a FROM records.o AS r WHERE CAST(r.n AS TINYINT) % 7 <> 6"),
             "processed/chain.sql": TABLE % ("chain", "id", "SELECT o.id, CAST(o.a AS TINYINT) AS a FROM processed.o AS o"),
             "processed/sum.sql": TABLE % ("sum", "k; mode full", "SELECT length(r.id) AS k, sum(CAST(r.a AS INTEGER)) AS s FROM records.o AS r GROUP BY length(r.id)"),
             "features/f.yaml": LATEST % ("good", "latest") + LATEST % ("bad", "{ agg: latest, of: n * 1000000000000000000 }")}
    project = make(tmp_path / "p", files)
    land(project, "1.jsonl", [{"id": str(i), "a": "3", "n": i} for i in range(1, 9)])
    project.wh("ingest")
    land(project, "2.jsonl", [{"id": "x", "a": "12,5", "n": 1}, {"id": "y", "a": "300", "n": 1}, {"id": "z", "a": "4", "n": 1000}])
    told = project.wh("ingest").stderr
    assert "features/f.yaml:2" in told and "processed/o.sql:2:19" in told, told
    ids = {name: {row["id"] for row in project.rows(f"select id from processed.{name} where length(id) = 1 and id > '9'")}
           for name in ("o", "all", "chain")}
    assert ids == {"o": {"y", "z"}, "all": {"x", "y"}, "chain": {"z"}}
    assert project.rows("select s from processed.sum where k = 1") == [{"s": 8 * 3 + 300 + 4}]
    assert len(reasons(project)) == 5, reasons(project)
    shown = {f["name"]: f["status"] for f in project.json("feature", "get", "good@1", "bad@1", "id=z")["features"]}
    assert shown == {"good.n": "present", "bad.n": "not_found"}, shown
    checked(project)
    # a correction that is bad takes the old row with it, and one that is good brings it back
    land(project, "3.jsonl", [{"id": "1", "a": "3", "n": 50}])
    project.wh("ingest")
    assert project.json("feature", "get", "bad@1", "id=1")["features"][0]["status"] == "not_found"
    project.wh("verify", "--rebuild")
    # mended SQL takes all of them back
    for path in ("processed/o.sql", "processed/sum.sql", "processed/chain.sql", "processed/all.sql"):
        project.edit(path, ("CAST(", "TRY_CAST("))
    project.apply()
    states = project.status()["states"]
    assert states.get("quarantined", 0) == 0 and all(reason.startswith("WH4006") for reason in reasons(project))
    project.wh("verify", "--rebuild")


def test_a_sum_that_overflows_stands_alone(tmp_path):
    files = {"processed/o.sql": TABLE % ("o", "id", "SELECT r.id, r.n FROM records.o AS r"),
             "processed/sum.sql": TABLE % ("sum", "k; mode full", "SELECT 1 AS k, CAST(sum(r.n) AS BIGINT) AS s FROM records.o AS r"),
             "processed/next.sql": TABLE % ("next", "k", "SELECT s.k, s.s FROM processed.sum AS s")}
    project = make(tmp_path / "p", files)
    land(project, "1.jsonl", [{"id": "1", "n": 5}])
    project.wh("ingest")
    land(project, "2.jsonl", [{"id": "2", "n": 2**63 - 1}, {"id": "3", "n": 2**63 - 1}])
    told = project.wh("ingest").stderr
    assert "processed.sum stays as it is" in told and "WH2114" in told, told
    assert project.rows("select count(*) n from processed.o") == [{"n": 3}]
    assert project.rows("select s from processed.next") == [{"s": 5}]
    status = project.status()
    assert status["adds_up"] and any("processed.sum stays as it was" in note for note in status["notes"]), status
    # what computes tables anew goes around it
    assert "processed.sum stays as it was" in project.wh("verify", "--rebuild").stderr
    assert "processed.sum stays as it is" in project.wh("run", "--full").stderr
    project.edit("processed/o.sql", ("r.n FROM", "r.n, r.a FROM"))
    assert "processed.sum stays as it is" in project.apply().stderr
    assert "a" in project.rows("select * from processed.o limit 1")[0]
    assert project.rows("select s from processed.next") == [{"s": 5}] and project.status()["adds_up"]
    # but what is new is refused, and nothing is applied
    project.edit("processed/sum.sql", ("SELECT 1 AS k", "SELECT 2 AS k"))
    before = project.status()["commit"]
    assert "WH2114" in project.wh("apply", "--yes", code=2).stderr and project.status()["commit"] == before
    project.edit("processed/sum.sql", ("CAST(sum(r.n) AS BIGINT)", "sum(r.n)"))
    project.apply()
    assert not project.status()["notes"]
    assert project.rows("select s::varchar s from processed.next") == [{"s": str(2**64 - 2 + 5)}]
    project.wh("verify", "--rebuild")


def test_many_bad_rows_cost_one_more_query(tmp_path):
    sql = TABLE % ("o", "id", "SELECT r.id, CAST(r.a AS DECIMAL(10,2)) AS a FROM records.o AS r")
    project = make(tmp_path / "p", {"processed/o.sql": sql})
    land(project, "1.jsonl", [{"id": str(i), "a": "12,50" if i % 2 else "12.50"} for i in range(20_000)])
    project.wh("ingest", timeout=30)
    states = project.status()["states"]
    assert states["quarantined"] == 10_000 and states["processed"] == 10_000


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_correction_takes_the_bad_row_out_of_quarantine(tmp_path, form):
    files = {"weirhouse.yaml": PROJECT.replace("format: jsonl", f"format: {form}"),
             "processed/o.sql": TABLE % ("o", "id; order arrival", "SELECT r.id, r.n FROM records.o AS r"),
             "processed/chain.sql": TABLE % ("chain", "id", "SELECT o.id, CAST(o.n AS TINYINT) AS n FROM processed.o AS o"),
             "features/f.yaml": LATEST % ("bad", "{ agg: latest, of: n * 1000000000000000000 }")}
    project = make(tmp_path / "p", files)

    def take_in(name, n):
        data = f"id,n\n1,{n}\n" if form == "csv" else f'{{"id":"1","n":{n}}}\n'
        project.land("o", f"{name}.{form}", data.encode())
        return project.wh("ingest").stderr

    line = 2 if form == "csv" else 1
    told = take_in("1", 1000)
    assert told.count(f"first o/1.{form}:{line}, found n = 1000: ") == 2, told
    assert len(reasons(project)) == 2
    project.wh("verify", "--rebuild")
    # a line above moves the place, and changes nothing
    project.edit("processed/chain.sql", ("SELECT", "-- the small ones\nSELECT"))
    project.edit("features/f.yaml", ("---", "# the large ones\n---"))
    assert "no changes" in project.wh("plan").stdout
    project.wh("verify", "--rebuild")
    take_in("2", 7)
    assert reasons(project) == [] and project.status()["adds_up"] and not project.status()["notes"]
    project.wh("verify", "--rebuild")
    # new SQL tells what it cannot keep
    project.edit("processed/chain.sql", ("CAST(o.n AS TINYINT)", "CAST(o.n * 1000 AS TINYINT)"))
    assert f"first o/2.{form}:{line}, found n = 7: " in project.apply().stderr


def test_sql_of_a_gate_names_the_record_it_fails_on(tmp_path):
    files = {"processed/o.sql": TABLE % ("o", "id", "SELECT r.id, r.a FROM records.o AS r"),
             "gates/o.yaml": "gate: o\ntable: processed.o\nchecks:\n  - pair: { name: whole, expr: \"cast(a as integer) > 0\" }\n"}
    project = make(tmp_path / "p", files)
    land(project, "1.jsonl", [{"id": "1", "a": "1"}, {"id": "2", "a": "12,50"}])
    told = project.wh("ingest", code=3).stderr
    assert ("whole could not be judged: CAST(a AS INTEGER) at gates/o.yaml:4:" in told and
            'fails on 1 of 2 rows, the first is o/1.jsonl:2 with a = "12,50": ' in told), told
    run = project.json("ingest", code=3)["halted"]
    assert "12,50" in project.wh("gate", "show", run if isinstance(run, str) else run["run"]).stdout
