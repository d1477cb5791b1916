"""What `wh plan` says, `wh apply` does: a change works in one commit, or is refused and changes nothing."""
import contextlib
import json
import pathlib
import sqlite3

from project import Project

PROJECT = """name: promises
version: 1
sources:
  o: { landing: landing/o/, format: jsonl }
"""
FIELDS = {"id": "string, required: true", "k": "string, required: true", "n": "integer", "s": "string",
          "at": "timestamp, required: true"}
SELECT = "SELECT r.id, r.k, r.n, r.s, r.at FROM records.o AS r"
HEADER = "key id; order at; event at; known at"
CHAIN = "SELECT c.id, c.k, c.n FROM processed.o AS c WHERE c.n > 0"
TOTAL = "SELECT o.k, max(o.n) AS total FROM processed.o AS o GROUP BY o.k"
VIEW = ("--- { feature_view: %s, version: 1, entity: { id: string }, source: processed.o, as_of: latest, "
        "features: { n: latest }, online: { fill: stream } }\n")
RECORDS = [{"id": "1", "k": "a", "n": 1, "s": "x", "at": "2024-01-01T00:00:00Z"},
           {"id": "2", "k": "a", "n": 9007199254740993, "s": None, "at": "2024-02-01T00:00:00Z"},
           {"id": "2", "k": "b", "n": 5, "s": "y", "at": "2024-01-01T00:00:00Z"}]


def contract(fields, version):
    text = (f"apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: {version}\nstatus: active\nschema:\n"
            "  - name: o\n    logicalType: object\n    properties:\n")
    return text + "".join(f"      - {{ name: {name}, logicalType: {kind} }}\n" for name, kind in fields.items())


def sql(name, header, select):
    return f"-- wh: table processed.{name}; {header}\n{select}\n"


def land(project, name, records):
    project.land("o", name, b"".join(json.dumps(record).encode() + b"\n" for record in records))


class Walk:
    """One project, changed step by step; after each step what plan said is compared with what apply did."""

    def __init__(self, folder, records):
        self.project = Project(folder)
        self.fields = dict(FIELDS)
        self.write("weirhouse.yaml", PROJECT)
        self.contract("1.0.0")
        self.write("processed/o.sql", sql("o", HEADER, SELECT))
        self.write("processed/c.sql", sql("c", "key id", CHAIN))
        self.write("processed/total.sql", sql("total", "key k; mode full", TOTAL))
        self.write("features/f.yaml", VIEW % "f")
        (pathlib.Path(folder) / "landing/o").mkdir(parents=True)
        self.project.wh("init")
        if records:
            land(self.project, "1.jsonl", records)
        self.project.apply()
        self.landed = 1

    def write(self, path, text):
        file = self.project.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def contract(self, version, **fields):
        for name, kind in fields.items():
            if kind is None:
                self.fields.pop(name)
            else:
                self.fields[name] = kind
        self.write("contracts/o.odcs.yaml", contract(self.fields, version))

    def works(self, *says):
        """Plan names it, apply does it, then there is nothing to do and a rebuild gives the same."""
        plan = self.project.wh("plan").stdout
        for text in says:
            assert text in plan, plan
        self.project.apply()
        assert "no changes" in self.project.wh("plan").stdout
        self.project.wh("verify", "--rebuild")
        self.landed += 1
        land(self.project, f"{self.landed}.jsonl", [self.record()])
        self.project.wh("ingest")
        assert self.project.status()["adds_up"]

    def record(self):
        record = dict(RECORDS[0], id=f"new{self.landed}", n=7)
        return {name: record[name] for name in self.fields if name in record}

    def refused(self, code, *says):
        """Plan refuses it with its code, so does apply, and nothing moved."""
        before = self.last_commit()
        for verb in (("plan",), ("apply", "--yes")):
            done = self.project.wh(*verb, code=None)
            assert done.returncode not in (0, 1), done.stdout + done.stderr
            for text in (code, *says):
                assert text in done.stderr + done.stdout, done.stderr
        assert self.last_commit() == before

    def last_commit(self):
        """Also where the files are such that no verb reads them."""
        with contextlib.closing(sqlite3.connect(self.project.folder / ".weirhouse/catalog.db")) as catalog:
            return catalog.execute("select max(seq) from commit_log").fetchone()


def test_changes_of_sql_work_in_one_commit(tmp_path):
    walk = Walk(tmp_path / "p", RECORDS)
    project = walk.project
    # another type, a name, an order of columns, one column less
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace("r.n,", "CAST(r.n AS DECIMAL(38, 2)) AS n,")))
    walk.works("processed.o: full rebuild: n long → decimal(38,2)", "processed.c", "feature view f@1: its source changed")
    assert project.rows("select n::varchar as n from processed.c where id = '2'") == [{"n": "9007199254740993.00"}]
    assert project.rows("select typeof(total) t from processed.total limit 1")[0]["t"].startswith("DECIMAL(38")
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace("r.n, r.s", "r.s AS text, r.n")))
    walk.works("s dropped", "text added")
    columns = project.json("sql", "select * from processed.o limit 1")["columns"]
    assert [column["name"] for column in columns] == ["id", "k", "text", "n", "at"]
    # the key, the order, the mode, the history, the partitions
    walk.write("processed/o.sql", sql("o", HEADER.replace("key id", "key id, k"), SELECT))
    walk.works("processed.o: full rebuild")
    assert project.rows("select count(*) n from processed.o where id = '2'") == [{"n": 2}]
    walk.write("processed/o.sql", sql("o", "key id; order n; event at; known at; history keep; partition month(at)", SELECT))
    walk.works("partition none → month(at)")
    walk.write("processed/o.sql", sql("o", HEADER + "; mode full", SELECT))
    walk.works("partition month(at) → none")
    walk.write("processed/c.sql", sql("c", "key k; order n", CHAIN.replace("c.n > 0", "c.n > 1")))
    walk.works("processed.c: full rebuild")


def test_a_key_that_changes_over_rows_that_stay(tmp_path):
    walk = Walk(tmp_path / "p", [dict(RECORDS[0], id="a", k="1"), dict(RECORDS[0], id="b", k="2")])
    (walk.project.folder / "features/f.yaml").unlink()
    walk.write("processed/o.sql", sql("o", "key k; order at", SELECT))
    walk.works("processed.o: full rebuild")
    land(walk.project, "again.jsonl", [dict(RECORDS[0], id="c", k="2", at="2025-01-01T00:00:00Z")])
    walk.project.wh("ingest")
    assert walk.project.rows("select id from processed.o where k = '2'") == [{"id": "c"}]
    walk.project.wh("verify", "--rebuild")


def test_changes_of_a_contract(tmp_path):
    walk = Walk(tmp_path / "p", RECORDS)
    project = walk.project
    walk.contract("1.1.0", n="number")
    walk.works("n: type: integer → number", "n long → double")
    assert project.rows("select n from processed.o where id = '2'")[0]["n"] == 9007199254740992.0
    walk.contract("1.2.0", extra="string")
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace("r.at", "r.extra, r.at")))
    walk.works("extra: added", "extra added")
    walk.contract("1.3.0", extra="string, customProperties: [{ property: whDefault, value: none }]")
    done = project.wh("plan", code=None)
    assert done.returncode == 0, done.stderr
    walk.works("extra")
    walk.contract("2.0.0", s="string, required: true")
    walk.works("s: required")
    walk.contract("3.0.0", s=None)
    done = project.wh("plan", code=2)
    assert "WH2104" in done.stderr  # the SQL names what the contract no longer has
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace(" r.s,", "")))
    walk.works("s: removed", "s dropped")
    walk.contract("4.0.0", k="integer, required: true")  # texts that are no integers
    walk.refused("WH2027", "o/1.jsonl", "WH1202", "cast it in the SQL")
    walk.contract("4.0.0", k="string, required: true", extra=None, more="string")  # another name
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace(" r.s,", " r.more,")))
    walk.works("more")


def test_a_wrong_first_contract_is_mended(tmp_path):
    walk = Walk(tmp_path / "p", [])
    project = walk.project
    walk.fields["at"] = "timestamp, required: true"
    odd = [dict(record, at=record["at"][:10].replace("-", "/") + " 00:00:00") for record in RECORDS]
    land(project, "odd.jsonl", odd)
    project.wh("ingest", code=3)
    assert project.status()["states"]["quarantined"] == 3
    walk.contract("2.0.0", at="string, required: true")
    walk.write("processed/o.sql", sql("o", HEADER, SELECT.replace(
        "r.at", "strptime(r.at, '%Y/%m/%d %H:%M:%S')::timestamptz AS at")))
    walk.record = lambda: dict(odd[0], id=f"new{walk.landed}")
    walk.works("at: type: timestamp → string")
    counts = project.status()["states"]
    assert counts.get("quarantined", 0) == 0 and counts["processed"] == 3 and counts["superseded"] == 1, counts


def test_what_goes_and_what_stands_in_its_way(tmp_path):
    walk = Walk(tmp_path / "p", RECORDS)
    project = walk.project
    (project.folder / "processed/o.sql").unlink()
    assert "WH2103" in project.wh("plan", code=2).stderr  # others read it
    for path in ("processed/c.sql", "processed/total.sql"):
        (project.folder / path).unlink()
    assert project.wh("plan", code=2).stderr.count("error[") >= 1  # the view reads it
    (project.folder / "features/f.yaml").unlink()
    walk.works("- processed processed.o", "- processed processed.c", "- feature view f@1")
    walk.write("processed/o.sql", sql("o", HEADER, SELECT))
    walk.write("features/f.yaml", VIEW.replace("n: latest", "k: latest") % "f")
    walk.refused("WH2021", "had another meaning under this version")  # models know it under that name
    (project.folder / "features/f.yaml").unlink()
    (project.folder / "processed/o.sql").unlink()
    assert project.status()["states"]["filtered"] == project.status()["records"]
    walk.write("processed/o.sql", sql("o", "key k; order at", "SELECT r.k, r.id, CAST(r.n AS VARCHAR) AS n, r.at FROM records.o AS r"))
    walk.works("+ processed processed.o")  # another table of that name
    # a halted batch is decided before tables are made anew
    walk.write("gates/o.yaml", "gate: o\ntable: processed.o\nchecks:\n  - row_count: { between: [0, 0] }\n")
    project.apply()
    land(project, "late.jsonl", [dict(RECORDS[0], at="2025-01-01T00:00:00Z")])
    halted = project.json("ingest", code=3)["halted"]
    walk.write("processed/o.sql", sql("o", "key k; order at", "SELECT r.k, r.id, r.at FROM records.o AS r"))
    walk.refused("WH3023", halted if isinstance(halted, str) else "")
    project.wh("gate", "discard", halted if isinstance(halted, str) else halted["run"], "--reason", "late")  # by what was applied
    project.apply()
    assert "no changes" in project.wh("plan").stdout
    project.wh("verify", "--rebuild")


SEEDED = PROJECT + "seeds: { s: seeds/s.csv }\n"
JOINED = "SELECT o.id, o.k, s.name FROM processed.o AS o JOIN ref.s AS s ON s.k = o.k"


def seeded(folder):
    """A project whose processed.j is joined to a seed by k."""
    walk = Walk(folder, RECORDS)
    walk.write("seeds/s.csv", "k,name,low\na,Ann,0\nb,Bob,3\n")
    walk.write("weirhouse.yaml", SEEDED)
    walk.write("processed/j.sql", sql("j", "key id", JOINED))
    walk.works("processed.j")
    return walk


def test_a_seed_that_holds_a_key_twice_is_refused_by_plan(tmp_path):
    walk = seeded(tmp_path / "p")
    good = (walk.project.folder / "seeds/s.csv").read_text()
    for rows in ("a,Anna,1\n", "a,Ann,0\n", "later,L,1\nlater,M,2\n"):  # also of records that are yet to come
        walk.write("seeds/s.csv", good + rows)
        walk.refused("WH2111", "seeds/s.csv", "processed/j.sql:2:", "processed.j")
        assert "WH2111" in walk.project.wh("validate", code=2).stderr
    walk.write("seeds/s.csv", good + ",L,1\n,M,2\n")  # no key equals null
    walk.works("seed s: full rebuild")
    # several rows of a key may be meant: a range tells them apart
    walk.write("processed/j.sql", sql("j", "key id", JOINED + " AND o.n >= s.low AND o.n < s.low + 3"))
    walk.write("seeds/s.csv", good + "a,Anna,3\nb,Bo,6\n")
    walk.works("processed.j: full rebuild")
    walk.write("seeds/s.csv", good + "a,Anna,1\n")  # and only the records tell that these overlap
    walk.refused("WH2111", "processed/j.sql", "processed.j")
    walk.write("seeds/s.csv", good)
    walk.write("processed/j.sql", sql("j", "key id", JOINED.replace("s.k = o.k", "s.low < o.n")))
    walk.refused("WH2111", "processed/j.sql")


def test_what_computing_tables_anew_ends_with_is_told_by_plan(tmp_path):
    walk = Walk(tmp_path / "p", RECORDS)
    walk.write("processed/n.sql", sql("n", "key k; mode full",
                                      "SELECT o.k, CAST(100 * count(*) AS TINYINT) AS big FROM processed.o AS o GROUP BY o.k"))
    walk.refused("WH2114", "processed/n.sql", "processed.n")
    walk.write("processed/n.sql", sql("n", "key k; mode full", "SELECT o.k, 100 * count(*) AS big FROM processed.o AS o GROUP BY o.k"))
    walk.works("+ processed processed.n")


def test_names_that_differ_in_case_alone_are_refused(tmp_path):
    walk = seeded(tmp_path / "p")
    view = walk.project.folder / "features/f.yaml"
    view.write_text(VIEW.replace("processed.o", "processed.O") % "f")
    walk.refused("WH4005", "features/f.yaml", "processed.o")
    view.write_text(VIEW % "f")
    walk.write("gates/o.yaml", "gate: o\ntable: processed.O\nchecks:\n  - required: [id]\n")
    walk.refused("WH3007", "gates/o.yaml", "processed.o")
    walk.write("gates/o.yaml", "gate: o\ntable: processed.j\nchecks:\n  - references: { column: id, table: processed.O }\n")
    walk.refused("WH3007", "gates/o.yaml", "processed.o")
    (walk.project.folder / "gates/o.yaml").unlink()
    walk.write("weirhouse.yaml", SEEDED.replace("{ s:", "{ S: seeds/s.csv, s:"))
    walk.refused("WH2007", "weirhouse.yaml")
    walk.write("weirhouse.yaml", SEEDED)
    for name in ("total", "j"):
        text = (walk.project.folder / f"processed/{name}.sql").read_text()
        walk.write(f"processed/{name}.sql", text.replace(f"processed.{name};", f"processed.{name.upper()};"))
        walk.refused("WH2034", f"processed/{name}.sql", f"processed.{name}")
        walk.write(f"processed/{name}.sql", text)
    assert "no changes" in walk.project.wh("plan").stdout


def test_definitions_that_can_never_work_are_refused(tmp_path):
    walk = Walk(tmp_path / "p", RECORDS)
    spine = "training_set: t\nspine: SELECT %s FROM processed.o AS o\ntime: at\nlabel: s\nfeatures: ['f@1:*']\n"
    for columns, missing in (("o.id, o.s", "at"), ("o.id, o.at", "s"), ("o.s, o.at", "id"),
                             ("o.id, o.s, CAST(o.at AS VARCHAR) AS at", "at")):
        walk.write("training_sets/t.yaml", spine % columns)
        walk.refused("WH4008", "training_sets/t.yaml", f'"{missing}"')
    walk.write("training_sets/t.yaml", spine % "o.id, o.s, o.at")
    walk.works("training set")
    for bounds in ("min: 5, max: 1", "min: 1.2, max: 1.8"):
        walk.write("gates/o.yaml", f"gate: o\ntable: processed.o\nchecks:\n  - range: {{ column: n, {bounds} }}\n")
        walk.refused("WH3002", "gates/o.yaml")
    (walk.project.folder / "gates/o.yaml").unlink()
    walk.contract("0.9.0")
    walk.refused("WH1122", "contracts/o.odcs.yaml")
    walk.contract("2.0.0", s="integer")
    walk.refused("WH2027", "contracts/o.odcs.yaml")
