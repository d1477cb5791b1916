#!/usr/bin/env python3
"""What one small batch of a backfill costs: CPU, files, metadata and fsyncs, early and late.

    small_batch_bench.py --folder DIR [--days N]     N days of the flights example (0: the year), applied

The files of each commit are read from the catalog; the CPU from /proc while `wh apply` runs, at the times at
which batches were committed. `strace`, where it is there, counts the fsyncs of a shorter run of its own.
"""
import argparse
import bisect
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import time

from figures import BIN, report

WH = str(BIN / "wh")
BUDGET = {"CPU": 45, "files": 20, "metadata": 200}
METADATA = ("metadata", "manifest", "manifest_list")


def make(folder, days):
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([WH, "init", "--example", "flights", folder], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([WH, "demo-data", *(["--days", str(days)] if days else [])], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    plan = subprocess.run([WH, "plan", "--json"], cwd=folder, capture_output=True, text=True, check=False)
    return [WH, "apply", json.loads(plan.stdout)["plan"], "--yes", "-q"]


def cpu_of(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def apply(command, folder):
    """Runs it; samples of (time in µs, CPU s), and the whole CPU, wall and peak memory."""
    samples = []
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        samples.append((time.time() * 1e6, cpu_of(process.pid)))
        time.sleep(0.02)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"wh apply failed: {process.stderr.read().decode()[-2000:]}")
    return samples, usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024


def fsyncs_of(folder, days):
    if shutil.which("strace") is None:
        return None
    command = make(folder, days)
    counts = folder / "strace.txt"
    subprocess.run(["strace", "-f", "-c", "-e", "trace=fsync,fdatasync,clone3", "-o", str(counts), *command], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = {name: int(count) for count, name in re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", counts.read_text(), re.M)}
    return {name: count / days for name, count in found.items() if name != "total"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--days", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder / "year"
    command = make(folder, options.days)
    samples, cpu, wall, peak = apply(command, folder)

    database = sqlite3.connect(f"file:{folder}/.weirhouse/catalog.db?mode=ro", uri=True)
    batches = database.execute("SELECT seq, committed_at FROM commit_log WHERE layer = 'processed' ORDER BY seq").fetchall()
    files = database.execute("SELECT seq, kind, size_bytes FROM file ORDER BY seq").fetchall()
    # Raw objects are rows of their own in the catalog.
    objects = database.execute("SELECT seq FROM object ORDER BY seq").fetchall()
    times = [at for at, _ in samples]

    def cpu_at(when):
        place = min(bisect.bisect(times, when), len(samples) - 1)
        return samples[place][1]

    def part(first, last):
        """CPU ms, files, and kB of metadata and of data a batch, of the batches from `first` to `last`."""
        count = last - first
        (low, begin), (high, end) = batches[first], batches[last]
        of_part = [(kind, size) for seq, kind, size in files if low < seq <= high]
        whole = len(of_part) + sum(1 for (seq,) in objects if low < seq <= high)
        size = {kind: sum(size for one, size in of_part if (one in METADATA) == (kind == "metadata")) for kind in ("metadata", "data")}
        return (cpu_at(end) - cpu_at(begin)) * 1e3 / count, whole / count, size["metadata"] / count / 1e3, size["data"] / count / 1e3

    count = len(batches)
    tenth = max(count // 10, 1)
    at_fifty = min(50, count // 2)
    report("small: wh apply", wall, "s", cpu_ms=cpu * 1e3, peak_mb=peak, batches=count, note=f"{count} batches, {peak:.0f} MiB")
    report("small: whole CPU, a batch", cpu * 1e3 / count, "ms")
    for name, first, last in (("from batch 50", at_fifty, min(at_fifty + tenth, count - 1)), ("last tenth", count - 1 - tenth, count - 1)):
        spent, number, metadata, data = part(first, last)
        report(f"small: CPU, {name}", spent, "ms", budget=BUDGET["CPU"])
        report(f"small: files, {name}", number, "files", budget=BUDGET["files"], data_kb=data)
        report(f"small: metadata, {name}", metadata, "kB", budget=BUDGET["metadata"])
    syncs = fsyncs_of(options.folder / "traced", 40)
    if syncs is not None:
        report("small: fsyncs, a batch", syncs.get("fsync", 0) + syncs.get("fdatasync", 0), "calls", threads_begun=syncs.get("clone3", 0), note="40 days")


if __name__ == "__main__":
    main()
