"""Codes that no other test asks for: each is given, by what a person may do to have it."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess

import pytest

from project import WH, Project, environment, wait_until
from test_growth import FILES, land

VIEW = """feature_view: kept
version: 1
entity: { id: string }
source: processed.t
event_time: at
known_time: at
windows: [24h]
features: { n: { agg: count } }
online: { fill: none }
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project with one batch and a view that is not served."""
    folder = tmp_path_factory.mktemp("codes") / "p"
    for path, text in {**FILES, "features/kept.yaml": VIEW}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "landing/t").mkdir(parents=True)
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout)["token"]
    project.apply()
    land(project, 1, 20)
    project.wh("run")
    return project


def code_of(done):
    return json.loads(done.stdout or "{}").get("error", {}).get("code") or done.stderr


def refused(project, *words, **options):
    """The code that a command ends with, and the exit."""
    done = project.wh(*words, "--json", code=None, **options)
    assert done.returncode != 0, done.stdout
    return code_of(done)


@pytest.mark.parametrize("words, code", [
    (("plan", "--profile", "elsewhere"), "WH2006"),
    (("apply", "00000000", "--yes"), "WH2022"),
    (("gate", "override", "r2", "--reason", "seen"), "WH3020"),
    (("feature", "get", "kept@1:*", "id=1-1"), "WH4018"),
])
def test_a_command_that_asks_for_what_is_not_there(finished, words, code):
    assert code in refused(finished, *words)


def test_a_folder_without_a_project(tmp_path):
    done = subprocess.run([WH, "plan"], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 6 and "WH2009" in done.stderr


def test_a_setting_that_this_release_does_not_serve(finished):
    kept = (finished.folder / "weirhouse.yaml").read_text()
    finished.write("weirhouse.yaml", kept + "retention: { snapshots: 50 }\n")
    try:
        assert "WH2005" in refused(finished, "plan")
    finally:
        finished.write("weirhouse.yaml", kept)


def test_a_contract_is_published_alone_and_a_new_major_version_on_purpose(finished):
    kept = {path: (finished.folder / path).read_text() for path in ("contracts/t.odcs.yaml", "processed/t.sql")}
    try:
        finished.edit("contracts/t.odcs.yaml", ("version: 1.0.0", "version: 2.0.0"))
        assert "WH8039" in refused(finished, "contract", "publish", "t")
        finished.edit("processed/t.sql", ("r.x, r.at", "r.x + 1 AS x, r.at"))
        finished.edit("contracts/t.odcs.yaml", ("version: 2.0.0", "version: 1.0.1"))
        assert "WH8038" in refused(finished, "contract", "publish", "t", "--yes")
    finally:
        for path, text in kept.items():
            finished.write(path, text)


@pytest.mark.parametrize("key, value, words, code", [
    ("contract/t", '{"damaged": true}', ("plan",), "WH2023"),
    ("token/%", '{"damaged": true}', ("token", "list"), "WH7094"),
])
def test_a_record_of_the_catalog_that_cannot_be_read(finished, tmp_path, key, value, words, code):
    path = finished.folder / ".weirhouse/catalog.db"
    kept = tmp_path / "catalog.db"
    shutil.copy(path, kept)
    finished.wh("token", "create", "--name", "reader", "--role", "reader", "--on", "processed")
    catalog = sqlite3.connect(path)
    try:
        assert catalog.execute("update setting set value = ? where key like ?", (value, key)).rowcount > 0
        catalog.commit()
        assert code in refused(finished, *words)
    finally:
        catalog.close()
        for end in ("", "-wal", "-shm"):
            pathlib.Path(f"{path}{end}").unlink(missing_ok=True)
        shutil.copy(kept, path)


def test_a_command_without_its_library(finished, tmp_path):
    alone = tmp_path / "bin/wh"
    alone.parent.mkdir()
    shutil.copy(WH, alone)
    done = subprocess.run([alone, "status"], cwd=finished.folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 8 and "WH8028" in done.stderr


def test_a_landing_folder_that_is_nested_too_deep(finished):
    deep = finished.folder / "landing/t" / "/".join("d" * 20)
    deep.mkdir(parents=True)
    try:
        assert "WH1301" in finished.wh("ingest", code=None).stderr
    finally:
        shutil.rmtree(finished.folder / "landing/t/d")


def test_demo_data_that_cannot_be_written(tmp_path):
    project = Project.make(tmp_path / "flights")
    shutil.rmtree(project.folder / "landing", ignore_errors=True)
    (project.folder / "landing").write_text("in the way")
    assert "WH8045" in refused(project, "demo-data", "--days", "1")


def ask(daemon, project, method, target, body=None, declared=None, **headers):
    """Status and body of the answer. `declared`: the length that is told, if no byte of the body is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    headers["authorization"] = f"Bearer {project.token}"
    if declared is None:
        connection.request(method, target, body, headers)
    else:
        connection.putrequest(method, target)
        for name, value in {**headers, "content-length": str(declared)}.items():
            connection.putheader(name, value)
        connection.endheaders()
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["error"]


JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def served(finished):
    with finished.serve("--no-watch") as daemon:
        yield daemon


@pytest.mark.parametrize("status, code, method, target, more", [
    (403, "WH8072", "POST", "/v1/features", {"body": "{}", **JSON, "origin": "http://elsewhere.example"}),
    (413, "WH8077", "POST", "/v1/features", {"declared": 1 << 30, **JSON}),
    (414, "WH8078", "GET", "/v1/status?x=" + "x" * 9000, {}),
    (415, "WH8080", "POST", "/v1/features", {"body": "{}", "content-type": "text/plain"}),
    (422, "WH8094", "POST", "/iceberg/v1/namespaces/processed/properties",
     {"body": json.dumps({"removals": ["a"], "updates": {"a": "b"}}), **JSON}),
])
def test_a_request_that_is_refused(finished, served, status, code, method, target, more):
    said, error = ask(served, finished, method, target, **more)
    assert said == status and code in json.dumps(error), error


def test_a_daemon_keeps_to_the_project_that_it_was_started_with(finished, served):
    kept = (finished.folder / "weirhouse.yaml").read_text()
    try:
        finished.write("weirhouse.yaml", kept + "profiles: { local: {}, other: { skip_checks: [mean] } }\n")
        done = finished.wh("ingest", "--profile", "other", code=5)
        assert "WH8032" in done.stderr and 'the daemon serves profile "local", asked for "other"' in done.stderr
        assert "stop the daemon, or leave --profile out" in done.stderr
        finished.write("weirhouse.yaml", kept + "profiles: { local: { warehouse: ./elsewhere } }\n")
        done = finished.wh("ingest", code=5)
        assert "WH8032" in done.stderr and "serves the one it was started with" in done.stderr, done.stderr
        assert "stop the daemon, or put it back" in done.stderr
    finally:
        finished.write("weirhouse.yaml", kept)
    finished.wh("ingest")


def test_a_daemon_with_too_many_terminals_says_so(finished, served):
    # By way of the open folder: the address of a socket holds no long path.
    folder = os.open(finished.folder / ".weirhouse", os.O_RDONLY)
    terminals = []
    try:
        for _ in range(32):
            terminals.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            terminals[-1].connect(f"/proc/self/fd/{folder}/daemon.sock")
        done = finished.wh("ingest", code=8)
        assert "WH8047" in done.stderr and "32 terminals are served at once already" in done.stderr, done.stderr
        assert "run the command again" in done.stderr
    finally:
        for terminal in terminals:
            terminal.close()
        os.close(folder)
    # They are noticed to have gone.
    wait_until(lambda: finished.wh("ingest", code=None).returncode == 0, 20, "a free place")
