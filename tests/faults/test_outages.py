"""A disk that is full, broken or read-only for a while: said with a code, nothing lost, and gone on with by itself."""
import errno
import json
import pathlib
import re
import signal
import sys
import time
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import calls  # noqa: E402
from project import Project, wait_until  # noqa: E402

FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n  t: { landing: landing/t/, format: jsonl, contract: t, "
                      "batch: { by: name, pattern: '{date}' } }\n",
    "contracts/t.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: t\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: v, logicalType: integer }\n"
                             "      - { name: at, logicalType: timestamp, required: true }\n",
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at; history keep\n"
                       "SELECT r.id, r.v, r.at FROM records.t AS r\n",
    "features/f.yaml": "feature_view: f\nversion: 1\nentity: { id: string }\nsource: processed.t_history\nevent_time: at\n"
                       "known_time: at\nwindows: [24h]\nfeatures: { n: { agg: count } }\nonline: { fill: stream }\n",
}
WRITES = "write,create,mkdir,fsync"
CHANGES = "write,create,alter,mkdir,rename,unlink,remove,fsync"
ROWS = 3


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return calls.build_library(tmp_path_factory.mktemp("library"))


class Lab:
    """A project with a day taken in, and an outage that lasts while its switch is there."""

    def __init__(self, folder, library):
        self.project, self.library, self.switch = Project(folder / "lab"), library, folder / "outage"
        for path, text in FILES.items():
            self.project.write(path, text)
        self.project.token = json.loads(self.project.wh("init", "--json").stdout)["token"]
        self.project.apply()
        self.days = 0
        self.land()
        self.project.wh("ingest")

    def land(self):
        self.days += 1
        rows = [{"id": f"{self.days}-{i}", "v": i, "at": f"2024-01-{self.days:02d}T00:00:00Z"} for i in range(ROWS)]
        self.project.land("t", f"2024-01-{self.days:02d}.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())

    def outage(self, kinds, error, under=".weirhouse"):
        return {"LD_PRELOAD": str(self.library), "FAULT_UNDER": str(self.project.folder / under), "FAULT_CALL": kinds,
                "FAULT_ERRNO": str(getattr(errno, error)), "FAULT_AT": "1", "FAULT_STICKY": "1", "FAULT_WHILE": str(self.switch)}

    def begin(self):
        self.switch.write_text("")

    def end(self):
        self.switch.unlink()

    def has_all(self):
        return self.project.status()["states"].get("processed") == ROWS * self.days

    def check(self):
        """All that landed is there, once, and nothing was put aside for the disk's fault."""
        status = self.project.status()
        assert {state: count for state, count in status["states"].items() if count} == {"processed": ROWS * self.days}
        counts = self.project.rows("select (select count(*) from processed.t)::int as t, (select count(*) from processed.t_history)::int "
                                   "as h, (select count(*) from feature.f_v1)::int as f, (select count(*) from raw.t)::int as o")[0]
        assert counts == {"t": ROWS * self.days, "h": ROWS * self.days, "f": ROWS * self.days, "o": self.days}
        assert self.project.json("verify", "--deep")["problems"] == []


def said_clearly(done, *words):
    """Ended with the exit code of its kind, and a code and words that a person can act on."""
    assert done.returncode in (7, 8, 11), (done.returncode, done.stderr)
    assert re.search(r"WH\d{4}", done.stderr), done.stderr
    assert any(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("under", [".weirhouse", ".weirhouse/lake/raw", ".weirhouse/lake/processed", ".weirhouse/lake/feature"])
def test_a_disk_that_is_full_for_four_tries_costs_nothing_but_them(tmp_path, library, under):
    lab = Lab(tmp_path, library)
    lab.land()
    lab.begin()
    for _ in range(4):
        done = lab.project.wh("ingest", code=None, env=lab.outage(WRITES, "ENOSPC", under))
        said_clearly(done, "full", "space")
        assert done.returncode == 8
    assert (lab.project.folder / "landing/t/2024-01-02.jsonl").exists()
    lab.end()
    lab.project.wh("ingest")
    lab.check()


@pytest.mark.parametrize("under, error, words", [(".weirhouse", "ENOSPC", ("full", "space")), (".weirhouse", "EIO", ("Input/output", "I/O")),
                                                 (".weirhouse/lake/processed", "ENOSPC", ("full", "space"))])
def test_the_daemon_goes_on_by_itself_after_four_tries(tmp_path, library, under, error, words):
    lab = Lab(tmp_path, library)
    log = lab.project.folder / "serve.log"
    with lab.project.serve(env=lab.outage(WRITES, error, under)) as daemon:
        lab.begin()
        for _ in range(4):    # each file that lands has the daemon try again
            lab.land()
            time.sleep(0.6)
        wait_until(lambda: re.search(r"WH\d{4}", log.read_text()), 5, "the daemon says what is wrong")
        assert any(word in log.read_text() for word in words), log.read_text()
        assert daemon.poll() is None
        answer = urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{daemon.port}/v1/status", headers={"authorization": f"Bearer {lab.project.token}"}), timeout=5)
        assert answer.status == 200
        lab.end()
        wait_until(lab.has_all, 10, "the daemon goes on by itself")
        wait_until(lambda: lab.project.rows("select count(*)::int as n from feature.f_v1")[0]["n"] == ROWS * lab.days, 5, "features")
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    lab.check()


@pytest.mark.parametrize("under, error", [(".weirhouse", "EROFS"), (".weirhouse/lake", "EACCES"), (".weirhouse/tmp", "EROFS")])
def test_a_read_only_folder_is_named_and_loses_nothing(tmp_path, library, under, error):
    lab = Lab(tmp_path, library)
    lab.land()
    lab.begin()
    done = lab.project.wh("ingest", code=None, env=lab.outage(CHANGES, error, under))
    if under != ".weirhouse/tmp":    # nothing of which was needed
        said_clearly(done, "ead-only", "ermission")
    assert lab.project.wh("status", code=None, env=lab.outage(CHANGES, error, under)).returncode in (0, 7, 8)
    lab.end()
    lab.project.wh("ingest")
    lab.check()


@pytest.mark.parametrize("under", [".weirhouse", ".weirhouse/lake"])
def test_the_daemon_outlives_a_folder_that_is_read_only_for_a_while(tmp_path, library, under):
    lab = Lab(tmp_path, library)
    log = lab.project.folder / "serve.log"
    with lab.project.serve(env=lab.outage(CHANGES, "EROFS", under)) as daemon:
        lab.begin()
        lab.land()
        # The catalog's database says of some files only that they failed.
        wait_until(lambda: re.search(r"WH\d{4}.*(ead-only|readonly|disk I/O error)", log.read_text()), 8, "the daemon says what is wrong")
        assert daemon.poll() is None
        lab.end()
        wait_until(lab.has_all, 10, "the daemon goes on by itself")
    lab.check()
