"""What a file may say is kept, or refused before anything is registered; what stood at a commit is read as it was."""
import json

import pytest

from project import Project

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: s
version: {version}
status: active
schema:
  - name: s
    logicalType: object
    properties:
      - {{ name: id, logicalType: string, required: true }}
      - {{ name: k, logicalType: string }}
      - {{ name: v, {v} }}
      - {{ name: ts, logicalType: timestamp }}
"""
VIOLATION = "customProperties:\n  - {{ property: whViolation, value: {} }}\n"
SOURCE = "  s: {{ landing: landing/s/, format: {}, batch: {{ by: name, pattern: '{{date}}' }} }}\n"
FILES = {
    "weirhouse.yaml": "name: p\nversion: 1\nclock: replay\nseeds:\n  zone: zone.csv\nsources:\n" + SOURCE.format("csv"),
    "zone.csv": "k,name\nx,north\n",
    "contracts/s.odcs.yaml": CONTRACT.format(version="1.0.0", v="logicalType: integer"),
    "processed/t.sql": "-- wh: table processed.t; key id; order ts; event ts; known ts; history keep\n"
                       "SELECT id, k, v, ts FROM records.s\n",
    "features/f.yaml": "feature_view: f\nversion: 1\nentity: { k: string }\nsource: processed.t_history\nevent_time: ts\n"
                       "known_time: ts\nwindows: [1d]\nfeatures:\n  n: { agg: count }\nonline: { fill: stream }\n",
}
HEAD = "id,k,v,ts\n"
GOOD = HEAD + "a,x,1,2024-01-01T00:00:00Z\nc,x,5,2024-01-01T02:00:00Z\n"
BAD = HEAD + "a,x,1,2024-01-01T00:00:00Z\nb,x,NA,2024-01-01T01:00:00Z\nc,x,5,2024-01-01T02:00:00Z\n"
SET = ("training_set: d\nspine: select id, k, ts, v > 1 as y from {}\ntime: ts\nlabel: y\nfeatures: ['f@1:*']\n"
       "split: {{ by: time, train: 70%, valid: 15%, test: 15% }}\n")


def make(folder, **changed):
    project = Project(folder)
    for path, text in {**FILES, **changed}.items():
        project.write(path, text)
    project.wh("init")
    return project


def with_policy(policy):
    return {"contracts/s.odcs.yaml": FILES["contracts/s.odcs.yaml"] + VIOLATION.format(policy)}


def land(project, day, text):
    project.land("s", f"2024-01-{day:02}.csv", text.encode())


def ids(project):
    return [row["id"] for row in project.rows("select id from processed.t order by id")]


# ---- whViolation

def test_an_object_with_a_bad_record_is_rejected_whole(tmp_path):
    project = make(tmp_path / "p", **with_policy("reject_object"))
    land(project, 1, BAD)
    land(project, 2, HEAD + "d,x,7,2024-01-02T00:00:00Z\n")
    done = json.loads(project.wh("apply", "--yes", "--json", code=3).stdout)
    assert [one["object"] for one in done["refused"]] == ["s/2024-01-01.csv"]
    assert done["refused"][0]["reason"].startswith("WH1219 ") and "WH1202 v not of type integer" in done["refused"][0]["reason"]
    assert done["refused"][0]["records"] == 3 and "s/2024-01-01.csv:3" in done["refused"][0]["found"]
    assert ids(project) == ["d"]
    assert project.rows("select id from records.s") == [{"id": "d"}]
    status = project.status()
    assert status["adds_up"] and status["quarantined"] == {"s": 3} and status["refused"] == ["s/2024-01-01.csv"]
    assert len(project.rows("select * from quarantine.s")) == 1
    before = project.digests()
    project.wh("run", "--full")
    assert project.digests() == before and project.status()["quarantined"] == {"s": 3}
    project.wh("verify", "--rebuild")


def test_a_large_object_is_rejected_whole_too(tmp_path):
    project = make(tmp_path / "p", **with_policy("reject_object"))
    rows = [f"r{i:06},x,{i},2024-01-01T00:00:00Z" for i in range(150_000)]
    land(project, 1, HEAD + "\n".join(rows[:-1]) + "\nbad,x,NA,2024-01-01T00:00:00Z\n" + rows[-1] + "\n")
    project.wh("apply", "--yes", code=3)
    assert ids(project) == [] and project.status()["quarantined"] == {"s": 150_001}
    assert project.rows("select count(*) as n from records.s") == [{"n": 0}]


@pytest.mark.parametrize("decision, left", [("override", ["a", "c", "d"]), ("discard", ["d"])])
def test_a_bad_record_halts_the_batch_until_it_is_decided(tmp_path, decision, left):
    project = make(tmp_path / "p", **with_policy("fail"))
    land(project, 1, BAD)
    land(project, 2, HEAD + "d,x,7,2024-01-02T00:00:00Z\n")
    done = project.wh("apply", "--yes", code=3)
    for word in ("contract s 1.0.0", "whViolation: fail", "WH1202 v not of type integer", "s/2024-01-01.csv:3", "NA"):
        assert word in done.stderr, done.stderr
    assert ids(project) == []
    halted = project.status()["halted"][0]
    shown = project.json("gate", "show", halted["run"])["verdicts"][0]
    assert shown["gate"] == "contract s 1.0.0" and shown["checks"][0]["bad"] == 1
    project.wh("gate", decision, halted["run"], "--reason", "seen")
    assert ids(project) == left
    status = project.status()
    assert status["adds_up"] and status["halted"] == [] and status["quarantined"] == {"s": 1}
    before = project.digests()
    project.wh("run", "--full")
    assert project.digests() == before


def test_good_objects_pass_under_every_policy(tmp_path):
    for policy in ("quarantine", "reject_object", "fail"):
        project = make(tmp_path / policy, **with_policy(policy))
        land(project, 1, GOOD)
        project.apply()
        assert ids(project) == ["a", "c"]


def test_nulls_that_would_reject_a_good_object_are_refused(tmp_path):
    required = CONTRACT.format(version="1.0.0", v="logicalType: string, required: true") + VIOLATION.format("reject_object")
    project = make(tmp_path / "p", **{"contracts/s.odcs.yaml": required})
    land(project, 1, BAD)
    project.apply()
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: ['', 'NA']"))
    done = project.wh("plan", code=4)
    assert "WH2027" in done.stderr and "3 of 3 records" in done.stderr
    assert ids(project) == ["a", "b", "c"]


# ---- files that say what nobody would keep

@pytest.mark.parametrize("field, hint", [
    ("logicalType: string, logicalTypeOptions: { format: email }", "@"),
    ("logicalType: string, logicalTypeOptions: { format: binary }", "pattern"),
    ("logicalType: integer, logicalTypeOptions: { format: i32 }", "maximum")])
def test_a_format_that_is_not_checked_is_refused(tmp_path, field, hint):
    project = make(tmp_path / "p")
    project.write("contracts/s.odcs.yaml", CONTRACT.format(version="1.0.0", v=field))
    done = project.wh("validate", code=2)
    assert "WH1105" in done.stderr and "is not checked" in done.stderr and hint in done.stderr
    said = json.loads(project.wh("doctor", "--json", code=2).stdout)["checks"]
    check = next(one for one in said if one["check"] == "project")
    assert "wh validate" in check["remedy"] and "contracts/s.odcs.yaml" in check["found"]


def test_a_format_that_says_what_is_read_is_taken(tmp_path):
    project = make(tmp_path / "p")
    project.write("contracts/s.odcs.yaml",
                  CONTRACT.format(version="1.0.0", v="logicalType: integer, logicalTypeOptions: { format: i64 }"))
    project.wh("validate")


def test_a_spine_over_records_is_refused_before_it_is_applied(tmp_path):
    project = make(tmp_path / "p")
    project.apply()
    project.write("training_sets/d.yaml", SET.format("records.s"))
    for verb in (("validate",), ("plan",), ("apply", "--yes")):
        assert "WH4020" in project.wh(*verb, code=2).stderr, verb
    project.write("training_sets/d.yaml", SET.format("processed.t"))
    project.apply()


def test_a_request_that_lacks_an_entity_is_refused_before_it_is_trained(tmp_path):
    project = make(tmp_path / "p")
    project.write("training_sets/d.yaml", SET.format("processed.t"))
    project.write("models/m.yaml", "model: m\ntraining_set: d\ntrain: { cmd: python train.py }\n"
                                   "serve: { python: score.py, request: [kk], output: [score] }\n")
    done = project.wh("validate", code=2)
    assert "WH5022" in done.stderr and '"k"' in done.stderr
    project.edit("models/m.yaml", ("[kk]", "[k]"))
    project.wh("validate")


# ---- decisions

def halted(tmp_path):
    project = make(tmp_path / "p", **{"gates/g.yaml": "gate: g\ntable: processed.t\nchecks:\n  - row_count: { max: 2 }\n"})
    land(project, 1, GOOD)
    project.apply()
    land(project, 2, HEAD + "".join(f"{i},x,7,2024-01-02T0{n}:00:00Z\n" for n, i in enumerate("ade")))
    project.wh("ingest", code=3)
    return project, project.status()["halted"][0]["run"]


@pytest.mark.parametrize("decision", ["override", "discard"])
def test_a_decision_goes_by_what_was_applied_whatever_the_files_say(tmp_path, decision):
    project, run = halted(tmp_path)
    commit = project.status()["commit"]
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: ['', 'NA']"))
    project.wh("gate", decision, run, "--reason", "ok", "--dry-run")
    assert project.status()["commit"] == commit and ids(project) == ["a", "c"]
    done = project.wh("gate", decision, run, "--reason", "ok")
    assert "as it was last applied" in done.stderr
    assert ids(project) == (["a", "c", "d", "e"] if decision == "override" else ["a", "c"])
    assert project.status()["waiting"]["views"] == []   # what follows from it is done
    assert "nulls" in project.wh("plan").stdout         # and the draft is a draft


def test_views_that_wait_are_named(tmp_path):
    project = make(tmp_path / "p")
    land(project, 1, GOOD)
    project.apply()
    assert "nothing waits" in project.wh("plan").stdout and project.status()["waiting"]["views"] == []
    land(project, 2, HEAD + "d,x,7,2024-01-02T00:00:00Z\n")
    project.wh("ingest")
    land(project, 3, HEAD + "e,x,7,2024-01-03T00:00:00Z\n")
    project.wh("ingest", env={"WEIRHOUSE_FAILPOINT": "processed.committed"}, code=None)
    plan, status = project.wh("plan").stdout, project.wh("status").stdout
    assert "features wait: f@1" in plan and "nothing waits" not in plan and "features wait: f@1" in status
    assert project.status()["waiting"]["views"] == ["f@1"]
    project.wh("run")
    assert "nothing waits" in project.wh("plan").stdout and project.status()["waiting"]["views"] == []


# ---- types

def test_an_integer_becomes_a_decimal_that_its_values_fit_into(tmp_path):
    project = make(tmp_path / "p")
    land(project, 1, GOOD)
    project.apply()
    narrow = 'logicalType: number, physicalType: "DECIMAL({})"'
    project.write("contracts/s.odcs.yaml", CONTRACT.format(version="2.0.0", v=narrow.format("2,2")))
    assert "WH2027" in project.wh("plan", code=4).stderr
    project.write("contracts/s.odcs.yaml", CONTRACT.format(version="2.0.0", v=narrow.format("10,2")))
    project.wh("plan")
    done = project.apply()
    assert "nothing waited" not in done.stdout and "t 2" in done.stdout
    assert [row["v"] for row in project.rows("select v from processed.t order by id")] == ["1.00", "5.00"]
    project.wh("verify", "--rebuild")


# ---- as it was

def test_records_are_read_as_they_were_at_a_commit(tmp_path):
    project = make(tmp_path / "p")
    ask = ("select (select count(*) from records.s) as good, (select count(*) from quarantine.s) as bad, "
           "(select count(*) from processed.t) as t, (select max(name) from ref.zone) as zone")
    land(project, 1, BAD)
    project.apply()
    then, before = project.rows(ask), project.status()["commit"]
    assert then == [{"good": 2, "bad": 1, "t": 2, "zone": "north"}]
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: ['', 'NA']"))
    project.write("zone.csv", "k,name\nx,south\n")
    project.apply()
    assert project.rows(ask) == [{"good": 3, "bad": 0, "t": 3, "zone": "south"}]
    assert project.json("sql", ask, "--at", str(before))["rows"] == then
    project.write("contracts/s.odcs.yaml", CONTRACT.format(version="2.0.0", v="logicalType: string"))
    project.wh("apply", "--yes", code=None)
    assert project.json("sql", ask, "--at", str(before))["rows"] == then
    assert project.json("sql", "select v from records.s order by id", "--at", str(before))["rows"] == [{"v": 1}, {"v": 5}]
    nothing = project.json("sql", "select count(*) as n from records.s", "--at", "0")
    assert nothing["rows"] == [{"n": 0}]


def test_of_a_snapshot_seeds_are_those_of_its_commit(tmp_path):
    project = make(tmp_path / "p")
    land(project, 1, GOOD)
    project.apply()
    project.wh("table", "tag", "processed.t", "first")
    project.write("zone.csv", "k,name\nx,south\n")
    project.apply()
    land(project, 2, HEAD + "d,x,7,2024-01-02T00:00:00Z\n")
    project.wh("ingest")
    ask = "select count(*) as n, max(z.name) as zone from processed.t t join ref.zone z using (k)"
    assert project.json("sql", ask, "--at", "first")["rows"] == [{"n": 2, "zone": "north"}]
    assert "WH2035" in project.wh("sql", "select * from ref.zone", "--at", "first", code=2).stderr


def test_what_is_no_more_kept_is_said(tmp_path):
    project = make(tmp_path / "p")
    project.apply()
    before = project.status()["commit"]
    for path in (project.folder / ".weirhouse/lake/code").iterdir():
        path.unlink()
    done = project.wh("sql", "select * from records.s", "--at", str(before), code=6)
    assert "WH2035" in done.stderr and f"commit {before}" in done.stderr
    assert project.json("sql", "select * from processed.t", "--at", str(before))["rows"] == []
    missing = project.json("verify", "--deep", code=9)["problems"]
    assert missing and all(text.count("/lake/code/") == 1 for text in missing)
