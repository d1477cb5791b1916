"""Many small files: one commit takes in many, each stays an object of its own, and the daemon finds what came however it
came."""
import hashlib
import json
import os
import shutil
import signal
import sqlite3

import pytest

from project import wait_until
from test_landing import make

def line(name):
    return json.dumps({"id": name, "at": "2024-01-01T00:00:00Z"}).encode() + b"\n"


def land(project, names, below=""):
    (project.folder / "landing/t" / below).mkdir(exist_ok=True)
    for name in names:
        (project.folder / "landing/t" / below / f"{name}.jsonl").write_bytes(line(name))


def ask(project, query):
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as catalog:
        return catalog.execute(query).fetchall()


def ids(project):
    return {row["id"] for row in project.rows("select id from processed.t")}


def check_objects(project, expected):
    """Each file of `expected` (name → bytes) is one object, byte for byte, with record numbers of its own."""
    objects = ask(project, "select name, digest, path, record_count, first_record_id from object where state <> 'duplicate'")
    assert sorted(name for name, *_ in objects) == sorted(expected)
    for name, digest, path, count, _ in objects:
        with open(path, "rb") as raw:
            assert raw.read() == expected[name], name
        assert digest == hashlib.sha256(expected[name]).hexdigest() and count == expected[name].count(b"\n")
        assert os.stat(path).st_mode & 0o777 == 0o444
    taken = sorted((first, count) for *_, count, first in objects if count)
    assert all(first + count <= after for (first, count), (after, _) in zip(taken, taken[1:]))


@pytest.mark.parametrize("after", ["keep", "delete"])
def test_ten_thousand_files_are_few_commits(tmp_path, after):
    project = make(tmp_path / "p", "    after: delete\n" if after == "delete" else "")
    expected = {f"{i}.jsonl": line(f"k{i % 9000}") for i in range(10_000)}  # 1,000 hold the bytes of others
    expected["bad.jsonl"] = b"{no json\n"
    expected["empty.jsonl"] = b""
    for name, data in expected.items():
        (project.folder / "landing/t" / name).write_bytes(data)
    project.wh("run", code=3)  # a file was refused
    assert ask(project, "select count(*) from commit_log where layer = 'raw'")[0][0] <= 2
    check_objects(project, expected)
    assert ids(project) == {f"k{i}" for i in range(9000)}
    left = os.listdir(project.folder / "landing/t")
    assert sorted(left) == ([] if after == "delete" else sorted(expected))
    # The same again, under the same names: repeats, which change no table.
    before = project.digests()
    for name in list(expected)[:3000]:
        again = project.folder / "landing/t" / name
        again.unlink(missing_ok=True)
        again.write_bytes(expected[name])
    project.wh("run", code=None)
    assert ask(project, "select count(*) from landing where state = 'duplicate'")[0][0] == 3000
    check_objects(project, expected)
    assert project.digests("processed") == {name: digest for name, digest in before.items() if name.startswith("processed.")}
    project.wh("verify", "--deep")


@pytest.mark.parametrize("lose", ["", "1"])
@pytest.mark.parametrize("point", ["raw.object.before", "disk.put_all.written", "disk.put_all.synced", "disk.put_all.named",
                                   "raw.object.after", "engine.publish.before_commit", "catalog.commit.lineage",
                                   "catalog.commit.after_commit", "raw.committed"])
def test_wherever_the_process_ends_each_file_is_taken_in_once(tmp_path, point, lose):
    project = make(tmp_path / "p", "    after: delete\n")
    expected = {f"{i}.jsonl": line(f"k{i}") for i in range(150)}
    for name, data in expected.items():
        (project.folder / "landing/t" / name).write_bytes(data)
    project.wh("run", code=137, env={"WEIRHOUSE_FAILPOINT": point, **({"WEIRHOUSE_FAILPOINT_LOSE": lose} if lose else {})})
    land(project, ["late"])
    told = project.wh("run")
    assert "damaged" not in told.stderr and "missing" not in told.stderr
    check_objects(project, {**expected, "late.jsonl": line("late")})
    assert ids(project) == {*(f"k{i}" for i in range(150)), "late"}
    assert os.listdir(project.folder / "landing/t") == []
    project.wh("verify", "--deep")


def arrives(project, names, seconds=20):
    wait_until(lambda: ids(project) >= set(names), seconds, f"{sorted(names)[:5]} …")


def test_the_daemon_finds_what_came_however_it_came(tmp_path):
    project = make(tmp_path / "p")
    landing = project.folder / "landing/t"
    land(project, ["while it was down"])
    outside = tmp_path / "outside"
    (outside / "deep/deeper").mkdir(parents=True)
    for name, place in (("moved in", outside), ("with its folder", outside / "deep"), ("below it", outside / "deep/deeper"), ("linked", outside)):
        (place / f"{name}.jsonl").write_bytes(line(name))
    with project.serve():
        arrives(project, ["while it was down"])
        os.rename(outside / "moved in.jsonl", landing / "moved in.jsonl")
        os.link(outside / "linked.jsonl", landing / "linked.jsonl")
        os.rename(outside / "deep", landing / "deep")
        arrives(project, ["moved in", "linked", "with its folder", "below it"])
        # A folder made while it watches, and what comes into it later.
        land(project, ["in a new folder"], below="new")
        arrives(project, ["in a new folder"])
        land(project, ["later in a new folder"], below="new")
        (landing / "deep/deeper/late.jsonl").write_bytes(line("later below"))
        arrives(project, ["later in a new folder", "later below"])
        # A writer that does not close; another that ends without closing is closed by the system.
        with open(landing / "slow.jsonl", "wb") as slow:
            slow.write(line("slow"))
            slow.flush()
            land(project, ["beside it"])
            arrives(project, ["beside it"])
            assert "slow" not in ids(project)
        arrives(project, ["slow"])
        # Renamed into place, as senders do.
        (landing / "sent.jsonl.part").write_bytes(line("sent"))
        os.rename(landing / "sent.jsonl.part", landing / "sent.jsonl")
        arrives(project, ["sent"])
        # The landing folder itself is replaced.
        shutil.rmtree(landing)
        land(project, ["in another folder"])
        arrives(project, ["in another folder"])
        land(project, ["and later"])
        arrives(project, ["and later"])
    project.wh("verify")


def test_the_daemon_finds_what_came_while_its_events_overflowed(tmp_path):
    project = make(tmp_path / "p")
    landing = project.folder / "landing/t"
    with open("/proc/sys/fs/inotify/max_queued_events") as limit:
        events = int(limit.read())
    with project.serve() as daemon:
        land(project, ["first"])
        arrives(project, ["first"])
        daemon.send_signal(signal.SIGSTOP)
        other = landing / "other.tmp"
        other.write_bytes(b"")
        for i in range(events + 100):  # each is an event, of two files in turn, so that none is merged
            os.utime(other if i % 2 else landing / "first.jsonl", (i, i))
        land(project, ["after the overflow"])
        land(project, ["in a folder after the overflow"], below="unseen")
        daemon.send_signal(signal.SIGCONT)
        arrives(project, ["after the overflow", "in a folder after the overflow"])
        land(project, ["later in that folder"], below="unseen")
        arrives(project, ["later in that folder"])


def test_a_landing_folder_that_comes_later_is_watched(tmp_path):
    project = make(tmp_path / "p", "  u:\n    landing: ../elsewhere/u/\n    contract: t\n")
    with project.serve():
        land(project, ["here"])
        arrives(project, ["here"])
        shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
        (tmp_path / "elsewhere/u").mkdir(parents=True)
        (tmp_path / "elsewhere/u/there.jsonl").write_bytes(line("there"))
        wait_until(lambda: ask(project, "select count(*) from object where source = 'u'")[0][0] == 1, 20, "what lies elsewhere")
