#!/usr/bin/env python3
"""The micro-benchmarks, each beside a named peer that does the same in the same run.

    micro_peers.py --folder DIR [--jsonl FILE --contract FILE]
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from typing import Annotated, Optional

import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pydantic

from figures import BIN, report


def median_ms(call, rounds):
    call()
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        taken.append((time.process_time() - begin) * 1e3)
    return statistics.median(taken)


def ours(folder, jsonl, contract, repetitions):
    """name → CPU ms, by google-benchmark: the median of the repetitions."""
    environment = {**os.environ, "WEIRHOUSE_BENCH_FOLDER": str(folder)}
    if jsonl:
        environment |= {"WEIRHOUSE_BENCH_JSONL": jsonl, "WEIRHOUSE_BENCH_CONTRACT": contract}
    done = subprocess.run([BIN / "micro_bench", "--benchmark_format=json", f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.1",
                           "--benchmark_report_aggregates_only=true"], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"benchmark failed: micro_bench: {done.stderr[-2000:]}")
    scale = {"ns": 1e-6, "us": 1e-3, "ms": 1}
    return {run["name"].split("/")[0].removesuffix("_median"): run["cpu_time"] * scale[run["time_unit"]]
            for run in json.loads(done.stdout)["benchmarks"] if run["name"].endswith("_median") and not run.get("error_occurred")}


def write_parquet(folder):
    day = pyarrow.parquet.read_table(folder / "day.parquet")
    path = folder / "peer.parquet"
    return day.num_rows, median_ms(lambda: pyarrow.parquet.write_table(day, path, compression="zstd"), 50)


def plan_scan(folder):
    from pyiceberg.table import StaticTable
    location = (folder / "scan_table").read_text()

    def plan():
        files = list(StaticTable.from_metadata(location).scan().plan_files())
        assert len(files) == 366, len(files)
    return median_ms(plan, 5)


def kernel_sweep(rows):
    """pandas: count and mean over [t - w, t) for three windows, at each row of one entity."""
    random = numpy.random.default_rng(7)
    minutes = numpy.sort(random.integers(0, 365 * 1440, rows))
    frame = pandas.Series(random.integers(-60, 180, rows).astype("float64"),
                          index=pandas.to_datetime("2013-01-01") + pandas.to_timedelta(minutes, unit="min"))

    def sweep():
        for window in ("1h", "24h", "7D"):
            rolling = frame.rolling(window, closed="left")
            rolling.count(), rolling.mean()
    return median_ms(sweep, 5)


class Arrival(pydantic.BaseModel):
    """The arrival contract of the flights example, as a pydantic model."""
    flight_id: Annotated[str, pydantic.Field(pattern=r"^[A-Z0-9]{2}[0-9]{1,4}-[A-Z]{3}-[0-9]{8}$")]
    carrier: Annotated[str, pydantic.Field(min_length=2, max_length=2)]
    tailnum: Optional[str] = None
    origin: str
    dest: str
    arrived_at: datetime.datetime
    arr_delay: Annotated[int, pydantic.Field(ge=-120, le=2880)]
    air_time: Annotated[Optional[int], pydantic.Field(ge=1)] = None
    reported_at: datetime.datetime


def decode(jsonl):
    lines = pathlib.Path(jsonl).read_bytes().splitlines()
    return len(lines), median_ms(lambda: [Arrival.model_validate_json(line) for line in lines], 15), \
        median_ms(lambda: [json.loads(line) for line in lines], 15)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--jsonl")
    parser.add_argument("--contract")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    mine = ours(folder, options.jsonl, options.contract, options.repetitions)

    rows, peer = write_parquet(folder)
    report("micro: write a day's Parquet", mine["BM_WriteParquetDay"] * 1e3, "µs CPU", peer="pyarrow 26 write_table", peer_value=peer * 1e3,
           note=f"{rows} rows × 12 columns; ours with SHA-256 of the file and Iceberg statistics")
    report("micro: plan a scan of 366 files", mine["BM_PlanScanOfYear"], "ms CPU", peer="pyiceberg 0.12 plan_files", peer_value=plan_scan(folder),
           note="nothing cached: metadata, manifest list, manifests")
    report("micro: kernel sweep", mine["BM_KernelSweep"], "ms CPU", peer="pandas 3.1 rolling", peer_value=kernel_sweep(100_000),
           note="one entity, 100,000 rows and as many labels, count and mean over 1 h, 24 h, 7 d; ours with exact sums and known times")
    report("micro: kernel, one label", mine["BM_KernelOneLabel"] * 1e3, "µs CPU", note="about 960 rows in its 7 days")
    if options.jsonl:
        size = os.path.getsize(options.jsonl) / 1e6
        records, model, plain = decode(options.jsonl)
        report("micro: decode JSON lines", size / mine["BM_DecodeJsonLines"] * 1e3, "MB/s", peer="pydantic 2.14", peer_value=size / model * 1e3, higher=True,
               note=f"{records} arrivals under their contract, to Arrow; Python json.loads alone, nothing checked: {size / plain * 1e3:.0f} MB/s")


if __name__ == "__main__":
    main()
