"""What the Python benchmarks share: measured processes, medians, and figures as lines of JSON."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("WEIRHOUSE_BENCH_BIN", ROOT / "build/dev/bin"))
LAUNCH = str(ROOT / "bench/launch.py")
PYTHON = str(ROOT / ".deps/venv/bin/python")
os.environ.setdefault("WEIRHOUSE_PYTHON", PYTHON)  # the one that has the data of the example


def report(name, value, unit, **more):
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}, ensure_ascii=False), flush=True)


def measure(command, cwd=None, stdin=None):
    """Runs a command to its end; (wall s, CPU s, peak MiB, stdout). Fails if it does."""
    told, end = os.pipe()
    process = subprocess.Popen([sys.executable, "-S", "-E", LAUNCH, str(end), *command], cwd=cwd,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, pass_fds=(end,))
    os.close(end)
    out, err = process.communicate()
    with os.fdopen(told) as used:
        used = used.read()
    if process.returncode != 0:
        sys.exit(f"benchmark failed: {' '.join(map(str, command))}: exit {process.returncode}\n{err.decode()[-2000:]}")
    used = json.loads(used)
    return used["wall_s"], used["cpu_s"], used["peak_mb"], out.decode()


def python_of_peers(area):
    """A Python with what bench/AREA_peers.txt names, installed once into build/AREA-peers (WEIRHOUSE_AREA_PEERS: another place)."""
    environment = pathlib.Path(os.environ.get(f"WEIRHOUSE_{area.upper()}_PEERS", ROOT / f"build/{area}-peers"))
    if not (environment / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin/pip"), "install", "-q", "-r", str(ROOT / f"bench/{area}_peers.txt")], check=True)
    return str(environment / "bin/python")


def medians(command, runs, cwd=None):
    """Medians of (wall ms, CPU ms, peak MiB) after one warm run."""
    measure(command, cwd)
    taken = [measure(command, cwd)[:3] for _ in range(runs)]
    wall, cpu, peak = (statistics.median(column) for column in zip(*taken))
    return wall * 1e3, cpu * 1e3, peak
