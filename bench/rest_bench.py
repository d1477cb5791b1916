#!/usr/bin/env python3
"""The REST catalog on loopback, beside Iceberg's reference REST server and pyiceberg's SqlCatalog, in one run.

    rest_bench.py --folder DIR [--tables N] [--snapshots N] [--requests N]

The reference server (Java, with its default in-memory SQLite; nothing of it survives a crash) binds every address, so
all of this runs in a network namespace of its own, where there is loopback alone.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import pyarrow as pa

from figures import BIN, ROOT, report
from online_bench import free_port, wait_for

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/interop")]

PROJECT_FILE = """name: matrix
version: 1
clock: wall
profiles:
  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, online: embedded }
"""
SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"},
                                                      {"id": 2, "name": "name", "required": False, "type": "string"}]}
ROWS = pa.table({"id": pa.array(range(1000), pa.int64()), "name": [f"name {number}" for number in range(1000)]})


TICK_MS = 1e3 / os.sysconf("SC_CLK_TCK")


def cpu_ms_of(process):
    """CPU time of all threads of a process so far."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


class Client:
    """Raw requests on one kept connection. Servers close what is idle, so a phase makes its own."""

    def __init__(self, port, prefix, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.prefix, self.token = prefix, token

    def ask(self, method, path, body=None):
        headers = {"authorization": f"Bearer {self.token}"}
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["content-type"] = "application/json"
        self.connection.request(method, self.prefix + path, data, headers)
        answer = self.connection.getresponse()
        read = answer.read()
        if answer.status >= 300:
            sys.exit(f"benchmark failed: {method} {path}: {answer.status} {read[:500]}")
        return read

    def time(self, process, path, requests):
        """Median ms of requests, the server's mean CPU ms, and the bytes of the last answer."""
        taken, read, cpu = [], self.ask("GET", path), cpu_ms_of(process)
        for _ in range(requests):
            begin = time.perf_counter()
            read = self.ask("GET", path)
            taken.append((time.perf_counter() - begin) * 1e3)
        return statistics.median(taken), (cpu_ms_of(process) - cpu) / requests, len(read)


def own_server(folder):
    folder.mkdir(parents=True)
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE)
    made = subprocess.run([BIN / "wh", "init", "--json"], cwd=folder, capture_output=True, text=True, check=True)
    token, port = json.loads(made.stdout)["token"], free_port()
    process = subprocess.Popen([BIN / "wh", "serve", "--no-watch", "--port", str(port)], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=open(folder / "serve.log", "wb"))
    wait_for(port, None)
    return process, port, "/iceberg", token


def reference_server(folder):
    folder.mkdir(parents=True)
    jars = ROOT / ".deps/java/rck"
    process = subprocess.Popen(["java", "-cp", f"{jars}/*", "org.apache.iceberg.rest.RESTCatalogServer"], cwd=folder,
                               env={**os.environ, "CATALOG_WAREHOUSE": str(folder / "lake")}, stdout=subprocess.DEVNULL,
                               stderr=open(folder / "server.log", "wb"))
    wait_for(8181, None)
    return process, 8181, "", "none"


def fill(client, tables, connections):
    """Namespaces `many` with `tables` tables, and `few` for the rest; tables a second."""
    for name in ("many", "few"):
        client.ask("POST", "/v1/namespaces", {"namespace": [name], "properties": {}})
    def some(numbers):
        own = Client(client.connection.port, client.prefix, client.token)
        for number in numbers:
            own.ask("POST", "/v1/namespaces/many/tables", {"name": f"t{number:05}", "schema": SCHEMA})
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(some, [range(part, tables, connections) for part in range(connections)]))
    return tables / (time.perf_counter() - begin)


def measure_server(server, arguments, connections):
    import engines
    process, port, prefix, token = server
    engines.WAREHOUSE = "matrix" if prefix else ""
    found = {}
    try:
        found["create"] = fill(Client(port, prefix, token), arguments.tables, connections)
        found["list"], found["list_cpu"], _ = Client(port, prefix, token).time(process, "/v1/namespaces/many/tables", 30)
        writer = engines.PyIceberg(f"http://127.0.0.1:{port}{prefix}", token)
        writer.catalog.create_table("few.history", ROWS.schema)
        for _ in range(arguments.snapshots):
            writer.table("few.history").append(ROWS)
        found["load"], found["load_cpu"], found["load_bytes"] = Client(port, prefix, token).time(
            process, "/v1/namespaces/few/tables/history", arguments.requests)
        duck = engines.DuckDb(f"http://127.0.0.1:{port}{prefix}", token)
        for name in ("a", "b"):
            duck.db.execute(f"CREATE TABLE x.few.{name} (id BIGINT, name VARCHAR)")
        taken = []
        for _ in range(arguments.snapshots // 2):
            begin = time.perf_counter()
            duck.db.execute("BEGIN")
            for name in ("a", "b"):
                duck.db.execute(f"INSERT INTO x.few.{name} SELECT range, 'name ' || range FROM range(1000)")
            duck.db.execute("COMMIT")
            taken.append((time.perf_counter() - begin) * 1e3)
        found["commit"] = statistics.median(taken)
    finally:
        process.terminate()
        process.wait()
    return found


def measure_sql_catalog(folder, arguments):
    from pyiceberg.catalog.sql import SqlCatalog
    folder.mkdir(parents=True)
    catalog = SqlCatalog("peer", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/lake")
    catalog.create_namespace("few")
    for name in ("history", "a", "b"):
        catalog.create_table(f"few.{name}", ROWS.schema)
    for _ in range(arguments.snapshots):
        catalog.load_table("few.history").append(ROWS)
    taken = []
    for _ in range(20):
        begin = time.perf_counter()
        catalog.load_table("few.history")
        taken.append((time.perf_counter() - begin) * 1e3)
    found = {"load": statistics.median(taken)}
    taken = []
    for _ in range(arguments.snapshots // 2):
        begin = time.perf_counter()
        for name in ("a", "b"):
            catalog.load_table(f"few.{name}").append(ROWS)
        taken.append((time.perf_counter() - begin) * 1e3)
    found["commit"] = statistics.median(taken)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--snapshots", type=int, default=100)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.isolated:
        inside = 'ip link set lo up && exec "$@"'
        os.execvp("unshare", ["unshare", "--map-root-user", "--net", "sh", "-c", inside, "sh", sys.executable, *sys.argv, "--isolated"])
    shutil.rmtree(arguments.folder, ignore_errors=True)
    ours = measure_server(own_server(arguments.folder / "ours"), arguments, connections=4)
    # Its SQLite answers "database table is locked" to the second of two connections.
    reference = measure_server(reference_server(arguments.folder / "reference"), arguments, connections=1)
    sql = measure_sql_catalog(arguments.folder / "sql", arguments)
    size = f"{arguments.snapshots} snapshots, {ours['load_bytes'] / 1024:.0f} KiB"
    report("rest: loadTable", ours["load"], "ms", cpu_ms=ours["load_cpu"], peer="reference REST server", peer_value=reference["load"], budget=2, note=size)
    report("rest: · the same beside SqlCatalog", ours["load"], "ms", peer="pyiceberg SqlCatalog", peer_value=sql["load"], note=size)
    report(f"rest: list {arguments.tables:,} tables", ours["list"], "ms", cpu_ms=ours["list_cpu"], peer="reference REST server", peer_value=reference["list"],
           budget=50 * arguments.tables / 10_000)
    report("rest: create tables", ours["create"], "tables/s", peer="reference REST server", peer_value=reference["create"], higher=True,
           note="ours: 4 connections, durable when answered; the reference server: 1 connection, all it bears, and its catalog in memory")
    report("rest: DuckDB INSERT into 2 tables", ours["commit"], "ms", peer="reference REST server", peer_value=reference["commit"],
           note="1,000 rows each, one transaction, the client's work included; ours atomic and durable, with lineage; the reference server commits in a loop")
    report("rest: · beside two appends of SqlCatalog", ours["commit"], "ms", peer="pyiceberg SqlCatalog", peer_value=sql["commit"],
           note="two commits there: it has no transaction over tables")


if __name__ == "__main__":
    main()
