#!/usr/bin/env python3
"""Runs random worlds through the command and compares them with the model and with a full rebuild.

    .deps/venv/bin/python tests/rebuild/rebuild_trial.py --projects 2000 --seed 1 --jobs 2

A failure prints its seed and the smallest world found that still fails, as the files to make. `--show SEED` prints
a world, `--only SEED` tries one. Environment: WEIRHOUSE_REBUILD_PROJECTS, WEIRHOUSE_REBUILD_SEED.
"""
import argparse
import collections
import concurrent.futures
import gzip
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import rebuild_model
import rebuild_world
from project import WH, environment

WORLDS_IN_A_FOLDER = 6
PREFIXES = "abcdefgh"
TAKEN_IN = (0, 3)   # 3: a file or a batch held nothing but records that broke their contract
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.0+)?(\+00(:00)?|Z)")


class Failed(AssertionError):
    """The command ended otherwise than it should."""


def wh(folder, *arguments, codes=(0,)):
    done = subprocess.run([WH, *arguments], cwd=folder, env=environment(), capture_output=True, text=True,
                          encoding="utf-8", timeout=300)
    if done.returncode not in codes:
        raise Failed(f"wh {' '.join(arguments)} ended with {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


def plain(value):
    if isinstance(value, str):
        at = _TIME.fullmatch(value)
        return f"{at[1]}T{at[2]}Z" if at else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def tables_of(worlds):
    names = []
    for one in worlds:
        for table in one["tables"]:
            names += [table["full_name"]] + [table["full_name"] + "_history"] * table["history"]
        names += [f"feature.{view['name']}_v1" for view in one["views"]]
    return names


def columns_of(worlds):
    columns = {}
    for one in worlds:
        for table in one["tables"]:
            columns[table["full_name"]] = columns[table["full_name"] + "_history"] = table["columns"]
        for view in one["views"]:
            columns[f"feature.{view['name']}_v1"] = None
    return columns


def contents(folder, worlds):
    """Rows of every table, as the command shows them."""
    known = {row["table"] for row in json.loads(wh(folder, "status", "--json"))["tables"]}
    found, parts = {}, []
    for name, columns in columns_of(worlds).items():
        if name not in tables_of(worlds):
            continue
        found[name] = []
        if name not in known:
            continue
        items = "columns(c -> not starts_with(c, '_') and c not in ('row_key', 'row_digest'))"
        if columns is not None:
            items = ", ".join(f'"{c}"' for c in columns)
        parts.append(f"select '{name}' as t, to_json(row_of)::varchar as r from (select {items} from {name}) row_of")
    answer = json.loads(wh(folder, "sql", "--json", " union all ".join(parts)))["rows"] if parts else []
    for row in answer:
        values = {k: plain(v) for k, v in json.loads(row["r"]).items()}
        if row["t"].startswith("feature."):
            extra = [k for k in values if re.fullmatch(r"v\d+_.*", k)]
            values = {"id": values["id"], "event_time": values["event_time"], "known_time": values["known_time"],
                      "op": values["op"], "v": values[extra[0]] if extra else None}
        found[row["t"]].append(values)
    return found


def states(folder):
    """States by source, and whether they add up."""
    counts = collections.defaultdict(collections.Counter)
    with sqlite3.connect(f"file:{folder}/.weirhouse/catalog.db?mode=ro", uri=True) as db:
        for source, state, count in db.execute("SELECT source, state, sum(count) FROM record_state GROUP BY 1, 2"):
            if count:
                counts[source][state] = count
    status = json.loads(wh(folder, "status", "--json"))
    if not status["adds_up"]:
        raise rebuild_model.Wrong(f"the states do not add up: {status['states']}")
    return {source: dict(count) for source, count in counts.items()}


def land(folder, one, batch):
    source = one["prefix"] + batch["kind"]
    path = folder / "landing" / source / f"2013-02-{batch['day']:02d}.jsonl"
    data = "".join(line + "\n" for line in batch["lines"]).encode()
    if len(data) % 3 == 0:
        path, data = path.with_suffix(".jsonl.gz"), gzip.compress(data)
    path.write_bytes(data)


def make(folder, worlds):
    for path, text in rebuild_world.files(worlds).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    for one in worlds:
        for kind in rebuild_world.FIELDS:
            (folder / "landing" / (one["prefix"] + kind)).mkdir(parents=True, exist_ok=True)
    wh(folder, "init")


def play(folder, worlds):
    """Lands every batch in its step, the first before anything is applied."""
    steps = max((b["step"] for one in worlds for b in one["batches"]), default=0)
    for step in range(steps + 1):
        batches = [(one, b) for one in worlds for b in one["batches"] if b["step"] == step]
        for one, batch in batches:
            land(folder, one, batch)
        if step == 0:
            wh(folder, "apply", "--yes", codes=TAKEN_IN)
        elif batches:
            wh(folder, "ingest", codes=TAKEN_IN)


def judge(worlds, found, counted, what):
    for one in worlds:
        try:
            rebuild_model.Model(one, found, counted).check()
        except rebuild_model.Wrong as wrong:
            raise rebuild_model.Wrong(f"{what}: {wrong}") from wrong


def normal(found):
    return {name: sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
            for name, rows in found.items()}


def same(before, after, what):
    for name in before:
        if before[name] != after[name]:
            raise rebuild_model.Wrong(f"{what}: {name} was {before[name]} and is {after[name]}")


def try_worlds(worlds):
    """None, or why these worlds (in one project) are wrong."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wh-rebuild-"))
    try:
        make(folder / "p", worlds)
        play(folder / "p", worlds)
        found, counted = contents(folder / "p", worlds), states(folder / "p")
        judge(worlds, found, counted, "batch by batch")
        wh(folder / "p", "verify", "--rebuild")
        wh(folder / "p", "run", "--full")
        again, counted_again = contents(folder / "p", worlds), states(folder / "p")
        judge(worlds, again, counted_again, "after run --full")
        same(normal(found), normal(again), "run --full")
        turned = [rebuild_world.reshuffled(one) for one in worlds]
        make(folder / "q", turned)
        play(folder / "q", turned)
        same(normal(found), normal(contents(folder / "q", turned)), "the same records in other batches")
        same(counted, states(folder / "q"), "the same records in other batches")
        return None
    except (rebuild_model.Wrong, Failed, subprocess.TimeoutExpired) as wrong:
        return str(wrong)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- Making a failing world smaller

def without(one, place, index):
    other = json.loads(json.dumps(one))
    if place == "tables":
        first = other["tables"].pop(index)["full_name"]
        gone = {first, first + "_history"}
        for table in list(other["tables"]):                 # what reads it goes too
            if set(table["reads"]) & gone:
                gone |= {table["full_name"], table["full_name"] + "_history"}
                other["tables"].remove(table)
        other["views"] = [v for v in other["views"] if f"processed.{v['table']}" not in gone]
    elif place == "lines":
        for batch in other["batches"]:
            if index < len(batch["lines"]):
                del batch["lines"][index]
                break
            index -= len(batch["lines"])
        other["batches"] = [b for b in other["batches"] if b["lines"]]
    else:
        del other[place][index]
    return other


def count_of(one, place):
    return sum(len(b["lines"]) for b in one["batches"]) if place == "lines" else len(one[place])


def shrink(one, tries_max=150):
    reason, tries, moved = try_worlds([one]), 0, True
    while reason and moved and tries < tries_max:
        moved = False
        for place in ("tables", "views", "batches", "lines"):
            index = count_of(one, place) - 1
            while index >= 0 and tries < tries_max:
                smaller, tries = without(one, place, index), tries + 1
                if smaller["tables"] and smaller["batches"] and (why := try_worlds([smaller])):
                    one, reason, moved = smaller, why, True
                index = min(index, count_of(one, place)) - 1
    return one, reason


def shown(one):
    text = []
    for path, body in rebuild_world.files([one]).items():
        if path.startswith(("processed/", "features/")):
            text.append(f"--- {path}\n{body}")
    for batch in sorted(one["batches"], key=lambda b: b["step"]):
        text.append(f"--- step {batch['step']}: landing/{one['prefix']}{batch['kind']}/2013-02-{batch['day']:02d}.jsonl\n" +
                    "".join(line + "\n" for line in batch["lines"]))
    return "".join(text)


def try_group(seeds):
    """Failures among the worlds of `seeds`: (seed, reason, world)."""
    worlds = [rebuild_world.world(seed, PREFIXES[i]) for i, seed in enumerate(seeds)]
    reason = try_worlds(worlds)
    if reason is None:
        return []
    if len(worlds) == 1:
        return [(seeds[0], reason, worlds[0])]
    alone = [failure for seed in seeds for failure in try_group([seed])]
    return alone or [(seeds[0], f"only together ({seeds}): {reason}", worlds[0])]


def run(projects, first, jobs, say=print, stop_after=5, shrinking=True):
    """Failures of `projects` worlds from seed `first` on."""
    seeds = list(range(first, first + projects))
    groups = [seeds[i:i + WORLDS_IN_A_FOLDER] for i in range(0, projects, WORLDS_IN_A_FOLDER)]
    failures, began, done = [], time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for group, failed in zip(groups, pool.map(try_group, groups)):
            done += len(group)
            for seed, reason, one in failed:
                say(f"seed {seed} fails: {reason[:1500]}")
                failures.append((seed, reason, one))
            if len(failures) >= stop_after:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    say(f"{done} projects from seed {first} on in {time.monotonic() - began:.0f} s, {len(failures)} differ")
    for seed, _, one in failures[:1] if shrinking else []:
        small, reason = shrink(one)
        say(f"seed {seed}, made small:\n{shown(small)}=> {reason or 'only with the others'}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=int(os.environ.get("WEIRHOUSE_REBUILD_PROJECTS", "120")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("WEIRHOUSE_REBUILD_SEED", "1")))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stop-after", type=int, default=5, help="failures")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--show", type=int, metavar="SEED")
    parser.add_argument("--only", type=int, metavar="SEED")
    arguments = parser.parse_args()
    if arguments.show is not None:
        print(shown(rebuild_world.world(arguments.show)))
        return 0
    first, projects = (arguments.only, 1) if arguments.only is not None else (arguments.seed, arguments.projects)
    failures = run(projects, first, arguments.jobs, stop_after=arguments.stop_after, shrinking=not arguments.no_shrink)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
