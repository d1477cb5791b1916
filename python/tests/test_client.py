import datetime
import http.server
import json
import threading

import numpy
import pytest

import weirhouse


class Daemon(http.server.BaseHTTPRequestHandler):
    """Records what it is asked and answers what the test has laid ready."""

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        status, content = self.server.ready
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


@pytest.fixture
def daemon():
    server = http.server.HTTPServer(("127.0.0.1", 0), Daemon)
    server.seen = []
    server.ready = (200, b'{"ok":true}')
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(daemon):
    return weirhouse.connect(f"http://127.0.0.1:{daemon.server_port}", token="t0k")


def test_predict_sends_the_fields_with_the_token(client, daemon):
    at = datetime.datetime(2013, 12, 30, 21, 15, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    answer = client.predict("late#1", carrier="UA", distance=numpy.int64(1400), at=at)
    assert answer == {"ok": True}
    method, path, headers, body = daemon.seen[0]
    assert (method, path) == ("POST", "/v1/models/late%231")
    assert headers["Authorization"] == "Bearer t0k"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"carrier": "UA", "distance": 1400, "at": "2013-12-30T20:15:00Z"}


def test_online_names_views_keys_and_time(client, daemon):
    client.online("carrier_delay@1", {"carrier": "UA"}, request={"distance": 3}, at="2013-01-01T00:00:00Z")
    method, path, _, body = daemon.seen[0]
    assert (method, path) == ("POST", "/v1/features/online")
    assert json.loads(body) == {
        "views": ["carrier_delay@1"],
        "keys": {"carrier": "UA"},
        "request": {"distance": 3},
        "at": "2013-01-01T00:00:00Z",
    }
    client.online(["a@1", "b@2"], {"k": 1})
    assert json.loads(daemon.seen[1][3]) == {"views": ["a@1", "b@2"], "keys": {"k": 1}}


def test_reads_have_no_body(client, daemon):
    client.status()
    client.trace("p-0199b2c4")
    assert [seen[:2] for seen in daemon.seen] == [("GET", "/v1/status"), ("GET", "/v1/trace/p-0199b2c4")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, weirhouse.InvalidInput),
        (401, weirhouse.PermissionDenied),
        (403, weirhouse.PermissionDenied),
        (404, weirhouse.NotFound),
        (409, weirhouse.Conflict),
        (413, weirhouse.InvalidInput),
        (429, weirhouse.Unavailable),
        (500, weirhouse.WeirhouseError),
        (503, weirhouse.Unavailable),
    ],
)
def test_errors_become_exceptions_with_code_and_hint(client, daemon, status, kind):
    error = {"error": {"code": "WH8074", "message": "nothing here", "hint": "look there"}}
    daemon.ready = (status, json.dumps(error).encode())
    with pytest.raises(kind) as raised:
        client.status()
    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.hint) == ("WH8074", "look there")
    assert str(raised.value) == "[WH8074] nothing here (look there)"


def test_an_answer_that_is_not_json_is_no_daemon(client, daemon):
    daemon.ready = (200, b"<html>")
    with pytest.raises(weirhouse.Unavailable, match="not JSON"):
        client.status()


def test_no_daemon_is_unavailable():
    with pytest.raises(weirhouse.Unavailable, match="wh serve"):
        weirhouse.connect("http://127.0.0.1:1").status()


def test_a_token_comes_from_the_environment_and_is_never_shown(daemon, monkeypatch):
    monkeypatch.setenv("WEIRHOUSE_TOKEN", "from-env")
    client = weirhouse.connect(f"http://127.0.0.1:{daemon.server_port}")
    client.status()
    assert daemon.seen[0][2]["Authorization"] == "Bearer from-env"
    assert "from-env" not in repr(client)


def test_numbers_that_json_lacks_are_sent_by_name(client, daemon):
    client.online("v", {"x": float("nan")}, request={"up": float("inf"), "list": [numpy.float64("-inf"), 1.5]})
    assert json.loads(daemon.seen[0][3])["keys"] == {"x": "NaN"}
    assert json.loads(daemon.seen[0][3])["request"] == {"up": "Infinity", "list": ["-Infinity", 1.5]}


@pytest.mark.parametrize("value", [object(), datetime.datetime(2013, 1, 1), numpy.zeros(2)])
def test_what_json_cannot_say_is_refused_before_it_is_sent(client, daemon, value):
    with pytest.raises(weirhouse.InvalidInput):
        client.predict("late", x=value)
    assert daemon.seen == []


@pytest.mark.parametrize("url", ["localhost:8642", "ftp://x", "http://", "http://u@x", "http://x/path"])
def test_only_an_address_of_a_daemon_is_taken(url):
    with pytest.raises(weirhouse.InvalidInput):
        weirhouse.connect(url)
