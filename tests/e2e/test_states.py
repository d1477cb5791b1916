"""What becomes of a record depends on the records, not on how they came; every count closes; every loser is named."""
import collections
import gzip
import json
import pathlib
import random
import shutil

import pytest

from project import Project

PROJECT = """name: states
version: 1
clock: replay
sources:
  ev: { landing: landing/ev/, format: jsonl, contract: ev, batch: { by: name, pattern: '{date}' } }
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: %s
version: %s
status: active
schema:
  - name: %s
    logicalType: object
    properties:
"""
FIELDS = """      - { name: id, logicalType: string }
      - { name: o, logicalType: integer, required: true }
      - { name: x, logicalType: number }
"""
LOST = {"duplicate", "conflict", "superseded"}


def contract(fields=FIELDS, name="ev", version="1.0.0"):
    return CONTRACT % (name, version, name) + fields


def table(header, name="ev", select="SELECT r.id, r.o, r.x FROM records.ev AS r"):
    return f"-- wh: table processed.{name}; {header}\n{select}\n"


def make(folder, files):
    folder = pathlib.Path(folder)
    for path, text in {"weirhouse.yaml": PROJECT, "contracts/ev.odcs.yaml": contract(), **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "landing/ev").mkdir(parents=True)
    project = Project(folder)
    project.wh("init")
    project.apply()
    return project


def lines(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def land(project, day, records, source="ev"):
    project.land(source, f"2024-01-{day:02d}.jsonl", lines(records))


def losers(project):
    """(table, record) -> (state, winner)"""
    return {(row["table"], row["record"]): (row["state"], row["winner"])
            for row in project.rows("select * from system.losers")}


def states(project):
    """The counted states; the sum must be right, and so must the names of those that lost."""
    status = project.status()
    assert status["adds_up"], status
    counts = {state: count for state, count in status["states"].items() if count}
    assert sum(counts.values()) + status["waiting_records"] == status["records"]
    return counts


def lost_counts(project, of="processed.ev"):
    return collections.Counter(state for (name, _), (state, _) in losers(project).items() if name == of)


def by_definition(records, ordered):
    """How many of each state: contents and orders of each key, and nothing else."""
    keys = collections.defaultdict(list)
    for record in records:
        keys[record["id"]].append((record["o"] if ordered else 0, record["o"], repr(record["x"])))
    counts = collections.Counter()
    for rows in keys.values():
        contents, orders = set(rows), {row[0] for row in rows}
        counts["processed"] += 1
        counts["duplicate"] += len(rows) - len(contents)
        counts["conflict"] += len(contents) - len(orders)
        counts["superseded"] += len(orders) - 1
    return {state: count for state, count in counts.items() if count}


HEADERS = {"order": ("key id; order o; mode incremental", True),
           "history": ("key id; order o; mode incremental; history keep", True),
           "no-order": ("key id; mode incremental", False),
           "full": ("key id; order o; mode full", True),
           "full-history": ("key id; order o; mode full; history keep", True)}


@pytest.mark.parametrize("kind", HEADERS)
def test_any_order_and_any_batches_end_in_the_same_states(tmp_path, kind):
    header, ordered = HEADERS[kind]
    dice = random.Random(kind)
    records = [{"id": dice.choice("ab"), "o": dice.randrange(3), "x": dice.choice([0.0, -0.0, 1.5])} for _ in range(14)]
    wanted = by_definition(records, ordered)
    contents = set()
    for attempt, days in enumerate((1, 14, 4)):
        dice.shuffle(records)
        project = make(tmp_path / str(attempt), {"processed/ev.sql": table(header)})
        step = -(-len(records) // days)
        for day in range(days):
            land(project, day + 1, records[day * step:(day + 1) * step])
            if day == 2:  # caches may go at any time
                shutil.rmtree(project.folder / ".weirhouse/kv")
            project.wh("run")
        assert states(project) == wanted
        assert lost_counts(project) == {state: count for state, count in wanted.items() if state in LOST}
        contents.add(project.digest("processed.ev"))
        before = losers(project)
        project.wh("verify", "--rebuild")
        project.wh("run", "--full")
        assert states(project) == wanted
        assert losers(project) == before
        contents.add(project.digest("processed.ev"))
    assert len(contents) == 1


@pytest.mark.parametrize("mode", ["full", "incremental", "incremental; history keep"])
def test_a_chain_names_its_losers_as_a_rebuild_does(tmp_path, mode):
    project = make(tmp_path / "p", {
        "processed/ev.sql": table("key id; order o; mode incremental"),
        "processed/next.sql": table(f"key g; order o; mode {mode}", "next",
                                    "SELECT CAST(e.x AS BIGINT) AS g, e.o, e.id FROM processed.ev AS e WHERE e.x < 9")})
    seen = set()
    for day, records in enumerate([
            [{"id": "a", "o": 1, "x": 1}, {"id": "b", "o": 1, "x": 1}, {"id": "d", "o": 0, "x": 1}],
            [{"id": "c", "o": 2, "x": 1}],                              # takes the group from a or b
            [{"id": "b", "o": 5, "x": 2}], [{"id": "c", "o": 6, "x": 9}],  # one leaves for another group, one for none
            [{"id": "a", "o": 7, "x": 2}], [{"id": "b", "o": 8, "x": 1}]]):
        land(project, day + 1, records)
        project.wh("run")
        before = losers(project)
        seen.add(tuple(sorted(lost_counts(project, "processed.next").items())))
        if day in (1, 3, 5):
            project.wh("run", "--full")
            assert losers(project) == before, day
            project.wh("verify", "--rebuild")
    assert len(seen) > 2


GATE = {"gates/ev.yaml": "gate: ev\ntable: processed.ev\nchecks:\n  - row_count: { between: [3, 1000] }\n"}
FIRST = [{"id": str(i), "o": 1, "x": 1.5} for i in range(5)]
SECOND = [{"id": "0", "o": 2, "x": 2.5}, {"id": "1", "o": 2, "x": 2.5}]  # supersede two; too few rows for the gate


@pytest.mark.parametrize("kind", HEADERS)
def test_an_overridden_batch_names_its_losers_as_one_that_passed(tmp_path, kind):
    files = {"processed/ev.sql": table(HEADERS[kind][0])}
    free = make(tmp_path / "free", files)
    gated = make(tmp_path / "gated", {**files, **GATE})
    if "full" in kind:
        gated.edit("gates/ev.yaml", ("between: [3, 1000]", "between: [6, 1000]"))
        gated.apply()
    for project in (free, gated):
        for day, records in enumerate((FIRST, SECOND, FIRST[:3])):
            land(project, day + 1, records)
            project.wh("run", code=None)
            for halted in project.status()["halted"]:
                assert project is gated
                assert losers(project) == ({} if day < 2 else losers_before)  # staged beside main
                project.wh("gate", "override", halted["run"], "--reason", "known")
            losers_before = losers(project)
    project = gated
    assert [run["state"] for run in project.rows("select state from system.runs where kind = 'override'")]
    assert losers(gated) == losers(free)
    older = "conflict" if kind == "no-order" else "superseded"
    assert states(gated) == states(free) == {"processed": 5, older: 2, "duplicate": 3}
    assert gated.wh("verify", "--deep").returncode == 0
    gated.wh("run", "--full")
    assert losers(gated) == losers(free) and states(gated) == states(free)


def test_a_discarded_batch_leaves_no_losers_and_its_records_are_excluded(tmp_path):
    project = make(tmp_path / "p", {"processed/ev.sql": table("key id; order o; mode incremental"), **GATE})
    land(project, 1, FIRST)
    project.wh("run")
    land(project, 2, SECOND + [{"id": None, "o": 2, "x": 1.0}, {"id": "7", "o": "two", "x": 1.0}])
    project.wh("run", code=3)
    project.wh("gate", "discard", project.status()["halted"][0]["run"], "--reason", "wrong")
    assert losers(project) == {}
    assert states(project) == {"processed": 5, "excluded": 3, "quarantined": 1}
    land(project, 3, FIRST[:4])
    project.wh("run", code=None)
    for halted in project.status()["halted"]:
        project.wh("gate", "override", halted["run"], "--reason", "repeats")
    assert states(project) == {"processed": 5, "excluded": 3, "quarantined": 1, "duplicate": 4}
    project.wh("run", "--full")
    assert states(project) == {"processed": 5, "excluded": 3, "quarantined": 1, "duplicate": 4}
    assert len(losers(project)) == 4


@pytest.mark.parametrize("point", ["processed.staged_table", "engine.publish.before_commit", "engine.publish.after_commit",
                                   "processed.committed", "processed.indexed"])
def test_a_crash_loses_no_loser_and_counts_none_twice(tmp_path, point):
    project = make(tmp_path / "p", {"processed/ev.sql": table("key id; order o; mode incremental")})
    for day, records in enumerate((FIRST, SECOND, FIRST[:3], SECOND[:1])):
        land(project, day + 1, records)
        project.wh("run", code=None, env={"WEIRHOUSE_FAILPOINT": point, "WEIRHOUSE_FAILPOINT_LOSE": "1"})
        project.wh("run")
    assert states(project) == {"processed": 5, "superseded": 2, "duplicate": 4}
    assert lost_counts(project) == {"superseded": 2, "duplicate": 4}
    project.wh("verify", "--rebuild")
    project.wh("verify", "--deep")


@pytest.mark.parametrize("point", ["processed.halted", "gate.overridden", "engine.publish.before_commit", "rebuild.committed"])
def test_a_crash_around_a_halt_or_a_rebuild_keeps_the_losers(tmp_path, point):
    project = make(tmp_path / "p", {"processed/ev.sql": table("key id; order o; mode incremental"), **GATE})
    crash = {"WEIRHOUSE_FAILPOINT": point, "WEIRHOUSE_FAILPOINT_LOSE": "1"}
    land(project, 1, FIRST)
    project.wh("run")
    land(project, 2, SECOND)
    project.wh("run", code=None, env=crash)
    project.wh("run", code=3)
    run = project.status()["halted"][0]["run"]
    project.wh("gate", "override", run, "--reason", "known", code=None, env=crash)
    for halted in project.status()["halted"]:
        project.wh("gate", "override", halted["run"], "--reason", "known")
    project.wh("run")
    wanted = losers(project)
    assert [state for state, _ in wanted.values()] == ["superseded"] * 2
    project.wh("run", "--full", code=None, env=crash)
    project.wh("run", "--full")
    assert losers(project) == wanted and states(project) == {"processed": 5, "superseded": 2}


def test_counts_close_where_several_tables_read_one_source_and_others_read_none(tmp_path):
    project = make(tmp_path / "p", {
        "weirhouse.yaml": PROJECT + "  lone: { landing: landing/lone/, format: jsonl, contract: lone }\n"
                                    "  sums: { landing: landing/sums/, format: jsonl, contract: sums }\n",
        "contracts/lone.odcs.yaml": contract(name="lone"), "contracts/sums.odcs.yaml": contract(name="sums"),
        "processed/ev.sql": table("key id; order o; mode incremental", select="SELECT r.id, r.o, r.x FROM records.ev AS r WHERE r.x > 0"),
        "processed/more.sql": table("key id; order o; mode incremental; history keep", "more"),
        "processed/sums.sql": table("key o; mode full", "sums", "SELECT r.o, count(r.x) AS n FROM records.sums AS r GROUP BY r.o")})
    dice = random.Random(5)
    for day in (1, 2, 3):
        for source in ("ev", "lone", "sums"):
            land(project, day, [{"id": dice.choice(["a", "b", "c", None]), "o": dice.randrange(3), "x": dice.choice([-1.0, 1.5])}
                                for _ in range(6)] + [{"id": "q", "o": "no"}], source)
        project.wh("run")
        before = states(project)
        for _ in range(2):
            project.wh("run", "--full")
            assert states(project) == before
    assert {name for name, _ in losers(project)} == {"processed.ev", "processed.more"}


def test_every_system_table_that_is_listed_can_be_read(tmp_path):
    project = make(tmp_path / "p", {"processed/ev.sql": table("key id; order o; mode incremental")})
    names = [name for name in project.wh("names", "table").stdout.split() if name.startswith("system.")]
    assert "system.losers" in names and len(names) == len(set(names))
    assert project.rows("select * from system.losers") == []  # before there is one
    land(project, 1, FIRST)
    land(project, 2, SECOND)
    project.wh("run")
    listed = {entry["table"] for entry in project.status()["tables"] if entry["table"].startswith("system.")}
    for name in sorted(listed | set(names)):
        assert project.rows(f"select count(*) as n from {name}")[0]["n"] >= 0
    assert project.rows("select l.state, r.kind from system.losers l join system.runs r using (run)") == [
        {"state": "superseded", "kind": "processed"}] * 2
    first = project.rows("select min(\"commit\") as c from system.commits where layer = 'processed'")[0]["c"]
    assert project.json("sql", "select * from system.losers", "--at", str(first))["rows"] == []


def test_records_are_decoded_under_the_version_they_came_with(tmp_path):
    project = make(tmp_path / "p", {"processed/ev.sql": table("key id; order o; mode incremental")})
    land(project, 1, [{"id": str(i), "o": 1} for i in range(10)])
    project.wh("run")
    project.edit("contracts/ev.odcs.yaml", ("version: 1.0.0", "version: 2.0.0"),
                 ("{ name: x, logicalType: number }", "{ name: x, logicalType: number, required: true }\n"
                  "      - { name: y, logicalType: integer, customProperties: [{ property: whDefault, value: 7 }] }"))
    project.apply()
    land(project, 2, [{"id": "n", "o": 1}, {"id": "m", "o": 1, "x": 2.5, "y": 1}])
    project.wh("run")
    wanted = [{"y": 1, "n": 1}, {"y": 7, "n": 10}]
    assert project.rows("select y, count(*) as n from records.ev group by y order by y") == wanted
    assert states(project) == {"processed": 11, "quarantined": 1}
    project.wh("run", "--full")
    assert project.rows("select count(*) as n from processed.ev") == [{"n": 11}]
    assert project.rows("select count(*) as n from records.ev where x is null") == [{"n": 10}]


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "csv", "csv.gz"])
def test_minus_zero_keeps_its_sign_in_a_number(tmp_path, form):
    project = make(tmp_path / "p", {"weirhouse.yaml": PROJECT.replace("jsonl", form.split(".")[0]),
                                    "processed/ev.sql": table("key id; mode incremental")})
    data = (b"id,o,x\na,-0,-0\nb,0,-0.0\nc,0,0\n" if form.startswith("csv") else
            b'{"id":"a","o":-0,"x":-0}\n{"id":"b","o":0,"x":-0.0}\n{"id":"c","o":0,"x":0}\n')
    project.land("ev", f"2024-01-01.{form}", gzip.compress(data) if form.endswith("gz") else data)
    project.wh("run")
    for name in ("records.ev", "processed.ev"):
        rows = project.rows(f"select id, signbit(x) as negative, o from {name} order by id")
        assert [(row["id"], row["negative"], row["o"]) for row in rows] == [("a", True, 0), ("b", True, 0), ("c", False, 0)]


def test_which_zero_stands_does_not_depend_on_which_came_first(tmp_path):
    seen = set()
    for name, order in (("ab", (-0.0, 0.0)), ("ba", (0.0, -0.0))):
        project = make(tmp_path / name, {
            "processed/ev.sql": table("key id; order o; mode incremental; history keep"),
            "processed/low.sql": table("key id; mode full", "of_low", "SELECT r.id, min(r.x) AS low, max(r.x) AS high, "
                                       "CAST(min(r.x) AS VARCHAR) AS told FROM records.ev AS r GROUP BY r.id"),
            "processed/each.sql": table("key id; mode full", "of_each", "SELECT DISTINCT r.id, r.x FROM records.ev AS r")})
        for day, x in enumerate(order):
            land(project, day + 1, [{"id": "k", "o": 1, "x": x}])
            project.wh("run")
        states_of = states(project)
        assert states_of == {"processed": 1, "conflict": 1}
        texts = [project.wh("sql", "--csv", f"select *, signbit({column}) as s from processed.{of}").stdout
                 for of, column in (("ev", "x"), ("of_low", "low"), ("of_each", "x"))]
        texts.append(project.wh("sql", "--csv", "select x, signbit(x) as s from processed.ev_history order by s").stdout)
        seen.add(tuple(texts))
        project.wh("run", "--full")
        assert states(project) == states_of
    assert len(seen) == 1
