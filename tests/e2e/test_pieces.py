"""A batch of many rows is worked on a piece at a time: whatever the size of a piece, the same comes out."""
import json
import random

import pytest

from project import Project

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: ev
version: 1.0.0
status: active
schema:
  - name: ev
    logicalType: object
    properties:
      - { name: id, logicalType: string }
      - { name: g, logicalType: string }
      - { name: o, logicalType: integer }
      - { name: v, logicalType: number }
      - { name: n, logicalType: string }
      - { name: at, logicalType: timestamp, required: true }
"""
SELECT = "SELECT r.id, r.g, r.o, r.v, r.at FROM records.ev AS r"
TABLES = {
    "hist": ("key id; order o; event at; known at; history keep", SELECT),
    "plain": ("key id; order o; event at; known at; partition day(at)", SELECT),
    "arrival": ("key id; order arrival; event at; known at; history keep", SELECT),
    "cast": ("key id; order o", "SELECT r.id, r.o, CAST(r.n AS INTEGER) AS n FROM records.ev AS r WHERE r.v < 8"),
    "groups": ("key g; mode full", "SELECT r.g, count(*) AS n, sum(r.o) AS s FROM records.ev AS r GROUP BY r.g"),
    "whole": ("key id; order o; mode full", "SELECT r.id, r.o, r.v FROM records.ev AS r WHERE r.o > 1"),
    "chain": ("key g; order o; event at; known at; history keep",
              "SELECT t.g, t.o, t.v, t.at FROM processed.hist t WHERE t.g IS NOT NULL"),
}
VIEW = """feature_view: {name}
version: 1
entity: {{ g: string }}
source: processed.{source}
event_time: at
known_time: at
windows: [24h, 7d]
features: {{ n: {{ agg: count }}, s: {{ agg: sum, of: v }}, m: {{ agg: max, of: 'CAST(o AS DOUBLE)' }} }}
online: {{ fill: stream }}
"""
GATES = {"ev": ("records.ev", ["row_count: { min: 1 }", "mean: { column: v, within: 50 sigma of 7d }"]),
         "hist": ("processed.hist", ["unique: [id]", "distinct: { columns: [g], max: 5 }"]),
         "versions": ("processed.hist_history", ["sql: { query: 'SELECT id FROM this WHERE v > 1000', rows: 0 }"]),
         "plain": ("processed.plain", ["range: { column: v, max: 90 }", "pair: { expr: 'o >= 0' }"])}


def records(seed, count, worst=9):
    """Repeats, corrections, ties, keys without a value, casts that fail and records that break the contract."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        row = {"id": f"k{rng.randrange(25)}", "g": f"g{rng.randrange(4)}", "o": rng.randrange(4),
               "v": rng.choice([0.0, -0.0, 1.5, 2.0, worst]), "n": str(rng.randrange(3)),
               "at": f"2024-01-0{rng.randrange(1, 6)}T0{rng.randrange(9)}:00:00Z", "extra": rng.randrange(2)}
        if rng.random() < .05:
            row["id"] = None
        if rng.random() < .05:
            row["n"] = "no number"
        if rng.random() < .04:
            row["at"] = "never"
        lines.append(json.dumps(row))
    return ("\n".join(lines) + "\n").encode()


def make(folder):
    folder.mkdir()
    files = {"weirhouse.yaml": "name: p\nversion: 1\nclock: replay\nsources:\n"
                               "  ev: { landing: landing/ev/, format: jsonl, contract: ev }\n",
             "contracts/ev.odcs.yaml": CONTRACT}
    for name, (words, select) in TABLES.items():
        files[f"processed/{name}.sql"] = f"-- wh: table processed.{name}; {words}\n{select}\n"
    for name, source in (("h", "hist_history"), ("p", "plain"), ("c", "chain")):
        files[f"features/{name}.yaml"] = VIEW.format(name=name, source=source)
    for name, (table, checks) in GATES.items():
        files[f"gates/{name}.yaml"] = f"gate: {name}\ntable: {table}\nowner: t\nchecks:\n" + "".join(
            f"  - {check}\n" for check in checks)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    project = Project(folder)
    project.wh("init")
    project.apply()
    return project


def told(project):
    """All that a project says of its data; runs and times aside."""
    losers = project.rows("select record, \"table\", state, winner from system.losers order by all")
    quarantine = project.rows("select object, ordinal, reason, violations, _record from quarantine.ev order by all")
    online = [[(f["status"], f["value"]) for f in project.json("feature", "get", f"{view}@1", f"g=g{g}", "--at", at)["features"]]
              for view in "hpc" for g in (1, 3) for at in ("2024-01-06T00:00:00Z",)]
    status = project.status()
    assert status["adds_up"]
    return {"digests": project.digests("processed", "feature", "quarantine"), "states": status["states"],
            "losers": losers, "quarantine": quarantine, "online": online}


def life(folder, piece):
    project = make(folder)
    env = {"WEIRHOUSE_PIECE_ROWS": piece} if piece else {}
    project.land("ev", "a.jsonl", records(1, 80))
    project.wh("run", env=env)
    project.land("ev", "b.jsonl", records(2, 60))
    project.land("ev", "c.jsonl", records(1, 30))
    project.wh("run", env=env)
    first = told(project)
    project.land("ev", "d.jsonl", records(3, 40, worst=99))
    project.wh("run", env=env, code=3)
    halted = project.status()["halted"][0]["run"]
    project.wh("gate", "override", halted, "--reason", "known", env=env)
    project.wh("run", env=env)
    project.wh("verify", "--rebuild", env=env)
    project.wh("run", "--full", env=env)
    second = told(project)
    assert not list((folder / ".weirhouse/tmp").glob("*"))
    return first, second


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    return life(tmp_path_factory.mktemp("pieces") / "p", "")


@pytest.mark.parametrize("piece", ["1", "7"])
def test_a_piece_of_any_size_gives_the_same(tmp_path, at_once, piece):
    for got, wanted in zip(life(tmp_path / "p", piece), at_once):
        assert got == wanted


@pytest.mark.parametrize("place", ["storage.row_file.append:40", "feature.online.many_written"])
def test_a_process_that_ends_among_the_pieces_leaves_nothing_behind(tmp_path, at_once, place):
    project = make(tmp_path / "p")
    env = {"WEIRHOUSE_PIECE_ROWS": "7"}
    project.land("ev", "a.jsonl", records(1, 80))
    project.wh("run", env={**env, "WEIRHOUSE_FAILPOINT": place}, code=137)
    assert not list((project.folder / ".weirhouse/tmp").glob("*"))
    project.wh("run", env=env)
    project.land("ev", "b.jsonl", records(2, 60))
    project.land("ev", "c.jsonl", records(1, 30))
    project.wh("run", env=env)
    assert told(project) == at_once[0]
