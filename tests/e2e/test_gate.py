"""A bad day halts at its gate; a person publishes it or leaves it out, and lineage says which."""
import json

import pytest

from project import Project


@pytest.fixture(scope="module")
def halted(tmp_path_factory, clean_days):
    """Ten good days, then the bad one, which halts. Read only: decisions are taken on copies' twins."""
    return make_halted(tmp_path_factory.mktemp("halt") / "flights", clean_days)


def make_halted(folder, clean_days):
    project = Project.make(folder)
    project.apply()
    project.land_all(clean_days, days=("2013-01-01", "2013-01-10"))
    project.wh("run")
    project.before = project.digests()
    project.wh("demo-data", "--bad-day", "utc-shift", "--days", "10")
    project.halt = project.wh("run", code=3)
    project.run_id = project.status()["halted"][0]["run"]
    return project


def test_a_bad_day_ends_with_exit_code_3_and_says_what_to_do(halted):
    text = halted.halt.stderr
    assert "gate arrival FAILED" in text
    assert "mean(arr_delay)" in text and "sigma" in text
    assert f"wh gate override {halted.run_id}" in text and f"wh gate discard {halted.run_id}" in text


def test_nothing_downstream_changes(halted):
    assert halted.digests() == halted.before


def test_the_alert_names_the_owner(halted):
    alerts = [json.loads(line) for line in (halted.folder / "alerts.jsonl").read_text().splitlines()]
    failed = [alert for alert in alerts if alert["type"] == "weirhouse.gate.failed"]
    assert len(failed) == 1
    assert failed[0]["data"]["owner"] == "flight-data"
    assert failed[0]["data"]["run"] == halted.run_id
    assert failed[0]["specversion"] == "1.0"


def test_gate_show_has_what_was_seen_and_what_was_allowed(halted):
    shown = halted.json("gate", "show", halted.run_id)
    checks = {check["kind"]: check for verdict in shown["verdicts"] for check in verdict["checks"]
              if verdict["gate"] == "arrival"}
    assert checks["mean"]["state"] == "failed"
    assert checks["distribution"]["state"] == "failed"
    assert checks["required"]["state"] == "passed"
    assert shown["run_state"] == "halted"


def test_raw_and_contracts_go_on_while_the_table_waits(tmp_path, clean_days):
    project = make_halted(tmp_path / "flights", clean_days)
    project.land_all(clean_days, days=("2013-01-12", "2013-01-12"))
    summary = json.loads(project.wh("run", "--json", code=3).stdout)
    assert summary["objects"] == 3
    assert project.digests() == project.before
    assert project.status()["adds_up"]


def test_discarded_the_next_day_goes_on(tmp_path, clean_days):
    project = make_halted(tmp_path / "flights", clean_days)
    project.land_all(clean_days, days=("2013-01-12", "2013-01-12"))
    project.wh("run", code=3)
    project.wh("gate", "discard", project.run_id, "--reason", "wrong time zone")
    status = project.status()
    bad = (project.folder / "landing/arrival/2013-01-11.jsonl").read_text().splitlines()
    assert status["states"]["excluded"] == len(bad)
    assert status["adds_up"] and not status["halted"] and status["waiting_records"] == 0
    rows = project.rows("select flight_id, arrived_at from processed.arrival")
    assert not [row for row in rows if row["arrived_at"].startswith("2013-01-11")]
    ids = {row["flight_id"] for row in rows}
    good = (clean_days / "arrival/2013-01-12.jsonl").read_text().splitlines()
    assert {json.loads(line)["flight_id"] for line in good} <= ids
    project.wh("gate", "discard", project.run_id, "--reason", "again", code=None)
    assert project.status()["states"] == status["states"]


def test_overridden_it_is_published_and_recorded(tmp_path, clean_days):
    project = make_halted(tmp_path / "flights", clean_days)
    project.wh("gate", "override", project.run_id, "--reason", "it really was that late")
    status = project.status()
    bad = (project.folder / "landing/arrival/2013-01-11.jsonl").read_text().splitlines()
    ids = {row["flight_id"] for row in project.rows("select flight_id from processed.arrival")}
    assert {json.loads(line)["flight_id"] for line in bad} <= ids
    assert status["adds_up"] and not status["halted"]
    verdicts = project.rows("select distinct override_reason from system.verdicts "
                            "where override_reason is not null")
    assert [row["override_reason"] for row in verdicts] == ["it really was that late"]
    edges = project.rows("select from_key from system.lineage where edge = 'overrode'")
    assert [row["from_key"] for row in edges] == [project.run_id]
    # What a person let through says nothing about what is normal: the same day again still halts.
    assert project.rows("select batch from system.metrics where in_baseline = 0") != []


def test_a_decision_needs_a_reason_and_a_halted_run(halted):
    assert halted.wh("gate", "discard", halted.run_id, code=2).stderr
    assert halted.wh("gate", "override", "r999999", "--reason", "x", code=None).returncode in (2, 6)
    assert halted.digests() == halted.before
