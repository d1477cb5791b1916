#!/usr/bin/env python3
"""Online values: in process, and over HTTP on loopback, beside DuckDB and Python's own server.

    online_bench.py --project DIR [--requests N] [--http_requests N]     DIR: as commit_bench left it
"""
import argparse
import http.server
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time

import duckdb

from figures import BIN, PYTHON, report

STORED = ["carrier_delay@1:*", "origin_delay@1:*", "tail_delay@1:*", "weather_now@1:*", "plane_facts@1:*"]


def relay(command):
    """Runs a benchmark of ours, passes its figures on and returns them."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"benchmark failed: {command[0]}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            if process is not None and process.poll() is not None:
                sys.exit(f"benchmark failed: wh serve ended: {process.stderr.read()[-2000:]}")
            time.sleep(0.05)
    sys.exit("benchmark failed: nobody listens")


def duckdb_one_key(project):
    """What the same columns of one carrier cost by SQL over the feature rows, in memory, prepared."""
    wh = str(BIN / "wh")
    rows = subprocess.run([wh, "sql", "--csv", "--limit", "10000000", "select carrier, arrived_at, reported_at, arr_delay from processed.arrival_history"],
                          cwd=project, capture_output=True, text=True, check=True).stdout
    path = pathlib.Path(project) / ".held/arrivals.csv"
    path.write_text(rows)
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=1")
    db.execute(f"CREATE TABLE rows AS SELECT carrier, epoch_us(arrived_at::TIMESTAMPTZ) AS t, arr_delay FROM read_csv('{path}') ORDER BY carrier, t")
    at = db.execute("SELECT max(t) FROM rows").fetchone()[0]
    carriers = [row[0] for row in db.execute("SELECT DISTINCT carrier FROM rows ORDER BY 1").fetchall()]
    columns = ", ".join(f"count(*) FILTER (t >= {at - us}), avg(arr_delay) FILTER (t >= {at - us}), avg((arr_delay > 15)::INT) FILTER (t >= {at - us})"
                        for us in (3_600_000_000, 86_400_000_000, 604_800_000_000))
    db.execute(f"PREPARE one AS SELECT {columns} FROM rows WHERE carrier = $1 AND t >= {at - 604_800_000_000} AND t < {at}")
    taken = []
    for i in range(300):
        begin = time.perf_counter()
        db.execute(f"EXECUTE one('{carriers[i % len(carriers)]}')").fetchone()
        taken.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(taken[20:])


def fixed_answer_server(port, body):
    """Python's http.server, keep-alive, which answers every request with the same bytes."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def load(port, name, connections, requests, pid, path, body=None, token=None):
    command = [BIN / "http_load", "--port", port, "--connections", connections, "--requests", requests, "--name", name, "--path", path, "--server_pid", pid]
    command += ["--body", body] if body else []
    command += ["--token", token] if token else []
    return relay(command)[0]


def over_http(project, requests):
    wh = str(BIN / "wh")
    token = json.loads(subprocess.run([wh, "token", "new", "--json"], cwd=project, capture_output=True, text=True, check=True).stdout)["token"]
    port = free_port()
    server = subprocess.Popen([wh, "serve", "--port", str(port), "--no-watch"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(port, server)
        peer_port, answer = free_port(), b'{"features":[' + b",".join([b'{"name":"x","value":1}'] * 40) + b"]}"
        peer = subprocess.Popen([PYTHON, __file__, "--project", project, "--fixed", str(peer_port), "--bytes", str(len(answer))], stdout=subprocess.DEVNULL)
        try:
            wait_for(peer_port, peer)
            keys = {"carrier": "UA", "origin": "EWR", "tailnum": "N14228"}
            stored = json.dumps({"features": STORED, "keys": keys})
            everything = json.dumps({"features": [*STORED, "flight_request@1:*"], "keys": keys, "request": {"sched_dep_at": "2013-01-30T20:15:00Z", "distance": 1400}})
            cases = [("healthz", "/healthz", None, None), ("weather_now of 1 key", "/v1/features?view=weather_now&origin=EWR", None, None),
                     ("34 stored features", "/v1/features/online", stored, token), ("all 37 features", "/v1/features/online", everything, token)]
            for connections in (1, 8):
                floor = load(peer_port, "peer", connections, requests // 4, peer.pid, "/", stored)
                for what, path, body, bearer in cases:
                    figure = load(port, f"http: {what}, {connections} conn", connections, requests, server.pid, path, body, bearer)
                    print(json.dumps({**figure, "peer": "python http.server, fixed answer", "peer_value": floor["value"]}, ensure_ascii=False), flush=True)
        finally:
            peer.kill()
            peer.wait()
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", required=True)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--http_requests", type=int, default=4_000)
    parser.add_argument("--fixed", type=int)
    parser.add_argument("--bytes", type=int, default=1000)
    options = parser.parse_args()
    if options.fixed:
        return fixed_answer_server(options.fixed, b"x" * options.bytes)
    sql = duckdb_one_key(options.project)
    for figure in relay([BIN / "online_bench", "--project", options.project, "--requests", options.requests]):
        if figure["name"] == "online: get carrier_delay":
            figure |= {"peer": "DuckDB, prepared, in memory", "peer_value": sql}
        print(json.dumps(figure, ensure_ascii=False), flush=True)
    over_http(options.project, options.http_requests)


if __name__ == "__main__":
    main()
