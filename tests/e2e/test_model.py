"""From training set to a traced prediction, reproduced to the byte; online equals offline."""
import hashlib
import json
import pathlib

import pytest

from project import Project

REQUEST = ("carrier=UA", "origin=EWR", "tailnum=N14228", "sched_dep_at=2013-01-10T20:15:00Z", "distance=1400")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, faulty_days):
    landing, _ = faulty_days
    project = Project.make(tmp_path_factory.mktemp("model") / "flights")
    project.edit("models/late.yaml", ("min: 0.65", "min: 0.4"))    # ten days teach little
    project.apply()
    project.land_all(landing)
    project.wh("run")
    project.built = project.json("train-set", "build", "late_v1")
    project.model = project.json("model", "train", "late")
    project.wh("model", "deploy", "late#1")
    project.prediction = project.json("predict", "late", *REQUEST, "--at", "2013-01-10T20:15:00Z")
    return project


def nodes(node):
    yield node
    for parent in node.get("parents", []):
        yield from nodes(parent)


def test_every_arrived_flight_is_a_training_row(trained):
    arrived = trained.rows("select count(*) as n from processed.departure d "
                           "join processed.arrival a using (flight_id)")[0]["n"]
    assert trained.built["training_set"] == "late_v1#1"
    assert trained.built["rows"] == arrived > 5000


def test_a_prediction_has_a_score_and_an_id(trained):
    assert trained.prediction["prediction"].startswith("p-")
    assert 0 <= trained.prediction["output"]["score"] <= 1
    again = trained.json("predict", "late", *REQUEST, "--at", "2013-01-10T20:15:00Z")
    assert again["output"] == trained.prediction["output"]
    assert again["prediction"] != trained.prediction["prediction"]


def test_a_prediction_traces_to_raw_bytes_that_match_their_digests(trained):
    answer = trained.json("trace", trained.prediction["prediction"])
    assert answer["intact"]
    kinds = {node["kind"] for node in nodes(answer["trace"])}
    assert {"prediction", "model", "training_set", "object"} <= kinds
    objects = list((trained.folder / ".weirhouse/lake/raw").glob("*/dt=*/*"))
    assert {row["digest"] for row in trained.rows("select digest from raw.arrival")} <= {path.name for path in objects}
    for path in objects:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_the_same_model_comes_out_again(trained):
    again = trained.json("reproduce", "late#1", "--check")
    assert again["same"] and again["digests"]


def test_a_changed_parameter_is_named(trained):
    differs = trained.json("reproduce", "late#1", "--param", "max_depth=3", code=9)
    assert not differs["same"]
    assert any("max_depth" in json.dumps(difference) for difference in differs["differences"])


def test_online_equals_offline_bit_for_bit(trained):
    skew = trained.json("skew", "--pairs", "1000")
    assert skew["differing"] == 0 if "differing" in skew else "0" in json.dumps(skew)


def test_verify_finds_a_flipped_bit_and_nothing_else(trained):
    assert trained.json("verify", "--deep")["problems"] == []
    victim = max((p for p in (trained.folder / ".weirhouse/lake/processed").rglob("*.parquet")),
                 key=lambda p: p.stat().st_size)
    whole = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    try:
        found = trained.json("verify", "--deep", code=9)
        assert len(found["problems"]) == 1 and pathlib.Path(victim).name in found["problems"][0]
    finally:
        victim.write_bytes(whole)
    assert trained.json("verify", "--deep")["problems"] == []


def test_what_nobody_declared_is_named_and_what_is_declared_is_compared(trained, tmp_path):
    outside = tmp_path / "in.txt"
    outside.write_text("1")
    trained.edit("train.py", ("import weirhouse as wh\n", f"import weirhouse as wh\nopen({str(outside)!r}).read()\n"))
    said = trained.wh("model", "train", "late")
    assert str(outside) in said.stdout + said.stderr
    told = trained.json("reproduce", "late#2", code=9)
    assert not told["same"] and told["differences"] == [] and str(outside) in told["unproven"][0]
    assert "roc_auc" in told["metrics"]
    assert str(outside) in trained.wh("trace", "late#2").stdout
    trained.edit("models/late.yaml", ("metrics:", f"inputs: [{outside}]\nmetrics:"))
    trained.wh("model", "train", "late")
    assert trained.json("reproduce", "late#3")["same"]
    outside.write_text("2")
    differs = trained.json("reproduce", "late#3", code=9)["differences"]
    assert [one["what"] for one in differs] == [f"input {outside}"]


def test_a_script_that_cannot_answer_is_not_deployed(trained):
    trained.edit("score.py", ("import pyarrow\n", "import pyarrow\nimport not_there\n"))
    refused = trained.wh("model", "deploy", "late#1", code=2)
    assert "not_there" in refused.stderr
    again = trained.json("predict", "late", *REQUEST, "--at", "2013-01-10T20:15:00Z")
    assert again["output"] == trained.prediction["output"]
