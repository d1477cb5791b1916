"""Alerts and notify rules run beside the pipeline: they delay nothing, are kept trying, and survive every end."""
import json
import shlex
import signal
import subprocess
import time

import pytest

from project import Project, Failed, environment, wait_until, WH

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
      - { name: at, logicalType: timestamp, required: true }
"""
FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n  t:\n    landing: landing/t/\n    contract: t\n"
                      "    batch: { by: name, pattern: '{date}' }\n",
    "contracts/t.odcs.yaml": CONTRACT,
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at\nSELECT r.id, r.at FROM records.t AS r\n",
}
GATE = "gate: t\ntable: processed.t\nchecks:\n  - row_count: { between: [500, 1000] }\n"


def rule(kind, when, script):
    return f"{kind}:\n  - when: {when}\n    command: [sh, -c, {json.dumps(script)}]\n"


def make(folder, rules, gate=False):
    project = Project(folder / "lab")
    for path, text in FILES.items():
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text(text + (rules if path == "weirhouse.yaml" else ""))
    if gate:
        (project.folder / "gates").mkdir()
        (project.folder / "gates/t.yaml").write_text(GATE)
    project.token = json.loads(project.wh("init", "--json").stdout)["token"]
    project.apply()
    return project


def land(project, day, rows=3):
    text = "".join(json.dumps({"id": f"{day}-{i}", "at": f"2024-01-{day:02d}T00:00:00Z"}) + "\n" for i in range(rows))
    project.land("t", f"2024-01-{day:02d}.jsonl", text.encode())


def told(project, name="got.jsonl"):
    path = project.folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def deliveries(project):
    return project.status()["deliveries"]


def test_a_hanging_target_delays_no_batch_and_no_other_target(tmp_path):
    project = make(tmp_path, rule("alerts", "[gate_failed]", "sleep 600")
                   + rule("notify", "table_committed", "cat >> got.jsonl"))
    (project.folder / "gates").mkdir()
    (project.folder / "gates/t.yaml").write_text(GATE.replace("500, 1000", "2, 10"))
    project.apply()
    with project.serve() as daemon:
        land(project, 1, rows=1)
        wait_until(lambda: project.status()["halted"], 20, "the halt, whose alert hangs")
        begun = time.monotonic()
        project.wh("gate", "discard", project.status()["halted"][0]["run"], "--reason", "too few", "--yes")
        for day in (2, 3):
            land(project, day)
        wait_until(lambda: project.status()["states"].get("processed") == 6, 15, "two days more")
        assert time.monotonic() - begun < 8, "the alert's ten seconds were waited for"
        wait_until(lambda: len(told(project)) >= 2, 8, "the other target is told")
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    assert deliveries(project)["pending"][0]["type"] == "weirhouse.gate.failed"


def test_what_failed_is_told_once_the_receiver_is_back(tmp_path):
    project = make(tmp_path, rule("alerts", "[gate_failed]", "test -e up && cat >> got.jsonl"), gate=True)
    with project.serve():
        land(project, 1)
        wait_until(lambda: any(d["tries"] >= 3 for d in deliveries(project)["pending"]), 20, "three tries")
        waiting = deliveries(project)
        assert waiting["targets"] == [{"target": "alert 1 (gate_failed)", "pending": 1, "given_up": 0}]
        assert waiting["pending"][0]["next_try"] and "exited with 1" in waiting["pending"][0]["error"]
        text = project.wh("status").stdout
        assert "alert 1 (gate_failed): 1 pending" in text and "tried" in text and "next try" in text
        (project.folder / "up").write_text("")
        wait_until(lambda: told(project), 15, "the alert")
    assert [event["type"] for event in told(project)] == ["weirhouse.gate.failed"]
    assert not deliveries(project)["pending"]
    assert deliveries(project)["recent"][0]["state"] == "delivered"


def test_kill_loses_no_event_and_keeps_its_id(tmp_path):
    project = make(tmp_path, rule("notify", "table_committed", "cat >> got.jsonl; test -e up"))
    for _ in range(2):
        with project.serve() as daemon:
            land(project, 1)
            wait_until(lambda: told(project), 20, "a try")
            daemon.send_signal(signal.SIGKILL)
            daemon.wait(10)
    (project.folder / "up").write_text("")
    with project.serve():
        wait_until(lambda: not deliveries(project)["pending"] and deliveries(project)["recent"], 20, "the delivery")
    assert len(told(project)) >= 2 and len({(event["source"], event["id"]) for event in told(project)}) == 1


def test_a_verb_tells_what_it_can_and_leaves_the_rest(tmp_path):
    project = make(tmp_path, rule("notify", "table_committed", "cat >> slow.jsonl; sleep 600")
                   + rule("alerts", "[gate_failed]", "cat >> got.jsonl"), gate=True)
    land(project, 1)
    begun = time.monotonic()
    project.wh("ingest", code=3)
    assert time.monotonic() - begun < 10
    assert [event["type"] for event in told(project)] == ["weirhouse.gate.failed"]
    run = project.status()["halted"][0]["run"]
    begun = time.monotonic()
    project.wh("gate", "override", run, "--reason", "fine", "--yes")
    assert time.monotonic() - begun < 10
    pending = deliveries(project)["pending"]
    assert [(d["subject"], d["state"], d["tries"]) for d in pending] == [("processed.t", "pending", 1)]
    # The command was corrected: what the wrong one missed goes to it.
    project.edit("weirhouse.yaml", ("; sleep 600", ""))
    (project.folder / "slow.jsonl").unlink()
    project.apply()
    assert [event["subject"] for event in told(project, "slow.jsonl")] == ["processed.t"]
    assert {d["state"] for d in deliveries(project)["recent"]} == {"delivered", "dropped"}


def test_events_come_in_order_and_a_bad_one_is_overtaken(tmp_path):
    script = "read event; case $event in *2024-01-02*) test -e up || exit 1;; esac; echo $event >> got.jsonl"
    project = make(tmp_path, rule("notify", "table_committed", script))
    with project.serve():
        for day in (1, 2, 3, 4):
            land(project, day)
            wait_until(lambda: project.status()["states"].get("processed") == 3 * day, 20, f"day {day}")
        wait_until(lambda: len(told(project)) >= 3, 20, "all but one")
        (project.folder / "up").write_text("")
        wait_until(lambda: len(told(project)) >= 4, 20, "that one")
    numbers = [int(event["id"]) for event in told(project)]
    assert sorted(numbers) == numbers[:1] + sorted(numbers[1:]) and len(set(numbers)) == 4
    assert [event["data"]["batch"][-2:] for event in told(project)][0] == "01"


def test_events_that_nobody_wants_are_not_written(tmp_path):
    project = make(tmp_path, "")
    for day in range(1, 6):
        land(project, day)
    project.wh("ingest")
    assert project.status()["events"] == {}  # none was written


def test_every_table_that_changes_is_told_and_every_run_that_ends(tmp_path):
    """Whatever moves a table, a batch, a decision or other SQL, tells it with its rows."""
    rules = rule("notify", "table_committed", "cat >> got.jsonl") \
        + rule("", "run_finished", "cat >> runs.jsonl").removeprefix(":\n")
    project = make(tmp_path, rules, gate=True)
    land(project, 1)
    project.wh("ingest", code=3)                                        # 3 rows, the gate wants 500
    run = project.json("gate", "list")["gates"][0]["last_run"]
    project.wh("gate", "override", run, "--reason", "a short day")
    project.edit("processed/t.sql", ("SELECT r.id,", "SELECT r.id, 1 AS one,"))
    project.wh("apply", "--yes")
    project.wh("run")
    tables = [(event["data"]["batch"], event["data"]["rows_added"]) for event in told(project)
              if event["subject"] == "processed.t"]
    assert tables == [("2024-01-01", 3), ("rebuild", 3)]
    runs = [event["data"] for event in told(project, "runs.jsonl")]
    assert all(event["type"] == "weirhouse.run.finished" for event in told(project, "runs.jsonl"))
    assert [(one["kind"], one["state"]) for one in runs if one["kind"] in ("raw", "processed", "override")] == [
        ("raw", "committed"), ("processed", "halted"), ("override", "committed"), ("processed", "committed")]
    assert [one["tables"] for one in runs if one["kind"] == "override"] == [["processed.t"]]
    assert {one["run"] for one in runs} >= {run}


def test_a_decision_that_cannot_be_taken_is_not_promised(tmp_path):
    project = make(tmp_path, "", gate=True)
    land(project, 1)
    project.wh("ingest", code=3)
    run = project.json("gate", "list")["gates"][0]["last_run"]
    for verb in ("override", "discard"):
        project.wh("gate", verb, run, "--reason", "x", "--dry-run")
        project.wh("gate", verb, "r1", "--reason", "x", "--dry-run", code=5)
        project.wh("gate", verb, "r9999", "--reason", "x", "--dry-run", code=6)
    land(project, 2)
    project.wh("ingest", code=3)
    assert f"wait behind {run}" in project.wh("plan").stdout
    assert project.json("status")["waiting"]["behind_halted"] == {"run": run, "records": 3}


@pytest.mark.parametrize("when", ["'quarantine_rate > 1%'", "'quarantine_rate>1%'", '"quarantine_rate\\t> 1%"'])
def test_a_file_that_is_refused_whole_fires_the_rate(tmp_path, when):
    rules = rule("alerts", when, "cat >> got.jsonl")
    project = make(tmp_path, rules)
    land(project, 1)
    project.wh("ingest")
    assert told(project) == []
    project.land("t", "2024-01-02.jsonl.gz", b"\x1f\x8b\x08 cut short")
    project.wh("ingest", code=3)
    (event,) = told(project)
    assert event["data"]["object"] == "2024-01-02.jsonl.gz" and event["data"]["quarantined"] == event["data"]["records"]
