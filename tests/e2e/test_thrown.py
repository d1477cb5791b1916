"""What is thrown on any thread of the daemon (memory that runs out, a bug) is told, and ends neither it nor what it was to do."""
import http.client
import json
import signal
import sqlite3

import pytest

from project import wait_until
from test_ends import post
from test_notify import land, make, rule, told

NOTIFY = rule("notify", "table_committed", "cat >> got.jsonl")


def get(daemon, project, path):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {project.token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers(daemon, project):
    try:
        return get(daemon, project, "/v1/status")[0] == 200
    except (OSError, http.client.HTTPException):  # the one connection whose thread it was
        return False


def live(project, daemon):
    """A day of a daemon's life: a file lands and is told of, a terminal runs a verb, HTTP is asked."""
    for _ in range(3):
        if answers(daemon, project):
            break
    project.wh("run", code=None, timeout=20)
    land(project, 1)
    wait_until(lambda: project.status()["states"].get("processed") == 3, 15, "the file")
    wait_until(lambda: answers(daemon, project), 10, "an answer over HTTP")
    assert project.wh("run", timeout=20).returncode == 0
    wait_until(lambda: [event["subject"] for event in told(project)][-1:] == ["processed.t"], 15, "the notification")
    wait_until(lambda: not project.status()["deliveries"]["pending"], 15, "its note")
    assert daemon.poll() is None


@pytest.mark.parametrize("place", ["daemon.work", "daemon.look", "daemon.report", "daemon.command.admit", "daemon.command.read", "http.accept:2",
                                   "http.session", "http.request", "http.handle", "catalog.group.before_commit:3",
                                   "catalog.group.after_commit:4", "outbox.send.before", "outbox.send.after"])
def test_what_is_thrown_ends_nothing(tmp_path, place):
    project = make(tmp_path, NOTIFY)
    thrown = "error" if place.startswith("http") else "memory"
    with project.serve(env={"WEIRHOUSE_FAILPOINT": place, "WEIRHOUSE_FAILPOINT_THROW": thrown}) as daemon:
        live(project, daemon)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    project.wh("verify", "--deep")


def take_over(project):
    """What a second writer does first, where no lock keeps it out (a network file system, a folder that was exchanged)."""
    catalog = sqlite3.connect(project.folder / ".weirhouse/catalog.db", timeout=10)
    catalog.execute("update counter set next = next + 1 where name = 'writer'")
    catalog.commit()
    catalog.close()


@pytest.mark.parametrize("by", ["landing", "command", "http", "notification"])
def test_a_daemon_that_was_replaced_ends_and_says_so(tmp_path, by):
    project = make(tmp_path, rule("notify", "table_committed", "sleep 1; false"))
    if by == "notification":
        land(project, 1)
    with project.serve(*(() if by == "landing" else ("--no-watch",))) as daemon:
        if by == "notification":
            project.wh("run")
            wait_until(lambda: (project.folder / ".weirhouse/notify.log").exists(), 10, "the command")
        take_over(project)
        if by == "landing":
            land(project, 1)
        elif by == "command":
            land(project, 1)
            assert "WH7100" in project.wh("run", code=8).stderr
        elif by == "http":
            status, answer = post(daemon, project, "/iceberg/v1/namespaces", '{"namespace":["a"]}')
            assert status == 503 and "WH7100" in json.dumps(answer)
        assert daemon.wait(12) == 8
    assert "error[WH7100]" in (project.folder / "serve.log").read_text()
    assert project.wh("run").returncode == 0
    assert project.status()["states"] == ({} if by == "http" else {"processed": 3})


def test_a_catalog_that_another_program_locks_is_told_and_waited_for(tmp_path):
    project = make(tmp_path, NOTIFY)
    with project.serve() as daemon:
        other = sqlite3.connect(project.folder / ".weirhouse/catalog.db", timeout=10, isolation_level=None)
        other.execute("begin immediate")
        land(project, 1)
        status, answer = post(daemon, project, "/iceberg/v1/namespaces", '{"namespace":["a"]}')
        assert status == 503 and "WH7018" in json.dumps(answer), answer
        wait_until(lambda: "WH7018" in (project.folder / "serve.log").read_text(), 15, "that it is told")
        other.execute("rollback")
        other.close()
        wait_until(lambda: project.status()["states"] == {"processed": 3} and told(project), 15, "the file and its notification")
        assert daemon.poll() is None
