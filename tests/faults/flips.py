"""One bit of one file is flipped, of every kind of file that the state of a project has.

What may follow: `verify --deep` ends with an error that names the place; or the file decides nothing, or is a cache that
heals, and then the project answers as before, takes in what lands next and holds what its twin holds.
"""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import tempfile
import time

import pyarrow as pa
from content import contents, differences
from lake import Catalog
from project import Failed
from pyiceberg.catalog import load_catalog
from fault_world import Stages, land, records, write_files

# kind → the files' place below .weirhouse, as a regular expression
KINDS = {
    "raw object": r"lake/raw/\w+/dt=.*", "ledger": r"lake/(raw|system)/\w+/data/[^/]*\d\.parquet",
    "data": r"lake/(processed|feature|quarantine|training_set)/\w+/data/.*(?<!deletes)\.parquet",
    "position deletes": r"lake/.*-deletes\.parquet", "manifest": r"lake/.*-m\d+\.avro", "manifest list": r"lake/.*/snap-.*\.avro",
    "metadata.json": r"lake/.*\.metadata\.json", "catalog": r"catalog\.db", "catalog under its log": r"catalog\.db", "catalog's log": r"catalog\.db-wal",
    "catalog's shared memory": r"catalog\.db-shm", "cache": r"kv/.*", "cache's tables": r"kv/.*\.sst",
    "artifact": r"lake/model/.*", "code": r"lake/code/.*", "laid out code": r"serve/.*", "work folder": r"runs/.*",
    "marks": r"(head|clock|parsing|unread|lock)",
}
TOLD = (2, 5, 6, 7, 8, 9, 11)


class World:
    def __init__(self, base, quick=False):
        self.stages = Stages(base)
        project = self.stages.project
        write_files(project.folder)
        token = json.loads(project.wh("init", "--json").stdout)["token"]
        project.apply()
        dice = random.Random(9)
        for day in (1, 2):
            for source in "ab":
                land(project, source, day, records(dice, day, bad=False))
            project.wh("ingest")
        for verb in (("train-set", "build", "s"), ("model", "train", "m"), ("model", "deploy", "m#1"),
                     ("predict", "m", "id=k0", "t=2024-01-03T00:00:00Z", "--at", "2024-01-03T00:00:00Z")):
            project.wh(*verb)
        with project.serve() as daemon:
            self.append(daemon, token)
            land(project, "a", 3, records(dice, 3, bad=False))
            self.wait_for("2024-01-03.jsonl")
            os.killpg(daemon.pid, signal.SIGKILL)    # so that the catalog's log holds commits
            daemon.wait()
        self.next = records(dice, 4, bad=False)
        self.stages.keep("whole")
        self.clean = self.answers()
        self.dump = dump(project.folder)
        self.stages.put("whole")
        self.go_on()
        self.twin, self.after = contents(project.folder), self.answers()
        if project.wh("verify", "--deep", code=None).returncode != 0:
            raise AssertionError("verify --deep finds something where nothing was hurt")

    def append(self, daemon, token):
        catalog = load_catalog("lab", type="rest", uri=f"http://127.0.0.1:{daemon.port}/iceberg", token=token, warehouse="lab")
        at = pa.array(["2024-01-02T00:00:00Z"] * 2).cast(pa.timestamp("us", tz="UTC"))
        schema = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("n", pa.int64()),
                            pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False)])
        catalog.load_table("processed.trips").append(pa.table([["t1", "t2"], [1, 2], at], schema=schema))

    def wait_for(self, name):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with Catalog(self.stages.home) as catalog:
                row = catalog.rows("SELECT seq FROM object WHERE name = ?", name)
                done = catalog.one("SELECT position FROM consumer_offset WHERE consumer = 'feature'")
                last = catalog.one("SELECT max(seq) FROM commit_log WHERE layer = 'processed'")
            if row and last and last > row[0]["seq"] and done == last:
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} was not taken in")

    def answers(self):
        """What the project says to who asks: tables and online features. An error is an answer too."""
        said = []
        for words in (["sql", "select id, n, at from processed.a union all select id, n, at from processed.trips order by all", "--json"],
                      ["feature", "get", "f@1:*", "trips@1:*", "id=k1", "--at", "2024-01-03T00:00:00Z", "--json"]):
            done = self.stages.project.wh(*words, code=None)
            said.append(json.loads(done.stdout) if done.returncode == 0 else f"error {done.returncode}: {done.stderr[-300:]}")
        return [without_numbers(answer) for answer in said]

    def go_on(self):
        land(self.stages.project, "a", 4, self.next)
        return self.stages.project.wh("ingest", code=None)


def without_numbers(answer):
    """Values only: numbers of commits differ from life to life."""
    if isinstance(answer, dict) and "features" in answer:
        return [(value["name"], value["status"], value["value"]) for value in answer["features"]]
    return answer["rows"] if isinstance(answer, dict) else answer


def dump(folder):
    """Every row that the catalog's database holds, past its indexes; or what is wrong with it."""
    with tempfile.TemporaryDirectory() as aside:
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(folder / f".weirhouse/catalog.db{suffix}", f"{aside}/catalog.db{suffix}")
        db = sqlite3.connect(f"{aside}/catalog.db")
        try:
            if db.execute("pragma integrity_check").fetchone()[0] != "ok":
                return "damaged"
            return list(db.iterdump())
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            return f"damaged: {error}"
        finally:
            db.close()


def last_transaction(log):
    """Where the last transaction of SQLite's log begins: of what a power cut cuts short, nothing more can be told."""
    page = int.from_bytes(log[8:12], "big")
    ends = [32]
    for at in range(32, len(log) - page - 23, page + 24):
        if log[at + 8:at + 16] == log[16:24] and int.from_bytes(log[at + 4:at + 8], "big"):
            ends.append(at + page + 24)
    return ends[-2] if len(ends) > 1 else len(log)


def specs(count, seed, quick=False):
    dice = random.Random(seed)
    kinds = list(KINDS)
    return [{"kind": kinds[number % len(kinds)], "file": round(dice.random(), 5), "at": round(dice.random(), 7),
             "bit": dice.randrange(8)} for number in range(count)]


def judge(world, spec):
    project = world.stages.put("whole")
    state = project.folder / ".weirhouse"
    if spec["kind"] == "catalog":    # alone, with everything in it
        db = sqlite3.connect(state / "catalog.db")
        db.execute("pragma wal_checkpoint(truncate)")
        db.close()
    pattern = re.compile(KINDS[spec["kind"]])
    files = sorted(path for path in state.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size and
                   pattern.fullmatch(str(path.relative_to(state))))
    if not files:
        return f"flip: {spec['kind']}: there is none", []
    path = files[int(spec["file"] * len(files))]
    mode = path.stat().st_mode
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    at = int(spec["at"] * len(data))
    begins = last_transaction(bytes(data)) if spec["kind"] == "catalog's log" else 0
    data[at] ^= 1 << spec["bit"]
    path.write_bytes(data)
    path.chmod(mode)
    where = f"{path.relative_to(state)} byte {at} of {len(data)}"
    known = dump(project.folder) == world.dump    # the database holds what it held
    deep = project.wh("verify", "--deep", code=None)
    said = deep.stdout + deep.stderr
    if deep.returncode < 0:
        return f"flip: {spec['kind']}", [f"verify was ended by signal {-deep.returncode} [{where}]"]
    if deep.returncode in TOLD:
        named = path.name in said or (spec["kind"].startswith("catalog") and re.search("catalog|commit chain", said))
        return f"flip: {spec['kind']}: told", [] if named else [f"verify does not name the place [{where}]: {said[-400:]}"]
    if deep.returncode != 0:
        return f"flip: {spec['kind']}", [f"verify ended with {deep.returncode} [{where}]: {said[-300:]}"]
    if not known and spec["kind"] == "catalog's log" and at >= begins:
        return f"flip: {spec['kind']}: in its last transaction, as a power cut would leave it", []
    problems = [] if known else ["verify passes, and the catalog's rows are not what they were"]
    return passes(world, spec, where, problems)


def passes(world, spec, where, problems):
    """Verify has nothing to say: then nothing may be wrong, now or later."""
    answers = world.answers()
    told = any(isinstance(answer, str) and re.search(r"WH\d{4}", answer) for answer in answers)
    if answers != world.clean and not told:
        problems.append(f"it answers otherwise: {answers}")
    done = world.go_on()
    if done.returncode not in (0, 3):
        problems.append(f"the next ingest ended with {done.returncode}: {done.stderr[-300:]}")
    try:
        if world.answers() != world.after:
            problems.append(f"it answers otherwise after the next batch: {world.answers()}, the twin {world.after}")
        problems += differences(contents(world.stages.home), world.twin)
    except Failed as error:
        problems.append(str(error)[:300])
    deep = world.stages.project.wh("verify", "--deep", code=None)
    if deep.returncode != 0:
        problems.append(f"after the next batch verify --deep ended with {deep.returncode}: {(deep.stdout + deep.stderr)[-300:]}")
    how = "told by who read it, and healed" if told else "harmless"
    return f"flip: {spec['kind']}: {how}", [f"{problem} [{where}]" for problem in problems]
