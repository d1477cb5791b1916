"""What is served, read, judged and committed goes by the project as it was applied last, whatever its files say meanwhile."""
import contextlib
import json
import urllib.error
import urllib.request

import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog

from project import Project

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: s
version: 1.0.0
status: active
schema:
  - name: s
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: v, logicalType: integer }
"""
FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nseeds:\n  zones: { path: seeds/zones.csv }\n"
                      "sources:\n  s: { landing: landing/s/ }\n",
    "contracts/s.odcs.yaml": CONTRACT,
    "seeds/zones.csv": "id,zone\na,north\nb,south\n",
    "processed/t.sql": "-- wh: table processed.t; key id\n"
                       "SELECT r.id, r.v, z.zone FROM records.s AS r JOIN ref.zones AS z ON z.id = r.id\n",
    "gates/t.yaml": "gate: t\ntable: processed.t\nchecks:\n  - range: { column: v, max: 100 }\n",
}
BROKEN = {  # a file of the project → what somebody left in it
    "training_sets/draft.yaml": "training_set: draft\n",
    "contracts/s.odcs.yaml": CONTRACT + "      - { name: v, logicalType: strin",
    "seeds/zones.csv": "id,zone\na,north\nb\n",
    "processed/t.sql": "-- wh: table processed.t; key id\nSELECT r.id, r.v FRM records.s AS r\n",
    "gates/t.yaml": "gate: t\ntable: processed.t\nchecks:\n  - range: { colum: v }\n",
    "models/m.yaml": "model: [\n",
}
READS = ["status", "quarantine list", "quarantine show s/2", "trace processed.t:a", "verify", "verify --rebuild", "gate list",
         "table list", "table history processed.t", "token list", "contract list", "model list"]
ACTS = ["plan", "apply --yes", "ingest", "ingest --dry-run", "gc", "gc --dry-run", "contract diff s"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("draft") / "lab")
    for path, text in FILES.items():
        project.write(path, text)
    project.wh("init")
    project.apply()
    project.land("s", "1.jsonl", b'{"id":"a","v":1}\n{"id":1}\n')
    project.wh("ingest")
    return project


@pytest.fixture(params=BROKEN)
def broken(lab, request):
    path = lab.folder / request.param
    right = path.read_text() if path.exists() else None
    lab.write(request.param, BROKEN[request.param])
    yield lab, request.param
    path.unlink() if right is None else path.write_text(right)


def test_what_reads_shows_what_was_applied_and_says_so(broken):
    lab, path = broken
    done = lab.wh("sql", "select id, v, zone from processed.t", "--json")
    assert [[row["id"], row["v"], row["zone"]] for row in json.loads(done.stdout)["rows"]] == [["a", 1, "north"]]
    assert "as it was last applied" in done.stderr and path in done.stderr
    assert path in lab.json("status")["files_refused"]
    assert lab.wh("sql", "select count(*) from ref.zones", "--csv").stdout.split()[-1] == "2"
    said = lab.wh("doctor", "--json", code=None).stdout
    assert path in said and '"chain"' in said


def test_every_verb_that_reads_goes_on_and_what_is_about_the_files_is_refused(lab):
    lab.write("training_sets/draft.yaml", BROKEN["training_sets/draft.yaml"])
    try:
        for words in READS:
            assert "training_sets/draft.yaml" in lab.wh(*words.split()).stderr, words
        for words in ACTS:
            done = lab.wh(*words.split(), code=2)
            assert "training_sets/draft.yaml" in done.stderr and "as it was last applied" not in done.stderr, words
    finally:
        (lab.folder / "training_sets/draft.yaml").unlink()
    assert "files_refused" not in lab.json("status")


def test_without_an_apply_or_a_project_file_the_error_stands(tmp_path, lab):
    fresh = Project(tmp_path / "fresh")
    for path, text in {**FILES, "gates/t.yaml": BROKEN["gates/t.yaml"]}.items():
        fresh.write(path, text)
    assert "gates/t.yaml" in fresh.wh("status", code=2).stderr
    right = (lab.folder / "weirhouse.yaml").read_text()
    lab.write("weirhouse.yaml", right + "sources: [")
    try:
        assert "weirhouse.yaml" in lab.wh("status", code=2).stderr
    finally:
        lab.write("weirhouse.yaml", right)


# ---- Files without an error that differ from what was applied

EVENTS = """apiVersion: v3.1.0
kind: DataContract
id: ev
version: 1.0.0
status: active
schema:
  - name: ev
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: g, logicalType: string }
      - { name: v, logicalType: integer }
      - { name: at, logicalType: timestamp }
"""
RIGHT = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n"
                      "  ev: { landing: landing/ev/, format: csv, batch: { by: name, pattern: '{date}' } }\n",
    "contracts/ev.odcs.yaml": EVENTS,
    "processed/t.sql": "-- wh: table processed.t; key id; event at; known at; history keep\n"
                       "SELECT r.id, r.g, r.v, r.at FROM records.ev AS r\n",
    "processed/x.sql": "-- wh: table processed.x; key id; mode external; contract ev\n",
    "gates/t.yaml": "gate: t\ntable: processed.t\nchecks:\n  - row_count: { max: 2 }\n",
    "gates/x.yaml": "gate: x\ntable: processed.x\nowner: t\nchecks:\n  - range: { column: v, max: 3 }\n",
    "features/f.yaml": "feature_view: f\nversion: 1\nentity: { g: string }\nsource: processed.t_history\nevent_time: at\n"
                       "known_time: at\nwindows: [24h]\nfeatures: { s: { agg: sum, of: v } }\nonline: { fill: stream }\n",
    "features/r.yaml": "feature_view: r\nversion: 1\nrequest: { q: integer }\nfeatures: { q2: request.q * 2 }\n",
    "training_sets/d.yaml": "training_set: d\nspine: select p.id, p.g, p.at, p.v > 1 as y from processed.t as p\ntime: at\nlabel: y\n"
                            "features: ['f@1:*']\nsplit: { by: time, train: 70%, valid: 15%, test: 15% }\n",
}
EDITS = {  # name → path, what of it becomes what; None: the file goes
    "bound": ("contracts/ev.odcs.yaml", "name: v, logicalType: integer", "name: v, logicalType: integer, "
              "logicalTypeOptions: { minimum: 5 }"),
    "format": ("weirhouse.yaml", "format: csv", "format: jsonl"),
    "delimiter": ("weirhouse.yaml", "format: csv", "format: csv, delimiter: ';'"),
    "nulls": ("weirhouse.yaml", "format: csv", "format: csv, nulls: ['', 'NA']"),
    "view": ("features/f.yaml", "agg: sum", "agg: max"),
    "version": ("features/f.yaml", "fill: stream }\n",
                "fill: stream }\n---\n" + RIGHT["features/f.yaml"].replace("version: 1", "version: 2")),
    "request": ("features/r.yaml", "q * 2", "q * 3"),
    "spine": ("training_sets/d.yaml", "p.v > 1", "p.v > 0"),
    "sql": ("processed/t.sql", "r.g, r.v", "r.g, r.v + 1 AS v"),
    "gate": ("gates/x.yaml", None, None),
}
AT = "2024-01-01T05:00:00Z"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("differs") / "lab")
    for path, text in RIGHT.items():
        project.write(path, text)
    project.wh("init")
    project.apply()
    project.land("ev", "2024-01-01.csv", b"id,g,v,at\na,x,1,2024-01-01T00:00:00Z\nb,x,NA,2024-01-01T01:00:00Z\n"
                                         b"c,x,5,2024-01-01T02:00:00Z\n")
    project.wh("ingest")
    project.token = project.json("token", "create", "--name", "w", "--role", "writer", "--on", "processed")["token"]
    return project


@contextlib.contextmanager
def draft(project, *names):
    for name in names:
        path, old, new = EDITS[name]
        if old is None:
            (project.folder / path).unlink()
        else:
            text = (project.folder / path).read_text()
            assert old in text
            project.write(path, text.replace(old, new, 1))
    try:
        yield [EDITS[name][0] for name in names]
    finally:
        for name in names:
            project.write(EDITS[name][0], RIGHT[EDITS[name][0]])


def feature(project, view="f@1", *fields):
    fields = fields or ("g=x", "--at", AT)
    return [one["value"] for one in project.json("feature", "get", view, *fields)["features"]]


def http(daemon, query):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/v1/features?{query}", timeout=20) as answer:
            return [one["value"] for one in json.load(answer)["features"]]
    except urllib.error.HTTPError as error:
        return error.code


def append(project, daemon, v):
    rows = pa.table({"id": pa.array([f"r{v}"], pa.string()), "g": pa.array(["x"]), "v": pa.array([v], pa.int64()),
                     "at": pa.array([0], pa.timestamp("us", tz="UTC"))},
                    schema=pa.schema([pa.field("id", pa.string(), False), pa.field("g", pa.string()),
                                      pa.field("v", pa.int64()), pa.field("at", pa.timestamp("us", tz="UTC"))]))
    catalog = load_catalog("lab", type="rest", uri=f"http://127.0.0.1:{daemon.port}/iceberg", token=project.token,
                           warehouse="lab")
    try:
        catalog.load_table("processed.x").append(rows)
        return "accepted"
    except Exception as error:  # of the client, whose kinds are its own
        return str(error)


@pytest.mark.parametrize("name", EDITS)
def test_what_reads_goes_by_what_was_applied_and_says_so(shop, name):
    with draft(shop, name) as paths:
        counted = shop.wh("sql", "--json", "SELECT (SELECT count(*) FROM records.ev) AS good, (SELECT count(*) FROM "
                          "quarantine.ev) AS bad, (SELECT sum(v)::bigint FROM processed.t) AS v")
        assert json.loads(counted.stdout)["rows"] == [{"good": 2, "bad": 1, "v": 6}]
        assert json.loads(counted.stdout)["files_differ"] == paths[0]
        assert "as it was last applied" in counted.stderr and paths[0] in counted.stderr
        assert "DIFFERS" not in shop.wh("trace", "processed.t:a").stdout
        assert shop.json("quarantine", "list")["files_differ"] == paths[0]
        assert feature(shop) == [6] and feature(shop, "r@1", "q=1") == [2]
        assert "f@1" in shop.wh("feature", "list").stdout and "processed.x" in shop.wh("gate", "list").stdout
        assert shop.json("skew", "--pairs", "20")["differing"] == 0
    assert shop.wh("sql", "select 1").stderr == ""


def test_a_commit_of_then_is_read_by_what_was_applied(shop):
    at = str(shop.status()["commit"])
    with draft(shop, "nulls"):
        assert shop.json("sql", "select count(*) as n from records.ev", "--at", at)["rows"] == [{"n": 2}]


def test_what_must_not_go_on_by_a_draft_is_refused_and_leaves_nothing(shop):
    before = shop.status()["commit"]
    with draft(shop, "spine"):
        for words in ("ingest", "run", "run --full", "train-set build d"):
            assert "WH2020" in shop.wh(*words.split(), code=2).stderr, words
        assert "training_sets/d.yaml" in shop.wh("gc", "--dry-run").stderr
    assert shop.status()["commit"] == before


def test_a_daemon_serves_what_was_applied_whatever_is_handed_to_it(shop):
    with shop.serve("--no-watch") as daemon:
        assert append(shop, daemon, 99) != "accepted"
        with draft(shop, "gate", "view", "request"):
            for words in ("ingest", "run", "train-set build d"):
                assert "WH2020" in shop.wh(*words.split(), code=2).stderr
            shop.wh("apply", "--yes", code=None)  # refused: another view under the same version
            assert "gates/x.yaml" in shop.wh("token", "create", "--name", "o", "--role", "reader", "--on", "processed").stderr
            assert append(shop, daemon, 99) != "accepted"
            assert http(daemon, f"view=f@1&g=x&at={AT}") == [6] and http(daemon, "view=r@1&q=1") == [2]
            assert feature(shop) == [6]
    assert shop.rows("select id from processed.x") == []


def test_a_daemon_begun_on_a_draft_serves_what_was_applied(shop):
    with draft(shop, "gate", "version", "request"):
        with shop.serve("--no-watch") as daemon:
            assert append(shop, daemon, 99) != "accepted"
            assert http(daemon, f"view=f@1&g=x&at={AT}") == [6] and http(daemon, "view=r@1&q=1") == [2]
            assert http(daemon, f"view=f@2&g=x&at={AT}") in (400, 404)
    assert "as it was last applied" in (shop.folder / "serve.log").read_text()


def test_a_daemon_begun_on_a_broken_draft_serves_too(shop):
    shop.write("gates/x.yaml", "gate: [")
    try:
        with shop.serve("--no-watch") as daemon:
            assert append(shop, daemon, 99) != "accepted"
            assert http(daemon, f"view=f@1&g=x&at={AT}") == [6]
    finally:
        shop.write("gates/x.yaml", RIGHT["gates/x.yaml"])


def test_apply_alone_is_what_a_daemon_takes_up(tmp_path):
    project = Project(tmp_path / "lab")
    for path, text in RIGHT.items():
        project.write(path, text)
    project.wh("init")
    with project.serve("--no-watch") as daemon:
        project.apply()
        project.token = project.json("token", "create", "--name", "w", "--role", "writer", "--on", "processed")["token"]
        assert append(project, daemon, 99) != "accepted"
        (project.folder / "gates/x.yaml").unlink()
        assert append(project, daemon, 98) != "accepted"
        project.apply()
        assert append(project, daemon, 97) == "accepted"
        project.write("gates/x.yaml", RIGHT["gates/x.yaml"])
        project.wh("ingest", code=2)
        assert append(project, daemon, 96) == "accepted"
        project.apply()
        assert append(project, daemon, 95) != "accepted"


def test_what_apply_does_not_register_is_as_the_file_says(shop):
    shop.write("weirhouse.yaml", RIGHT["weirhouse.yaml"] + "alerts: [{ when: gate_failed, command: ['true'] }]\n")
    try:
        assert shop.wh("status").stderr == "" and shop.wh("ingest").stderr == ""
    finally:
        shop.write("weirhouse.yaml", RIGHT["weirhouse.yaml"])


def test_before_the_first_apply_the_files_are_shown(tmp_path):
    project = Project(tmp_path / "lab")
    for path, text in RIGHT.items():
        project.write(path, text)
    assert "f@1" in project.wh("feature", "list").stdout
    project.wh("init")
    listed = project.wh("feature", "list")
    assert "f@1" in listed.stdout and listed.stderr == ""
