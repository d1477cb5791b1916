"""What must end no process and needs no person: empty spines, names taken, deep bodies, no threads, no memory, damaged caches."""
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import socket
import time

import pytest

from project import PLANTED_WH, WH, wait_until
from test_online import FIELDS, HISTORY, SUMS, answers, day, make, view

REQUEST = "--- { feature_view: rq, version: 1, request: { x: number }, features: { x: request.x } }\n"
SPINE = ("training_set: ts\nspine: select t.id, t.x, t.at, t.x > 3 as y{more} from processed.t t{where}\ntime: at\nlabel: y\n"
         "features: ['rq@1:*']\n")
KEYS = ("g0", "g3")


def filled(folder, views=None, apply=True):
    project = make(folder, FIELDS, HISTORY, views or view("v", SUMS))
    project.land("t", "2024-01-01.jsonl", day(1))
    project.wh("run")
    return project


def post(daemon, project, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    try:
        connection.request("POST", path, body, {"authorization": f"Bearer {project.token}", "content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def define(project, where="", more=""):
    (project.folder / "training_sets").mkdir(exist_ok=True)
    (project.folder / "training_sets/ts.yaml").write_text(SPINE.format(where=where, more=more))


def test_an_empty_spine_is_an_error_and_ends_nobody(tmp_path):
    project = filled(tmp_path / "p", views=view("v", SUMS) + REQUEST)
    define(project, where=" where t.x > 1e6")
    project.apply()
    refused = project.wh("train-set", "build", "ts", code=2)
    assert "WH4008" in refused.stderr and "no row" in refused.stderr
    with project.serve("--no-watch") as daemon:
        assert "WH4008" in project.wh("train-set", "build", "ts", code=2).stderr
        define(project)
        project.apply()
        project.wh("train-set", "build", "ts")
        assert daemon.poll() is None


@pytest.mark.parametrize("more, why", [(', t.x + 1 as "rq.x"', "the name of a feature"), (', t.x + 1 as "RQ.X"', "the name of a feature"),
                                       (", t.x as ID", "twice")])
def test_a_spine_column_with_a_name_that_is_taken_is_refused_before_anything_runs(tmp_path, more, why):
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS) + REQUEST, apply=False)
    define(project, more=more)
    refused = project.wh("validate", code=2)
    assert "WH4008" in refused.stderr and why in refused.stderr and "training_sets/ts.yaml" in refused.stderr


def test_no_deep_body_ends_the_daemon(tmp_path):
    project = filled(tmp_path / "p")
    deep = "[" * 250_000 + "]" * 250_000
    objects = '{"a":' * 100_000 + "1" + "}" * 100_000
    with project.serve("--no-watch") as daemon:
        for value in (deep, objects, "[" * 250_000):
            for path, body in (("/v1/features", f'{{"views":["v"],"keys":{{"g":{value}}}}}'),
                               ("/v1/features", f'{{"views":["v"],"request":{{"g":{value}}}}}'),
                               ("/v1/features/online", f'{{"views":{value}}}'),
                               ("/v1/models/m", f'{{"x":{value}}}'),
                               ("/v1/models/m", value),
                               ("/iceberg/v1/namespaces", f'{{"namespace":["a"],"properties":{value}}}')):
                status, answer = post(daemon, project, path, body)
                assert status == 400 and answer["error"], (path, status, answer)
        assert daemon.poll() is None
        assert post(daemon, project, "/v1/features", '{"views":["v"],"keys":{"g":"g1"},"at":"2024-01-02T00:00:00Z"}')[0] == 200


def silent_client(project):
    """Connects to the daemon as another terminal does. The folder's descriptor keeps the address short."""
    folder = os.open(project.folder / ".weirhouse", os.O_PATH)
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/self/fd/{folder}/daemon.sock")
    os.close(folder)
    return client


def threads_and_maps(pid):
    return len(os.listdir(f"/proc/{pid}/task")), len(pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines())


def test_commands_leave_no_thread_behind_and_no_thread_is_an_answer(tmp_path):
    project = filled(tmp_path / "p")
    with project.serve("--no-watch") as daemon:
        for _ in range(3):
            project.wh("run")
        threads, maps = threads_and_maps(daemon.pid)
        for _ in range(12):
            project.wh("run")
        now = threads_and_maps(daemon.pid)
        assert now[0] <= threads + 2 and now[1] <= maps + 6, (threads, maps, now)
        # No room for the stack of one more thread: an answer with a code, and the daemon lives. Those who say nothing hold the
        # stacks that were given back.
        idle = [silent_client(project) for _ in range(12)]
        wait_until(lambda: threads_and_maps(daemon.pid)[0] >= threads + 12, 10, "twelve clients are heard")
        size = int(next(line for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
                        if line.startswith("VmSize")).split()[1]) * 1024
        limits = resource.prlimit(daemon.pid, resource.RLIMIT_AS)
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, (size + (1 << 20), limits[1]))
        assert "WH8052" in project.wh("run", code=8).stderr
        assert json.loads(project.wh("run", "--json", code=8).stdout)["error"]["code"] == "WH8052"
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, limits)
        for client in idle:
            client.close()
        project.wh("run")
        assert daemon.poll() is None


def damages(folder):
    """Every kind of file of the cache, two of its tables: removed, emptied, cut short, with a bit flipped."""
    choose = random.Random(7)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    tables = [name for name in names if name.endswith(".sst")]
    for name in (name for name in names if name not in tables[1:-1]):
        size = (folder / name).stat().st_size
        yield name, "removed", None
        if not size:
            continue
        bytes_ = (folder / name).read_bytes()
        yield name, "emptied", b""
        yield name, "cut", bytes_[:size // 2]
        at, flipped = choose.randrange(size), bytearray(bytes_)
        flipped[at] ^= 1 << choose.randrange(8)
        yield name, f"flipped at {at}", bytes(flipped)


def spoil(folder, name, damage):
    if damage is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(damage)


def test_a_damaged_cache_heals_by_itself(tmp_path):
    project = filled(tmp_path / "p")
    for number in (2, 3):
        project.land("t", f"2024-01-0{number}.jsonl", day(number))
        project.wh("run")
    cache, whole = project.folder / ".weirhouse/kv", tmp_path / "kv"
    shutil.copytree(cache, whole)
    wanted = answers(project, "g0")
    told = 0
    for name, what, damage in damages(whole):
        shutil.rmtree(cache)
        shutil.copytree(whole, cache)
        spoil(cache, name, damage)
        done = project.wh("feature", "get", "v@1:*", "g=g0", "--at", "2024-01-09T12:00:00Z", "--json", code=None)
        assert done.returncode == 0, (name, what, done.stdout, done.stderr)
        assert json.loads(done.stdout)["digest"] == wanted[0][0], (name, what, done.stdout)
        told += "the cache was damaged and is rebuilt from the tables" in done.stderr
    assert told >= 5
    project.wh("verify", "--deep")


@pytest.mark.parametrize("ending", ["CURRENT", "MANIFEST", ".sst", ".run", "manifest."])
def test_a_batch_over_a_damaged_cache_is_taken_in_right(tmp_path, ending):
    project = filled(tmp_path / "p")
    cache = project.folder / ".weirhouse/kv"
    for path in cache.rglob("*"):
        if path.is_file() and (path.name.startswith(ending) or path.name.endswith(ending)):
            spoil(cache, path.relative_to(cache), bytes(byte ^ 0x20 for byte in path.read_bytes()))
    project.land("t", "2024-01-02.jsonl", day(1) + day(2))
    done = project.wh("run")
    assert done.stderr.count("the cache was damaged and is rebuilt from the tables") == 1, done.stderr
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 200
    project.wh("verify", "--rebuild")
    assert project.json("skew", "--pairs", "50")["differing"] == 0


def test_the_daemon_heals_a_cache_that_is_damaged_under_it(tmp_path):
    project = filled(tmp_path / "p")
    cache = project.folder / ".weirhouse/kv"
    wanted = answers(project, *KEYS)
    with project.serve() as daemon:
        for path in cache.glob("*.sst"):
            path.write_bytes(bytes(byte ^ 0x20 for byte in path.read_bytes()))
        ask = json.dumps({"views": ["v"], "keys": {"g": "g0"}, "at": "2024-01-09T12:00:00Z"})
        wait_until(lambda: post(daemon, project, "/v1/features", ask)[0] == 200, 20, "the cache is made anew")
        assert answers(project, *KEYS) == wanted
        project.land("t", "2024-01-02.jsonl", day(2))
        wait_until(lambda: project.status()["waiting_records"] == 0 and project.status()["objects"] == 2, 20, "the next day")
        assert daemon.poll() is None
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 200
    project.wh("verify", "--rebuild")


LARGE = 20_000  # records: more than 1 MiB


def test_a_batch_that_runs_out_of_memory_holds_nobody_up_for_ever(tmp_path):
    project = filled(tmp_path / "p")
    project.land("t", "2024-01-02.jsonl", day(2, LARGE))
    project.land("t", "2024-01-03.jsonl", day(3))
    with project.serve(env={"WEIRHOUSE_PLANT": "no_memory"}, wh=PLANTED_WH) as daemon:
        def third_day_is_in():
            return project.rows("select count(*) as n from processed.t")[0]["n"] == 200
        wait_until(third_day_is_in, 40, "the batch behind")
        assert daemon.poll() is None
    log = (project.folder / "serve.log").read_text()
    assert "WH8050" in log and "attempt 1 of 3" in log, log
    assert "ran out of memory 3 times" in project.wh("quarantine", "list").stdout
    project.wh("verify")
    project.wh("quarantine", "retry", "t/2024-01-02.jsonl")
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 200 + LARGE
    project.wh("verify", "--deep")


def test_no_variable_of_the_environment_plants_a_bug_in_the_product(tmp_path):
    core = pathlib.Path("../lib/libweirhouse_core.so")
    assert b"WEIRHOUSE_PLANT" not in (pathlib.Path(WH).parent / core).read_bytes()
    assert b"WEIRHOUSE_PLANT" in (pathlib.Path(PLANTED_WH).parent / core).read_bytes()
    project = filled(tmp_path / "p")
    project.land("t", "2024-01-02.jsonl", day(2, LARGE))
    project.wh("run", env={"WEIRHOUSE_PLANT": "no_memory"})    # with which a daemon of wh_planted sets the batch aside
    assert project.rows("select count(*) as n from processed.t")[0]["n"] == 100 + LARGE
