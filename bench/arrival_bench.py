#!/usr/bin/env python3
"""Many small files: how long until they are rows, and what a look at many known files costs.

    arrival_bench.py --folder DIR [--files N] [--known N] [--delete]
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

from figures import BIN, measure, report

WH = str(BIN / "wh")
LOOKS_SECONDS = 12
FILES = {
    "weirhouse.yaml": "name: many\nversion: 1\nclock: replay\nsources:\n  t:\n    landing: landing/t/\n    contract: t\n",
    "contracts/t.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: t\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: n, logicalType: integer, required: true }\n"
                             "      - { name: at, logicalType: timestamp, required: true }\n",
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at\nSELECT r.id, r.n, r.at FROM records.t AS r\n",
}


def make(folder, delete=False):
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + ("    after: delete\n" if delete and name == "weirhouse.yaml" else ""))
    measure([WH, "init", "-q"], folder)
    measure([WH, "apply", "-q", "--yes"], folder)
    (folder / "landing/t").mkdir(parents=True, exist_ok=True)


def land(folder, files, first=0):
    for i in range(first, first + files):
        with open(folder / f"landing/t/{i:07}.jsonl", "w") as file:
            file.write(f'{{"id":"k{i}","n":{i},"at":"2024-01-01T00:{i // 60 % 60:02}:{i % 60:02}Z"}}\n')


def commits(folder):
    with sqlite3.connect(f"file:{folder}/.weirhouse/catalog.db?mode=ro", uri=True) as catalog:
        return catalog.execute("SELECT count(*) FROM commit_log WHERE layer = 'raw'").fetchone()[0]


def rows(folder):
    told = measure([WH, "sql", "--json", "SELECT count(*) AS n FROM processed.t"], folder)[3]
    return json.loads(told)["rows"][0]["n"]


def usage(pid):
    """(CPU s, peak MiB, resident MiB) of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(status["VmHWM"].split()[0]) / 1024,
            int(status["VmRSS"].split()[0]) / 1024)


class Daemon:
    def __init__(self, folder):
        self.process = subprocess.Popen([WH, "serve", "--port", "0"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on" in line:
                break

    def __enter__(self):
        return self.process.pid

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stderr.close()
        self.process.wait(60)


def drain(folder, files, delete):
    make(folder, delete)
    land(folder, files)
    wall, cpu, peak, _ = measure([WH, "run", "-q"], folder)
    if rows(folder) != files:
        sys.exit(f"benchmark failed: {rows(folder)} rows of {files} files")
    how = " after: delete" if delete else ""
    report(f"arrival: {files:,} one-record files, wh run{how}", wall, "s", cpu_ms=cpu * 1e3, peak_mb=peak,
           note=f"{cpu / files * 1e6:.0f} µs of CPU a file; {commits(folder)} raw commits; {peak:.0f} MiB", budget=60)


def look(folder, known):
    """`known` files lie in the landing folder and are recorded: by a fast generator, not by running."""
    make(folder)
    land(folder, 10)
    measure([WH, "run", "-q"], folder)
    if known > 10:
        land(folder, known - 10, 10)
        with sqlite3.connect(folder / ".weirhouse/catalog.db") as catalog:
            columns = [row[1] for row in catalog.execute("PRAGMA table_info(landing)")]
            model = dict(zip(columns, catalog.execute("SELECT * FROM landing LIMIT 1").fetchone()))
            base = str(pathlib.Path(model["path"]).parent)

            def records():
                for entry in os.scandir(folder / "landing/t"):
                    found = entry.stat()
                    yield [{**model, "path": f"{base}/{entry.name}", "size_bytes": found.st_size, "mtime_us": found.st_mtime_ns // 1000,
                            "inode": found.st_ino, "ctime_us": found.st_ctime_ns // 1000}[name] for name in columns]
            catalog.executemany(f"INSERT OR IGNORE INTO landing ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})", records())
    wall, cpu, peak, _ = measure([WH, "run", "-q"], folder)
    report(f"arrival: wh run, {known:,} known files", wall, "s", cpu_ms=cpu * 1e3, peak_mb=peak, note=f"{peak:.0f} MiB")
    with Daemon(folder) as pid:
        for _ in range(300):  # its first look lists everything
            before = usage(pid)[0]
            time.sleep(2)
            if usage(pid)[0] - before < 0.3:
                break
        first = usage(pid)
        time.sleep(LOOKS_SECONDS)
        last = usage(pid)
    looks = LOOKS_SECONDS / 3
    report(f"arrival: idle look, {known:,} known files", (last[0] - first[0]) / looks * 1e3, "ms", cpu_ms=(last[0] - first[0]) / looks * 1e3,
           peak_mb=last[1], note=f"CPU of wh serve in {LOOKS_SECONDS} s, by looks of 3 s; {last[1]:.0f} MiB peak, {last[2]:.0f} MiB resident", budget=50)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--delete", action="store_true", help="also with after: delete")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if options.files:
        drain(folder / "drain", options.files, False)
    if options.files and options.delete:
        drain(folder / "drain_delete", options.files, True)
    if options.known:
        look(folder / "known", options.known)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
