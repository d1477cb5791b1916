"""The crash tests' checker finds what is wrong, each under the invariant's own name."""
import os
import pathlib
import shutil
import sqlite3

import pytest

import workload
from checker import check


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project that took in everything and discarded the bad day, kept aside."""
    base = tmp_path_factory.mktemp("checker")
    (base / "files").mkdir()
    days = workload.make_files(base / "files", seed=3)
    workload.make_template(base / "template", base / "flights")
    case = workload.Case(base / "flights", base / "template", base / "files", days)
    outcome = workload.run_one_shot(case, maintained=False)
    assert outcome.violations == []
    shutil.copytree(base / "flights", base / "kept", symlinks=True)
    return case, base / "kept"


@pytest.fixture
def case(finished):
    """The same, at the place it knows, as good as new."""
    case, kept = finished
    shutil.rmtree(case.project.folder)
    shutil.copytree(kept, case.project.folder, symlinks=True)
    return case


def found(case):
    return check(case.project.folder, case.landed, drained=True)


def change(case, *statements):
    with sqlite3.connect(case.project.folder / ".weirhouse/catalog.db") as db:
        for statement in statements:
            db.execute(statement)


def lake(case, pattern):
    return sorted((case.project.folder / ".weirhouse/lake").glob(pattern))


def assert_only(violations, *names):
    assert violations and {violation[:2] for violation in violations} <= set(names), violations


def test_it_finds_nothing_where_nothing_is_wrong(case):
    assert found(case) == []


def test_a_landed_file_that_never_arrived(case):
    change(case, "DELETE FROM object WHERE source = 'departure' AND name = '2013-01-04.jsonl'")
    assert any(v.startswith("I1: departure/2013-01-04.jsonl") for v in found(case))


def test_a_record_in_no_state(case):
    change(case, "UPDATE record_state SET count = count - 1 WHERE id = (SELECT min(id) FROM record_state "
                 "WHERE source = 'arrival' AND state = 'processed')")
    assert_only(found(case), "I1")


def test_a_raw_object_that_changed_or_is_gone(case):
    first, second = lake(case, "raw/arrival/dt=*/*")[:2]
    first.chmod(0o644)
    first.write_bytes(first.read_bytes()[:-2] + b" \n")
    second.unlink()
    violations = found(case)
    assert sum(v.startswith("I3") for v in violations) >= 3    # other bytes, writable, gone


def test_a_data_file_that_is_gone_or_has_other_bytes(case):
    victims = lake(case, "processed/departure/**/*.parquet")
    victims[0].unlink()
    assert any(v.startswith("I4: processed.departure") for v in found(case))
    shutil.copy(victims[-1], victims[0])
    assert any(v.startswith("I4") and "digest" in v for v in found(case))


def test_an_empty_metadata_file_as_after_a_power_cut(case):
    with sqlite3.connect(case.project.folder / ".weirhouse/catalog.db") as db:
        path = db.execute("SELECT metadata_location FROM table_pointer WHERE name = 'processed.plane'").fetchone()[0]
    path = pathlib.Path(path.removeprefix("file://"))
    path.chmod(0o644)
    os.truncate(path, 0)
    assert any(v.startswith("I4: processed.plane") for v in found(case))


def test_a_pointer_that_went_back(case):
    change(case, "UPDATE table_pointer SET metadata_location = previous_metadata_location "
                 "WHERE name = 'processed.departure'")
    assert {"I2", "I4"} <= {v[:2] for v in found(case)}


def test_offsets_that_disagree_with_what_is_visible(case):
    change(case, "UPDATE consumer_offset SET position = position - 4 WHERE consumer = 'processed'")
    assert_only(found(case), "I5")
    change(case, "UPDATE consumer_offset SET position = position + 400 WHERE consumer = 'processed'",
           "DELETE FROM edge WHERE kind = 'read' AND src IN (SELECT id FROM node WHERE kind = 'commit' "
           "ORDER BY id DESC LIMIT 4)")
    assert any("skipped" in v for v in found(case))


def test_a_snapshot_without_a_run(case):
    change(case, "DELETE FROM edge WHERE kind = 'wrote' AND dst = (SELECT max(id) FROM node WHERE kind = 'snapshot')")
    assert_only(found(case), "I6")


def test_rows_of_a_run_that_read_nothing(case):
    change(case, "DELETE FROM edge WHERE kind = 'read' AND run = (SELECT max(run) FROM snapshot WHERE table_name = "
                 "'feature.carrier_delay_v1')")
    assert any(v.startswith("I6: run r") and "read nothing" in v for v in found(case))


def test_a_batch_published_against_its_gate(case):
    change(case, "UPDATE verdict SET state = 'failed' WHERE gate = 'arrival' AND batch = '2013-01-05'")
    assert_only(found(case), "I7")
    change(case, "DELETE FROM verdict WHERE gate = 'arrival' AND batch = '2013-01-05'")
    assert_only(found(case), "I7")
