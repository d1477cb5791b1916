"""Very many rows of one key, with nothing to tell them apart, cost what as many rows of as many keys cost."""
import json

import pytest

from project import Project

ROWS = 100_000  # each compared with each other: 5,000,000,000 times
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


@pytest.mark.parametrize("order", ["", "order same; "])
@pytest.mark.parametrize("history", ["", "history keep"])
def test_rows_of_one_key_are_not_compared_with_each_other(tmp_path, order, history):
    project = Project(tmp_path / "lab")
    project.write("weirhouse.yaml", "name: lab\nversion: 1\nsources:\n  s: { landing: landing/s/ }\n")
    project.write("contracts/s.odcs.yaml", CONTRACT)
    project.write("processed/t.sql", f"-- wh: table processed.t; key id; {order}{history}\n"
                                     "SELECT r.id, r.v, r.v * 0 AS same FROM records.s AS r\n")
    project.wh("init")
    project.apply()
    project.land("s", "1.jsonl", "".join(f'{{"id":"a","v":{i}}}\n' for i in range(ROWS)).encode())
    project.wh("ingest", timeout=60)
    project.land("s", "2.jsonl", json.dumps({"id": "a", "v": ROWS}).encode() + b"\n")
    project.wh("ingest", timeout=60)
    assert project.rows("select count(*) as n from processed.t") == [{"n": 1}]  # the greatest digest
    if history:
        assert project.rows("select count(*) as n from processed.t_history")[0]["n"] == ROWS + 1
