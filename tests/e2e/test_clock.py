"""A wall clock that is set back or ahead harms nothing, and is told."""
import http.client
import json
import shutil
import subprocess
import time

import pytest

from test_notify import deliveries, land, make, rule, told

SHIFT = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
/* The wall clock alone runs ahead or behind; the one that does not jump is left as it is. */
static long shift(void) { const char* days = getenv("SHIFT_DAYS"); return days ? atol(days) * 86400 : 0; }
int clock_gettime(clockid_t clock, struct timespec* time) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, time);
  if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
  return code;
}
int gettimeofday(struct timeval* time, void* zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    """Runs the command with a wall clock that is some days off."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("shift")
    (folder / "shift.c").write_text(SHIFT)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", folder / "shift.so", folder / "shift.c", "-ldl"], check=True)

    def run(project, days, *arguments, code=0):
        return project.wh(*arguments, code=code, env=run.clock(days))
    run.clock = lambda days: {"LD_PRELOAD": str(folder / "shift.so"), "SHIFT_DAYS": str(days)}
    return run


@pytest.mark.parametrize("clock", ("replay", "wall"))
def test_runs_go_on_whatever_the_clock_says(tmp_path, clock, at):
    project = make(tmp_path, "")
    if clock == "wall":
        project.edit("weirhouse.yaml", ("clock: replay", "clock: wall"))
        project.apply()
    for day, shift in enumerate((0, -400, 0, 300, 0), 1):
        land(project, day)
        at(project, shift, "ingest")
    assert project.status()["states"] == {"processed": 15}
    # The newest commit is of now, and the one before of the future: what is asked as of now has all.
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 15
    project.wh("verify", "--deep")


def test_a_clock_that_went_back_is_told(tmp_path, at):
    project = make(tmp_path, "")
    land(project, 1)
    at(project, 300, "ingest")
    status = project.status()
    assert "the wall clock went back" in status["clock_went_back"]
    assert "the wall clock went back" in project.wh("status").stdout
    land(project, 2)
    assert "warning: the wall clock went back" in project.wh("ingest").stderr
    assert "clock_went_back" not in project.status()


def test_gc_believes_no_age_after_a_jump(tmp_path, at):
    project = make(tmp_path, "")
    for day in (1, 2, 3):
        land(project, day)
        project.wh("ingest")
    orphan = project.folder / ".weirhouse/lake/processed/t/data/of-a-client.parquet"
    orphan.write_bytes(b"written a moment ago, committed a moment later")
    gone = at(project, 300, "gc", "--json")
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


def test_what_waits_for_another_try_does_not_wait_for_a_year(tmp_path, at):
    project = make(tmp_path, rule("notify", "table_committed", "test -e up && cat >> got.jsonl"))
    land(project, 1)
    at(project, 300, "ingest")
    assert deliveries(project)["pending"][0]["tries"] == 1
    (project.folder / "up").write_text("")
    project.wh("ingest")
    assert [event["subject"] for event in told(project)] == ["processed.t"]


def opens(daemon, token):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    try:
        connection.request("GET", "/iceberg/v1/namespaces", headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_token_lives_by_the_wall_clock_and_a_revoked_one_never_again(tmp_path, at):
    project = make(tmp_path, "")
    month, gone = (project.json("token", "create", "--name", name, "--role", "reader", "--on", "*", "--expires", "30d")["token"]
                   for name in ("month", "gone"))
    at(project, 400, "token", "revoke", "gone", "--reason", "lost")
    for days, lives in ((0, True), (400, False), (0, True), (-400, True)):
        with project.serve("--no-watch", env=at.clock(days)) as daemon:
            status, body = opens(daemon, month)
            assert status == (200 if lives else 401) and ("WH7092" in body) == (not lives), (days, body)
            status, body = opens(daemon, gone)
            assert status == 401 and "WH7093" in body, (days, body)
            assert opens(daemon, project.token)[0] == 200
            # Nobody waits for a year.
            assert project.wh("run", timeout=20).returncode == 0
