"""A sum that does not fit 64 bits is an error for who asks for it, and for nobody else."""
import json

import pytest

import test_growth
from project import Project

FILES = {
    "weirhouse.yaml": "name: sums\nversion: 1\nclock: replay\nsources:\n  t: { landing: landing/t/, format: jsonl, contract: t }\n",
    "contracts/t.odcs.yaml": test_growth.FILES["contracts/t.odcs.yaml"].replace(
        "{ name: x, logicalType: number }", "{ name: x, logicalType: integer }\n      - { name: k, logicalType: string, required: true }"),
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at\nSELECT r.id, r.k, r.x, r.at FROM records.t AS r\n",
    "features/v.yaml": """feature_view: v
version: 1
entity: { k: string }
source: processed.t
event_time: at
known_time: at
windows: [7d]
features:
  total: { agg: sum, of: x }
  n: { agg: count }
  top: { agg: max, of: x }
online: { fill: stream }
""",
    "training_sets/good.yaml": "training_set: good\nspine: select t.k, t.at, t.id as label from processed.t as t\ntime: at\nlabel: label\nfeatures: ['v@1:n_7d', 'v@1:top_7d']\nsplit: { by: time, train: 70%, valid: 15%, test: 15% }\n",
    "training_sets/bad.yaml": "training_set: bad\nspine: select t.k, t.at, t.id as label from processed.t as t\ntime: at\nlabel: label\nfeatures: ['v@1:n_7d', 'v@1:total_7d']\nsplit: { by: time, train: 70%, valid: 15%, test: 15% }\n",
}


@pytest.fixture
def sums(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "landing/t").mkdir(parents=True)
    rows = [{"k": "ab"[i % 2], "id": str(i), "x": 2**62 if i % 2 and i < 20 else i, "at": f"2024-01-01T{i // 2:02}:00:00Z"} for i in range(40)]
    (tmp_path / "landing/t/a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project(tmp_path)
    project.wh("init", "-q")
    project.wh("apply", "--yes", "-q")
    return project


def test_others_are_answered_and_compared(sums):
    told = json.loads(sums.wh("feature", "get", "v@1:n_7d", "v@1:top_7d", "k=b", "--json").stdout)
    assert [feature["value"] for feature in told["features"]] == [20, 2**62], told
    for asked in ("v@1:total_7d", "v@1:*"):
        refused = sums.wh("feature", "get", asked, "k=b", code=2)
        assert "WH4012" in refused.stderr and "v.total_7d" in refused.stderr
    assert json.loads(sums.wh("feature", "get", "v@1:total_7d", "k=a", "--json").stdout)["features"][0]["value"] == sum(range(0, 40, 2))
    assert json.loads(sums.wh("skew", "--json").stdout)["differing"] == 0
    sums.wh("verify", "--rebuild")


def test_a_training_set_fails_only_where_it_asks_for_the_sum(sums):
    sums.wh("train-set", "build", "good")
    refused = sums.wh("train-set", "build", "bad", code=2)
    assert "WH4012" in refused.stderr and "v.total_7d" in refused.stderr
