"""What lies in a landing folder: each file is taken in once, or named; what is no file is never followed, and what
`after: delete` removes is what was read."""
import hashlib
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess

import pytest

from project import WH, Project, environment, wait_until

FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n  t:\n    landing: landing/t/\n    contract: t\n",
    "contracts/t.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: t\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: at, logicalType: timestamp, required: true }\n",
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at\nSELECT r.id, r.at FROM records.t AS r\n",
}


def make(folder, source=""):
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text + (source if name == "weirhouse.yaml" else ""))
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout)["token"]
    project.apply()
    (folder / "landing/t").mkdir(parents=True, exist_ok=True)
    return project


def lines(*names):
    return "".join(json.dumps({"id": name, "at": "2024-01-01T00:00:00Z"}) + "\n" for name in names).encode()


def ids(project):
    return sorted(row["id"] for row in project.rows("select id from processed.t"))


def objects(project):
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as catalog:
        return catalog.execute("select name, digest, record_count from object order by id").fetchall()


def fill_with_oddities(landing):
    """Puts one of everything there; the ids that must arrive, and the names that must be told."""
    outside = landing.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_bytes(lines("secret"))
    landed = os.fsencode(landing) + b"/"
    for name, row in ((b"plain.jsonl", "plain"), (b"\xff\xfe.jsonl", "bytes"), (b"a\nb.jsonl", "newline"),
                      (b"'\"\\; drop.jsonl", "quotes"), (b"y" * 249 + b".jsonl", "long")):
        with open(landed + name, "wb") as file:
            file.write(lines(row))
    (landing / "folder.jsonl").mkdir()
    (landing / "folder.jsonl/in.jsonl").write_bytes(lines("inside"))
    (landing / "empty.jsonl").write_bytes(b"")
    os.symlink(outside / "secret.jsonl", landing / "link.jsonl")
    os.symlink(outside, landing / "linked")
    os.symlink("/nonexistent", landing / "dangling.jsonl")
    os.symlink("round.jsonl", landing / "round.jsonl")
    os.symlink("/dev/zero", landing / "endless.jsonl")
    os.mkfifo(landing / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as door:
        here = os.getcwd()
        os.chdir(landing)    # a socket's path has little room
        try:
            door.bind("door.jsonl")
        finally:
            os.chdir(here)
    deep = landing.joinpath(*["d"] * 20)
    deep.mkdir(parents=True)
    (deep / "deep.jsonl").write_bytes(lines("deep"))
    return (["bytes", "inside", "long", "newline", "plain", "quotes"],
            ["link.jsonl", "linked", "dangling.jsonl", "round.jsonl", "endless.jsonl", "pipe.jsonl", "door.jsonl",
             "folder.jsonl", "d/d/d"])


def test_each_file_is_taken_in_and_the_rest_is_named(tmp_path):
    project = make(tmp_path / "p")
    arriving, named = fill_with_oddities(project.folder / "landing/t")
    done = project.wh("ingest", timeout=60)
    assert ids(project) == arriving
    said = done.stdout + done.stderr
    for name in [*named, "empty.jsonl"]:
        assert name in said, name
    assert "\\xff\\xfe.jsonl" in [name for name, _, _ in objects(project)]
    again = project.json("ingest", timeout=60)
    untaken = "\n".join(f"{path}: {why}" for path, why in again["untaken_files"].items())
    status = project.wh("status")
    listed = project.status()["waiting"]["untaken_files"]
    for name in named:
        assert name in untaken and name in status.stdout + status.stderr, name
        assert any(name in path for path in listed)
    assert "secret" not in ids(project)
    project.wh("verify", "--deep")


def test_the_daemon_names_each_once_and_goes_on(tmp_path):
    project = make(tmp_path / "p")
    arriving, named = fill_with_oddities(project.folder / "landing/t")
    with project.serve() as daemon:
        wait_until(lambda: project.status()["objects"] >= len(arriving), 30, "what can be taken in")
        project.land("t", "later.jsonl", lines("later"))
        wait_until(lambda: "later" in ids(project), 30, "what landed later")
        project.land("t", "latest.jsonl", lines("latest"))
        wait_until(lambda: "latest" in ids(project), 30, "what landed last")
        assert daemon.poll() is None
    log = (project.folder / "serve.log").read_text()
    for name in named:
        told = [line for line in log.splitlines() if line.startswith("not taken in: ") and f"{name}: " in line]
        assert len(told) == 1, (name, told)


def test_what_may_not_be_read_is_named(tmp_path):
    # The superuser may read everything, unless that is taken away.
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if as_others and not shutil.which("setpriv"):
        pytest.skip("the superuser may read everything")
    project = make(tmp_path / "p")
    project.land("t", "a.jsonl", lines("a"))
    project.land("t", "closed.jsonl", lines("closed"))
    (project.folder / "landing/t/closed.jsonl").chmod(0)
    (project.folder / "landing/t/locked").mkdir(mode=0)
    done = subprocess.run([*as_others, WH, "ingest"], cwd=project.folder, env=environment(), capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ids(project) == ["a"]
    for name in ("closed.jsonl", "locked"):
        assert f"{name}: this user may not read it" in done.stderr
    (project.folder / "landing/t/closed.jsonl").chmod(0o600)
    project.wh("ingest")
    assert ids(project) == ["a", "closed"]


DELETE = "    after: delete\n"


def test_a_linked_folder_is_neither_read_nor_emptied(tmp_path):
    project = make(tmp_path / "p", DELETE)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.jsonl").write_bytes(lines("private"))
    os.symlink(outside, project.folder / "landing/t/in")
    project.land("t", "a.jsonl", lines("a"))
    project.wh("run")
    assert ids(project) == ["a"]
    assert (outside / "private.jsonl").exists()
    assert not (project.folder / "landing/t/a.jsonl").exists()


# Where the process ends, and whether the file that was taken in is still under its name then.
POINTS = ("raw.committed", "landing.aside.before", "landing.aside.moved", "landing.remove.before", "landing.remove.after")


@pytest.mark.parametrize("replaced", (False, True))
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_before_the_file_is_removed_loses_nothing(tmp_path, point, replaced):
    project = make(tmp_path / "p", DELETE)
    landing = project.folder / "landing/t"
    project.land("t", "a.jsonl", lines("first"))
    project.wh("ingest", code=137, env={"WEIRHOUSE_FAILPOINT": point})
    if replaced:    # by rename, as senders do, while nobody looks
        project.land("t", "a.jsonl", lines("second"))
    project.wh("ingest")
    project.wh("ingest")
    assert ids(project) == (["first", "second"] if replaced else ["first"])
    assert list(landing.rglob("*")) == []
    assert [count for _, _, count in objects(project)] == [1] * (2 if replaced else 1)
    project.wh("verify", "--deep")


def test_a_file_put_in_place_of_the_one_being_taken_in_is_not_lost(tmp_path):
    project = make(tmp_path / "p", DELETE)
    seen = set()
    with project.serve():
        for i in range(40):
            body = lines(*(f"{i}-{k}" for k in range(50)))
            seen.add(hashlib.sha256(body).hexdigest())
            project.land("t", "same.jsonl", body)
            # A version may be replaced before anybody has read it, but never after it was the last.
            if i % 4 == 3:
                wait_until(lambda: not (project.folder / "landing/t/same.jsonl").exists(), 30, "the file is taken in")
                assert hashlib.sha256(body).hexdigest() in [digest for _, digest, _ in objects(project)]
    assert {digest for _, digest, _ in objects(project)} <= seen
    project.wh("verify", "--deep")


@pytest.mark.parametrize("seconds", (-62_135_596_800, -1, 0, 15_000_000_000))    # the year 1 … 2445
def test_any_time_a_file_may_have_is_taken(tmp_path, seconds):
    project = make(tmp_path / "p", DELETE)
    project.land("t", "a.jsonl", lines("a"))
    path = project.folder / "landing/t/a.jsonl"
    try:
        os.utime(path, (seconds, seconds))
    except OverflowError:
        pytest.skip("no such time here")
    project.wh("ingest")
    assert ids(project) == ["a"] and not path.exists()


def test_a_file_with_the_time_of_the_one_before_is_read(tmp_path):
    project = make(tmp_path / "p")
    project.land("t", "a.jsonl", lines("one"))
    path = project.folder / "landing/t/a.jsonl"
    project.wh("ingest")
    before = path.stat()
    with open(path, "r+b") as file:
        file.write(lines("two"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    project.wh("ingest")
    assert ids(project) == ["one", "two"]


@pytest.mark.parametrize("first, second", [
    ("landing/u/", "landing/u"), ("landing/u/", "landing/u/in/"), ("landing/u/in/", "./landing/../landing/u"),
    ("landing/u", "link"), ("landing/u/", "landing/x/../u/./in")])
def test_two_sources_never_share_a_folder(tmp_path, first, second):
    project = make(tmp_path / "p")
    (project.folder / "landing/u").mkdir()
    os.symlink("landing/u", project.folder / "link")
    text = FILES["weirhouse.yaml"]
    for name, landing in (("a", first), ("b", second)):
        text += f"  {name}: {{ landing: {landing}, contract: t, after: delete }}\n"
    (project.folder / "weirhouse.yaml").write_text(text)
    refused = project.wh("validate", code=None)
    assert refused.returncode != 0 and "WH2031" in refused.stdout + refused.stderr
    (project.folder / "weirhouse.yaml").write_text(text.replace(f"landing: {second},", "landing: landing/u-b/,"))
    project.wh("validate")


@pytest.mark.parametrize("landing", [".", "./", "..", "/", "contracts", "contracts/in", "processed/", ".weirhouse", ".weirhouse/lake/raw",
                                     "landing/../gates", "seeds", "training_sets", "ABSOLUTE", "link"])
def test_a_landing_is_no_part_of_the_project(tmp_path, landing):
    project = make(tmp_path / "p")
    os.symlink("contracts", project.folder / "link")
    text = FILES["weirhouse.yaml"].replace("landing/t/", landing.replace("ABSOLUTE", str(project.folder)))
    (project.folder / "weirhouse.yaml").write_text(text + "    after: delete\n")
    refused = project.wh("ingest", code=None)
    assert refused.returncode != 0 and "WH2031" in refused.stdout + refused.stderr
    assert (project.folder / "contracts/t.odcs.yaml").exists()


def aside_of(project):
    """The folder into which what is to be removed is moved first."""
    name = ".weirhouse-aside-" + hashlib.sha256(str(project.folder).encode()).hexdigest()[:8]
    return project.folder / "landing/t" / name


@pytest.mark.parametrize("daemon", (False, True))
def test_what_lies_aside_is_listed_and_taken_in_though_its_name_is_taken(tmp_path, daemon):
    project = make(tmp_path / "p", DELETE)
    landing, aside = project.folder / "landing/t", aside_of(project)
    aside.mkdir(mode=0o700)
    (aside / ".1").mkdir(mode=0o700)
    # As where a sender renamed twice over the name of a file that was being removed, more than once.
    (aside / "f.jsonl").write_bytes(lines("second"))
    (aside / ".1/f.jsonl").write_bytes(lines("third"))
    (landing / "f.jsonl").write_bytes(lines("fourth"))
    listed = project.status()["waiting"]["untaken_files"]
    for place in ("f.jsonl", ".1/f.jsonl"):
        assert [why for path, why in listed.items() if path.endswith(f"{aside.name}/{place}")], listed
    if daemon:
        with project.serve():
            wait_until(lambda: len(ids(project)) == 3, 30, "all three")
            wait_until(lambda: not list(landing.rglob("*")), 30, "all three removed")
    else:
        project.wh("ingest")
    assert ids(project) == ["fourth", "second", "third"]
    assert sorted(name for name, _, _ in objects(project)) == ["f.jsonl"] * 3
    assert list(landing.rglob("*")) == []
    assert project.status()["waiting"]["untaken_files"] == {}
    project.wh("verify", "--deep")


def test_the_same_bytes_aside_and_in_place_are_one_object(tmp_path):
    project = make(tmp_path / "p", DELETE)
    landing, aside = project.folder / "landing/t", aside_of(project)
    aside.mkdir(mode=0o700)
    (aside / "f.jsonl").write_bytes(lines("one"))
    (landing / "f.jsonl").write_bytes(lines("one"))
    project.wh("ingest")
    assert ids(project) == ["one"] and len(objects(project)) == 1
    assert list(landing.rglob("*")) == []


@pytest.mark.parametrize("point", ("raw.committed", "landing.remove.before", "landing.remove.after"))
def test_a_crash_before_a_file_aside_is_removed_loses_nothing(tmp_path, point):
    project = make(tmp_path / "p", DELETE)
    landing, aside = project.folder / "landing/t", aside_of(project)
    aside.mkdir(mode=0o700)
    (aside / "f.jsonl").write_bytes(lines("second"))
    (landing / "f.jsonl").write_bytes(lines("third"))
    project.wh("ingest", code=137, env={"WEIRHOUSE_FAILPOINT": point})
    (landing / "f.jsonl").write_bytes(lines("fourth"))
    project.wh("ingest")
    project.wh("ingest")
    assert ids(project) == ["fourth", "second", "third"]
    assert [count for _, _, count in objects(project)] == [1, 1, 1]
    assert list(landing.rglob("*")) == []
    project.wh("verify", "--deep")


def test_an_aside_folder_that_may_not_be_entered_is_told(tmp_path):
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if as_others and not shutil.which("setpriv"):
        pytest.skip("the superuser may enter everything")
    project = make(tmp_path / "p", DELETE)
    aside = aside_of(project)
    aside.mkdir(mode=0o700)
    (aside / "f.jsonl").write_bytes(lines("aside"))
    project.land("t", "a.jsonl", lines("a"))
    aside.chmod(0)
    for verb in (("status",), ("ingest",), ("status", "--json")):
        done = subprocess.run([*as_others, WH, *verb], cwd=project.folder, env=environment(), capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert f"{aside.name}: it may hold files that were moved aside" in done.stderr, (verb, done.stderr)
    assert ids(project) == ["a"]
    aside.chmod(0o700)
    project.wh("ingest")
    assert ids(project) == ["a", "aside"] and not aside.exists()


def test_a_file_that_could_not_be_read_is_told_by_status_until_it_can_be(tmp_path):
    project = make(tmp_path / "p")
    project.land("t", "a.jsonl", lines("a"))
    big = project.folder / "landing/t/big.jsonl"
    big.write_bytes(lines("huge"))
    # Reading the second file takes more memory than there is.
    done = project.wh("ingest", env={"WEIRHOUSE_FAILPOINT": "raw.read:2", "WEIRHOUSE_FAILPOINT_THROW": "memory"})
    assert "big.jsonl: not enough memory" in done.stderr, done.stderr
    assert ids(project) == ["a"]
    status = project.status()["waiting"]
    why = status["untaken_files"][str(big)]
    assert why.startswith("the last run could not read it: ") and "memory" in why and status["objects"] == 1
    assert "big.jsonl: the last run could not read it: " in project.wh("status").stderr
    big.write_bytes(lines("big"))   # another file now: nothing is known against it
    assert project.status()["waiting"]["untaken_files"] == {}
    project.wh("ingest")
    assert ids(project) == ["a", "big"]
    assert not (project.folder / ".weirhouse/unread").exists()
