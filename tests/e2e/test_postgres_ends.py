"""A PostgreSQL server that is gone for a while, or stands still: nothing ends by it, nothing is lost, nothing false is said."""
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid

import pytest

import test_notify
from project import Project, wait_until
from test_notify import land, told

SERVER = os.environ.get("WEIRHOUSE_TEST_POSTGRES")
pytestmark = pytest.mark.skipif(not SERVER, reason="WEIRHOUSE_TEST_POSTGRES names no server (tools/test starts one)")
PROFILE = ("profiles:\n  local: { warehouse: ./.weirhouse/lake, catalog: { postgres: '${env:WEIRHOUSE_PG}' }, log: embedded, "
           "online: embedded }\n")
NOTIFY = test_notify.rule("notify", "table_committed", "touch begun; sleep 1; cat >> got.jsonl")


class Proxy:
    """The way to the server, which can be cut, or hang: what is sent is taken and nothing comes back, as of a stopped server."""

    def __init__(self):
        self.server = urllib.parse.urlsplit(SERVER)
        self.port, self.listener, self.pairs = 0, None, []
        self.flows = threading.Event()
        self.flows.set()
        self.up()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pump, args=(client,), daemon=True).start()

    def pump(self, client):
        self.flows.wait()
        server = socket.create_connection((self.server.hostname, self.server.port))
        self.pairs.append((client, server))
        try:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    self.flows.wait()
                    data = source.recv(1 << 16)
                    if not data:
                        raise OSError
                    (server if source is client else client).sendall(data)
        except (OSError, ValueError):
            for end in (client, server):
                end.close()

    def down(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def url(self, schema):
        return f"{self.server.scheme}://{self.server.username}@127.0.0.1:{self.port}{self.server.path}?schema={schema}"


class Lab(Project):
    """A small project whose catalog lies behind the proxy."""

    def __init__(self, folder, proxy):
        super().__init__(folder)
        self.proxy, self.schema, self.wait = proxy, f"ends_{uuid.uuid4().hex}", ""

    def variables(self):
        return {"WEIRHOUSE_PG": self.proxy.url(self.schema) + self.wait}

    def wh(self, *arguments, env=None, **options):
        return super().wh(*arguments, env={**self.variables(), **(env or {})}, **options)

    def query(self, sql):
        done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", f"set search_path to {self.schema}", "-c", sql,
                               SERVER], capture_output=True, text=True, check=True)
        return done.stdout

    def get(self, daemon, path):
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
        try:
            connection.request("GET", path, headers={"authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def lab(tmp_path):
    proxy = Proxy()
    project = Lab(tmp_path / "lab", proxy)
    for path, text in test_notify.FILES.items():
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text(text + (PROFILE + NOTIFY if path == "weirhouse.yaml" else ""))
    project.token = json.loads(project.wh("init", "--json").stdout)["token"]
    project.apply()
    yield project
    project.query(f"drop schema {project.schema} cascade")
    proxy.down()


def test_a_database_that_is_gone_amid_a_delivery_loses_nothing_and_ends_nobody(lab):
    with lab.serve(env=lab.variables()) as daemon:
        land(lab, 1)
        wait_until(lambda: (lab.folder / "begun").exists(), 15, "the command")
        lab.proxy.down()
        wait_until(lambda: told(lab), 10, "the command's end")
        # It cannot be told what a token is worth: not that it is worth nothing.
        status, answer = lab.get(daemon, "/iceberg/v1/config")
        assert status == 503 and "WH704" in json.dumps(answer), answer
        assert lab.get(daemon, "/v1/status")[0] == 503
        refused = lab.wh("run", code=8)
        assert "WH704" in refused.stderr, refused.stderr
        land(lab, 2)
        wait_until(lambda: "notifications are delayed" in (lab.folder / "serve.log").read_text(), 10, "that it is told")
        assert daemon.poll() is None
        lab.proxy.up()
        wait_until(lambda: lab.status()["states"].get("processed") == 6, 20, "the second day")
        wait_until(lambda: len(told(lab)) >= 2 and not lab.status()["deliveries"]["pending"], 20, "its notification")
        assert lab.get(daemon, "/iceberg/v1/config")[0] == 200
        assert daemon.poll() is None
        assert "notifications are delivered again" in (lab.folder / "serve.log").read_text()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    assert len({event["id"] for event in told(lab)}) == 2
    lab.wh("verify", "--deep")


def test_a_stopped_holder_holds_up_no_verb_and_a_replaced_one_ends(lab):
    with lab.serve("--no-watch", env=lab.variables()) as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            assert f"process {daemon.pid}" in lab.wh("serve", "--port", "0", code=8, timeout=30).stderr
            assert lab.wh("status").returncode == 0
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        lab.query("update counter set next = next + 1 where name = 'writer'")
        land(lab, 1)
        assert "WH7100" in lab.wh("run", code=8).stderr
        assert daemon.wait(12) == 8
    assert lab.wh("run").returncode == 0


def test_while_the_server_hangs_what_needs_no_catalog_answers_and_the_rest_says_so(lab):
    lab.wait = "&connect_timeout=2"
    with lab.serve(env=lab.variables()) as daemon:
        land(lab, 1)
        wait_until(lambda: lab.status()["states"].get("processed") == 3, 15, "the first day")
        assert lab.get(daemon, "/iceberg/v1/config")[0] == 200
        lab.proxy.flows.clear()
        answers = []
        paths = ["/iceberg/v1/config"] * 6 + ["/v1/status"] * 6
        askers = [threading.Thread(target=lambda path=path: answers.append(lab.get(daemon, path))) for path in paths]
        for asker in askers:
            asker.start()
        while any(asker.is_alive() for asker in askers):
            begun = time.monotonic()
            assert lab.get(daemon, "/healthz") == (200, {"status": "ok"})
            assert time.monotonic() - begun < 2
            time.sleep(0.2)
        assert {status for status, _ in answers} == {503}, answers
        done = lab.wh("plan", code=8, timeout=40)
        assert "WH704" in done.stderr, done.stderr
        lab.proxy.flows.set()
        wait_until(lambda: lab.get(daemon, "/iceberg/v1/config")[0] == 200, 30, "an answer")
        land(lab, 2)
        wait_until(lambda: lab.status()["states"].get("processed") == 6, 30, "the second day")
    lab.wh("verify", "--deep")
