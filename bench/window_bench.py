#!/usr/bin/env python3
"""Window features beside DuckDB's RANGE windows over the same events: CPU, memory, and every value compared.

    window_bench.py --folder DIR [--events N] [--labels N] [--entities E…] [--rounds N]

Count, sum, mean and max over the hour, the day and the week before each label. Both sides read zstd Parquet
and end with Arrow columns in memory. Ours reads the events as a view's feature table holds them (files of
half a million rows sorted by entity, with keys and digests of 32 bytes beside, which it need not read where
nothing was replaced); DuckDB reads the events alone, by time. Counts and greatest values must be equal, sums
and means within 1e-9 of each other: ours are the exact sums rounded once, which a sample is held against.
"""
import argparse
import concurrent.futures
import json
import math
import multiprocessing
import pathlib
import resource
import sys
import time

import duckdb

from figures import BIN, PYTHON, measure, report

WINDOWS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days"}
FILE_ROWS = 500_000
SAMPLE = 200


def connect():
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2; SET preserve_insertion_order=true")
    return db


def apart(act, *arguments):
    """act(*arguments) in a process of its own: what is measured afterwards would inherit this one's peak."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(act, *arguments).result()


def make(data, events, labels, entities):
    if (data / "done").exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    db = connect()
    db.execute(f"""COPY (SELECT (hash(i) % {entities})::BIGINT AS k,
        TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_microseconds((hash(i * 7 + 1) % (90::UBIGINT * 86400000000))::BIGINT) AS ts,
        round((hash(i * 13 + 5) % 100000) / 100.0, 2)::DOUBLE AS v FROM range({events}) t(i) ORDER BY ts)
        TO '{data}/events.parquet' (COMPRESSION zstd)""")
    db.execute(f"""COPY (SELECT i AS id, (hash(i * 3 + 2) % {entities})::BIGINT AS k,
        TIMESTAMPTZ '2026-01-10 00:00:00Z' + to_microseconds((hash(i * 11 + 3) % (80::UBIGINT * 86400000000))::BIGINT) AS ts
        FROM range({labels}) t(i)) TO '{data}/labels.parquet' (COMPRESSION zstd)""")
    files = max(1, min(events // FILE_ROWS, entities))
    for file in range(files):
        first, end = entities * file // files, entities * (file + 1) // files
        db.execute(f"""COPY (SELECT k, ts AS event_time, ts AS known_time, encode(hash(k, ts, v)::VARCHAR) AS row_key,
            unhex(sha256(concat(k, ts, v))) AS row_digest, 0 AS op, v AS v1_n
            FROM '{data}/events.parquet' WHERE k >= {first} AND k < {end} ORDER BY k, ts, v)
            TO '{data}/feature-{file:03}.parquet' (COMPRESSION zstd)""")
    (data / "done").touch()


def run_peer(data):
    """Ends with the labels' columns in Arrow, in no particular order; writes them after the measurement."""
    picked = ", ".join(f"count(v) OVER w{w} n_{w}, sum(v) OVER w{w} sum_{w}, avg(v) OVER w{w} mean_{w}, max(v) OVER w{w} max_{w}" for w in WINDOWS)
    frames = ", ".join(f"w{w} AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '{span}' PRECEDING AND INTERVAL '1 microsecond' PRECEDING)"
                       for w, span in WINDOWS.items())
    db = connect()
    db.execute("SET preserve_insertion_order=false")
    begin, cpu = time.perf_counter(), time.process_time()
    rows = db.execute(f"""WITH u AS (SELECT NULL::BIGINT AS id, k, ts, v FROM '{data}/events.parquet'
        UNION ALL SELECT id, k, ts, NULL FROM '{data}/labels.parquet'), a AS (SELECT id, {picked} FROM u WINDOW {frames})
        SELECT * FROM a WHERE id IS NOT NULL""").to_arrow_table()
    told = {"wall_ms": (time.perf_counter() - begin) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(json.dumps(told))
    db.execute(f"COPY (SELECT * FROM rows ORDER BY id) TO '{data}/theirs.parquet' (COMPRESSION zstd)")


def compare(data):
    """(values compared, those that differ), and the greatest relative difference of a sampled sum from the exact one."""
    db = connect()
    differ = []
    for w in WINDOWS:
        differ += [f"a.n_{w} IS DISTINCT FROM b.n_{w}", f"a.max_{w} IS DISTINCT FROM b.max_{w}"]
        differ += [f"(a.{f}_{w} IS NULL) != (b.{f}_{w} IS NULL) OR abs(a.{f}_{w} - b.{f}_{w}) > 1e-9 * greatest(1, abs(b.{f}_{w}))" for f in ("sum", "mean")]
    columns = ", ".join(f"count(*) FILTER ({d})" for d in differ)
    rows, *counts = db.execute(f"SELECT count(*), {columns} FROM '{data}/ours.parquet' a POSITIONAL JOIN '{data}/theirs.parquet' b").fetchone()
    inexact = 0
    for w, span in WINDOWS.items():
        for ours, values in db.execute(f"""SELECT any_value(l.sum_{w}), list(e.v) FROM (SELECT * FROM '{data}/labels.parquet' POSITIONAL JOIN '{data}/ours.parquet'
                LIMIT {SAMPLE}) l JOIN '{data}/events.parquet' e ON l.k = e.k AND e.ts >= l.ts - INTERVAL '{span}' AND e.ts < l.ts GROUP BY l.id""").fetchall():
            inexact += math.fsum(values) != ours
    return rows, len(differ), sum(counts), inexact


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, nargs="+", default=[100_000, 1_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    if options.peer:
        return run_peer(folder)
    for entities in options.entities:
        data = folder / f"{options.events}-{options.labels}-{entities}"
        apart(make, data, options.events, options.labels, entities)
        ours = [str(BIN / "window_bench"), "--data", str(data), "--out", str(data / "ours.parquet")]
        us = min((json.loads(measure(ours)[3].splitlines()[-1]) for _ in range(options.rounds)), key=lambda told: told["cpu_ms"])
        them = json.loads(measure([PYTHON, __file__, "--folder", str(data), "--peer"])[3].splitlines()[-1])
        rows, columns, differing, inexact = apart(compare, data)
        if rows != options.labels or differing or inexact:
            sys.exit(f"the two differ: {rows} rows, {differing} of {rows * columns} values; {inexact} of {SAMPLE * len(WINDOWS)} sums are not the exact ones")
        name = f"DuckDB {duckdb.__version__}, RANGE windows"
        what = (f"{options.events:,} events of {entities:,} entities, {options.labels:,} labels × {columns} features, Parquet to Arrow; "
                f"all {rows * columns:,} values agree (counts and greatest exactly, sums within 1e-9), {SAMPLE * len(WINDOWS)} sums are fsum's to the bit")
        report(f"windows, {entities:,} entities: CPU", us["cpu_ms"], "ms", peer=name, peer_value=them["cpu_ms"], note=what)
        report(f"windows, {entities:,} entities: kernel alone", us["kernel_ms"], "ms CPU", note="of it: without reading, sorting labels and building arrays")
        report(f"windows, {entities:,} entities: peak memory", us["peak_mb"], "MiB", peer=name, peer_value=them["peak_mb"], budget=600)


if __name__ == "__main__":
    main()
