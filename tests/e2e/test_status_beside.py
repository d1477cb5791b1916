"""`status` beside a daemon that commits: the sums it shows are of one moment."""
import http.client
import json

from test_notify import land, make

DAYS = 28


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/v1/status")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_the_sum_is_right_while_batches_are_committed(tmp_path):
    project = make(tmp_path, "")
    for day in range(1, DAYS + 1):
        land(project, day, rows=day)
    with project.serve() as daemon:
        looks, seen = 0, set()
        while looks < 3000 and (not seen or max(seen) < sum(range(DAYS + 1))):
            status = ask(daemon.port)
            assert status["adds_up"], {name: status[name] for name in ("commit", "records", "states", "waiting_records")}
            seen.add(status["states"].get("processed", 0))
            looks += 1
    assert max(seen) == sum(range(DAYS + 1)) and len(seen) > 3
