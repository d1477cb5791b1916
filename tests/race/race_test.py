"""Writers race on three tables through the REST catalog; an independent checker looks for a serial history.

    tests/race/race_test.py                    5,000 commits of 8 processes, 300 answers lost, upkeep running
    tests/race/race_test.py --commits 20000 --engines ''      the long one: ours alone
    tests/race/race_test.py --quick            400 commits, for every change

Checked from the writers' logs, the catalog's database and the files (pyarrow and pyiceberg, none of our readers):
  every acknowledged operation is there once, whole, in all its tables (unless a later one replaced it);
  what was refused is not there; what one asked twice (its answer was lost) is not doubled;
  each table's snapshots follow one another: totals add up, sequence numbers rise with commits, one parent chain;
  readers, all the time, saw only whole operations, and what one table showed of an operation in several tables, the table
  looked at next showed too.
"""
import argparse
import collections
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "interop"):
    sys.path.insert(0, str(folder))

import engines
from client import ROWS, ROWS_PER_OP
from project import ROOT, Project, environment
from proxy import LosingProxy

TABLES = ("race.a", "race.b", "race.c")
WRITER = ROOT / "build/dev/bin/race_writer"
PROJECT_FILE = """name: matrix
version: 1
clock: wall
profiles:
  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, online: embedded }
"""


def make_project(folder):
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE)
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout).get("token")
    return project


def spread(total, writers):
    return [total // writers + (number < total % writers) for number in range(writers)]


def start(project, port, proxy, arguments, logs):
    """All writers: ours, every other of them through the proxy, and those of the engines."""
    uri, tables, running = f"http://127.0.0.1:{port}/iceberg", ",".join(TABLES), []
    others = [name for name in arguments.engines.split(",") if name]
    foreign = min(500, arguments.commits // 10)
    ours = spread(arguments.commits - foreign * len(others), arguments.writers - len(others))
    for writer, ops in enumerate(ours):
        via = ["--via", str(proxy.port)] if writer % 2 == 0 else []
        running.append(subprocess.Popen(
            [WRITER, "--port", str(port), *via, "--token", project.token, "--writer", str(writer), "--ops", str(ops), "--seed",
             str(arguments.seed * 100 + writer), "--log", logs / f"{writer}.jsonl", "--tables", tables],
            stdout=subprocess.PIPE, text=True))
    for number, engine in enumerate(others):
        writer = len(ours) + number
        running.append(subprocess.Popen(
            [sys.executable, HERE / "client.py", "write", "--engine", engine, "--uri", uri, "--token", project.token, "--writer",
             str(writer), "--ops", str(foreign), "--seed", str(arguments.seed * 100 + writer), "--log", logs / f"{writer}.jsonl",
             "--tables", tables], env=environment(), stdout=subprocess.PIPE, text=True))
    return running


def keep_up(project, stop, done):
    """Compaction and expiry, over and over, beside the writers."""
    while not stop.is_set():
        for verb in (("table", "compact"), ("table", "expire")):
            for table in TABLES:
                result = project.wh(*verb, table, *(("--keep", "20") if verb[1] == "expire" else ()), code=None)
                done[verb[1], result.returncode] += 1
                if result.returncode not in (0, 5):
                    done["failed: " + result.stderr[-300:], result.returncode] += 1
                if stop.wait(1.0):
                    return


def read_log(path):
    """Operations in order: op → {tables, replaces, status}; a status of None was never answered."""
    operations = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if "try" in entry:
            operations[entry["op"]] = {"tables": entry["try"], "replaces": entry.get("replaces"), "status": None}
        elif "op" in entry:
            operations[entry["op"]]["status"] = entry["status"]
    return operations


def check_rows(client, logs, problems):
    found = {}
    for table in TABLES:
        counts = collections.Counter()
        for batch in client.table(table).scan().to_arrow().to_batches():
            counts.update(zip(batch["writer"].to_pylist(), batch["op"].to_pylist()))
        found[table] = counts
    known = 0
    for path in sorted(logs.glob("[0-9]*.jsonl")):
        writer, operations = int(path.stem), read_log(path)
        replaced = {entry["replaces"] for entry in operations.values()
                    if entry["replaces"] is not None and entry["status"] in (200, 204)}
        for op, entry in operations.items():
            known += 1
            acknowledged = entry["status"] in (200, 204)
            for table in TABLES:
                wanted = ROWS_PER_OP if acknowledged and table in entry["tables"] and op not in replaced else 0
                rows = found[table].pop((writer, op), 0)
                if rows != wanted:
                    problems.append(f"writer {writer} op {op} ({entry['status']}): {rows} rows in {table}, not {wanted}")
    for table, counts in found.items():
        for key in counts:
            problems.append(f"{table} holds rows that nobody wrote: {key}")
    return known


def check_history(project, problems):
    """One serial history per table, from the catalog's own rows."""
    commits = 0
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as db:
        for table in TABLES:
            total, sequence, last = 0, 0, 0
            rows = db.execute("SELECT seq, sequence_number, snapshot_id, added_rows, deleted_rows, total_rows, operation FROM snapshot "
                              "WHERE table_name = ? AND ref = 'main' ORDER BY seq, id", [table]).fetchall()
            ids = [row[2] for row in rows]
            if len(set(ids)) != len(ids):
                problems.append(f"{table}: a snapshot was committed twice")
            for seq, number, _, added, deleted, now, operation in rows:
                total += 0 if operation == "replace" else added - deleted    # a rewrite keeps the rows
                if now != total:
                    problems.append(f"{table}: commit {seq} ({operation}) says {now} rows, its history adds up to {total}")
                    total = now
                if number <= sequence or seq <= last:
                    problems.append(f"{table}: commit {seq} has sequence number {number} after {sequence}")
                sequence, last = number, seq
            commits += len(rows)
    return commits


def check_parents(client, problems):
    """The snapshots that are kept form one chain."""
    for table in TABLES:
        metadata = client.table(table).metadata
        by_id = {snapshot.snapshot_id: snapshot for snapshot in metadata.snapshots}
        current, steps = by_id[metadata.current_snapshot_id], 0
        while current.parent_snapshot_id in by_id:
            current, steps = by_id[current.parent_snapshot_id], steps + 1
        if steps + 1 != len(by_id):
            problems.append(f"{table}: {len(by_id)} snapshots, {steps + 1} of them in main's chain")


def race(arguments, scratch):
    project, logs = make_project(scratch / "race"), scratch / "logs"
    logs.mkdir()
    problems, upkeep, stop = [], collections.Counter(), threading.Event()
    began = time.monotonic()
    with project.serve("--no-watch") as daemon:
        uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        client = engines.PyIceberg(uri, project.token)
        client.create_namespace("race")
        for table in TABLES:
            client.catalog.create_table(table, ROWS)
        proxy = LosingProxy(daemon.port, arguments.lose, one_in=max(2, arguments.commits // max(1, arguments.lose) // 3), seed=arguments.seed)
        told = logs / "stop"
        reader = subprocess.Popen([sys.executable, HERE / "client.py", "read", "--uri", uri, "--token", project.token, "--seed",
                                   str(arguments.seed), "--log", logs / "reader.jsonl", "--stop", told, "--tables", ",".join(TABLES)],
                                  env=environment())
        running = start(project, daemon.port, proxy, arguments, logs)
        keeper = threading.Thread(target=keep_up, args=(project, stop, upkeep))
        keeper.start()
        told_by_writers = []
        for process in running:
            out, _ = process.communicate(timeout=arguments.minutes * 60)
            told_by_writers.append(out.strip())
            if process.returncode:
                problems.append(f"a writer ended with {process.returncode}")
        racing = time.monotonic() - began
        if proxy.lost != arguments.lose:
            problems.append(f"{proxy.lost} answers were lost, {arguments.lose} were meant to be")
        stop.set()
        keeper.join()
        told.touch()
        reader.wait(120)
        proxy.close()
        operations = check_rows(client, logs, problems)
        commits = check_history(project, problems)
        check_parents(client, problems)
    looks = 0
    for line in (logs / "reader.jsonl").read_text().splitlines():
        entry = json.loads(line)
        looks += entry.get("looks", 0)
        if "violation" in entry:
            problems.append(f"a reader: {entry}")
    if reader.returncode or not looks:
        problems.append(f"the reader ended with {reader.returncode} after {looks} looks")
    for key, count in upkeep.items():
        if str(key[0]).startswith("failed"):
            problems.append(f"upkeep {key[0]} ({count} times)")
    for verb in ("compact", "expire"):
        if not upkeep[verb, 0]:
            problems.append(f"`wh table {verb}` never got through")
    verified = project.wh("verify", code=None, timeout=600)
    if verified.returncode:
        problems.append(f"wh verify: {verified.stdout[-500:]}{verified.stderr[-500:]}")
    print(f"race: {operations} operations of {len(running)} processes, {commits} snapshots, {proxy.lost} answers lost, "
          f"compactions {upkeep['compact', 0]}, expiries {upkeep['expire', 0]}, {looks} looks of a reader, "
          f"{operations / racing:.0f} operations/s, violations {len(problems)}, seed {arguments.seed}, {racing:.0f} s")
    for line in told_by_writers:
        print(f"  {line}")
    for problem in problems[:20]:
        print(f"  {problem}")
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--engines", default="duckdb,pyiceberg")
    parser.add_argument("--lose", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.commits, arguments.lose, arguments.writers = 400, 40, 4
    with tempfile.TemporaryDirectory(prefix="race-") as scratch:
        sys.exit(0 if race(arguments, pathlib.Path(scratch)) else 1)


if __name__ == "__main__":
    main()
