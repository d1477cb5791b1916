"""Lives in which the daemon and the verbs are killed (kill -9), again and again, while everything happens at once.

Files land, a gate halts and is overridden or its batch discarded, another engine commits, predictions are made, tables
are compacted, expired and swept, status and features are read over HTTP. What was acknowledged must stand after each kill,
once; and when all is done, the project holds what a twin holds that lived the same without a kill.
"""
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pyarrow as pa
from checker import Check, Landed
from content import contents, differences, expected
from lake import Catalog
from pyiceberg.catalog import load_catalog
from project import WH, answers, environment, free_port
from reader import Reader, ask
from fault_world import FILES, Stages, halted, land, lines, records, table, write_files

KILLS = 10    # of one life
DAYS = 8
SECONDS = 60
TRIPS = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("n", pa.int64()),
                   pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False)])
UPKEEP = {"gc": ["gc", "--keep", "1", "--grace", "0s", "--orphan-age", "0s"], "compact": ["table", "compact", "processed.a"],
          "expire": ["table", "expire", "processed.trips", "--keep", "1", "--older-than", "0s", "--grace", "0s"],
          "full": ["run", "--full"]}


class LabCheck(Check):
    GATED = {"processed.a": "a"}

    def lines_of(self, file):
        found = file.copy.read_bytes().splitlines()
        return found[1:] if file.source == "b" else found


class World:
    def __init__(self, base, quick=False):
        self.stages = Stages(base)
        project = self.stages.project
        write_files(project.folder)
        project.token = json.loads(project.wh("init", "--json").stdout)["token"]
        project.apply()
        dice = random.Random(0)
        self.first = records(dice, 1, bad=False)
        land(project, "a", 1, self.first)
        land(project, "b", 1, records(dice, 1, bad=False))
        project.wh("ingest")
        for verb in (("train-set", "build", "s"), ("model", "train", "m"), ("model", "deploy", "m#1")):
            project.wh(*verb)
        self.stages.keep("begin")


def specs(count, seed, quick=False):
    kills = min(KILLS, count)
    return [{"life": seed * 10_000 + number, "kills": kills, "rebuild": number % 4 == 0 and not quick}
            for number in range(-(-count // kills))]


def script(dice, kills):
    """What happens in one life: (what, with what)."""
    events, bad = [], set(dice.sample(range(2, DAYS + 2), 2))
    for day in range(2, DAYS + 2):
        events.append(("land", ("a", day, records(dice, day, day in bad))))
        if day in bad:
            events.append(("decide", (day, dice.choice(("override", "discard")))))
            events.append(("apply", day))
        else:
            events.append(("land", ("b", day, records(dice, day, False))))
        for what in dice.sample(["trips", "trips", "predict", "gc", "compact", "expire", "token", "full"], 2):
            events.append((what, day * 10 + len(events) % 10))
    return events


class Life:
    def __init__(self, world, spec, kills):
        self.world, self.kills = world, kills
        self.dice = random.Random(spec["life"])
        self.events = script(self.dice, kills)
        self.project = world.stages.put("begin")
        self.landed, self.classes, self.problems = [], [], []
        self.trips, self.tokens, self.predictions, self.decided = {}, set(), set(), {}
        self.batches = [(world.first, False)]
        self.process = self.timer = None
        self.copies = world.stages.base / "landed"
        self.copies.mkdir(exist_ok=True)
        self.port = 0

    # ---- processes
    def spawn(self, words, log):
        return subprocess.Popen([WH, *words], cwd=self.project.folder, env=environment(), stdout=log, stderr=log,
                                start_new_session=True)

    def serve(self):
        self.port = free_port()
        with open(self.project.folder / "serve.log", "ab") as log:
            self.process = self.spawn(["serve", "--port", str(self.port)], log)
        until = time.monotonic() + SECONDS
        while self.process.poll() is None and not answers(self.port):
            if time.monotonic() > until:
                self.problems.append(f"the daemon does not answer within {SECONDS} s: {self.tail()}")
                break
            time.sleep(0.02)

    def tail(self):
        return " / ".join((self.project.folder / "serve.log").read_text(errors="replace").splitlines()[-3:])

    def arm(self, group, seconds):
        def end():
            try:
                os.killpg(group.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.timer = threading.Timer(seconds, end)
        self.timer.start()

    def verb(self, words, kill_after=None):
        """Exit code and what was said; None: it was killed, or hung and that is a problem."""
        with open(self.world.stages.base / "said", "w+") as said:
            process = self.spawn(words, said)
            if kill_after is not None:
                self.arm(process, kill_after)
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.problems.append(f"{' '.join(words)} hung for {SECONDS} s")
            said.seek(0)
            text = said.read()
        self.killed = kill_after is not None and process.returncode == -signal.SIGKILL
        if process.returncode < 0 and not self.killed:
            self.problems.append(f"{' '.join(words)} was ended by signal {-process.returncode}: {text[-300:]}")
        return process.returncode, text

    # ---- what happens. Each answers whether it was acknowledged.
    def land(self, source, day, made):
        land(self.project, source, day, made)
        name = f"2024-01-{day:02d}.{'jsonl' if source == 'a' else 'csv'}"
        copy = self.copies / f"{source}-{name}"
        copy.write_bytes(lines(made) if source == "a" else table(made))
        self.landed.append(Landed(source, name, copy))
        if source == "a":
            self.batches.append([made, False])
        return True

    def run_of(self, batch):
        with Catalog(self.project.folder) as catalog:
            found = catalog.rows("SELECT id, state FROM run WHERE kind = 'processed' AND name = ? ORDER BY id DESC", batch)
        return (found[0]["id"], found[0]["state"]) if found else (None, None)

    def decide(self, wanted, kill_after=None):
        day, what = wanted
        batch = f"2024-01-{day:02d}"
        until = time.monotonic() + 20
        while batch not in halted(self.project):
            run, state = self.run_of(batch)
            if state in ("committed", "discarded"):
                return self.acknowledge_decision(batch, what, run)
            if self.process is None:
                self.verb(["run"])
            elif self.process.poll() is not None:
                return False
            if time.monotonic() > until:
                self.problems.append(f"batch {batch} was not halted within 20 s: {self.run_of(batch)} {self.tail()}")
                return True
            time.sleep(0.05)
        run = halted(self.project)[batch]
        code, _ = self.verb(["gate", what, run, "--reason", "campaign"], kill_after)
        return code in (0, 3) and self.acknowledge_decision(batch, what, int(run[1:]))

    def acknowledge_decision(self, batch, what, run):
        self.decided[batch] = (run, {"override": "committed", "discard": "discarded"}[what])
        for number, file in enumerate(file for file in self.landed if file.source == "a"):
            if file.name.startswith(batch):
                self.batches[number + 1][1] = what == "discard"
        return True

    def append(self, number):
        """Another engine's commit. Whether one whose answer was lost took place, is asked of the table before it is tried again."""
        ids = [f"t{number}-{part}" for part in range(3)]
        if set(ids) & self.trips_there().keys():
            self.trips.update(dict.fromkeys(ids))
            return True
        if self.process is None or self.process.poll() is not None:
            return False
        rows = [{"id": name, "n": number, "at": f"2024-01-1{part}T00:00:00Z"} for part, name in enumerate(ids)]
        try:
            catalog = load_catalog("lab", type="rest", uri=f"http://127.0.0.1:{self.port}/iceberg", token=self.project.token,
                                   warehouse="lab")
            at = pa.array([row["at"] for row in rows]).cast(pa.timestamp("us", tz="UTC"))
            made = pa.table([[row["id"] for row in rows], [row["n"] for row in rows], at], schema=TRIPS)
            catalog.load_table("processed.trips").append(made)
        except Exception as error:    # of many kinds, when the server goes
            if self.process.poll() is None and self.timer is None:
                self.problems.append(f"a commit of another engine was refused: {type(error).__name__}: {str(error)[:300]}")
                return True
            return False
        self.trips.update(dict.fromkeys(ids))
        return True

    def trips_there(self):
        found = contents(self.project.folder, only=("processed.trips",)).get("processed.trips", {})
        counts = collections.Counter()
        for row, times in found.items():
            counts[row[0].strip("'")] += times
        return counts

    def predict(self, number, kill_after=None):
        if self.process is None:
            code, said = self.verb(["predict", "m", "id=k0", "t=2024-01-20T00:00:00Z", "--at", "2024-01-20T00:00:00Z", "--json"],
                                   kill_after)
            if code == 0:
                self.predictions.add(json.JSONDecoder().raw_decode(said[said.index("{"):])[0]["prediction"])
            return code == 0
        fields = {"id": "k0", "t": "2024-01-20T00:00:00Z", "at": "2024-01-20T00:00:00Z"}
        status, answer = ask(self.port, "POST", "/v1/models/m", self.project.token, fields)
        if status == 200:
            self.predictions.add(answer.get("prediction") or answer.get("id"))
            return True
        if status is not None and status != 503:
            self.problems.append(f"a prediction was answered {status}: {answer}")
        return False

    def token(self, number, kill_after=None):
        name = f"token{number}"
        code, said = self.verb(["token", "create", "--name", name, "--role", "reader", "--on", "processed"], kill_after)
        with Catalog(self.project.folder) as catalog:
            there = any(json.loads(row["value"])["name"] == name for row in
                        catalog.rows("SELECT value FROM setting WHERE key LIKE 'token/%'"))
        if code == 0 or there:
            self.tokens.add(name)
        return name in self.tokens

    def upkeep(self, what, kill_after=None):
        code, said = self.verb(UPKEEP[what], kill_after)
        if code not in (0, 3) and self.timer is None and not (what == "full" and "WH3023" in said):
            self.problems.append(f"{' '.join(UPKEEP[what])} ended with {code}: {said.strip()[-300:]}")
        return code in (0, 3)

    def apply(self, day, kill_after=None):
        """The SQL of a table over tables has another column: it is computed anew and changes over in one commit."""
        sql = FILES["processed/both.sql"].replace("b.n AS m,", f"b.n AS m, a.n + b.n + {day} AS s{day},")
        (self.project.folder / "processed/both.sql").write_text(sql)
        code, said = self.verb(["apply", "--yes"], kill_after)
        if code not in (0, 3) and self.timer is None and "WH3023" not in said:
            self.problems.append(f"apply ended with {code}: {said.strip()[-300:]}")
        return code in (0, 3)

    def happen(self, event, kill_after=None):
        what, how = event
        if what == "land":
            done = self.land(*how)
            if self.process is None:
                self.verb(["ingest"], kill_after)
            return done
        if what == "trips":
            return self.append(how)
        if what == "predict":
            return self.predict(how, kill_after)
        if what in ("decide", "apply", "token"):
            return getattr(self, what)(how, kill_after)
        return self.upkeep(what, kill_after)

    # ---- one life
    def live(self):
        waiting = list(self.events)
        for _ in range(self.kills):
            served = self.dice.random() < 0.8
            waiting = self.until_killed(waiting, self.dice.randrange(3), self.dice.uniform(0, 0.7), served)
        self.serve()
        with Reader(self.port, self.project.token) as reader:
            for event in waiting:
                for _ in range(40):
                    if self.happen(event):
                        break
                    time.sleep(0.25)
                else:
                    self.problems.append(f"{event[0]} is not acknowledged though nothing is killed any more: {self.tail()}")
        self.problems += reader.problems
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)
        if self.process.returncode != 0:
            self.problems.append(f"the daemon ended with {self.process.returncode}: {self.tail()}")
        self.process = None

    def until_killed(self, waiting, whole, delay, served):
        """Lets `whole` events happen and kills during the next. Returns what was not acknowledged, in its order."""
        self.timer = self.process = reader = None
        self.killed = False
        if served:
            self.serve()
            reader = Reader(self.port, self.project.token)
            reader.__enter__()
        at = next((n for n, event in enumerate(waiting) if served or event[0] != "trips"), len(waiting))
        queue = waiting[at:at + whole + 1] or [(self.dice.choice(sorted(UPKEEP)), 0)]
        later = waiting[:at] + waiting[at + len(queue):]
        for number, event in enumerate(queue):
            last = number == len(queue) - 1
            if last and served:
                self.arm(self.process, delay)
            if not self.happen(event, delay if last and not served else None):
                later = waiting[:at] + queue[number:] + waiting[at + len(queue):]
                break
        self.end(reader, delay)
        during = f"{'serve' if served else 'verb'} while {event[0]}"
        self.classes.append(f"kill: {during}" if self.killed else "kill: came too late, not counted")
        self.problems += [f"after {during}: {line}" for line in self.look()]
        return later

    def end(self, reader, delay):
        """Sees to it that the daemon is killed by now."""
        if self.process is not None:
            if self.timer is None:
                self.arm(self.process, delay)
            code = self.process.wait(SECONDS)
            self.killed = code == -signal.SIGKILL
            if not self.killed:
                self.problems.append(f"the daemon ended by itself with {code}: {self.tail()}")
            reader.__exit__(None, None, None)
            self.problems += reader.problems
        if self.timer is not None:
            self.timer.join()
        self.timer = self.process = None

    def look(self):
        """What must hold at any time."""
        said = LabCheck(self.project.folder, [*self.landed, *self.first_files()], drained=False).run()
        there = self.trips_there()
        said += [f"lost: the acknowledged row {name} of another engine" for name in self.trips if name not in there]
        said += [f"doubled: the row {name} of another engine × {n}" for name, n in there.items() if n > 1]
        with Catalog(self.project.folder) as catalog:
            tokens = {json.loads(row["value"])["name"] for row in
                      catalog.rows("SELECT value FROM setting WHERE key LIKE 'token/%'")}
            made = {row["id"] for row in catalog.rows("SELECT id FROM prediction")}
            states = {row["id"]: row["state"] for row in catalog.rows("SELECT id, state FROM run")}
        said += [f"lost: the acknowledged token {name}" for name in self.tokens - tokens]
        said += [f"lost: the acknowledged prediction {name}" for name in self.predictions - made]
        said += [f"lost: the decision on {batch}: r{run} is {states.get(run)}" for batch, (run, state) in self.decided.items()
                 if states.get(run) != state]
        return said

    def first_files(self):
        """The files of the stage, which landed before this life."""
        copies = []
        with Catalog(self.project.folder) as catalog:
            for row in catalog.rows("SELECT source, name, path FROM object WHERE name LIKE '2024-01-01%'"):
                copies.append(Landed(row["source"], row["name"], pathlib.Path(row["path"].removeprefix("file://"))))
        return copies

    def settle(self):
        """Nothing is killed any more: everything is taken in. Returns (contents, online answers)."""
        done = self.project.wh("run", code=None)
        if done.returncode != 0:
            self.problems.append(f"`run` in the end ended with {done.returncode}: {done.stderr[-300:]}")
        self.problems += [f"in the end: {line}" for line in self.look()]
        if not self.project.status()["adds_up"]:
            self.problems.append("in the end the record states do not add up")
        deep = self.project.wh("verify", "--deep", code=None)
        if deep.returncode != 0:
            self.problems.append(f"verify --deep ended with {deep.returncode}: {(deep.stdout + deep.stderr)[-400:]}")
        keys = [f"k{number}" for number in range(3)] + sorted(self.trips)[:2]
        online = {}
        for key in keys:
            said = self.project.json("feature", "get", "f@1:*", "trips@1:*", f"id={key}", "--at", "2024-01-12T00:00:00Z")
            online[key] = [(value["name"], value["status"], value["value"]) for value in said["features"]]
        return contents(self.project.folder), online


def judge(world, spec):
    twin = Life(world, spec, kills=0)
    twin.live()
    wanted, wanted_online = twin.settle()
    life = Life(world, spec, spec["kills"])
    life.live()
    found, online = life.settle()
    problems = [f"the twin: {line}" for line in twin.problems] + life.problems + differences(found, wanted)
    if online != wanted_online:
        problems.append(f"online: {online}, the twin {wanted_online}")
    for name, rows in expected(life.batches).items():
        problems += differences({name: found[name]}, {name: rows}, ("the table", "the definition"))
    if spec["rebuild"]:
        done = life.project.wh("verify", "--rebuild", code=None)
        if done.returncode != 0:
            problems.append(f"verify --rebuild ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]}")
    return life.classes, problems
