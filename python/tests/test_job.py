import json

import numpy
import pandas
import pytest

import weirhouse
from weirhouse._job import Job


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_a_split_has_its_rows_in_order_and_only_the_features_in_training_order(job_folder):
    train = Job(job_folder).training_set.split("train")
    frame = train.features.to_pandas()
    assert list(frame.columns) == ["n", "x"]
    assert frame["x"].tolist() == [1.0, 3.0, 4.0]
    assert train.label.to_numpy().tolist() == [True, True, False]
    assert train.table.column("id").to_pylist() == ["a", "c", "d"]
    assert len(train) == 3


def test_dtypes_are_of_the_type_and_not_of_the_values(job_folder):
    training_set = Job(job_folder).training_set
    frame = training_set.features.to_pandas()
    assert frame.dtypes.astype(str).to_dict() == {"n": "Int64", "x": "float64"}
    assert pandas.isna(frame["n"][2]) and numpy.isnan(frame["x"][1])
    assert training_set.features.to_arrow().column("n").null_count == 1
    assert training_set.features.to_numpy().shape == (4, 2)
    assert numpy.isnan(training_set.features.to_numpy()[2, 0])
    assert training_set.split("test").features.to_pandas()["n"].tolist() == [2]
    whole = training_set.split("test").table.to_pandas().dtypes.astype(str).to_dict()
    assert whole["n"] == "Int64" and whole["late"] == "bool"


def test_an_unknown_split_is_an_error_that_names_the_known_ones(job_folder):
    with pytest.raises(weirhouse.JobError, match=r"no split 'tset'; it has \['test', 'train'\]"):
        Job(job_folder).training_set.split("tset")


def test_a_set_without_splits_is_all_train(job_folder):
    description = read(job_folder, "job.json")
    description["training_set"]["split_column"] = ""
    (job_folder / "job.json").write_text(json.dumps(description))
    training_set = Job(job_folder).training_set
    assert len(training_set.split("train")) == 4
    with pytest.raises(weirhouse.JobError, match="one split"):
        training_set.split("test")


def test_a_missing_column_is_named(job_folder):
    description = read(job_folder, "job.json")
    description["training_set"]["features"] = ["x", "gone"]
    (job_folder / "job.json").write_text(json.dumps(description))
    with pytest.raises(weirhouse.JobError, match="gone"):
        Job(job_folder).training_set.split("train")


def test_params_are_a_copy(job_folder):
    job = Job(job_folder)
    job.params["nested"]["a"].append(2)
    assert job.params == {"max_depth": 6, "nested": {"a": [1]}}


def test_metrics_take_numpy_scalars_and_keep_the_last(job_folder):
    job = Job(job_folder)
    job.metric("auc", numpy.float64(0.5))
    job.metric("auc", numpy.float32(0.75))
    job.metric("rows", numpy.int64(3))
    job.metric("loss", float("nan"))
    assert read(job_folder, "metrics.json") == {"auc": 0.75, "rows": 3.0, "loss": None}
    for value in ("high", None, [1, 2]):
        with pytest.raises(weirhouse.JobError, match="must be a number"):
            job.metric("auc", value)
    with pytest.raises(weirhouse.JobError, match="name"):
        job.metric("", 1)


def test_paths_stay_inside_the_output_folder(job_folder):
    job = Job(job_folder)
    path = job.path("a/b/model.bin")
    assert path == str(job_folder / "model" / "a" / "b" / "model.bin")
    open(path, "w").close()  # its folder is there
    assert job.path() == str(job_folder / "model")
    for name in ("../x", "/etc/passwd", "a/../../x", "../model2/x"):
        with pytest.raises(weirhouse.JobError, match="leads out"):
            job.path(name)


def test_the_environment_is_written_at_exit(run, job_folder):
    (job_folder / "neighbour.py").write_text("X = 1\n")
    code, output = run(
        "import neighbour, weirhouse as wh\n"
        "assert wh.current_job() is wh.current_job()\n"
        "wh.current_job().metric('m', 2)\n"
    )
    assert code == 0, output
    assert read(job_folder, "metrics.json") == {"m": 2.0}
    environment = read(job_folder, "environment.json")
    assert "pyarrow" in environment["packages"]
    assert set(environment["scripts"]) == {"train.py", "neighbour.py"}
    assert not list(job_folder.glob(".*.tmp"))


def test_a_script_that_fails_keeps_its_metrics(run, job_folder):
    code, output = run("import weirhouse\nweirhouse.current_job().metric('m', 1)\n1 / 0\n")
    assert code == 1 and "ZeroDivisionError" in output
    assert read(job_folder, "metrics.json") == {"m": 1.0}


def test_outside_a_job_it_says_how_to_get_into_one(monkeypatch):
    monkeypatch.delenv("WEIRHOUSE_JOB", raising=False)
    with pytest.raises(weirhouse.JobError, match="wh model train"):
        weirhouse.current_job()


def test_a_job_of_another_release_is_refused(job_folder):
    description = read(job_folder, "job.json")
    description["schema_version"] = 2
    (job_folder / "job.json").write_text(json.dumps(description))
    with pytest.raises(weirhouse.JobError, match="schema version 2"):
        Job(job_folder)
