"""Topics: what is sent to one is durable when it is acknowledged, and in raw once, whenever the daemon ends."""
import gzip
import http.client
import json
import random
import threading

import pytest

from project import Project, wait_until

PROJECT = {
    "weirhouse.yaml": "name: shop\nversion: 1\nsources:\n  order: { landing: topic:orders, contract: order }\n",
    "contracts/order.odcs.yaml": (
        "apiVersion: v3.1.0\nkind: DataContract\nid: order\nversion: 1.0.0\nstatus: active\nschema:\n  - name: order\n"
        "    logicalType: object\n    properties:\n      - { name: id, logicalType: integer, required: true }\n"
        "      - { name: amount, logicalType: integer, required: true }\n"),
    "processed/order.sql": "-- wh: table processed.order; key id; order amount\nSELECT r.id, r.amount FROM records.order AS r\n",
}
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture
def shop(tmp_path):
    project = Project(tmp_path / "shop")
    for path, text in PROJECT.items():
        project.write(path, text)
    project.token = project.json("init")["token"]
    project.apply()
    return project


def send(project, port, body, topic="orders", token=True, headers=LINES, method="POST", query=""):
    """Status and document of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    fields = {**headers, **({"authorization": f"Bearer {project.token}"} if token else {})}
    connection.request(method, f"/v1/topics/{topic}/records{query}", body, fields)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def lines(ids):
    return "".join(json.dumps({"id": n, "amount": n % 7}) + "\n" for n in ids).encode()


def topic(project):
    return project.json("stream", "list")["topics"][0]


def taken(project):
    return topic(project)["readers"][0]["waiting"] == 0


def stored(project):
    """Each id of the table with how often; records in raw."""
    rows = project.rows("select id, count(*)::integer as n from processed.order group by 1")
    raw = project.rows("select coalesce(sum(record_count), 0)::integer as n from raw.order")[0]["n"]
    return {row["id"]: row["n"] for row in rows}, raw


def test_records_of_a_request_are_rows_a_moment_later(shop):
    with shop.serve() as daemon:
        assert send(shop, daemon.port, lines(range(3))) == (200, {"topic": "orders", "first_offset": 0, "records": 3, "schema_version": 1})
        one = json.dumps({"id": 3, "amount": 4}).encode()
        assert send(shop, daemon.port, one + b"\n", headers={"content-type": "application/json; charset=utf-8"})[1]["first_offset"] == 3
        wait_until(lambda: len(stored(shop)[0]) == 4, 20, "four rows")
        status, answer = send(shop, daemon.port, None, headers={}, method="GET", query="?from=2&limit=5")
        assert status == 200 and [(r["offset"], json.loads(r["value"])["id"]) for r in answer["records"]] == [(2, 2), (3, 3)]
        assert answer == shop.json("stream", "tail", "orders", "--from", "2", "--limit", "5")
    assert stored(shop) == ({n: 1 for n in range(4)}, 4)


def test_a_body_may_be_compressed(shop):
    packed = {**LINES, "content-encoding": "gzip"}
    with shop.serve("--no-watch") as daemon:
        assert send(shop, daemon.port, gzip.compress(lines(range(1000))), headers=packed)[1]["records"] == 1000
        for body in (gzip.compress(lines([1]))[:-3], b"no gzip", b"", 2 * gzip.compress(lines([1])), gzip.compress(b"x" * (65 << 20))):
            status, answer = send(shop, daemon.port, body, headers=packed)
            assert body == b"" or (status == 400 and answer["error"]["code"] == "WH1322"), answer
        assert send(shop, daemon.port, lines([1]), headers={**LINES, "content-encoding": "br"})[0] == 415
        assert topic(shop)["end"] == 1000


def test_requests_that_are_refused_leave_nothing(shop):
    with shop.serve() as daemon:
        port = daemon.port
        assert send(shop, port, lines([1]), token=False)[0] == 401
        assert send(shop, port, lines([1]), headers={"content-type": "text/plain"})[1]["error"]["code"] == "WH8080"
        assert send(shop, port, lines([1]), topic="order")[1]["error"]["code"] == "WH1320"
        status, answer = send(shop, port, lines([1]) + b"\n" + lines([2]))
        assert status == 400 and answer["error"]["code"] == "WH1321" and "record 2 is empty" in answer["error"]["message"]
        pretty = json.dumps({"id": 1}, indent=1).encode()
        assert send(shop, port, pretty, headers={"content-type": "application/json"})[1]["error"]["code"] == "WH1321"
        assert send(shop, port, b"", headers={**LINES, "content-length": str(17 << 20)})[0] == 413
        assert send(shop, port, None, headers={}, method="GET", query="?from=5")[1]["error"]["code"] == "WH7205"
        assert topic(shop)["end"] == 0


def test_what_was_acknowledged_is_there_once_however_often_the_daemon_is_killed(shop):
    """Senders that repeat what was not acknowledged, while the daemon is killed again and again."""
    chance = random.Random(5)
    acknowledged, port, done = set(), [0], threading.Event()
    lock = threading.Lock()

    def sender(number):
        mine = iter(range(number, 10**9, 3))
        batch = []
        while not done.is_set():
            batch = batch or [next(mine) for _ in range(1 + number * 7)]
            try:
                status, _ = send(shop, port[0], lines(batch))
            except (OSError, http.client.HTTPException):
                done.wait(0.02)
                continue
            if status == 200:
                with lock:
                    acknowledged.update(batch)
                batch = []
    threads = [threading.Thread(target=sender, args=(number,)) for number in range(3)]
    for kill in range(8):
        with shop.serve() as daemon:
            port[0] = daemon.port
            if kill == 0:
                for thread in threads:
                    thread.start()
            done.wait(chance.uniform(0.1, 1.2))
            daemon.kill()
            daemon.wait()
    with shop.serve() as daemon:
        port[0] = daemon.port
        done.wait(1)
        done.set()
        for thread in threads:
            thread.join()
    shop.wh("run")
    rows, raw = stored(shop)
    assert len(acknowledged) > 500
    assert acknowledged <= set(rows) and set(rows.values()) == {1}
    assert raw == topic(shop)["end"] == topic(shop)["readers"][0]["taken"]  # each offset is in one object
    status = shop.status()
    assert status["adds_up"] and set(state for state, count in status["states"].items() if count) <= {"processed", "duplicate"}
    shop.wh("verify")


@pytest.mark.parametrize("point", ["log.write.before", "log.written", "log.synced", "raw.object.after", "raw.committed"])
def test_a_crash_anywhere_on_the_way_loses_and_doubles_nothing(shop, point):
    with shop.serve(env={"WEIRHOUSE_FAILPOINT": point}) as daemon:
        try:
            status = send(shop, daemon.port, lines(range(20)))[0]
        except (OSError, http.client.HTTPException):
            status = None
        assert daemon.wait(20) == 137
    assert (status == 200) == point.startswith("raw.")
    ended = topic(shop)["end"]
    assert ended == (0 if point == "log.write.before" else 20)
    with shop.serve() as daemon:
        if status is None:
            assert send(shop, daemon.port, lines(range(20)))[0] == 200
        wait_until(lambda: taken(shop), 20, "all is taken")
        wait_until(lambda: len(stored(shop)[0]) == 20, 20, "all rows")
    rows, raw = stored(shop)
    assert rows == {n: 1 for n in range(20)} and raw == ended + (20 if status is None else 0)
