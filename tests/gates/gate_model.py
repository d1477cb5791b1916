"""Judges made-up batches twice, by `wh` and by the model beside this file, and compares every verdict and what was
observed.

    python tests/gates/gate_model.py --verdicts 60000 --seed 1 [--scipy] [--gx]

Ends with 1 if a difference is left that nothing explains. `make gate-model` runs it with SciPy, NumPy and Great
Expectations as further judges, from an environment of their own (tests/gates/requirements.txt).
"""
import argparse
import math
import os
import pathlib
import sys
import tempfile
import time
from fractions import Fraction

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import exact
import model
import world
from project import WH, environment


def seen_value(value):
    if value in ("NaN", "inf", "-inf"):
        return float(value)
    if isinstance(value, str):
        try:
            return Fraction(value)
        except ValueError:
            return value
    return value


def same_value(check, expected, observed):
    """Whether what the product says it saw is what the model computed."""
    if check["kind"] == "row_count_change":
        observed = observed.get("rows") if isinstance(observed, dict) else observed
    if expected is None or observed is None:
        return True
    observed = seen_value(observed)
    if isinstance(expected, str) or isinstance(observed, str):
        return str(expected) == str(observed) or (expected == "NaN" and exact.is_nan(observed))
    if exact.is_nan(expected) or exact.is_nan(observed):
        return exact.is_nan(expected) and exact.is_nan(observed)
    if math.isinf(expected) or math.isinf(observed):
        return expected == observed
    if isinstance(observed, (int, Fraction)) and not isinstance(expected, float):
        return Fraction(expected) == Fraction(observed)
    a, b = exact.to_double(expected), float(observed)
    tolerance = 1e-9 if check["kind"] == "distribution" else 4e-16
    return abs(a - b) <= max(tolerance * max(abs(a), abs(b)), 1e-12 if check["kind"] == "distribution" else 5e-324)


class Tally:
    def __init__(self):
        self.verdicts = self.close = self.with_judges = 0
        self.states, self.kinds, self.explained, self.unexplained = {}, {}, {}, []

    def add(self, check, state):
        self.verdicts += 1
        self.states[state] = self.states.get(state, 0) + 1
        self.kinds[check["kind"]] = self.kinds.get(check["kind"], 0) + 1

    def explain(self, why):
        self.explained[why] = self.explained.get(why, 0) + 1

    def report(self):
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        lines = [f"{self.verdicts} verdicts: {states}", f"  of {kinds}",
                 f"  {self.close} within rounding of their bound", f"  {self.with_judges} judged by others too"]
        lines += [f"  explained: {why}: {count}" for why, count in sorted(self.explained.items())]
        lines += [f"  unexplained: {line}" for line in self.unexplained[:20]]
        return "\n".join(lines + [f"{len(self.unexplained)} unexplained"])


def compare(tally, check, batch, history, shown, judges=()):
    answer = model.judge(check, batch, history)
    tally.add(check, shown["state"])
    tally.close += answer.close
    what = f"{batch.name} {world.check_yaml(check)}"
    if shown["state"] != answer.state:
        if answer.close:
            tally.explain("within rounding of the bound")
        else:
            tally.unexplained.append(f"{what}: {shown['state']} ({shown['reason']}), model {answer.state} "
                                     f"({answer.observed})")
    elif not same_value(check, answer.observed, shown["observed"]):
        tally.unexplained.append(f"{what}: observed {shown['observed']}, model {answer.observed}")
    for judge in judges:
        judge(tally, check, batch, history, shown, what)
    return answer


def run_warned(folder, seed, sizes, days, checks, min_rows, tally, missing=(), judges=()):
    """A project in which nothing halts: all batches land at once."""
    project = world.Project(folder, WH, environment())
    written = world.make_checks(seed, checks, min_rows)
    project.write(written)
    batches = list(world.Days(seed, sizes, days, missing))
    for batch in batches:
        project.land(batch)
    project.wh("apply", "--yes")
    verdicts = project.verdicts()
    history = []
    for batch in batches:
        shown = project.show(verdicts[batch.name])
        answers = [compare(tally, check, batch, history, shown[check["name"]], judges) for check in written]
        # What lacked history and was let through restarts the warm-up.
        batch.restarts = any(answer.lacks_history for answer in answers)
        history.append(batch)
    return project


def run_decided(folder, seed, days, tally, missing=(), judges=()):
    """A project in which checks halt: each halt is overridden, with or without counting, or discarded."""
    import random
    r = random.Random(seed)
    project = world.Project(folder, WH, environment())
    written = []
    for i, name in enumerate(("28d", "7d", "same_weekday_2w", "3d")):
        written.append({"kind": "mean", "column": "a", "window": name, "sigmas": "4", "warmup": 2 + i % 2,
                        "name": f"m{i}", "severity": r.choice(("error", "warn"))})
        written.append({"kind": "row_count_change", "window": name, "within": "50%", "warmup": 2, "name": f"r{i}",
                        "severity": r.choice(("error", "warn"))})
    for check in written:
        if check["window"] == "3d":
            check["warmup"] = 2
    project.write(written)
    batches = list(world.Days(seed, (20, 21, 22, 60), days, missing))
    history = []
    for i, batch in enumerate(batches):
        project.land(batch)
        done = project.wh("apply" if i == 0 else "ingest", *(["--yes"] if i == 0 else []), codes=(0, 3))
        run = project.verdicts()[batch.name]
        shown = project.show(run)
        answers = [compare(tally, check, batch, history, shown[check["name"]], judges) for check in written]
        states = {answer.state for answer in answers}
        halts = bool(states & {"failed", "not_evaluated", "error"})
        if halts != (done.returncode == 3):
            tally.unexplained.append(f"{batch.name}: exit {done.returncode}, model says {sorted(states)}")
        lacks = any(answer.lacks_history for answer in answers)
        if not halts:
            batch.restarts = lacks
        else:
            word = r.choice((None, None, "include", "exclude", "discard"))
            batch.counts = word == "include" or (word is None and "failed" not in states)
            batch.restarts = batch.counts and lacks
            if word == "discard":
                batch.counts = False
                project.wh("gate", "discard", run, "--reason", "tried")
            else:
                project.wh("gate", "override", run, "--reason", "tried",
                           *(["--baseline", word] if word else []))
        history.append(batch)
    return project


def run_all(verdicts, seed, judges=(), say=print):
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="wh-gate-model-") as scratch:
        scratch = pathlib.Path(scratch)
        number = 0
        while tally.verdicts < verdicts:
            began = time.monotonic()
            shape = number % 4
            folder = scratch / f"p{number}"
            folder.mkdir()
            missing = {10 + seed % 5, 11, *range(20, 24)} if shape == 1 else set(range(12, 45)) if shape == 2 else ()
            if shape == 3:
                run_decided(folder, seed + number, 40, tally, {7, 8, *range(14, 26)}, judges)
            else:
                sizes = ((1, 2, 3, 20), (40, 50, 60), (5, 80, 120))[shape]
                run_warned(folder, seed + number, sizes, 60 if shape == 2 else 40, 120, (1, 40, 20)[shape], tally,
                           missing, judges)
            number += 1
            say(f"project {number}: {tally.verdicts} verdicts, {len(tally.unexplained)} unexplained, "
                f"{time.monotonic() - began:.1f} s")
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verdicts", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scipy", action="store_true", help="NumPy and SciPy judge too")
    parser.add_argument("--gx", action="store_true", help="Great Expectations judges too")
    arguments = parser.parse_args()
    judges = []
    if arguments.scipy:
        import other_judges
        judges.append(other_judges.by_scipy)
    if arguments.gx:
        import gx_judge
        judges.append(gx_judge.GreatExpectations())
    print(f"seed {arguments.seed}", flush=True)
    tally = run_all(arguments.verdicts, arguments.seed, judges, lambda line: print(line, flush=True))
    print(tally.report())
    return 1 if tally.unexplained else 0


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    sys.exit(main())
