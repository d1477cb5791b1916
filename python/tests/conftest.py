import json
import os
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, PACKAGE)

ROWS = pyarrow.table(
    {
        "x": pyarrow.array([1.0, None, 3.0, 4.0]),
        "n": pyarrow.array([1, 2, None, 4], pyarrow.int64()),
        "id": ["a", "b", "c", "d"],
        "late": [True, False, True, False],
        "split": ["train", "test", "train", "train"],
    }
)


@pytest.fixture
def job_folder(tmp_path):
    """A job folder as src/rules/model/train.cc makes it."""
    pyarrow.parquet.write_table(ROWS, tmp_path / "set.parquet")
    (tmp_path / "model").mkdir()
    description = {
        "schema_version": 1,
        "model": "late",
        "params": {"max_depth": 6, "nested": {"a": [1]}},
        "project": str(tmp_path),
        "variables": [],
        "training_set": {
            "id": "late_v1#1",
            "path": str(tmp_path / "set.parquet"),
            "format": "parquet",
            "split_column": "split",
            "features": ["n", "x"],
            "label": "late",
            "digest": "00" * 32,
        },
    }
    (tmp_path / "job.json").write_text(json.dumps(description))
    return tmp_path


@pytest.fixture
def run(job_folder):
    """Runs a script as the command of the job; gives its exit code and output."""

    def run_script(script):
        (job_folder / "train.py").write_text(script)
        environment = {
            "WEIRHOUSE_JOB": str(job_folder),
            "PYTHONPATH": PACKAGE,
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [sys.executable, "train.py"],
            cwd=job_folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    return run_script
