"""What reads the project beside a healthy writer sees one commit of it: sums add up, tables that every commit moves
together agree, and nothing is told as wrong."""
import json
import os
import threading
import time

import pytest

from project import Project

FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nsources:\n"
                      "  t: { landing: landing/t/, format: jsonl, batch: { by: name, pattern: '{date}' } }\n",
    "contracts/t.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: t\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: a, logicalType: string }\n",
    "processed/a.sql": "-- wh: table processed.a; key id; history keep\nSELECT r.id, r.a FROM records.t AS r\n",
    "processed/b.sql": "-- wh: table processed.b; key id; history keep\nSELECT r.id, r.a FROM records.t AS r\n",
}
ROWS = ("select (select count(*) from processed.a where length(a) > 0) as a, "
        "(select count(*) from processed.b where length(a) > 0) as b, "
        "(select count(*) from records.t where length(a) > 0) as r")
SECONDS = 2.5


@pytest.fixture
def written(tmp_path):
    """A project with a writer at work until the test is done with it."""
    project = Project(tmp_path / "lab")
    for name, text in FILES.items():
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / name).write_text(text)
    project.wh("init")
    project.apply()
    landing = project.folder / "landing/t"
    landing.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    failed = []

    def write():
        year = 2000
        while not stop.is_set():
            year += 1
            for day in range(1, 21):
                part = landing / f".{year}.part"
                part.write_text(json.dumps({"id": f"{year}-{day}", "a": "x"}) + "\n")
                os.rename(part, landing / f"{year}-01-{day:02}.jsonl")
            done = project.wh("ingest", code=None)
            if done.returncode != 0:
                failed.append(done.stderr)

    writer = threading.Thread(target=write)
    writer.start()
    yield project
    stop.set()
    writer.join()
    assert failed == []


def test_answers_are_of_one_commit(written):
    end = time.monotonic() + SECONDS
    asked = 0
    while time.monotonic() < end:
        row = written.rows(ROWS)[0]
        assert row["a"] == row["b"], row
        assert row["a"] <= row["r"], row  # what has landed is processed in a commit of its own
        status = written.json("status")
        assert status["adds_up"], status
        tables = {table["table"]: table for table in status["tables"]}
        if "processed.a" in tables:
            assert tables["processed.a"]["rows"] == tables["processed.b"]["rows"], tables
        asked += 1
    assert asked > 1


@pytest.mark.parametrize("options", [[], ["--deep"]])
def test_verify_finds_nothing_wrong(written, options):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        report = written.json("verify", *options)
        assert report["problems"] == [] and report["first_orphans"] == [] and report["orphans"] == 0, report
