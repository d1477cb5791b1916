"""Raw objects that rot or go missing: nothing is made of other bytes than arrived, and the file that lands again mends it."""
import gzip
import os
import sqlite3
import time

import pytest

from project import Project, wait_until

YAML = """name: small
version: 1
sources:
  s: {{ landing: landing/s/, format: {format}, contract: s, batch: {{ by: name, pattern: '{{date}}' }} }}
  other: {{ landing: landing/other/, contract: s, batch: {{ by: name, pattern: '{{date}}' }} }}
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: s
version: 1.0.0
status: active
schema:
  - name: s
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: v, logicalType: integer }
"""
EACH = "-- wh: table processed.{0}; key id\nSELECT r.id, r.v FROM records.{0} AS r\n"
WHOLE = "-- wh: table processed.n; key one; mode full\nSELECT 1 AS one, count(*) AS n, sum(r.v) AS v FROM records.s AS r\n"


def lines(first, count):
    return b"".join(b'{"id":"a%d","v":%d}\n' % (i, 1000 + i) for i in range(first, first + count))


def array(first, count):
    return b"[" + b",".join(lines(first, count).splitlines()) + b"]"


def table(first, count):
    return b"id,v\n" + b"".join(b"a%d,%d\n" % (i, 1000 + i) for i in range(first, first + count))


FORMS = {    # format, ending, bytes
    "lines": ("jsonl", ".jsonl", lines),
    "zipped": ("jsonl", ".jsonl.gz", lambda *of: gzip.compress(lines(*of), mtime=0)),
    "array": ("json", ".json", array),
    "table": ("csv", ".csv", table),
}
DAMAGES = {
    "cut": lambda data: data[:-7],
    "longer": lambda data: data + b"\n",
    "another value": lambda data: data.replace(b"1003", b"9003"),
    "a bit": lambda data: data[:40] + bytes([data[40] ^ 4]) + data[41:],
    "missing": None,
}


def make(folder, form="lines"):
    project = Project(folder)
    folder.mkdir()
    project.wh("init")
    project.write("weirhouse.yaml", YAML.format(format=FORMS[form][0]))
    project.write("contracts/s.odcs.yaml", CONTRACT)
    for source in ("s", "other"):
        project.write(f"processed/{source}.sql", EACH.format(source))
    project.write("processed/n.sql", WHOLE)
    project.apply()
    return project


def damage(project, how):
    """The oldest raw object of s."""
    paths = [path for path in (project.folder / ".weirhouse/lake/raw/s").glob("dt=*/*")]
    path = min(paths, key=lambda path: path.stat().st_mtime_ns)
    data = path.read_bytes()
    path.unlink()
    if DAMAGES[how]:
        damaged = DAMAGES[how](data)
        assert damaged != data
        path.write_bytes(damaged)
    return path, data


def land_again(project, name, data):
    (project.folder / "landing/s" / name).unlink(missing_ok=True)
    time.sleep(0.01)
    project.land("s", name, data)


def refused(project, name, how, *arguments):
    """The verb fails, and says which object, where it lies and what to do."""
    done = project.wh(*arguments, code=11)
    said = done.stdout + done.stderr
    assert ("WH7012" if how == "missing" else "WH1305") in said, said
    assert f"s/{name}" in said and "lake/raw/s/dt=" in said and "land the same file again" in said, said
    return said


def whole(project):
    return project.rows("select n, v from processed.n")[0]


@pytest.mark.parametrize("form, how", [
    ("zipped", "cut"), ("zipped", "a bit"), ("array", "cut"), ("table", "cut"), ("table", "another value"),
    ("lines", "another value"), ("lines", "longer"), ("lines", "missing")])
def test_what_is_made_of_other_bytes_than_arrived_is_never_published(tmp_path, form, how):
    project = make(tmp_path / "p", form)
    _, ending, write = FORMS[form]
    name = "2024-01-01" + ending
    project.land("s", name, write(0, 50))
    project.wh("run")
    before = whole(project)
    path, data = damage(project, how)
    refused(project, name, how, "sql", "select count(*) from records.s")
    refused(project, name, how, "run", "--full")
    project.land("s", "2024-01-02" + ending, write(50, 1))
    refused(project, name, how, "ingest")
    assert whole(project) == before

    land_again(project, name, data)
    done = project.wh("run")
    assert "restored" in done.stdout + done.stderr and path.read_bytes() == data
    assert whole(project) == {"n": 51, "v": sum(range(1000, 1051))}
    status = project.status()
    assert status["states"]["processed"] == 51 and status["adds_up"], status
    assert "-" not in next(line for line in done.stdout.splitlines() if line.startswith("ingest"))


@pytest.mark.parametrize("form, how", [("zipped", "a bit"), ("array", "cut"), ("lines", "missing")])
def test_what_rots_before_it_is_processed_waits_for_its_file_and_is_taken_in(tmp_path, form, how):
    project = make(tmp_path / "p", form)
    _, ending, write = FORMS[form]
    name = "2024-01-01" + ending
    project.land("s", name, write(0, 50))
    project.wh("ingest", code=None, env={"WEIRHOUSE_FAILPOINT": "raw.committed"})
    path, data = damage(project, how)
    project.land("other", "2024-01-02.jsonl", lines(0, 3))
    refused(project, name, how, "run")
    # The other source is taken in, though its turn has not come.
    assert project.rows("select count(*) as c from system.objects") == [{"c": 2}]
    refused(project, name, how, "run")
    land_again(project, name, data)
    project.wh("run")
    assert path.read_bytes() == data
    assert project.rows("select count(*) as c from processed.s") == [{"c": 50}]
    assert project.rows("select count(*) as c from processed.other") == [{"c": 3}]
    assert project.json("quarantine", "list", "--by", "reason")["reasons"] == []
    assert project.status()["states"] == {"processed": 53}
    project.wh("verify", "--deep")


def test_a_daemon_goes_on_by_itself_once_the_file_has_landed_again(tmp_path):
    project = make(tmp_path / "p", "zipped")
    name = "2024-01-01.jsonl.gz"
    project.land("s", name, FORMS["zipped"][2](0, 50))
    project.wh("ingest", code=None, env={"WEIRHOUSE_FAILPOINT": "raw.committed"})
    _, data = damage(project, "a bit")
    log = project.folder / "serve.log"
    with project.serve():
        wait_until(lambda: "WH1305" in log.read_text() and f"s/{name}" in log.read_text(), 20, "the daemon's word")
        land_again(project, name, data)
        wait_until(lambda: "restored" in log.read_text(), 20, "the restored object")
        wait_until(lambda: project.status()["states"] == {"processed": 50}, 20, "the records")


@pytest.mark.parametrize("how", ["another value", "missing"])
def test_new_definitions_are_applied_once_the_file_has_landed_again(tmp_path, how):
    project = make(tmp_path / "p")
    project.land("s", "2024-01-01.jsonl", lines(0, 5))
    project.wh("run")
    _, data = damage(project, how)
    project.edit("processed/s.sql", ("r.v FROM", "r.v + 1 AS v FROM"))
    refused(project, "2024-01-01.jsonl", how, "apply", "--yes")
    project.land("s", "2024-01-02.jsonl", lines(5, 1))
    land_again(project, "2024-01-01.jsonl", data)
    done = project.wh("apply", "--yes")
    assert "restored" in done.stdout + done.stderr
    assert project.rows("select count(*) as c, min(v) as v from processed.s") == [{"c": 6, "v": 1001}]


def test_a_reading_is_not_judged_by_bytes_that_did_not_arrive(tmp_path):
    """A source read otherwise: both readings of a rotten array fail, which says nothing of its records."""
    project = make(tmp_path / "p", "table")
    project.land("s", "2024-01-01.csv", b"id,v\na;1,1\nb,2\n")
    project.wh("run")
    paths = list((project.folder / ".weirhouse/lake/raw/s").glob("dt=*/*"))
    os.chmod(paths[0], 0o644)
    paths[0].write_bytes(b"")
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, delimiter: ';'"))
    refused(project, "2024-01-01.csv", "cut", "plan")


def events(project, kind):
    """Those of `kind` in the project's own book of them."""
    with sqlite3.connect(project.folder / ".weirhouse/catalog.db") as catalog:
        return [row[0] for row in catalog.execute("SELECT data FROM outbox WHERE type = ?", (kind,))]


@pytest.mark.parametrize("how", ["missing", "cut"])
@pytest.mark.parametrize("point", ["raw.restore.before", "raw.restore.after", "raw.committed"])
def test_a_restored_object_is_told_once_wherever_the_process_ends(tmp_path, point, how):
    project = make(tmp_path / "p", "lines")
    _, ending, write = FORMS["lines"]
    name = "2024-01-01" + ending
    project.land("s", name, write(0, 50))
    project.wh("run")
    path, data = damage(project, how)
    land_again(project, name, data)
    project.wh("ingest", code=137, env={"WEIRHOUSE_FAILPOINT": point})
    project.wh("ingest")
    assert path.read_bytes() == data
    told = events(project, "weirhouse.object.restored")
    assert len(told) == 1 and ("missing" if how == "missing" else "damaged") in told[0], told
    # The same bytes once more: all is whole, and nothing is told.
    land_again(project, name, data)
    project.wh("ingest")
    assert len(events(project, "weirhouse.object.restored")) == 1
    assert project.json("verify", "--deep")["problems"] == []
