"""A campaign of faults: what is killed, what rots, what fails and what is edited must be lost nowhere and told everywhere.

    fault_test.py                     all parts, at the numbers below; about an hour of one core
    fault_test.py --quick             a sample of each part, within a minute
    fault_test.py --part kills --seed 3 --count 100
    fault_test.py --part calls --only '{"verb": "gc", "call": "write", …}'
    --jobs N      so many at once       --log FILE    a line of JSON for each; what stands there is not run again

  kills   kill -9 of `wh serve` and of verbs in a mixed life: landing, gates decided, upkeep, other engines, reading
  flips   a bit of one file, of every kind of file that a project's state has
  calls   an fsync, write, rename, mkdir, open or unlink of every writing verb that fails, once or from then on
  edits   one row of the catalog changed in one place, by somebody with a database shell

After each, code that shares nothing with the product looks at what is left and compares it with a twin that was never
hurt. Each ends in a class, which is counted; what fits none is printed with the word UNEXPLAINED, and ends the campaign
with 1.
"""
import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import pathlib
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import fault_world as project_world  # noqa: E402
import calls  # noqa: E402
import edit_rows  # noqa: E402
import flips  # noqa: E402
import kills  # noqa: E402

# part → how many in the campaign, and in a sample
PARTS = {"kills": (kills, 320, 6), "flips": (flips, 459, 17), "calls": (calls, 448, 12), "edits": (edit_rows, 850, 16)}

_state = {}


def _begin(base, part, quick, slots):
    folder = pathlib.Path(base) / f"{part}-{slots.get()}"
    folder.mkdir()
    _state["module"] = PARTS[part][0]
    try:
        _state["world"] = PARTS[part][0].World(folder, quick)
    except Exception:    # a pool would begin it again and again
        _state["broken"] = traceback.format_exc(limit=4)


def _run(spec):
    """One fault: (spec, [class], [problem], seconds)."""
    begun = time.monotonic()
    if "broken" in _state:
        return spec, ["campaign: failed itself"], [_state["broken"]], 0
    try:
        classes, problems = _state["module"].judge(_state["world"], spec)
        classes = [classes] if isinstance(classes, str) else classes
    except Exception:    # the campaign must not hide what it could not do
        classes, problems = ["campaign: failed itself"], [traceback.format_exc(limit=4)]
    return spec, classes, problems, time.monotonic() - begun


class Campaign:
    def __init__(self, base, options):
        self.base, self.options = base, options
        self.counts = collections.Counter()
        self.unexplained = 0
        self.lock = threading.Lock()
        self.done = {}
        if options.log and pathlib.Path(options.log).exists():
            for line in pathlib.Path(options.log).read_text().splitlines():
                made = json.loads(line)
                self.done[made["part"], json.dumps(made["spec"], sort_keys=True)] = made

    def note(self, part, spec, classes, problems):
        with self.lock:
            self.counts.update(classes)
            if problems:
                self.unexplained += 1
                said = [f"    {problem}" for problem in problems[:6]]
                print("\n".join([f"UNEXPLAINED --part {part} --only '{json.dumps(spec)}'", *said]), flush=True)

    def part(self, name, jobs):
        module, usual, few = PARTS[name]
        options, begun = self.options, time.monotonic()
        count = options.count or (few if options.quick else usual)
        specs = [json.loads(options.only)] if options.only else module.specs(count, options.seed, options.quick)
        self.run(name, specs, jobs)
        print(f"{name}: seed {options.seed}, {time.monotonic() - begun:.0f} s", flush=True)

    def run(self, name, specs, jobs):
        waiting = []
        for spec in specs:
            made = self.done.get((name, json.dumps(spec, sort_keys=True)))
            if made:
                self.note(name, spec, made["classes"], made["problems"])
            else:
                waiting.append(spec)
        jobs = min(jobs, len(waiting))
        if not jobs:
            return
        context = multiprocessing.get_context("spawn")
        slots = context.Queue()
        for slot in range(jobs):
            slots.put(slot)
        with context.Pool(jobs, _begin, (str(self.base), name, self.options.quick, slots)) as pool:
            for number, (spec, classes, problems, seconds) in enumerate(pool.imap_unordered(_run, waiting), 1):
                self.note(name, spec, classes, problems)
                if self.options.log:
                    with open(self.options.log, "a") as log:
                        log.write(json.dumps({"part": name, "spec": spec, "classes": classes, "problems": problems,
                                              "seconds": round(seconds, 2)}) + "\n")
                if number % 50 == 0:
                    print(f"  {name}: {number} of {len(waiting)}", file=sys.stderr, flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int)
    parser.add_argument("--only", help="one fault, as JSON (with --part)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log")
    parser.add_argument("--keep", help="leave the projects in this folder")
    return parser.parse_args()


def main():
    options = parse()
    begun = time.monotonic()
    base = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="wh-faults-"))
    base.mkdir(exist_ok=True)
    campaign = Campaign(base, options)
    try:
        parts = options.part or list(PARTS)
        if options.quick:    # a world for each part, and the parts beside each other
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as side_by_side:
                list(side_by_side.map(lambda name: campaign.part(name, 1), parts))
        else:
            for name in parts:
                campaign.part(name, options.jobs)
    finally:
        if not options.keep:
            project_world.remove(base)
    for what, count in sorted(campaign.counts.items()):
        print(f"{count:6} {what}")
    print(f"faults: seed {options.seed} unexplained {campaign.unexplained} seconds {time.monotonic() - begun:.0f}")
    return 1 if campaign.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
