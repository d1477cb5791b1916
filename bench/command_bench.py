#!/usr/bin/env python3
"""Whole processes of the command: wall, CPU and memory, beside starting Python and importing DuckDB.

    command_bench.py --project DIR [--runs N]     DIR: the flights example, applied
"""
import argparse
import subprocess
import sys
import tempfile

from figures import BIN, PYTHON, medians, report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", required=True)
    parser.add_argument("--runs", type=int, default=25)
    options = parser.parse_args()
    wh = str(BIN / "wh")

    python = medians([PYTHON, "-I", "-c", "pass"], options.runs)
    duckdb = medians([PYTHON, "-c", "import duckdb"], options.runs)
    report("command: python -c pass", python[0], "ms", cpu_ms=python[1], note=f"the floor people know; {python[2]:.0f} MiB")
    report("command: python import duckdb", duckdb[0], "ms", cpu_ms=duckdb[1], note=f"{duckdb[2]:.0f} MiB")

    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([wh, "init", "--example", "flights", "--json", folder + "/new"], capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(made.stderr)
        cases = [("wh --help", [wh, "--help"], "/", 20), ("wh explain WH2104", [wh, "explain", "WH2104"], "/", None),
                 ("wh validate", [wh, "validate", "-q"], options.project, 150),
                 ("wh plan, new project", [wh, "plan", "-q"], folder + "/new", 300),
                 ("wh plan, applied", [wh, "plan", "-q"], options.project, 300),
                 ("wh status", [wh, "status", "-q"], options.project, None)]
        for name, command, cwd, budget in cases:
            wall, cpu, peak = medians(command, options.runs, cwd)
            more = {} if budget is None else {"budget": budget}
            report(f"command: {name}", wall, "ms", peer="python import duckdb", peer_value=duckdb[0],
                   cpu_ms=cpu, peak_mb=peak, note=f"median of {options.runs}; {peak:.0f} MiB", **more)


if __name__ == "__main__":
    main()
