"""Kills the runner and the daemon at every failpoint and at random, and checks what is left.

    crash_test.py              every failpoint in both workloads, with lost writes too, all computed anew after those
                               of a batch, 200 random kills, and five planted bugs, each of which must be caught
    crash_test.py --quick      25 failpoints and 10 random kills, about a minute
    crash_test.py --planted    the planted bugs only
    crash_test.py --only '{"point": "raw.committed", "workload": "run"}'
    --seed N --random N --jobs N

After each kill and again once everything has been taken in, checker.py looks for violations of the
invariants I1 to I7 (I12: that it is taken in within 30 seconds). It shares no code with the product.
"""
import argparse
import concurrent.futures
import json
import multiprocessing
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import workload    # noqa: E402

WORKLOADS = ("run", "serve")
RANDOM_KILLS = 200
QUICK_POINTS = 25
QUICK_KILLS = 10
POINTS_MIN = 25
# What a power cut may take matters where files are written or have just been; a later hit finds more of them.
LOSE_AT_HIT = 3
LOSABLE = ("disk.", "table.", "raw.", "engine.", "catalog.commit", "processed.", "feature.", "quarantine.")
AT_A_HALT = ("processed.halted",)    # then all is not computed anew before a person decides

_state = {}


def _prepare(base, seed, slots):
    """In each working process: a folder and a template of its own, because projects know their place."""
    slot = slots.get()
    folder = pathlib.Path(base) / f"slot{slot}"
    folder.mkdir()
    workload.make_template(folder / "template", folder / "flights")
    _state.update(home=folder / "flights", template=folder / "template", files=pathlib.Path(base) / "files",
                  days=_days(base))


def _days(base):
    days = []
    for name, files in json.loads((pathlib.Path(base) / "days.json").read_text()):
        day = workload.Day(name)
        day.files = [tuple(file) for file in files]
        days.append(day)
    return days


def _run(spec):
    """One life of a project. Returns the spec, its violations, whether it was killed, and its seconds."""
    started = time.monotonic()
    arm = {}
    if spec.get("point"):
        arm["WEIRHOUSE_FAILPOINT"] = spec["point"]
    if spec.get("lose"):
        arm["WEIRHOUSE_FAILPOINT_LOSE"] = "1"
    if spec.get("list"):
        arm["WEIRHOUSE_FAILPOINT_LIST"] = spec["list"]
    case = workload.Case(_state["home"], _state["template"], _state["files"], _state["days"], arm=arm,
                         kill_after=spec.get("kill_after"), plant=spec.get("plant", ""), then=spec.get("then", ()))
    try:
        if spec["workload"] == "run":
            full = spec.get("list") is not None or str(spec.get("point", "")).startswith("rebuild.")
            outcome = workload.run_one_shot(case, full=full)
        else:
            outcome = workload.run_daemon(case)
        violations = outcome.violations
    except Exception as error:    # the harness must not hide what it could not do
        violations = [f"harness: {type(error).__name__}: {error}"]
    killed = case.outcome.killed
    if spec.get("point") and ":" not in spec["point"] and not killed and not spec.get("plant"):
        violations = violations + [f"harness: {spec['point']} was never reached"]
    if violations and spec.get("keep"):
        shutil.copytree(_state["home"], spec["keep"], symlinks=True, dirs_exist_ok=True)
    return spec, violations, killed, time.monotonic() - started


class Harness:
    def __init__(self, arguments):
        self.arguments = arguments
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="weirhouse-crash-"))
        self.random = random.Random(arguments.seed)
        self.runs = 0
        self.violations = 0
        (self.base / "files").mkdir()
        days = workload.make_files(self.base / "files", arguments.seed)
        (self.base / "days.json").write_text(json.dumps([[day.name, day.files] for day in days]))
        context = multiprocessing.get_context("spawn")
        slots = context.Queue()
        for slot in range(arguments.jobs):
            slots.put(slot)
        self.pool = concurrent.futures.ProcessPoolExecutor(
            arguments.jobs, mp_context=context, initializer=_prepare, initargs=(str(self.base), arguments.seed, slots))

    def close(self):
        self.pool.shutdown(cancel_futures=True)
        shutil.rmtree(self.base, ignore_errors=True)

    def run(self, specs):
        """All of `specs`; prints violations as they come, with what repeats them."""
        bad = []
        last_said = time.monotonic()
        pending = {self.pool.submit(_run, spec) for spec in specs}
        while pending:
            done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                spec, violations, _, _ = future.result()
                self.runs += 1
                if violations:
                    bad.append((spec, violations))
                    if not spec.get("plant"):
                        self.violations += len(violations)
                        print(f"VIOLATION in {json.dumps({k: v for k, v in spec.items() if v}, sort_keys=True)}", flush=True)
                        for violation in violations[:6]:
                            print(f"  {violation}", flush=True)
            if time.monotonic() - last_said > 20:
                last_said = time.monotonic()
                print(f"  {len(specs) - len(pending)} of {len(specs)} runs", file=sys.stderr, flush=True)
        return bad

    def learn(self):
        """The failpoints that each workload reaches, and how long it takes, from a run without kills."""
        points, seconds = {}, {}
        specs = [{"workload": name, "list": str(self.base / f"points-{name}")} for name in WORKLOADS]
        for future in [self.pool.submit(_run, spec) for spec in specs]:
            spec, violations, _, took = future.result()
            if violations:
                raise SystemExit(f"without any kill, {spec['workload']} violates:\n" + "\n".join(violations))
            points[spec["workload"]] = workload.reached(spec["list"])
            seconds[spec["workload"]] = took
        return points, seconds


def named_in_source():
    """Every failpoint that the source names, to say which ones no workload reaches."""
    source = HERE.parent.parent / "src"
    found = set()
    for path in source.rglob("*.cc"):
        if not path.name.endswith("_test.cc"):
            found.update(re.findall(r'WEIRHOUSE_FAILPOINT\("([^"]+)"\)', path.read_text()))
    return found


def random_kills(harness, seconds, count):
    specs = []
    for number in range(count):
        name = WORKLOADS[number % 2]
        specs.append({"workload": name, "kill_after": round(harness.random.uniform(0.02, seconds[name] * 0.5), 3)})
    return specs


def every_point(points):
    for name in WORKLOADS:
        for point in points[name]:
            yield {"workload": name, "point": point}
    for point in points["run"]:
        if point.startswith(LOSABLE):
            yield {"workload": "run", "point": f"{point}:{LOSE_AT_HIT}", "lose": True}
        if point.startswith(("processed.", "feature.")) and point not in AT_A_HALT:
            yield {"workload": "run", "point": point, "then": ["run", "--full"]}


def kill_everywhere(harness, points, seconds):
    arguments = harness.arguments
    specs = list(every_point(points))
    kills = RANDOM_KILLS if arguments.random is None else arguments.random
    if arguments.quick:
        specs = harness.random.sample(specs, min(QUICK_POINTS, len(specs)))
        kills = QUICK_KILLS if arguments.random is None else arguments.random
    return harness.run(specs + random_kills(harness, seconds, kills))


# Where each planted bug shows. Raw commits move no offset: that takes the second commit or a later one.
PLANTED = {
    "ack_before_commit": {"points": ("engine.publish.before_commit", "catalog.commit.before_commit")},
    "drop_fsync": {"points": ("engine.publish.after_commit", "processed.committed", "raw.committed"), "lose": True},
    "skip_dedup": {"points": ("processed.committed",)},
    "offset_outside": {"points": ("catalog.commit.offset_gap:2", "catalog.commit.after_commit:2")},
    "unjudged_publish": {"points": ("processed.committed",)},
}


def plant(harness):
    """Each planted bug must be caught within a few runs of the kind that the full test makes."""
    tries = {bug: [{"workload": name, "point": point, "lose": how.get("lose", False), "plant": bug}
                   for name in WORKLOADS for point in how["points"]] for bug, how in PLANTED.items()}
    left = dict(tries)
    while any(left.values()):
        for spec, violations in harness.run([specs.pop(0) for specs in left.values() if specs]):
            # What the checker saw says more than how the command ended.
            violations.sort(key=lambda text: text.startswith(("I12", "harness")))
            print(f"planted {spec['plant']}: caught at {spec['point']} in {spec['workload']}: {violations[0]}", flush=True)
            left.pop(spec["plant"])
    for bug in left:
        print(f"planted {bug}: MISSED", flush=True)
    print(f"planted {len(PLANTED)} caught {len(PLANTED) - len(left)}", flush=True)
    return list(left)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--only", help="one run, as JSON")
    parser.add_argument("--keep", help="keep the project of a run that violates, in this folder (with --only)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--random", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main():
    arguments = parse()
    started = time.monotonic()
    harness = Harness(arguments)
    try:
        if arguments.only:
            spec = json.loads(arguments.only)
            harness.run([{**spec, "keep": arguments.keep}])
            print(f"runs 1 violations {harness.violations} seed {arguments.seed}")
            return 1 if harness.violations else 0
        if arguments.planted:
            return 1 if plant(harness) else 0
        points, seconds = harness.learn()
        names = sorted(set(points["run"]) | set(points["serve"]))
        print(f"{len(names)} failpoints: {len(points['run'])} in run, {len(points['serve'])} in serve", flush=True)
        if unreached := sorted(named_in_source() - set(names)):
            print(f"not reached by any workload: {', '.join(unreached)}", flush=True)
        if len(names) < POINTS_MIN:
            print(f"only {len(names)} failpoints are reached, at least {POINTS_MIN} are wanted")
            return 1
        kill_everywhere(harness, points, seconds)
        runs = harness.runs
        missed = [] if arguments.quick else plant(harness)
        print(f"points {len(names)} runs {runs} violations {harness.violations} seed {arguments.seed} "
              f"seconds {time.monotonic() - started:.0f}")
        return 1 if harness.violations or missed else 0
    finally:
        harness.close()


if __name__ == "__main__":
    sys.exit(main())
