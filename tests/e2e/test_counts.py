"""Every raw record ends in exactly one counted state, and the counts are those that were planted."""
import pytest

from project import Project

STATES = {"processed", "duplicate", "conflict", "superseded", "filtered", "quarantined", "excluded"}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, faulty_days):
    project = Project.make(tmp_path_factory.mktemp("counts") / "flights")
    landing, report = faulty_days
    project.apply()
    project.land_all(landing)
    project.wh("run")
    return project, report


def test_clean_days_are_processed_but_for_what_is_really_wrong(project, clean_days):
    project.land_all(clean_days, days=("2013-01-01", "2013-01-10"))
    summary = project.json("run")
    status = project.status()
    assert summary["records"] == status["records"] == sum(status["states"].values())
    assert status["states"] == {"processed": status["records"]}
    assert status["adds_up"] and status["waiting_records"] == 0
    assert summary["objects"] == 31


def test_planted_faults_are_counted_exactly(faulty):
    project, report = faulty
    status = project.status()
    planted = {name: sum(source[name] for source in report.values())
               for name in ("records", "duplicates", "malformed", "corrections")}
    assert min(planted.values()) > 0
    assert status["adds_up"]
    assert status["records"] == planted["records"] == sum(status["states"].values())
    assert status["states"] == {
        "processed": planted["records"] - planted["duplicates"] - planted["malformed"] - planted["corrections"],
        "duplicate": planted["duplicates"],
        "quarantined": planted["malformed"],
        "superseded": planted["corrections"],
    }
    assert set(status["states"]) <= STATES


def test_each_kind_of_broken_record_is_quarantined_with_its_reason(faulty):
    project, report = faulty
    reasons = {"truncated", "wrong_type", "missing_required", "out_of_range", "bad_value", "invalid_utf8"}
    for source, planted in report.items():
        assert reasons - {"bad_value"} <= set(planted["malformed_kinds"]) | {"truncated"} or planted["malformed"] < 30
        rows = project.rows(f"select object, line, byte_offset, reason, violations from quarantine.{source}") \
            if planted["malformed"] else []
        assert len(rows) == planted["malformed"]
        assert all(row["reason"] and row["violations"] for row in rows)


def test_quarantined_bytes_are_those_of_the_raw_object(faulty, faulty_days):
    project, _ = faulty
    landing, _ = faulty_days
    entries = project.json("quarantine", "list", "--limit", "100000")
    assert entries
    rows = project.rows("select object, byte_offset, byte_length, line from quarantine.arrival")
    assert rows
    for row in rows:
        data = (landing / "arrival" / row["object"]).read_bytes()
        line = data[row["byte_offset"]:row["byte_offset"] + row["byte_length"]]
        assert data.split(b"\n")[row["line"] - 1] == line.rstrip(b"\n")


def test_landing_the_same_files_again_changes_no_table(faulty, faulty_days):
    project, _ = faulty
    landing, _ = faulty_days
    before = project.digests("processed", "feature", "quarantine", "raw")
    snapshots = {t["table"]: t["commit"] for t in project.status()["tables"]}
    project.land_all(landing)
    summary = project.json("run")
    assert summary["objects"] == 0 and summary["duplicate_objects"] == 31
    assert project.digests("processed", "feature", "quarantine", "raw") == before
    assert {t["table"]: t["commit"] for t in project.status()["tables"]} == snapshots
    assert project.status()["adds_up"]


def test_running_again_with_nothing_new_does_nothing(faulty):
    project, _ = faulty
    before = project.status()["commit"]
    assert project.json("run")["commits"] == 0
    assert project.status()["commit"] == before


def test_runs_are_listed_newest_first(faulty):
    project, _ = faulty
    runs = project.json("runs", "--limit", "1000000")["runs"]
    numbers = [int(run["run"][1:]) for run in runs]
    assert numbers == sorted(numbers, reverse=True)
    assert {"init", "apply", "raw", "processed", "feature"} <= {run["kind"] for run in runs}
    assert all(run["state"] == "committed" and run["commit"] for run in runs)
    assert project.json("runs", "--limit", "2")["runs"] == runs[:2]
    shown = project.wh("runs", "--limit", "2").stdout
    assert shown.splitlines()[0].split()[:3] == ["RUN", "KIND", "NAME"] and runs[0]["run"] in shown
