"""SQL in gates from outside: what validate refuses, limits that halt, and Ctrl-C that is no verdict."""
import signal
import subprocess
import time

import pytest

from project import WH, Project, environment
from test_values import make

SLOW = "select a.range from range(3000000) a, range(3000000) b where a.range * b.range = -1"


def gated(folder, *checks):
    project = make(folder, ["{ name: id, logicalType: integer, required: true }", "{ name: t, logicalType: timestamp }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id, r.t FROM records.a AS r\n")
    write_gate(project, *checks)
    return project


def write_gate(project, *checks):
    (project.folder / "gates").mkdir(exist_ok=True)
    lines = "".join(f"  - {check}\n" for check in checks)
    (project.folder / "gates/a.yaml").write_text(f"gate: a\ntable: processed.a\nchecks:\n{lines}")


@pytest.mark.parametrize("kind", ["pair: {{ expr: \"{} > t\" }}",
                                  "sql: {{ rows: 0, query: \"select id from this where {} > t\" }}"])
@pytest.mark.parametrize("clock", ["CURRENT_DATE", "now()", "pg_conf_load_time()", "current_localtimestamp()"])
def test_the_clock_is_refused(tmp_path, kind, clock):
    project = gated(tmp_path, kind.format(clock))
    said = project.wh("validate", code=2).stderr
    assert "WH3006" in said and "clock" in said and "gates/a.yaml:4" in said


def test_an_aggregate_in_a_pair_is_refused(tmp_path):
    project = gated(tmp_path, 'pair: { expr: "count(*) > 0", severity: warn }')
    assert "the aggregate count() is of many rows" in project.wh("validate", code=2).stderr


def test_sql_that_takes_too_long_halts_as_an_error_of_its_check(tmp_path):
    project = gated(tmp_path, "row_count: { min: 1, name: innocent }",
                    f'sql: {{ name: slow, timeout: 1s, rows: 0, query: "{SLOW}", severity: warn }}')
    project.apply()
    project.land("a", "1.jsonl", b'{"id":1}\n')
    said = project.wh("ingest", code=3)
    assert "it ran longer than 1 s" in said.stdout + said.stderr
    run = project.status()["halted"][0]["run"]
    checks = {check["name"]: check for verdict in project.json("gate", "show", run)["verdicts"] for check in verdict["checks"]}
    assert checks["innocent"]["state"] == "passed"
    assert checks["slow"]["state"] == "error" and checks["slow"]["detail"]["code"] == "WH7047"
    project.wh("gate", "discard", run, "--reason", "the check is mended")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_slow_sql_and_is_no_verdict(tmp_path, sent):
    project = gated(tmp_path, f'sql: {{ name: slow, rows: 0, query: "{SLOW}" }}')
    project.apply()
    project.land("a", "1.jsonl", b'{"id":1}\n')
    process = subprocess.Popen([WH, "ingest"], cwd=project.folder, env=environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not any(run["state"] == "planned" for run in project.rows("select state from system.runs")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1)
        process.send_signal(sent)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130 and "interrupted" in said
    status = project.status()
    assert not status["halted"] and status["waiting_records"] == 1 and status["adds_up"]
    write_gate(project, "row_count: { min: 1 }")
    project.apply()
    project.wh("run")
    assert project.rows("select id from processed.a") == [{"id": 1}]
    project.wh("verify", "--deep")
