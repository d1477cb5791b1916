"""What `wh sql` answers: the columns that were asked for, as they are, of the time that was asked for."""
import json

import pytest

from project import Project

FIELDS = ("{ name: id, logicalType: string, required: true }", "{ name: n, logicalType: integer }")


def contract(*fields):
    lines = "".join(f"      - {field}\n" for field in fields)
    return ("apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n"
            f"schema:\n  - name: a\n    logicalType: object\n    properties:\n{lines}")


@pytest.fixture
def lab(tmp_path):
    """Two records of source `a` in processed.a."""
    for path, text in {"weirhouse.yaml": "name: lab\nversion: 1\nsources:\n  a: { landing: landing/a/ }\n",
                       "contracts/a.odcs.yaml": contract(*FIELDS),
                       "processed/a.sql": "-- wh: table processed.a; key id\nSELECT r.id, r.n FROM records.a AS r\n"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    project = Project(tmp_path)
    project.wh("init")
    project.apply()
    project.land("a", "1.jsonl", b'{"id":"x","n":1}\n{"id":"y","n":2}\n')
    project.wh("ingest")
    return project


def pairs(project, query, *options):
    """The answer, with the members of its objects as they stand in the text."""
    text = project.wh("sql", query, "--json", *options).stdout
    return dict(json.loads(text, object_pairs_hook=list))


def test_answers_keep_columns_their_order_and_whole_numbers(lab):
    answer = pairs(lab, "select sum(n) as z, 'b' as a, 3 as a, 4 as a_1, count(*) as m, 5::utinyint as b, "
                        "170141183460469231731687303715884105727::hugeint as w, 0.10 as d from processed.a")
    assert answer["rows"] == [[("a", "b"), ("a_1", 4), ("a_2", 3), ("b", 5), ("d", "0.10"), ("m", 2),
                               ("w", 170141183460469231731687303715884105727), ("z", 3)]]
    assert [dict(column)["name"] for column in answer["columns"]] == ["z", "a", "a", "a_1", "m", "b", "w", "d"]
    assert [dict(column).get("key") for column in answer["columns"]][2] == "a_2"
    empty = lab.json("sql", "select n, id from processed.a where false")
    assert empty["rows"] == []
    assert empty["columns"] == [{"name": "n", "type": "int64"}, {"name": "id", "type": "string"}]
    lines = lab.wh("sql", "select 7 as schema_version, n as z, n as a from processed.a order by n", "--jsonl").stdout
    assert lines.splitlines() == ['{"schema_version":7,"z":1,"a":1}', '{"schema_version":7,"z":2,"a":2}']


@pytest.mark.parametrize("table, declared", [("records.a", "id,n"), ("processed.a", "id,n")])
def test_a_star_hides_what_is_hidden_whatever_else_names_it(lab, table, declared):
    def head(query):
        return lab.wh("sql", query, "--csv").stdout.splitlines()[0]

    assert head(f"select * from {table}") == declared
    assert head(f"select * from {table} order by _record") == declared
    assert head(f"select * from {table} where _record > 0") == declared
    assert head(f"select *, _record from {table}") == declared + ",_record"
    assert head(f"select t.*, t._RECORD as r from {table} t") == declared + ",r"
    assert head(f"select columns(*) from {table} order by _record") == declared
    assert head(f"with w as (select * from {table} where _record = 1) select * from w") == declared
    assert head(f"select * from (select *, _record from {table})") == declared + ",_record"
    assert lab.rows(f"select _record as r from {table} order by r") == [{"r": 1}, {"r": 2}]
    assert lab.rows(f"select b.*, a._record as r from {table} a join {table} b using (id) order by r") == [
        {"n": 1, "id": "x", "r": 1}, {"n": 2, "id": "y", "r": 2}]


def test_at_shows_the_columns_of_then(lab):
    before = lab.status()["commit"]
    lab.edit("contracts/a.odcs.yaml", (FIELDS[1], FIELDS[1] + "\n      - { name: more, logicalType: string }"),
             ("version: 1.0.0", "version: 1.1.0"))
    lab.edit("processed/a.sql", ("r.n FROM", "r.n, r.more FROM"))
    lab.apply()
    lab.land("a", "2.jsonl", b'{"id":"z","n":3,"more":"m"}\n')
    lab.wh("ingest")
    assert [c["name"] for c in lab.json("sql", "select * from processed.a")["columns"]] == ["id", "n", "more"]
    then = lab.json("sql", "select * from processed.a order by id", "--at", str(before))
    assert [c["name"] for c in then["columns"]] == ["id", "n"]
    assert then["rows"] == [{"id": "x", "n": 1}, {"id": "y", "n": 2}]
    assert "more" in lab.wh("sql", "select more from processed.a", "--at", str(before), code=2).stderr
    # A time before there was anything is a mistake (a time of the data, most likely), not an empty table.
    early = lab.wh("sql", "select * from processed.a", "--at", "2013-01-02", code=6).stderr
    assert "WH8037" in early and "no commit at or before 2013-01-02" in early and "system.commits" in early
    # It did not exist yet: no rows, and nothing hidden.
    nothing = lab.json("sql", "select * from processed.a", "--at", "1")
    assert nothing["rows"] == [] and {c["name"] for c in nothing["columns"]} == {"id", "n", "more"}


def test_a_spine_says_what_it_lacks(lab):
    (lab.folder / "features").mkdir()
    (lab.folder / "training_sets").mkdir()
    (lab.folder / "features/f.yaml").write_text(
        "--- { feature_view: f, version: 1, entity: { id: string }, source: processed.a, as_of: latest,"
        " features: { n: { agg: latest, of: n } } }\n")

    def build(spine, time="t", label="y"):
        (lab.folder / "training_sets/s.yaml").write_text(
            f"training_set: s\nspine: {spine}\ntime: {time}\nlabel: {label}\nfeatures: ['f@1:*']\n")
        lab.wh("apply", "--yes", code=None)
        done = lab.wh("train-set", "build", "s", code=None)
        assert done.returncode == 2, done.stdout
        return done.stderr

    at = "timestamptz '2024-01-01T00:00:00Z'"
    assert 'no column "t", its time' in build(f"select id, {at} as at, 1 as y from processed.a")
    lacks = build(f"select id, {at} as t, 1 as yy from processed.a", label="target")
    assert 'no column "target", its label' in lacks and "id, t, yy" in lacks
    assert 'no column "id", the entity of view "f@1"' in build(f"select id as i, {at} as t, 1 as y from processed.a")
    assert "t" in build(f"select id, {at} as t, {at} as t, 1 as y from processed.a").split("twice")[0]
