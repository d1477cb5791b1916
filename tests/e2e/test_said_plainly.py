"""What a verb cannot do it refuses, and what is not read is named."""
import datetime
import json

import pytest

from project import Project

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: v, logicalType: integer }
      - { name: at, logicalType: timestamp, required: true }
"""
FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n  t: { landing: landing/t/, after: delete }\n",
    "contracts/t.odcs.yaml": CONTRACT,
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at\nSELECT r.id, r.v, r.at FROM records.t AS r\n",
}
GATE = "gate: t\ntable: processed.t\nchecks:\n  - range: { column: v, max: 100 }\n"
SET = ("training_set: d\nspine: select id, \"at\", v > 1 as y from processed.t\ntime: at\nlabel: y\n"
       "features: ['f@1:*']\nsplit: { by: time, train: 60%, valid: 20%, test: 20% }\n")
VIEW = ("feature_view: f\nversion: 1\nentity: { id: string }\nsource: processed.t\nevent_time: at\nknown_time: at\n"
        "windows: [1d]\nfeatures:\n  n: { agg: count }\n")


@pytest.fixture
def lab(tmp_path):
    project = Project(tmp_path / "lab")
    for path, text in FILES.items():
        project.write(path, text)
    project.wh("init")
    project.apply()
    project.land("t", "1.jsonl", json.dumps({"id": "a", "v": 1, "at": "2024-01-01T00:00:00Z"}).encode() + b"\n")
    project.wh("ingest")
    return project


@pytest.mark.parametrize("words", [
    "token create --name y --role reader --on processed", "token new", "token revoke x", "table tag processed.t zz 1",
    "table compact processed.t", "train-set build d", "model train m", "model deploy m#1", "predict m id=a", "demo-data",
    "reproduce m#1", "serve", "staging open processed.t"])
def test_a_dry_run_acts_nowhere(lab, words):
    before = lab.status()["commit"]
    assert "--dry-run" in lab.wh(*words.split(), "--dry-run", code=2).stderr
    assert lab.status()["commit"] == before
    assert "--dry-run" not in lab.wh("model", "train", "--help").stdout
    assert "--dry-run" in lab.wh("ingest", "--help").stdout


@pytest.mark.parametrize("words", ["table list", "table show processed.t", "table history processed.t", "status", "quarantine list",
                                   "trace processed.t:a", "verify", "run --full", "train-set build d"])
def test_a_verb_that_cannot_look_back_refuses_to(lab, words):
    assert "has no --at" in lab.wh(*words.split(), "--at", "1", code=2).stderr


def test_two_of_one_name_are_refused(lab):
    lab.write("features/f.yaml", VIEW)
    for folder, text, kind in (("gates", GATE, "gate"), ("training_sets", SET, "training set")):
        lab.write(f"{folder}/one.yaml", text)
        lab.wh("validate")
        lab.write(f"{folder}/two.yaml", text)
        told = lab.wh("validate", code=2).stderr
        assert f'the {kind} "' in told and "is defined twice" in told and f"{folder}/two.yaml:" in told
        (lab.folder / folder / "two.yaml").unlink()


def test_a_file_that_is_not_read_is_named(lab):
    for path in ("gates/t.yml", "gates/sub/u.yaml", "contracts/other.yaml", "processed/old/x.sql"):
        lab.write(path, GATE)
    lab.write("gates/README.md", "of gates\n")
    lab.write("gates/.hidden.yml", GATE)
    notes = lab.json("validate")["notes"]
    assert [note.split(" ")[0] for note in notes if "is not read" in note] == [
        "contracts/other.yaml", "processed/old/x.sql", "gates/sub/u.yaml", "gates/t.yml"]
    assert "gates/t.yml is not read" in lab.wh("plan").stderr


def test_no_empty_catalog_takes_the_place_of_one_that_is_gone(lab):
    kept = {path.name: path.read_bytes() for path in (lab.folder / ".weirhouse").glob("catalog.db*")}
    for name in kept:
        (lab.folder / ".weirhouse" / name).unlink()
    for words in (("status",), ("init",), ("sql", "select 1")):
        told = lab.wh(*words, code=11).stderr
        assert "WH8007" in told and "restore it from a copy" in told
    for name, data in kept.items():
        (lab.folder / ".weirhouse" / name).write_bytes(data)
    assert lab.rows("select count(*) as n from processed.t") == [{"n": 1}]


def record(name, v, day):
    return json.dumps({"id": name, "v": v, "at": f"{day}T00:00:00Z"}) + "\n"


def test_the_ingest_line_counts_corrections_as_changes_of_all_records(lab):
    lab.land("t", "2.jsonl", record("b", 1, "2024-01-01").encode())
    assert "1 records = 1 processed" in lab.wh("ingest").stdout
    lab.land("t", "3.jsonl", record("b", 2, "2024-01-02").encode())
    assert "1 records; in all +0 processed, +1 superseded" in lab.wh("ingest").stdout


def test_an_additive_change_wants_a_version_and_breaks_nobody(lab):
    lab.edit("contracts/t.odcs.yaml", ("logicalType: integer }", "logicalType: integer }\n      - { name: w, logicalType: string }"))
    told = lab.json("plan", code=4)["error"]
    assert (told["code"], told["hint"]) == ("WH1121", "raise the version to 1.1.0")
    assert told["message"] == "a contract changed under the same version"
    lab.edit("contracts/t.odcs.yaml", ("{ name: v, logicalType: integer }", "{ name: v, logicalType: string }"))
    told = lab.json("plan", code=4)["error"]
    assert told["code"] == "WH1120" and "would break readers" in told["message"]


def test_a_plan_names_no_column_that_compaction_wrote(lab):
    lab.write("processed/u.sql", "-- wh: table processed.u; key id; order at\nSELECT t.id, t.v * 2 AS v, t.at FROM processed.t AS t\n")
    lab.apply()
    for day in range(2, 10):
        lab.land("t", f"{day}.jsonl", "".join(record(name, day, f"2024-01-{day:02d}") for name in ("a", f"d{day}")).encode())
        lab.wh("ingest")
    for table in ("processed.t", "processed.u"):
        lab.wh("table", "compact", table, "--all")
        assert "_commit_seq" in lab.wh("table", "show", table).stdout
    lab.edit("processed/t.sql", ("r.v,", "r.v, 1 AS one,"))
    told = lab.wh("plan").stdout
    assert "one added" in told and "_commit_seq" not in told and "processed.u" not in told


def test_a_feed_is_judged_by_its_newest_batch_whatever_landed_after_it(lab):
    now = datetime.datetime.now(datetime.timezone.utc)
    lab.edit("weirhouse.yaml", ("clock: replay", "clock: wall"), ("landing/t/,", "landing/t/, batch: { by: name, pattern: '{date}' },"))
    lab.write("gates/t.yaml", "gate: t\ntable: processed.t\nchecks:\n  - arrives: { every: 60d }\n"
                              "  - freshness: { column: at, max: 106751990d }\n")
    lab.apply()

    def land(days_ago):
        day = f"{now - datetime.timedelta(days=days_ago):%Y-%m-%d}"
        lab.land("t", f"{day}.jsonl", record(day, 1, day).encode())

    land(0)
    lab.wh("ingest")
    for days_ago in range(200, 240):                                   # more than one look at the verdicts reads
        land(days_ago)
    lab.wh("ingest")                                                   # an overdue feed would end it with 3
    assert lab.status()["overdue"] == []


def test_a_view_by_known_time_over_a_table_that_forgets_is_pointed_out(lab):
    lab.write("features/f.yaml", VIEW.replace("known_time: at", "known_time: seen"))
    lab.write("contracts/t.odcs.yaml", CONTRACT.replace("version: 1.0.0", "version: 1.1.0")
              + "      - { name: seen, logicalType: timestamp }\n")
    sql = FILES["processed/t.sql"].replace("r.at FROM", "r.at, r.seen FROM")
    lab.write("processed/t.sql", sql)
    done = lab.wh("plan", code=None)
    assert "after a correction a training set lacks what was served before it" in done.stdout + done.stderr
    lab.write("processed/t.sql", sql.replace("key id;", "key id; history keep;"))
    lab.write("features/f.yaml", VIEW.replace("known_time: at", "known_time: seen").replace("processed.t", "processed.t_history"))
    done = lab.wh("plan", code=None)
    assert "lacks what was served" not in done.stdout + done.stderr


@pytest.mark.parametrize("rule, place, code, hint", [
    ("alerts: [{ when: moon, command: [cat] }]", "6:18", "WH2004", "gate_failed"),
    ("alerts: [{ when: [gate_failed, gate_recoverd], command: [cat] }]", "6:32", "WH2004", 'did you mean "gate_recovered"'),
    ("alerts: [{ when: 'quarantine_rate > x', command: [cat] }]", "6:18", "WH2004", "quarantine_rate > 1%"),
    ("alerts: [{ when: 'quarantine_rate < 1%', command: [cat] }]", "6:18", "WH2004", "quarantine_rate > 1%"),
    ("alerts: [{ when: [], command: [cat] }]", "6:18", "WH2004", ""),
    ("alerts: [{ when: 'freshness > often', command: [cat] }]", "6:18", "WH2004", ""),
    ("notify: [{ when: table_committed, table: processed.tt, command: [cat] }]", "6:42", "WH2008", 'did you mean "processed.t"'),
    ("notify: [{ when: table_committed, table: t, command: [cat] }]", "6:42", "WH2008", "processed.t"),
    ("notify: [{ when: run_finished, table: processed.t, command: [cat] }]", "6:39", "WH2004", ""),
    ("profiles: { local: { skip_checks: [row_count, nonsense] } }", "6:47", "WH2004", "row_count"),
    ("profiles: { local: { skip_checks: freshnes } }", "6:35", "WH2004", 'did you mean "freshness"'),
])
def test_what_an_alert_a_notify_rule_or_a_profile_does_not_know_is_refused_at_its_place(lab, rule, place, code, hint):
    lab.edit("weirhouse.yaml", ("landing/t/, after: delete }\n", "landing/t/, after: delete }\n" + rule + "\n"))
    done = lab.wh("validate", code=2)
    assert code in done.stderr and f"weirhouse.yaml:{place}" in done.stderr and hint in done.stderr, done.stderr
    lab.wh("plan", code=2)


def test_what_they_know_is_taken(lab):
    lab.edit("weirhouse.yaml", ("landing/t/, after: delete }\n", "landing/t/, after: delete }\n"
                                "alerts: [{ when: [gate_failed, gate_recovered, 'quarantine_rate>0.5%', 'freshness > 15m'], command: [cat] }]\n"
                                "notify: [{ when: table_committed, table: raw.t, command: [cat] },\n"
                                "         { when: table_committed, table: sandbox.others, command: [cat] }]\n"
                                "profiles: { local: { skip_checks: freshness } }\n"))
    done = lab.wh("validate")
    assert "freshness is kept and never fires" in done.stdout + done.stderr


@pytest.mark.parametrize("query, place", [("select 1e400", "1:8"), ("select '1e400', \"1e9\", a1e400, -- 1e400\n 1_0e+4000 from processed.t", "2:2")])
def test_a_number_that_is_too_large_is_an_error_of_the_query(lab, query, place):
    done = lab.wh("sql", query, code=2)
    assert "WH7035" in done.stderr and "DOUBLE" in done.stderr and place in done.stderr, done.stderr


@pytest.mark.parametrize("constant, words", [("CAST('x' AS INTEGER)", "'x'"), ("'2024-13-01'::DATE", "2024-13-01"),
                                             ("2147483647::INTEGER + 1::INTEGER", "Overflow"), ("1e400", "DOUBLE")])
@pytest.mark.parametrize("sql", ["SELECT r.id, r.v, r.at, {} AS x FROM records.t AS r",
                                 "SELECT r.id, r.v, r.at FROM records.t AS r WHERE r.v > 0 AND {} IS NOT NULL",
                                 "SELECT r.id, r.v, r.at, coalesce({}, r.v) AS x FROM records.t AS r"])
def test_a_constant_that_fails_is_an_error_of_the_definition(lab, sql, constant, words):
    if "DATE" in constant and "coalesce" in sql:
        pytest.skip("a date is no number")
    sql = sql.format(constant)
    lab.write("processed/t.sql", f"-- wh: table processed.t; key id; order at; event at; known at\n{sql}\n")
    done = lab.wh("validate", code=2)
    column = sql.index(constant) + 1
    assert ("WH2115" in done.stderr or "WH2102" in done.stderr) and words in done.stderr, done.stderr
    assert "processed/t.sql:2:" in done.stderr
    assert abs(int(done.stderr.split("processed/t.sql:2:")[1].split()[0]) - column) <= len(constant)
    lab.wh("plan", code=2)
    assert lab.status()["states"]["processed"] == 1


@pytest.mark.parametrize("value", ["CASE WHEN r.v > 5 THEN CAST('x' AS INTEGER) ELSE 1 END", "coalesce(r.v, CAST('x' AS INTEGER))",
                                   "TRY(CAST('x' AS INTEGER))", "TRY_CAST('x' AS INTEGER)", "CAST('7' AS INTEGER) + NULL",
                                   "extract(year from run_time())", "CAST(r.id AS VARCHAR) || CAST(1 AS VARCHAR)"])
def test_a_constant_that_need_not_be_reached_may_fail(lab, value):
    lab.write("processed/t.sql", "-- wh: table processed.t; key id; order at; event at; known at\n"
                                 f"SELECT r.id, r.v, r.at, {value} AS x FROM records.t AS r\n")
    lab.wh("validate")
