"""`wh serve`: what lands is run, completion is told, commands and HTTP are answered, and it ends cleanly."""
import json
import signal
import urllib.error
import urllib.request

import pytest

from project import Project, wait_until

FEATURES = ("feature", "get", "carrier_delay@1:*", "carrier=UA", "--at", "2013-01-11T23:30:00Z")


def call(port, path, token=None, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                     data=None if body is None else json.dumps(body).encode())
    if token:
        request.add_header("authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def drained(project):
    status = project.status()
    return not status["waiting"].get("objects") and status["waiting_records"] == 0


def test_what_lands_is_run_and_completion_is_told(project, clean_days):
    with project.serve() as daemon:
        project.land_all(clean_days, days=("2013-01-01", "2013-01-02"))
        wait_until(lambda: project.status()["objects"] == 7 and drained(project), 30, "two days")
        project.land_all(clean_days, days=("2013-01-03", "2013-01-03"))
        wait_until(lambda: project.status()["objects"] == 10 and drained(project), 30, "the third day")
        wait_until(lambda: (project.folder / "completed.jsonl").exists()
                   and len((project.folder / "completed.jsonl").read_text().splitlines()) == 3, 15, "completion")
        status = call(daemon.port, "/v1/status", project.token)
        assert status["adds_up"] and status["objects"] == 10
        # A writing verb finds the project taken and asks the daemon.
        assert project.wh("run").returncode == 0
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    events = [json.loads(line) for line in (project.folder / "completed.jsonl").read_text().splitlines()]
    assert [event["data"]["batch"] for event in events] == ["2013-01-01", "2013-01-02", "2013-01-03"]
    assert all(event["specversion"] == "1.0" and event["data"]["table"] == "feature.carrier_delay_v1" for event in events)
    project.wh("verify", "--deep")


def test_without_its_token_nobody_predicts(project):
    with project.serve() as daemon:
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(daemon.port, "/v1/models/late", body={"carrier": "UA"})
        assert refused.value.code == 401


def test_online_serves_the_last_good_values_through_a_halt(tmp_path, clean_days):
    project = Project.make(tmp_path / "flights")
    project.apply()
    with project.serve():
        project.land_all(clean_days, days=("2013-01-01", "2013-01-10"))
        wait_until(lambda: project.status()["objects"] == 31 and drained(project), 60, "ten days")
        before = project.json(*FEATURES)["features"]
        assert {feature["status"] for feature in before} <= {"present", "null"}
        project.wh("demo-data", "--bad-day", "utc-shift", "--days", "10")
        wait_until(lambda: project.status()["halted"], 30, "the halt")
        assert project.json(*FEATURES)["features"] == before
        run = project.status()["halted"][0]["run"]
        project.wh("gate", "discard", run, "--reason", "wrong time zone")
        wait_until(lambda: not project.status()["halted"] and drained(project), 30, "the backlog")
        assert project.json(*FEATURES)["features"] == before


def test_a_route_answers_with_the_document_of_the_verb_to_the_byte(project, clean_days):
    project.land_all(clean_days, days=("2013-01-01", "2013-01-02"))
    project.land("arrival", "2013-01-03.jsonl", b'{"flight_id": 7}\n')    # in quarantine
    project.wh("run", code=3)
    with project.serve("--no-watch") as daemon:
        for path, verb in (("/v1/status", ("status",)), ("/v1/tables", ("table", "list")), ("/v1/gates", ("gate", "list")),
                           ("/v1/models", ("model", "list")), ("/v1/trace/o1", ("trace", "o1")),
                           ("/v1/quarantine", ("quarantine", "list")),
                           ("/v1/quarantine/reasons", ("quarantine", "list", "--by", "reason")),
                           ("/v1/tables/processed.arrival/history", ("table", "history", "processed.arrival")),
                           ("/v1/tables/processed.arrival/files", ("table", "files", "processed.arrival")),
                           ("/v1/tables/raw.arrival/diff?from=main", ("table", "diff", "raw.arrival", "main")),
                           ("/v1/plan", ("plan",)), ("/v1/contracts", ("contract", "list")),
                           ("/v1/contracts/arrival", ("contract", "show", "arrival")),
                           ("/v1/contracts/arrival/history", ("contract", "history", "arrival")),
                           ("/v1/policy", ("policy", "show")), ("/v1/staging-areas", ("staging", "list"))):
            with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}{path}", timeout=10) as answer:
                assert answer.read().decode() == project.wh(*verb, "--json").stdout, path


def test_tokens_and_the_doctor_are_for_the_owner_alone(project):
    project.wh("token", "create", "--name", "etl", "--role", "admin", "--on", "*")
    with project.serve("--no-watch") as daemon:
        for path in ("/v1/tokens", "/v1/doctor"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                call(daemon.port, path)
            assert refused.value.code == 401, path
        tokens = call(daemon.port, "/v1/tokens", project.token)
        assert [token["name"] for token in tokens["tokens"]] == ["etl"] and "wh_" not in json.dumps(tokens)
        checks = {row["check"]: row["state"] for row in call(daemon.port, f"/v1/doctor?port={daemon.port}", project.token)["checks"]}
        assert checks["chain"] == "ok" and checks["port"] == "ok" and checks["project"] == "ok"


def next_event(stream):
    """The lines up to the next empty one; those without meaning are passed over."""
    lines = []
    while True:
        raw = stream.readline()
        assert raw, "the stream has ended"
        line = raw.decode().rstrip("\n")
        if not line and lines and lines != [":"]:
            return lines
        lines = [] if not line else lines + [line]


def test_commits_are_told_as_they_happen_and_again_to_who_was_away(project, clean_days):
    with project.serve() as daemon:
        events = f"http://127.0.0.1:{daemon.port}/v1/events"
        with urllib.request.urlopen(events, timeout=30) as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            assert next_event(stream)[0].startswith("retry: ")
            project.land_all(clean_days, days=("2013-01-01", "2013-01-01"))
            told = [next_event(stream) for _ in range(3)]
        first = int(told[0][0].removeprefix("id: "))
        assert [event[:2] for event in told] == [[f"id: {first + i}", "event: run"] for i in range(3)]
        runs = [json.loads(event[2].removeprefix("data: ")) for event in told]
        assert runs[0]["kind"] == "raw" and [run["commit"] for run in runs] == [first, first + 1, first + 2]
        wait_until(lambda: drained(project), 30, "the day")
        asked = urllib.request.Request(events, headers={"Last-Event-ID": str(first)})
        with urllib.request.urlopen(asked, timeout=30) as stream:
            assert next_event(stream)[1] == f"id: {first}"
            assert next_event(stream) == told[1]
            daemon.send_signal(signal.SIGTERM)
            while stream.readline():    # ends as a whole, not in the midst
                pass
        assert daemon.wait(30) == 0
