"""A wall clock that is set back or ahead harms nothing, and is told."""
import json
import shutil
import subprocess
import time

import pytest

from project import environment, wait_until, WH
from test_notify import deliveries, land, make, rule, told

pytestmark = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")


def at(project, shift, *arguments, code=0):
    env = environment({"NO_FAKE_STAT": "1"})
    done = subprocess.run(["faketime", "-f", shift, WH, *arguments], cwd=project.folder, env=env, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("clock", ("replay", "wall"))
def test_runs_go_on_whatever_the_clock_says(tmp_path, clock):
    project = make(tmp_path, "")
    if clock == "wall":
        project.edit("weirhouse.yaml", ("clock: replay", "clock: wall"))
        project.apply()
    for day, shift in enumerate(("+0", "-400d", "+0", "+300d", "+0"), 1):
        land(project, day)
        at(project, shift, "ingest")
    assert project.status()["states"] == {"processed": 15}
    # The newest commit is of now, and the one before of the future: what is asked as of now has all.
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 15
    project.wh("verify", "--deep")


def test_a_clock_that_went_back_is_told(tmp_path):
    project = make(tmp_path, "")
    land(project, 1)
    at(project, "+300d", "ingest")
    status = project.status()
    assert "the wall clock went back" in status["clock_went_back"]
    assert "the wall clock went back" in project.wh("status").stdout
    land(project, 2)
    assert "warning: the wall clock went back" in project.wh("ingest").stderr
    assert "clock_went_back" not in project.status()


def test_gc_believes_no_age_after_a_jump(tmp_path):
    project = make(tmp_path, "")
    for day in (1, 2, 3):
        land(project, day)
        project.wh("ingest")
    orphan = project.folder / ".weirhouse/lake/processed/t/data/of-a-client.parquet"
    orphan.write_bytes(b"written a moment ago, committed a moment later")
    gone = at(project, "+300d", "gc", "--json")
    assert "the wall clock jumped forward" in json.loads(gone.stdout)["clock_jumped"]
    assert json.loads(gone.stdout)["orphans_removed"] == 0 and orphan.exists()
    back = project.wh("gc")
    assert "the wall clock jumped back" in back.stderr and orphan.exists()
    # Who says that no age is waited for means it.
    project.wh("gc", "--grace", "0s", "--orphan-age", "0s")
    time.sleep(1.1)
    project.wh("gc", "--grace", "0s", "--orphan-age", "0s")
    assert not orphan.exists()
    project.wh("verify", "--deep")


def test_what_waits_for_another_try_does_not_wait_for_a_year(tmp_path):
    project = make(tmp_path, rule("notify", "table_committed", "test -e up && cat >> got.jsonl"))
    land(project, 1)
    at(project, "+300d", "ingest")
    assert deliveries(project)["pending"][0]["tries"] == 1
    (project.folder / "up").write_text("")
    project.wh("ingest")
    assert [event["subject"] for event in told(project)] == ["processed.t"]
