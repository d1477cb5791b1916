"""What a newcomer meets: files that say nothing, one mistake that breaks others, words that do not help."""
import sqlite3

import pytest

from project import Project

CONTRACT = ("apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n"
            "    logicalType: object\n    properties:\n      - { name: id, logicalType: string, required: true }\n"
            "      - { name: k, logicalType: string, required: true }\n      - { name: n, logicalType: integer }\n"
            "      - { name: at, logicalType: timestamp, required: true }\n")
VIEW = ("feature_view: f\nversion: 1\nentity: { k: string }\nsource: processed.a\nevent_time: at\nwindows: [24h]\n"
        "features: { n: { agg: count } }\n")
FILES = {
    "weirhouse.yaml": "name: lab\nclock: replay\nsources:\n  a: { landing: landing/a/, format: jsonl, contract: a }\n",
    "contracts/a.odcs.yaml": CONTRACT,
    "processed/a.sql": "-- wh: table processed.a; key id; event at\nSELECT r.id, r.k, r.n, r.at FROM records.a AS r\n",
    "processed/b.sql": "-- wh: table processed.b; key id; event at\nSELECT a.id, a.k, a.at FROM processed.a AS a\n",
    "gates/b.yaml": "gate: b\ntable: processed.b\nchecks:\n  - row_count: { between: [0, 9] }\n",
    "features/f.yaml": VIEW,
    "training_sets/t.yaml": ("training_set: t\nspine: SELECT b.k, b.at, 1 AS label FROM processed.b AS b\ntime: at\n"
                             "label: label\nfeatures: ['f@1:*']\nsplit: { train: 80%, test: 20% }\n"),
    "models/m.yaml": "model: m\ntraining_set: t\ntrain: { cmd: python train.py }\nserve: { python: s.py, request: [k], output: [p] }\n",
    "train.py": "", "s.py": "",
}


@pytest.fixture
def lab(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "landing/a").mkdir(parents=True)
    project = Project(tmp_path)
    project.wh("init")
    return project


@pytest.mark.parametrize("path", ["contracts/e.odcs.yaml", "processed/e.sql", "gates/e.yaml", "features/e.yaml",
                                  "training_sets/e.yaml", "models/e.yaml"])
@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n"])
def test_a_definition_file_that_defines_nothing_is_refused_by_name(lab, path, text):
    (lab.folder / path).write_text(text.replace("#", "--") if path.endswith(".sql") else text)
    assert path in lab.wh("validate", code=2).stderr


@pytest.mark.parametrize("path, old, new, codes", [
    ("contracts/a.odcs.yaml", "logicalType: object", "logicalTyqe: object", {"WH1102"}),
    ("contracts/a.odcs.yaml", "id: a\n", "", {"WH1101", "WH1103", "WH2003"}),
    ("processed/a.sql", "key id", "kez id", {"WH2101"}),
    ("processed/a.sql", "r.n", "r.m", {"WH2104"}),
    ("processed/a.sql", "FROM records.a", "FRUM records.a", {"WH2102"}),
    ("features/f.yaml", "agg: count", "agg: cuont", {"WH4001"}),
    ("training_sets/t.yaml", "80%", "70%", {"WH4011"}),
])
def test_errors_that_only_follow_from_one_file_are_not_shown(lab, path, old, new, codes):
    text = (lab.folder / path).read_text()
    assert old in text
    (lab.folder / path).write_text(text.replace(old, new, 1))
    told = lab.wh("validate", code=2).stderr
    found = {line[6:12] for line in told.splitlines() if line.startswith("error[")}
    assert found and all(line.split(" --> ")[1].startswith(path) for line in told.splitlines() if " --> " in line), told
    assert path.startswith("contracts") or found <= codes, told


def test_an_error_of_another_file_is_still_shown(lab):
    (lab.folder / "processed/a.sql").write_text(FILES["processed/a.sql"].replace("r.n", "r.m"))
    (lab.folder / "gates/o.yaml").write_text("gate: o\ntable: processed.ab\nchecks:\n  - row_count: { between: [0, 9] }\n")
    told = lab.wh("validate", code=2).stderr
    assert "WH2104" in told and "WH3007" in told and "processed/b.sql" not in told


def test_a_landing_folder_that_is_not_there_is_named_and_no_error(lab):
    lab.apply()
    (lab.folder / "landing/a").rmdir()
    for verb in ("validate", "plan", "status"):
        assert 'landing folder of the source "a" does not exist' in lab.wh(verb).stderr
    assert lab.json("validate")["missing_folders"] == lab.json("plan")["missing_folders"] == {"a": "landing/a/"}
    assert lab.status()["waiting"]["missing_folders"] == {"a": "landing/a/"}
    lab.wh("ingest")
    (lab.folder / "landing/a").mkdir()
    for verb in ("validate", "plan", "status"):
        assert "landing folder" not in lab.wh(verb).stderr
    assert lab.status()["waiting"]["missing_folders"] == {}


def test_what_a_view_is_served_by_may_change_and_plan_says_so(lab):
    lab.land("a", "1.jsonl", b'{"id":"1","k":"x","n":1,"at":"2026-01-01T00:00:00Z"}\n')
    lab.apply()
    ask = ("feature", "get", "f@1:n_24h", "k=x", "--at", "2026-01-01T12:00:00Z")
    assert "WH4018" in lab.wh(*ask, code=2).stderr
    (lab.folder / "features/f.yaml").write_text(VIEW + "online: { fill: stream }\n")
    assert "~ feature view f@1: served online: none → stream" in lab.wh("plan").stdout
    assert "WH2020" in lab.wh("run", code=2).stderr    # it is a change like any other
    lab.apply()
    assert "no changes" in lab.wh("plan").stdout
    assert lab.json(*ask)    # the run at the end of apply filled the store
    (lab.folder / "features/f.yaml").write_text(VIEW)
    assert "served online: stream → none" in lab.wh("plan").stdout
    lab.apply()
    assert "WH4018" in lab.wh(*ask, code=2).stderr
    # what it means is another matter
    (lab.folder / "features/f.yaml").write_text(VIEW.replace("24h", "48h"))
    told = lab.wh("plan", code=4).stderr
    assert "WH2021" in told and "features/f.yaml:1" in told and "version: 2" in told


@pytest.mark.parametrize("query", [
    "DELETE FROM processed.a", "insert into processed.a values ('1')", "CREATE TABLE x AS SELECT 1", "DROP TABLE processed.a",
    "UPDATE processed.a SET id = 'x'", "COPY processed.a TO 'x.csv'", "SET threads = 1", "ATTACH 'x.db'", "BEGIN",
    "WITH x AS (SELECT 1) DELETE FROM processed.a", "TRUNCATE processed.a", "EXPLAIN SELECT 1"])
def test_sql_that_would_change_something_is_refused_in_our_words(lab, query):
    lab.apply()
    told = lab.wh("sql", query, code=2).stderr
    assert "error[WH2107]: tables are read-only here" in told and "query:1:1" in told and "serialize" not in told


def test_a_kind_of_run_is_shown_under_its_name(lab):
    lab.apply()
    with sqlite3.connect(lab.folder / ".weirhouse/catalog.db") as db:
        db.execute("update run set kind = 'run_view' where kind = 'apply'")
    db.close()
    assert "staging_area" in lab.wh("runs").stdout and "run_view" not in lab.wh("runs").stdout
    assert {run["kind"] for run in lab.json("runs")["runs"]} >= {"staging_area"}
    assert {row["kind"] for row in lab.rows("select kind from system.runs")} >= {"staging_area"}


def test_a_registered_contract_that_is_damaged_is_corruption_for_every_verb(lab):
    lab.apply()
    with sqlite3.connect(lab.folder / ".weirhouse/catalog.db") as db:
        db.execute("update setting set value = replace(value, 'logicalType', 'logicalTyqe') where key like 'contract/%'")
    db.close()
    for verb in (["contract", "list"], ["contract", "diff", "a"], ["contract", "history", "a"], ["contract", "publish", "a"],
                 ["plan"], ["status"]):
        assert "WH2023" in lab.wh(*verb, code=11).stderr, verb


@pytest.mark.parametrize("format, code, said", [("jsonlines", "WH2004", "jsonl"), ("xml", "WH2004", "csv")])
def test_a_format_that_there_is_not(lab, format, code, said):
    (lab.folder / "weirhouse.yaml").write_text(FILES["weirhouse.yaml"].replace("format: jsonl", f"format: {format}"))
    told = lab.wh("validate", code=2).stderr
    assert code in told and said in told.split("help:")[1]


def test_usage_has_what_must_be_given(lab):
    for verb, wanted in {"gate discard": "RUN --reason TEXT", "staging discard": "RUN --reason TEXT",
                         "token create": "--name TEXT --role ROLE --on NAMESPACE [OPTIONS]",
                         "policy export": "--aws --bucket NAME [OPTIONS]"}.items():
        assert f"usage: wh {verb} {wanted}" in lab.wh(*verb.split(), "--help").stdout
