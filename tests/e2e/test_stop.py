"""SIGTERM and Ctrl-C end every verb within seconds, and a process that is stopped or gone holds up nobody for ever."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from project import environment, wait_until, WH
from test_notify import land, make

SLOW = "SELECT count(*) AS n FROM range(100000000000) a(i) WHERE i % 7 = 3"
SLOW_CHECK = "select a.range from range(3000000) a, range(3000000) b where a.range * b.range = -1"


def start(project, *arguments):
    return subprocess.Popen([WH, *arguments], cwd=project.folder, env=environment(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def end(process, number=signal.SIGTERM, within=9):
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < within, f"it took {time.monotonic() - begun:.1f} s to end\n{err}"
    return out, err


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in out.split()]


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_query_ends(tmp_path, number):
    project = make(tmp_path, "")
    query = start(project, "sql", SLOW)
    time.sleep(1)
    end(query, number)
    assert query.returncode == 130


def test_two_at_once_end_it_at_once(tmp_path):
    project = make(tmp_path, "")
    query = start(project, "sql", SLOW)
    time.sleep(1)
    query.send_signal(signal.SIGINT)
    end(query, signal.SIGINT, within=2)
    assert query.returncode == 130


def slow_gate(tmp_path):
    project = make(tmp_path, "", gate=True)
    (project.folder / "gates/t.yaml").write_text(
        f"gate: t\ntable: processed.t\nchecks:\n  - sql: {{ name: slow, rows: 0, query: \"{SLOW_CHECK}\" }}\n")
    project.apply()
    land(project, 1)
    return project


def test_a_daemon_ends_amid_sql_of_a_gate_and_a_slow_reader(tmp_path):
    project = slow_gate(tmp_path)
    with project.serve() as daemon:
        with socket.create_connection(("127.0.0.1", daemon.port)) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            for _ in range(20):  # answers that nobody reads
                slow.sendall(b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n")
            time.sleep(2)
            begun = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(15)
            assert time.monotonic() - begun < 7
    assert project.status()["states"].get("processed", 0) == 0


def test_a_verb_that_a_terminal_gave_up_ends_in_the_daemon_too(tmp_path):
    project = slow_gate(tmp_path)
    with project.serve("--no-watch") as daemon:
        run = start(project, "ingest")
        time.sleep(2)
        end(run, signal.SIGINT, within=7)
        (project.folder / "gates/t.yaml").unlink()
        begun = time.monotonic()
        project.apply()
        project.wh("ingest")
        assert time.monotonic() - begun < 7
        assert project.status()["states"] == {"processed": 3} and daemon.poll() is None


@pytest.mark.parametrize("wait", (0.4, 0.9))
def test_a_large_batch_is_broken_off_whole(tmp_path, wait):
    project = make(tmp_path, "")
    land(project, 1, rows=30_000)
    run = start(project, "ingest")
    time.sleep(wait)
    end(run, within=7)
    project.wh("ingest")
    assert project.status()["states"] == {"processed": 30_000}
    project.wh("verify", "--deep")


def test_sql_of_a_table_ends_and_the_next_run_begins_it_again(tmp_path):
    project = make(tmp_path, "")
    land(project, 1, rows=3000)
    project.edit("processed/t.sql", ("SELECT r.id, r.at FROM records.t AS r",
                 "SELECT r.id, max(r.at) AS at FROM records.t AS r, records.t AS b, records.t AS c "
                 "WHERE length(r.id || b.id || c.id) > 3 GROUP BY r.id"), ("known at", "known at; mode full"))
    run = start(project, "apply", "--yes")
    time.sleep(2)
    end(run)
    assert run.returncode == 130
    assert project.status()["states"] == {}


def test_a_unit_that_does_not_end_is_cut_off_with_its_children(tmp_path):
    # The command ignores SIGTERM and starts a grandchild: nothing of it stays behind.
    project = make(tmp_path, "notify:\n  - when: table_committed\n    command: [sh, -c, 'sleep 321 & wait']\n")
    land(project, 1)
    daemon_log = open(project.folder / "serve.log", "ab")
    daemon = subprocess.Popen([WH, "serve", "--port", "0"], cwd=project.folder, env=environment(), stdout=daemon_log,
                              stderr=daemon_log, start_new_session=True)
    try:
        wait_until(lambda: children(daemon.pid), 20, "the command")
        group = children(daemon.pid)[0]
        begun = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0 and time.monotonic() - begun < 9
        wait_until(lambda: not alive(group), 5, "the end of the command and what it started")
    finally:
        daemon.kill()
        daemon.wait()


def alive(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def test_a_stopped_daemon_holds_up_no_verb_for_ever(tmp_path):
    project = make(tmp_path, "")
    with project.serve() as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            done = project.wh("table", "compact", "processed.t", code=8, timeout=60)
            assert time.monotonic() - begun < 18
            assert "WH8051" in done.stderr and f"process {daemon.pid}" in done.stderr
            assert f"kill -CONT {daemon.pid}" in done.stderr
            assert project.wh("status").returncode == 0
            second = project.wh("serve", "--port", "0", code=8, timeout=30)
            assert f"process {daemon.pid}" in second.stderr and "stopped" in second.stderr
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        land(project, 1)
        wait_until(lambda: project.status()["states"].get("processed") == 3, 20, "the file")
        assert project.wh("table", "compact", "processed.t").returncode == 0


def test_a_removed_lock_lets_no_second_writer_in(tmp_path):
    project = make(tmp_path, "")
    with project.serve() as daemon:
        (project.folder / ".weirhouse/lock").unlink()
        second = project.wh("serve", "--port", "0", code=8, timeout=30)
        assert "WH8001" in second.stderr and f"process {daemon.pid}" in second.stderr
        # Verbs still find the daemon.
        land(project, 1)
        assert project.wh("run").returncode == 0
    assert project.wh("ingest").returncode == 0
    assert project.wh("verify", "--deep").returncode == 0


def test_a_verb_waits_for_one_that_is_about_to_end(tmp_path):
    project = make(tmp_path, "notify:\n  - when: table_committed\n    command: [sleep, '3']\n")
    land(project, 1)
    first = start(project, "ingest")
    wait_until(lambda: (project.folder / ".weirhouse/notify.log").exists(), 10, "the command")
    assert project.wh("ingest").returncode == 0
    assert first.wait(20) == 0
