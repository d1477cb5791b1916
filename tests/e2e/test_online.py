"""Online features: never empty while rebuilt, one state per answer, values and keys as they were sent."""
import http.client
import json
import shutil
import sqlite3
import sys
import time
import urllib.parse

import pytest

from project import ROOT, Project, wait_until

sys.path.insert(0, str(ROOT / "python"))
import weirhouse

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
team: { name: t }
schema:
  - name: t
    logicalType: object
    properties:
"""


def make(folder, fields, sql, views, clock="clock: replay\n", pattern=True, apply=True):
    folder.mkdir()
    batch = "    batch: { by: name, pattern: '{date}' }\n" if pattern else ""
    files = {
        "weirhouse.yaml": f"name: t\nversion: 1\n{clock}sources:\n  t:\n    landing: landing/t/\n    format: jsonl\n    contract: t\n{batch}",
        "contracts/t.odcs.yaml": CONTRACT + "".join(
            f"      - {{ name: {name}, logicalType: {kind.rstrip('!')}{', required: true' if kind.endswith('!') else ''} }}\n"
            for name, kind in fields.items()),
        "processed/t.sql": sql,
        "features/v.yaml": views,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    project = Project(folder)
    project.token = project.json("init")["token"]
    if apply:
        project.apply()
    return project


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FIELDS = {"id": "string!", "g": "string!", "x": "number", "at": "timestamp!"}
HISTORY = ("-- wh: table processed.t; key id; order at; event at; known at\n-- wh: mode incremental; history keep\n"
           "SELECT r.id, r.g, r.x, r.at FROM records.t AS r\n")
FULL = HISTORY.replace("mode incremental; history keep", "mode full")


def view(name, features, source="processed.t_history", windows="windows: [24h, 7d], ", entity="g: string"):
    return (f"--- {{ feature_view: {name}, version: 1, entity: {{ {entity} }}, source: {source}, event_time: at, "
            f"known_time: at, {windows}features: {{ {features} }}, online: {{ fill: stream }} }}\n")


def day(number, count=100):
    return lines({"id": f"{number}-{i}", "g": f"g{i % 5}", "x": i * 1.5, "at": f"2024-01-{number:02}T{i % 24:02}:00:00Z"}
                 for i in range(count))


SUMS = "n: { agg: count }, s: { agg: sum, of: x }, t: { agg: max, of: x, windows: [24h] }"


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def answers(project, *keys, at="2024-01-09T12:00:00Z", view="v@1:*"):
    """Statuses, bits and digest for each key: what a rebuild must not change."""
    got = []
    for key in keys:
        vector = project.json("feature", "get", view, f"g={key}", "--at", at)
        got.append((vector["digest"], [(f["status"], f["bits"], f["event_time"]) for f in vector["features"]]))
    return got


def test_what_waits_reaches_all_views_though_a_new_one_joins(tmp_path):
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS))
    project.land("t", "2024-01-01.jsonl", day(1))
    project.wh("run")
    project.land("t", "2024-01-02.jsonl", day(2))
    project.wh("run", code=137, env={"WEIRHOUSE_FAILPOINT": "processed.committed:1"})
    (project.folder / "features/w.yaml").write_text(view("w", "m: { agg: max, of: x }"))
    project.apply()
    counts = {table: project.digest(table)[0] for table in project.tables("feature")}
    assert counts == {"feature.v_v1": 200, "feature.w_v1": 200}
    project.wh("verify", "--deep")
    project.wh("skew", "--pairs", "200")


def test_a_full_table_is_never_empty_online(tmp_path):
    project = make(tmp_path / "p", FIELDS, FULL, view("v", SUMS, source="processed.t") + view("w", SUMS, source="processed.t"))
    project.land("t", "2024-01-01.jsonl", day(1, 8000))
    project.wh("run")
    path = "/v1/features?view=v,w&g=g1&at=2024-01-02T00:00:00Z"
    seen = {}
    with project.serve() as daemon:
        project.land("t", "2024-01-02.jsonl", day(2, 10))

        def moved_on():
            status, vector = ask(daemon.port, path)
            assert status == 200, vector
            seqs = {feature["seq"] for feature in vector["features"]}
            assert len(seqs) == 1, "both views are of one state"
            assert {feature["status"] for feature in vector["features"]} == {"present"}
            seen[vector["seq"]] = vector["features"][0]["value"]
            return len(seen) > 1

        wait_until(moved_on, 60, "the second day")
    assert set(seen.values()) == {1600}


def test_a_rebuilt_store_answers_as_the_one_that_was_filled(tmp_path):
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS) + view("l", "x: latest", windows="ttl: 2d, "))
    for number in range(1, 29, 3):
        project.land("t", f"2024-01-{number:02}.jsonl", day(number, 40))
        project.wh("run")
    asked = [("v@1:*", at) for at in ("2024-01-02T00:00:00Z", "2024-01-09T12:00:00Z", "2024-01-28T23:00:00Z")]
    asked += [("l@1:*", at) for _, at in asked]
    keys = ("g0", "g4", "nobody")
    before = [answers(project, *keys, at=at, view=name) for name, at in asked]
    shutil.rmtree(project.folder / ".weirhouse/kv")
    # Who asks next has it made anew: nobody has to know that it was a cache.
    assert "rebuilt from the tables" in project.wh("feature", "get", "v@1:*", "g=g1").stderr
    assert [answers(project, *keys, at=at, view=name) for name, at in asked] == before
    project.wh("run", "--full")
    assert [answers(project, *keys, at=at, view=name) for name, at in asked] == before
    project.wh("skew", "--pairs", "300")


def test_skew_asks_of_each_view_and_says_what_it_could_not_ask(tmp_path):
    long_ago = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 60 * 86400))
    rows = lines({"id": str(i), "g": f"g{i}", "x": i, "at": long_ago} for i in range(50))
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS) + view("w", SUMS), clock="clock: wall\n", pattern=False)
    project.land("t", "1.jsonl", rows)
    project.wh("run")
    # All rows are older than what the store keeps: it is asked what it says now.
    skew = project.json("skew", "--pairs", "20")
    assert (skew["pairs"], skew["differing"], skew["status_differing"], skew["not_asked"]) == (40, 0, 0, [])
    assert "questions  same" in project.wh("verify", "--rebuild").stdout
    # A cache of another project's holds nothing of this one's views.
    other = make(tmp_path / "q", FIELDS, HISTORY, view("v", SUMS) + view("w", SUMS), clock="clock: wall\n", pattern=False)
    other.land("t", "1.jsonl", rows)
    other.wh("run")
    shutil.rmtree(project.folder / ".weirhouse/kv")
    shutil.copytree(other.folder / ".weirhouse/kv", project.folder / ".weirhouse/kv")
    project.wh("feature", "get", "v@1:*", "g=g7", code=8)
    skew = project.json("skew", "--pairs", "20", code=8)
    assert skew["pairs"] == 0 and [text.split(":")[0] for text in skew["not_asked"]] == ["v@1", "w@1"]
    assert "not compared: v@1: " in project.wh("skew", code=8).stdout


def test_a_view_that_is_being_filled_is_said_to_be(tmp_path):
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS))
    project.land("t", "2024-01-01.jsonl", day(1))
    project.wh("run", code=137, env={"WEIRHOUSE_FAILPOINT": "feature.committed:1"})
    assert "WH4019" in project.wh("feature", "get", "v@1:*", "g=g1", code=8).stderr
    project.wh("run")
    assert project.json("feature", "get", "v@1:n_24h", "g=g1", "--at", "2024-01-02T00:00:00Z")["features"][0]["value"] == 20


@pytest.mark.parametrize("which", ["catalog", "kv"])
def test_caches_of_another_life_are_not_believed(tmp_path, which):
    project = make(tmp_path / "p", FIELDS, HISTORY, view("v", SUMS))
    state = project.folder / ".weirhouse"

    def copy(source, target):
        if which == "kv":
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
            return
        sqlite3.connect(state / "catalog.db").execute("pragma wal_checkpoint(truncate)")
        for tail in ("-wal", "-shm"):
            (state / f"catalog.db{tail}").unlink(missing_ok=True)
        shutil.copy(source, target)

    mine, old = (state / "kv", tmp_path / "kv") if which == "kv" else (state / "catalog.db", tmp_path / "old.db")
    project.land("t", "2024-01-01.jsonl", day(1))
    project.wh("run")
    copy(mine, old)
    project.land("t", "2024-01-02.jsonl", day(2))
    project.wh("run")
    (project.folder / "landing/t/2024-01-02.jsonl").unlink()
    copy(old, mine)
    if which == "catalog":
        looked = project.wh("feature", "get", "v@1:*", "g=g1", "--at", "2024-01-02T23:00:00Z", code=8)
        assert "WH4019" in looked.stderr
        project.land("t", "2024-01-02-b.jsonl", day(2, 10))
    project.wh("run")
    got = project.json("feature", "get", "v@1:n_24h", "g=g1", "--at", "2024-01-02T23:59:00Z")["features"][0]["value"]
    assert got == (2 if which == "catalog" else 20)
    project.wh("skew", "--pairs", "200")


KEYS = ["-0", "0", "null", "true", "1.50", "1e5", "12345678901234567890123", "007", '"a"', "[1]", "{}", "", " ", "NaN",
        "\u00e9", "e\u0301", "a=b", "a&b+c"]


def test_keys_are_typed_by_the_view_on_every_road(tmp_path):
    project = make(tmp_path / "p", {"code": "string!", "id": "integer", "v": "integer"},
                   "-- wh: table processed.t; key code; mode incremental\nSELECT r.code, r.id, r.v FROM records.t AS r\n",
                   "".join(f"--- {{ feature_view: {name}, version: 1, entity: {{ {entity} }}, source: processed.t, as_of: latest, "
                           "features: { v: latest }, online: { fill: stream } }\n"
                           for name, entity in (("c", "code: string"), ("i", "id: integer"))), clock="", pattern=False)
    ids = [9007199254740992 + i for i in range(len(KEYS))]
    project.land("t", "1.jsonl", lines({"code": key, "id": number, "v": i}
                                       for i, (key, number) in enumerate(zip(KEYS, ids))))
    project.wh("run")
    with project.serve() as daemon:
        client = weirhouse.connect(f"http://127.0.0.1:{daemon.port}", token=project.token)
        for wanted, (key, number) in enumerate(zip(KEYS, ids)):
            for name, field, value in (("c", "code", key), ("i", "id", number)):
                typed = project.json("feature", "get", f"{name}@1", f"{field}={value}")
                query = urllib.parse.urlencode({"view": name, field: value})
                status, got = ask(daemon.port, f"/v1/features?{query}")
                assert status == 200
                sent = client.online(name, {field: value})
                assert [vector["features"][0]["value"] for vector in (typed, got, sent)] == [wanted] * 3, (name, value)
        for wrong in ("9007199254740993.5", "1e400", "", "9223372036854775808", "x"):
            assert project.wh("feature", "get", "i@1", f"id={wrong}", code=2)
            assert ask(daemon.port, "/v1/features?" + urllib.parse.urlencode({"view": "i", "id": wrong}))[0] == 400
        for wrong in (2**63, 2**80, "7", True):
            with pytest.raises(weirhouse.InvalidInput):
                client.online("i", {"id": wrong})
    assert project.json("feature", "get", "i@1", "id=9007199254740993.0")["features"][0]["value"] == 1


def post(daemon, project, body):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    connection.request("POST", "/v1/features", body,
                       {"Authorization": f"Bearer {project.token}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


ENTITIES = {"n": ("nk", "number"), "i": ("id", "integer"), "s": ("s", "string")}


def spelt_keys(folder):
    project = make(folder, {"id": "integer!", "nk": "number", "s": "string", "v": "integer"},
                   "-- wh: table processed.t; key id; mode incremental\nSELECT r.id, r.nk, r.s, r.v FROM records.t AS r\n",
                   "".join(f"--- {{ feature_view: {name}, version: 1, entity: {{ {key}: {kind} }}, source: processed.t, as_of: latest, "
                           "features: { v: latest }, online: { fill: stream } }\n" for name, (key, kind) in ENTITIES.items()),
                   clock="", pattern=False)
    rows = [(2**53 - 1, 1.5, "1"), (1, 1, "007"), (2**63 - 1, 2**65, "-0"), (0, 0, "0"), (2**53 + 1, 2**53, str(2**65 + 1))]
    project.land("t", "1.jsonl", lines({"id": i, "nk": n, "s": s, "v": v} for v, (i, n, s) in enumerate(rows)))
    project.wh("run")
    return project


def test_numbers_of_a_body_are_what_is_spelt(tmp_path):
    project = spelt_keys(tmp_path / "p")
    # by view: the spelling, and whose value it is; None: refused; "": nobody's
    asked = {"n": {"36893488147419103232": 2, "36893488147419103233": None, "36893488147419103233.0": None, "1.50": 0, "1e0": 1,
                   "9007199254740992": 4, "9007199254740993": None, "9007199254740992.0": 4, "9007199254740993.0": None},
             "i": {"9007199254740991": 0, "9007199254740991.4": None, "9007199254740990.6": None, "1.0": 1, "-0": 3,
                   "1.00000000000000000001": None, "0.99999999999999999999": None, "1e-400": None, "9223372036854775807.0": 2,
                   "9007199254740993.0": 4, "9007199254740993": 4, "18446744073709551617": None},
             "s": {"-0": 2, "0": 3, "1": 0, "36893488147419103233": 4, "36893488147419103232": ""}}
    with project.serve() as daemon:
        for name, spellings in asked.items():
            key = ENTITIES[name][0]
            for spelt, wanted in spellings.items():
                for status, got in (post(daemon, project, f'{{"views":["{name}"],"keys":{{"{key}":{spelt}}}}}'),
                                    ask(daemon.port, f"/v1/features?view={name}&{key}={spelt}")):
                    if wanted is None:
                        assert (status, got["error"]["code"]) == (400, "WH4013"), (name, spelt, got)
                    else:
                        assert status == 200, (name, spelt, got)
                        assert got["features"][0]["value"] == (None if wanted == "" else wanted), (name, spelt)
        for spelt in ("1.0", "1e0"):
            assert post(daemon, project, f'{{"views":["s"],"keys":{{"s":{spelt}}}}}')[1]["error"]["code"] == "WH4013"
        assert post(daemon, project, '{"views":["n"],"keys":{"nk":1e400}}')[0] == 400
        twice = '{"views":["n"],"keys":{"nk":36893488147419103232},"request":{"nk":%s}}'
        assert post(daemon, project, twice % "36893488147419103232")[0] == 200
        assert post(daemon, project, twice % "36893488147419103233")[1]["error"]["code"] == "WH8048"


def test_a_body_of_features_has_known_members_only(tmp_path):
    project = spelt_keys(tmp_path / "p")
    with project.serve() as daemon:
        for body in ('{"views":"i","keys":{"id":1}}', '{"features":["i@1:v"],"keys":{"id":1},"request":null,"at":null}',
                     '{"views":["i"],"features":[],"request":{"id":1}}'):
            status, got = post(daemon, project, body)
            assert (status, got["features"][0]["value"]) == (200, 1), got
        for more in ('"At":"2024-01-01T12:00:00Z"', '"view":"n"', '"id":1'):
            status, got = post(daemon, project, '{"views":["i"],"keys":{"id":1},%s}' % more)
            assert (status, got["error"]["code"]) == (400, "WH8048"), got
            assert more.split('"')[1] in got["error"]["message"]
            assert all(name in got["error"]["hint"] for name in ("features", "views", "keys", "request", "at"))
        for wrong in ('"views":["i",3],"keys":{"id":1}', '"views":{"i":1},"keys":{"id":1}', '"features":[null],"views":["i"],"keys":{"id":1}',
                      '"views":["i"],"keys":[1],"request":{"id":1}', '"views":["i"],"keys":{"id":1},"request":"x"',
                      '"views":["i"],"keys":{"id":1},"at":12'):
            status, got = post(daemon, project, "{%s}" % wrong)
            assert (status, got["error"]["code"]) == (400, "WH8048"), (wrong, got)
        status, got = post(daemon, project, '{"views":["i"],"keys":{"id":1,"zz":2}}')
        assert (status, got["error"]["code"]) == (400, "WH4016") and "id" in got["error"]["hint"]


def test_a_number_does_not_merge_integers(tmp_path):
    sql = ("-- wh: table processed.t; key id; event at; known at; mode incremental; history keep\n"
           "SELECT r.id, r.at FROM records.t AS r\n")
    fields = {"id": "integer!", "at": "timestamp!"}
    project = make(tmp_path / "p", fields, sql, view("v", "n: { agg: count }", entity="id: number"), apply=False)
    refused = project.wh("validate", code=2)
    assert "WH4015" in refused.stderr + refused.stdout and "id: integer" in refused.stderr + refused.stdout
    assert "WH4015" in project.wh("plan", code=2).stderr


@pytest.mark.parametrize("select", ["SELECT r.k, count(*) AS n FROM records.t AS r GROUP BY r.k",
                                    "SELECT DISTINCT r.k, 1 AS n FROM records.t AS r"])
@pytest.mark.parametrize("source", ["t", "over", "t_history"])
def test_a_view_over_rows_of_no_one_record_says_its_known_time(tmp_path, select, source):
    head = "-- wh: table processed.t; key k; mode full" + ("; order n; history keep" if source == "t_history" else "")
    views = f"feature_view: v\nversion: 1\nentity: {{ k: string }}\nsource: processed.{source}\nfeatures: {{ n: latest }}\n"
    project = make(tmp_path / "p", {"id": "integer!", "k": "string!"}, f"{head}\n{select}\n", views, apply=False)
    (project.folder / "processed/over.sql").write_text(
        "-- wh: table processed.over; key k\nSELECT r.k, r.n FROM processed.t AS r\n")
    for verb in (["validate"], ["plan"], ["apply", "--yes"]):
        refused = project.wh(*verb, code=2)
        said = refused.stderr + refused.stdout
        assert "WH4015" in said and '"processed.t" come from no single record' in said and "known_time: " in said
        assert "features/" in said


def test_nan_and_infinities_are_told_from_null(tmp_path):
    project = make(tmp_path / "p", {"id": "string!", "a": "number", "b": "number"},
                   "-- wh: table processed.t; key id; mode incremental\nSELECT r.id, r.a / r.b AS q FROM records.t AS r\n",
                   "--- { feature_view: st, version: 1, entity: { id: string }, source: processed.t, as_of: latest, "
                   "features: { q: latest }, online: { fill: stream } }\n"
                   "--- { feature_view: rq, version: 1, request: { x: number }, features: { y: request.x } }\n",
                   clock="", pattern=False)
    project.land("t", "1.jsonl", lines([{"id": "p", "a": 1, "b": 0}, {"id": "n", "a": -1, "b": 0}, {"id": "z", "a": 0, "b": 0},
                                        {"id": "u", "b": 1}]))
    project.wh("run")
    wanted = {"p": ("Infinity", "present"), "n": ("-Infinity", "present"), "z": ("NaN", "present"), "u": (None, "null")}
    with project.serve() as daemon:
        client = weirhouse.connect(f"http://127.0.0.1:{daemon.port}", token=project.token)
        for key, (value, status) in wanted.items():
            for vector in (project.json("feature", "get", "st@1", f"id={key}"), ask(daemon.port, f"/v1/features?view=st&id={key}")[1],
                           client.online("st", {"id": key})):
                assert (vector["features"][0]["value"], vector["features"][0]["status"]) == (value, status)
        for number in ("NaN", "Infinity", "-Infinity"):
            assert project.json("feature", "get", "rq@1", f"x={number}")["features"][0]["value"] == number
            assert client.online("rq", {}, request={"x": float(number)})["features"][0]["value"] == number
    project.wh("skew", "--pairs", "20")


def test_decimals_are_summed_as_they_are_written(tmp_path):
    project = make(tmp_path / "p", {"id": "string!", "g": "string!", "amt": "string", "at": "timestamp!"},
                   "-- wh: table processed.t; key id; event at; known at; history keep; mode incremental\n"
                   "SELECT r.id, r.g, CAST(r.amt AS DECIMAL(38,10)) AS amt, r.at FROM records.t AS r\n",
                   view("f", "s: { agg: sum, of: amt }, m: { agg: mean, of: amt }, lo: { agg: min, of: amt }, hi: { agg: max, of: amt }, "
                             "la: { agg: last, of: amt }, now: { agg: latest, of: amt }", windows="windows: [1d], "),
                   clock="", pattern=False)
    (project.folder / "training_sets").mkdir()
    (project.folder / "training_sets/ts.yaml").write_text(
        "training_set: ts\nspine: select t.g, max(t.at) + interval 1 hour as t, true as y from processed.t t group by t.g\n"
        "time: t\nlabel: y\nfeatures: ['f@1:*']\n")
    project.land("t", "1.jsonl", lines(
        {"id": str(i), "g": "b", "amt": amt, "at": f"2024-01-01T0{i}:00:00Z"}
        for i, amt in enumerate(["0.1", "0.2", "2.675", None, "-1234567890123456789012345678.0000000001"][:4])))
    project.apply()
    got = {f["name"]: f["value"] for f in
           project.json("feature", "get", "f@1", "g=b", "--at", "2024-01-01T04:00:00Z")["features"]}
    assert got["f.s_1d"] == 2.975 and got["f.m_1d"] == 2.975 / 3
    assert (got["f.lo_1d"], got["f.hi_1d"], got["f.la_1d"], got["f.now"]) == (0.1, 2.675, None, None)
    built = project.json("train-set", "build", "ts")
    assert built["naive_differing"] == 0
    row = project.rows('select "f.s_1d" s, "f.m_1d" m from training_set.ts')[0]
    assert (row["s"], row["m"]) == (2.975, 2.975 / 3)
    project.wh("skew", "--pairs", "50")
    shutil.rmtree(project.folder / ".weirhouse/kv")
    project.wh("run")
    again = {f["name"]: f["value"] for f in
             project.json("feature", "get", "f@1", "g=b", "--at", "2024-01-01T04:00:00Z")["features"]}
    assert again == got
