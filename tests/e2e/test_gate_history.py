"""A gate finds its way back after pauses, missing days and changes that last; and sees a feed that stops."""
import datetime
import json
import random

import pytest

from project import Project, wait_until

CONTRACT = {"apiVersion": "v3.1.0", "kind": "DataContract", "version": "1.0.0", "status": "active",
            "team": {"name": "feed-owner"}}


def day(number):
    return (datetime.date(2020, 1, 1) + datetime.timedelta(number)).isoformat()


def make(folder, checks, clock="replay", on_fail="", sources=("s", "u")):
    project = Project(folder / "p")
    for name in ("contracts", "processed", "gates"):
        (project.folder / name).mkdir(parents=True)
    for source in sources:
        contract = {**CONTRACT, "id": source, "schema": [{"name": source, "logicalType": "object", "properties": [
            {"name": "id", "logicalType": "integer", "required": True}, {"name": "x", "logicalType": "number"},
            {"name": "at", "logicalType": "timestamp"}]}]}
        (project.folder / f"contracts/{source}.odcs.yaml").write_text(json.dumps(contract))
        (project.folder / f"processed/{source}.sql").write_text(
            f"-- wh: table processed.{source}; key id; order arrival\nSELECT r.id, r.x, r.at FROM records.{source} AS r\n")
        (project.folder / f"landing/{source}").mkdir(parents=True)
    lines = "".join(f"  - {check}\n" for check in checks)
    (project.folder / "gates/g.yaml").write_text(f"gate: g\ntable: processed.s\nchecks:\n{lines}{on_fail}")
    (project.folder / "weirhouse.yaml").write_text(json.dumps({
        "name": "history", "version": 1, "clock": clock,
        "alerts": [{"when": ["gate_failed", "gate_recovered"], "command": ["sh", "-c", "cat >> alerts.jsonl"]}],
        "sources": {source: {"landing": f"landing/{source}/", "format": "jsonl",
                             "batch": {"by": "name", "pattern": "{date}"}} for source in sources}}))
    project.wh("init")
    project.number = 0
    return project


def land(project, number, values, source="s", at=None):
    lines = []
    for value in values:
        project.number += 1
        lines.append(json.dumps({"id": project.number, "x": value, "at": at or f"{day(number)}T23:00:00Z"}))
    project.land(source, f"{day(number)}.jsonl", "".join(line + "\n" for line in lines).encode())


def run(project, code=None):
    done = project.wh("apply", "--yes", code=None) if not project.status()["tables"] else project.wh("run", code=None)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def last(project):
    return project.json("gate", "history", "g")["verdicts"][0]


def override(project, *words):
    project.wh("gate", "override", last(project)["run"], "--reason", "known", *words, code=None)


def in_baseline(project):
    return [row["b"] for row in project.rows("select in_baseline::int as b from system.metrics order by batch")]


def test_after_a_pause_one_decision_is_enough(tmp_path):
    project = make(tmp_path, ["mean: { column: x, within: 8 sigma of 28d, warmup: 3 }"])
    source = random.Random(1)
    states = []
    for number in [0, 1, 2, 3, 60, 61, 62, 63, 64]:
        land(project, number, [source.gauss(0, 1) for _ in range(20)])
        run(project)
        states.append(last(project)["state"])
        if states[-1] == "not_evaluated":
            override(project)
    assert states == ["warming"] * 3 + ["passed", "not_evaluated"] + ["warming"] * 2 + ["passed"] * 2
    assert set(in_baseline(project)) == {1}


def test_one_missing_day_warns_once_and_halts_never(tmp_path):
    project = make(tmp_path, ["row_count_change: { vs: same_weekday_2w, within: 60%, warmup: 2, severity: warn }"])
    for number in range(36):
        if number != 14:
            land(project, number, [1.0] * 5)
    run(project, 0)
    states = {row["batch"]: row["state"] for row in project.rows("select batch, state from system.verdicts")}
    assert [states[day(number)] for number in (21, 28, 35)] == ["warned", "warming", "passed"]
    assert {states[day(number)] for number in range(14, 36) if number % 7} == {"passed"}


@pytest.mark.parametrize("word, expected", [("include", "passed"), ("exclude", "failed"), (None, "failed")])
def test_what_its_owner_lets_count_is_learnt(tmp_path, word, expected):
    project = make(tmp_path, ["mean: { column: x, within: 3 sigma of 28d, warmup: 3 }"])
    for number in range(5):
        land(project, number, [float(number % 2)] * 5)
    run(project, 0)
    for number in (5, 6):
        land(project, number, [30.0 + number] * 5)
        run(project, 3 if number == 5 or expected == "failed" else 0)
        state = last(project)["state"]
        if state == "failed":
            override(project, *(["--baseline", word] if word else []))
    assert state == expected
    assert in_baseline(project)[5] == (word == "include")


def test_a_change_that_lasts_is_learnt_when_the_old_runs_have_left(tmp_path):
    project = make(tmp_path, ["mean: { column: x, within: 8 sigma of 5d, warmup: 3 }"])
    states = []
    for number in range(14):
        land(project, number, [(0 if number < 5 else 30) + i % 2 for i in range(6 + number % 3)])
        run(project)
        states.append(last(project)["state"])
        if states[-1] in ("failed", "not_evaluated"):
            override(project)
    assert states[5] == "failed" and states[-3:] == ["passed"] * 3


def test_a_decision_names_include_or_exclude(tmp_path):
    project = make(tmp_path, ["row_count: { max: 1 }"])
    land(project, 0, [1.0, 2.0])
    run(project, 3)
    waiting = last(project)["run"]
    project.wh("gate", "override", waiting, "--reason", "x", "--baseline", "perhaps", code=2)
    said = project.wh("gate", "override", waiting, "--reason", "x").stdout
    assert "not counted as history" in said


def test_a_gate_whose_checks_the_profile_skips_stops_nothing(tmp_path):
    project = make(tmp_path, ["row_count: { max: 1 }"])
    project.edit("weirhouse.yaml", ('"alerts"', '"profiles": {"local": {"skip_checks": ["row_count"]}}, "alerts"'))
    land(project, 0, [1.0, 2.0])
    run(project, 0)
    assert project.rows("select count(*)::int as n from processed.s") == [{"n": 2}]


def alerts(project):
    path = project.folder / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_feed_that_stops_is_judged_by_the_clock(tmp_path):
    project = make(tmp_path, ["freshness: { column: at, max: 30h }", "arrives: { every: 49h, severity: warn }"])
    for number in (0, 1):
        land(project, number, [1.0])
        land(project, number, [1.0], source="u")
    run(project, 0)
    assert project.status()["overdue"] == [] and alerts(project) == []
    land(project, 2, [1.0], source="u")
    run(project, 0)                               # 25 h old
    land(project, 3, [1.0], source="u")
    done = run(project, 3)
    assert "freshness(at) is overdue since 2020-01-04T05:00:00Z" in done.stderr
    assert [check["check"] for check in json.loads(project.wh("run", "--json", code=3).stdout)["overdue"]] == [
        "freshness(at)"]
    status = project.status()
    assert status["overdue"][0]["gate"] == "g" and status["gates"][0]["state"] == "failed" and not status["halted"]
    assert "overdue    gate g on processed.s" in project.wh("status").stdout
    land(project, 4, [1.0], source="u")
    run(project, 3)                               # and now `arrives` too, as a warning
    assert {check["state"] for check in project.status()["overdue"]} == {"failed", "warned"}
    told = [alert for alert in alerts(project) if alert["type"] == "weirhouse.gate.failed"]
    assert len(told) == 1 and told[0]["data"]["owner"] == "feed-owner" and told[0]["data"]["overdue"]
    land(project, 5, [1.0])
    run(project, 0)
    assert project.status()["overdue"] == []
    assert [alert["type"] for alert in alerts(project)] == ["weirhouse.gate.failed", "weirhouse.gate.recovered"]
    run(project, 0)
    assert len(alerts(project)) == 2


def test_a_check_that_recovers_beside_one_that_fails_is_told_too(tmp_path):
    project = make(tmp_path, ["freshness: { column: at, max: 30h, skew: 30d }", "arrives: { every: 30h }"])
    land(project, 0, [1.0], at=f"{day(3)}T00:00:00Z")
    run(project, 0)
    land(project, 2, [1.0], source="u")
    run(project, 3)
    assert [check["check"] for check in project.status()["overdue"]] == ["arrives"]
    # In one look: rows arrive again, and their times are behind once the other feed has gone on.
    land(project, 5, [1.0], at=f"{day(5)}T00:00:00Z")
    land(project, 6, [1.0], source="u")
    run(project, 3)
    assert [check["check"] for check in project.status()["overdue"]] == ["freshness(at)"]
    told = [(alert["type"].rpartition(".")[2], alert["data"]["state"], alert["data"]["reasons"]) for alert in alerts(project)]
    assert [(kind, state) for kind, state, _ in told] == [("failed", "failed"), ("failed", "failed"), ("recovered", "failed")]
    assert "arrives is overdue" in told[0][2] and "freshness" not in told[0][2]
    assert "freshness(at) is overdue" in told[1][2] and "arrives" not in told[1][2]
    assert told[2][2] == "arrives is no longer overdue"
    assert last(project)["batch"] == "overdue" and last(project)["state"] == "failed"
    run(project, 3)
    assert len(alerts(project)) == 3


def test_a_gate_of_the_records_is_looked_at_too(tmp_path):
    project = make(tmp_path, ["freshness: { column: at, max: 30h, severity: warn }"])
    project.edit("gates/g.yaml", ("processed.s", "records.s"))
    land(project, 0, [1.0])
    run(project, 0)
    land(project, 9, [1.0], source="u")
    assert "overdue" in run(project, 0).stderr


def test_nothing_is_overdue_behind_a_halt_and_alerts_can_be_kept_back(tmp_path):
    project = make(tmp_path, ["arrives: { every: 30h }", "row_count: { max: 3 }"],
                   on_fail="on_fail: { alert: false }\n")
    land(project, 0, [1.0])
    run(project, 0)
    land(project, 1, [1.0] * 4)
    land(project, 9, [1.0], source="u")
    run(project, 3)
    assert project.status()["halted"] and project.status()["overdue"] == []
    project.wh("gate", "discard", project.status()["halted"][0]["run"], "--reason", "x", code=3)
    assert len(project.status()["overdue"]) == 1 and alerts(project) == []


def test_the_daemon_tells_once_by_the_wall_clock(tmp_path):
    project = make(tmp_path, ["freshness: { column: at, max: 3s, skew: 1d }"], clock="wall")
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    project.wh("apply", "--yes")
    land(project, 0, [1.0], at=now.isoformat())
    project.wh("run")
    with project.serve():
        wait_until(lambda: alerts(project), 30, "the alert")
        wait_until(lambda: "is overdue since" in (project.folder / "serve.log").read_text(), 10, "the daemon says it")
        wait_until(lambda: project.status()["overdue"], 10, "the status")
    assert len(alerts(project)) == 1
    assert (project.folder / "serve.log").read_text().count("is overdue since") == 1


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_a_gate_on_a_history_judges_the_versions_that_join_it(tmp_path, mode):
    project = make(tmp_path, [])
    (project.folder / "processed/s.sql").write_text(
        f"-- wh: table processed.s; key id; order at; mode {mode}; history keep\nSELECT r.id, r.x, r.at FROM records.s AS r\n")
    (project.folder / "gates/g.yaml").write_text(
        "gate: g\ntable: processed.s_history\nchecks:\n  - range: { column: x, min: 0 }\n"
        "  - unique: { columns: [id, at], scope: table }\n")
    for number, (x, hour, code) in enumerate([(1, 5, 0), (2, 4, 0), (-5, 3, 3)]):  # the later ones lose
        project.land("s", f"{day(number)}.jsonl", json.dumps({"id": 1, "x": x, "at": f"{day(0)}T0{hour}:00:00Z"}).encode())
        project.wh("apply", "--yes", code=code)
    assert [row["x"] for row in project.rows("select x from processed.s_history order by x")] == [1, 2]
    assert [row["x"] for row in project.rows("select x from processed.s")] == [1]


def test_a_gate_on_a_history_finds_a_key_that_its_table_holds_once(tmp_path):
    project = make(tmp_path, [])
    (project.folder / "processed/s.sql").write_text(
        "-- wh: table processed.s; key id; order at; history keep\nSELECT r.id, r.x, r.at FROM records.s AS r\n")
    (project.folder / "gates/g.yaml").write_text(
        "gate: g\ntable: processed.s_history\nchecks:\n  - unique: { columns: [id], scope: table }\n")
    for number, code in enumerate([0, 3]):
        project.land("s", f"{day(number)}.jsonl", json.dumps({"id": 1, "x": 1, "at": f"{day(number)}T01:00:00Z"}).encode())
        project.wh("apply", "--yes", code=code)
