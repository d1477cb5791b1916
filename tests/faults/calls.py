"""Makes the N-th fsync, write, rename, mkdir, open or unlink of every writing verb fail, once or from then on.

What may follow: the verb goes on as if nothing was, or ends with an error that has a code. It never aborts or hangs.
Then the same verb, unhindered, must end where a twin ended that was never hurt.
"""
import errno
import os
import pathlib
import random
import re
import signal
import subprocess
import time

from checker import Check
from content import contents, differences
from project import WH, environment, free_port
from fault_world import HERE, Stages, halted, land, records, write_files

SECONDS = 60
KINDS = {"fsync": ("EIO", "ENOSPC"), "write": ("ENOSPC", "EIO"), "rename": ("EIO", "ENOSPC"), "mkdir": ("ENOSPC", "EIO"),
         "open": ("EMFILE", "EIO"), "create": ("ENOSPC", "EMFILE"), "unlink": ("EIO", "EROFS")}
# verb → (the stage it begins at, its words)
VERBS = {
    "init": ("files", ["init"]),
    "apply": ("made", ["apply", "--yes"]),
    "ingest": ("applied", ["ingest"]),
    "run": ("applied", ["run"]),
    "run --full": ("whole", ["run", "--full"]),
    "gate override": ("halted", ["gate", "override", "{run}", "--reason", "checked"]),
    "gate discard": ("halted", ["gate", "discard", "{run}", "--reason", "wrong"]),
    "token create": ("whole", ["token", "create", "--name", "ann", "--role", "reader", "--on", "processed"]),
    "table compact": ("whole", ["table", "compact", "processed.a"]),
    "table expire": ("whole", ["table", "expire", "processed.a", "--keep", "1", "--older-than", "0s", "--grace", "0s"]),
    "gc": ("whole", ["gc", "--keep", "1", "--grace", "0s", "--orphan-age", "0s"]),
    "train-set build": ("whole", ["train-set", "build", "s"]),
    "model train": ("set", ["model", "train", "m"]),
    "model deploy": ("model", ["model", "deploy", "m#1"]),
    "predict": ("deployed", ["predict", "m", "id=k0", "t=2024-01-20T00:00:00Z", "--at", "2024-01-20T00:00:00Z"]),
    "serve": ("applied", ["serve"]),
}
# A gate that halts; a unit that the disk holds up when the daemon is asked to end.
EXPECTED = {("ingest", 3), ("run", 3), ("serve", 130)}
LANDS = ("apply", "ingest", "run")
QUICK = ("init", "apply", "ingest", "gate override", "gc", "serve")


def build_library(folder):
    library = pathlib.Path(folder) / "fail_call.so"
    subprocess.run(["c++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", str(library), str(HERE / "fail_call.cc"), "-ldl"],
                   check=True)
    return library


class World:
    """The stages of the project, what its twins became, and how often each verb calls what."""

    def __init__(self, base, quick=False):
        self.stages = Stages(base)
        self.library = build_library(base)
        self.log = pathlib.Path(base) / "calls.log"
        self.twins = {}
        wanted = {VERBS[verb][0] for verb in (QUICK if quick else VERBS)}
        project, dice = self.stages.project, random.Random(5)
        write_files(project.folder)
        self.stages.keep("files")
        project.wh("init")
        for day in (1, 2):
            land(project, "a", day, records(dice, day, bad=False))
            land(project, "b", day, records(dice, day, bad=False))
        self.stages.keep("made")
        project.apply()
        land(project, "a", 3, records(dice, 3, bad=False))
        land(project, "b", 3, records(dice, 3, bad=False))
        project.wh("ingest", code=None)
        land(project, "a", 4, records(dice, 4, bad=False))
        land(project, "b", 4, records(dice, 4, bad=False))
        self.stages.keep("applied")
        land(project, "a", 5, records(dice, 5, bad=True))
        project.wh("ingest", code=3)
        land(project, "a", 6, records(dice, 6, bad=False))
        self.stages.keep("halted")
        project.wh("gate", "override", halted(project)["2024-01-05"], "--reason", "checked")
        project.wh("run")
        self.stages.keep("whole")
        for name, verb in (("set", ("train-set", "build", "s")), ("model", ("model", "train", "m")),
                           ("deployed", ("model", "deploy", "m#1"))):
            if wanted & {"set", "model", "deployed"}:
                project.wh(*verb)
                self.stages.keep(name)

    def start(self, verb, extra):
        project = self.stages.project
        words = list(VERBS[verb][1])
        if "{run}" in words:
            waits = next(iter(halted(project).values()), None)    # None: decided already, and what came after failed
            words = ["run"] if waits is None else [word.format(run=waits) for word in words]
        if verb == "serve":
            words += ["--port", str(free_port())]
        said = open(self.stages.base / "said", "w+")
        process = subprocess.Popen([WH, *words], cwd=project.folder, env=environment(extra), stdout=said,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        process.said = said
        return process

    def run(self, verb, extra=None, seconds=SECONDS):
        """The verb's exit code (None: it hung) and what it said."""
        process = self.start(verb, extra)
        if verb == "serve":
            self.let_serve(process, 4 if extra else 30)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.returncode = None
        with process.said as said:
            said.seek(0)
            return process.returncode, said.read()

    def let_serve(self, process, seconds):
        """Until what waits is taken in, or for so long; then it is asked to end."""
        until = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
            if taken_in(self.stages.home):
                break
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def twin(self, verb):
        """What the verb makes of its stage when nothing fails: contents, exit code, calls of each kind."""
        if verb not in self.twins:
            self.stages.put(VERBS[verb][0])
            self.log.unlink(missing_ok=True)
            code, said = self.run(verb, {**self.armed("all", None), "FAULT_LOG": str(self.log)})
            if code != 0:
                raise AssertionError(f"unhindered, {verb} ended with {code}: {said}")
            calls = {}
            for line in self.log.read_text().splitlines():
                kind = line.split()[1]
                calls[kind] = calls.get(kind, 0) + 1
            self.stages.project.wh("run", code=None)
            self.twins[verb] = contents(self.stages.home), calls
        return self.twins[verb]

    def armed(self, kind, at, error="EIO", sticky=False):
        armed = {"LD_PRELOAD": str(self.library), "FAULT_UNDER": str(self.stages.home), "FAULT_CALL": kind,
                 "FAULT_ERRNO": str(getattr(errno, error))}
        if at is not None:
            armed["FAULT_AT"] = str(at)
        if sticky:
            armed["FAULT_STICKY"] = "1"
        return armed


def taken_in(folder):
    from lake import Catalog
    with Catalog(folder) as catalog:
        if not catalog.has("consumer_offset"):
            return False
        offsets = {row["consumer"]: row["position"] for row in catalog.rows("SELECT consumer, position FROM consumer_offset")}
        last = {row["layer"]: row["seq"] for row in catalog.rows(
            "SELECT layer, max(seq) AS seq FROM commit_log WHERE state = 'committed' GROUP BY layer")}
        names = catalog.one("SELECT count(*) FROM object WHERE name LIKE '2024-01-04%'")
        return names == 2 and offsets.get("processed", 0) >= last.get("raw", 0) and \
            offsets.get("feature", 0) >= last.get("processed", 0)


def specs(count, seed, quick=False):
    """`count` faults, each verb and kind in turn; where in the verb, chance decides."""
    dice = random.Random(seed)
    made = []
    while len(made) < count:
        for verb in (QUICK if quick else VERBS):
            for kind, errors in KINDS.items():
                made.append({"verb": verb, "call": kind, "where": round(dice.random(), 4), "error": dice.choice(errors),
                             "sticky": dice.random() < 0.4})
    dice.shuffle(made)
    return made[:count]


def judge(world, spec):
    """(class, problems) of one fault."""
    verb = spec["verb"]
    twin, calls = world.twin(verb)
    if not calls.get(spec["call"]):
        return "call: the verb makes none of this kind", []
    at = 1 + int(spec["where"] * calls[spec["call"]])
    world.stages.put(VERBS[verb][0])
    world.log.unlink(missing_ok=True)
    code, said = world.run(verb, {**world.armed(spec["call"], at, spec["error"], spec["sticky"]), "FAULT_LOG": str(world.log)})
    failed = world.log.read_text().splitlines()[0] if world.log.exists() else ""
    problems = []
    if code is None:
        problems.append(f"it hung for {SECONDS} s")
    elif code < 0:
        problems.append(f"it was ended by signal {-code}")
    elif code not in (0, 7, 8, 9, 11) and (verb, code) not in EXPECTED:
        problems.append(f"it ended with {code}")
    if code not in (None, 0, 130) and not re.search(r"WH\d{4}", said):
        problems.append("it ended without a code of an error")
    how = "went on" if code == 0 else "said and ended"
    if not failed:
        how = "not reached"
    if code == 0 and verb in LANDS and "warning: not taken in: " in said:
        how = "told what it left where it landed"    # and what follows must take it in
    elif code == 0 and verb not in ("serve",):
        problems += [f"it ended with 0, and {line}" for line in differences(contents(world.stages.home), before_run(world, verb))]
    problems += recover(world, verb, twin, code)
    problems = [f"{problem} [{failed}; {said.strip().splitlines()[-1] if said.strip() else ''}]" for problem in problems]
    return f"call: {verb}: {how}", problems


def before_run(world, verb):
    """What the verb itself acknowledges: all that its twin holds, before anything else runs."""
    return world.twins[verb][0]


def recover(world, verb, twin, first):
    """Nothing fails any more: the verb is run again, and the project must be what its twin is."""
    project = world.stages.project
    problems = []
    after_kill = Check(project.folder, [], drained=False).run() if (project.folder / ".weirhouse/catalog.db").exists() else []
    problems += [f"left behind: {line}" for line in after_kill if not line.startswith("I4: the project has no catalog")]
    if first != 0 or verb == "serve":
        code, said = world.run(verb)
        if code != 0 and differences(contents(project.folder), twin):
            problems.append(f"again, it ended with {code}: {said.strip().splitlines()[-1] if said.strip() else ''}")
    if verb != "init":
        done = project.wh("run", code=None)
        if done.returncode != 0:
            problems.append(f"then `run` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    problems += differences(contents(project.folder), twin)
    problems += Check(project.folder, [], drained=False).run()
    deep = project.wh("verify", "--deep", code=None)
    if deep.returncode != 0:
        problems.append(f"verify --deep ended with {deep.returncode}: {(deep.stdout + deep.stderr).strip()[-400:]}")
    return problems
