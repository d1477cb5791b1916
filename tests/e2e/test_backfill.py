"""In a backfill, the features of several batches are one commit: the tables are those of a commit for each batch."""
import datetime
import json
import sqlite3

import pytest
from pyiceberg.table import StaticTable

from test_growth import make_by_day

DAYS = 40
TOGETHER = 16  # kFeaturizedTogether


def land(project, number):
    """Ten rows, half of which correct rows of the day before; some have no id, which their contract refuses."""
    day = (datetime.date(2024, 1, 1) + datetime.timedelta(days=number)).isoformat()
    rows = [{"id": f"{(number * 5 + i) % 60}", "x": number, "at": f"{day}T00:00:00Z"} for i in range(10)]
    rows += [{"x": 1, "at": f"{day}T00:00:00Z"}] if number % 7 == 0 else []
    (project.folder / f"landing/t/{day}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def told(project):
    values = [(feature["name"], feature["value"]) for view in ("sums@1", "now@1") for key in ("4", "33") for day in ("01-20", "02-09")
              for feature in project.json("feature", "get", view, f"id={key}", "--at", f"2024-{day}T00:00:00Z")["features"]]
    return project.digests("processed", "feature", "quarantine"), project.status()["states"], values


def catalog(project):
    return sqlite3.connect(project.folder / ".weirhouse/catalog.db")


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    project = make_by_day(tmp_path_factory.mktemp("one") / "p")
    for number in range(DAYS):
        land(project, number)
        project.wh("run")
    return told(project)


def test_features_of_a_backfill_are_few_commits_with_the_rows_of_many(tmp_path, one_by_one):
    project = make_by_day(tmp_path / "p")
    for number in range(DAYS):
        land(project, number)
    project.wh("run")
    count = catalog(project).execute("select count(*) from commit_log where layer = 'feature'").fetchone()[0]
    assert count == -(-DAYS // TOGETHER)
    assert catalog(project).execute("select count(*) from commit_log where layer = 'processed'").fetchone()[0] == DAYS
    assert told(project) == one_by_one
    project.wh("verify", "--deep")
    project.wh("verify", "--rebuild")
    location = catalog(project).execute("select metadata_location from table_pointer where name = 'feature.sums_v1'").fetchone()[0]
    table = StaticTable.from_metadata(location)  # another reader sees a snapshot for each of them
    assert len(table.metadata.snapshots) == count
    assert table.scan().to_arrow().num_rows == 10 * DAYS
    offset = dict(catalog(project).execute("select consumer, position from consumer_offset").fetchall())["feature"]
    last = catalog(project).execute("select max(seq) from commit_log where layer = 'processed'").fetchone()[0]
    assert offset == last


@pytest.mark.parametrize("point", ["feature.planned:2", "feature.staged_table:3", "feature.committed:2", "processed.committed:20"])
def test_a_backfill_that_dies_between_ends_the_same(tmp_path, one_by_one, point):
    project = make_by_day(tmp_path / "p")
    for number in range(DAYS):
        land(project, number)
    project.wh("run", env={"WEIRHOUSE_FAILPOINT": point, "WEIRHOUSE_FAILPOINT_LOSE": "1"}, code=137)
    project.wh("verify")
    project.wh("run")
    assert told(project) == one_by_one
    project.wh("verify", "--deep")


def test_features_wait_for_no_batch_after_a_halt(tmp_path):
    """What was published before a batch that halts has its features all the same."""
    project = make_by_day(tmp_path / "p")
    (project.folder / "gates/t.yaml").write_text("gate: t\ntable: processed.t\nchecks:\n  - row_count: { min: 5 }\n")
    project.wh("apply", "--yes")
    for number in range(20):
        land(project, number)
    day = (datetime.date(2024, 1, 1) + datetime.timedelta(days=18)).isoformat()
    (project.folder / f"landing/t/{day}.jsonl").write_text(json.dumps({"id": "1", "x": 1, "at": f"{day}T00:00:00Z"}) + "\n")
    project.wh("run", code=3)
    standing = dict(catalog(project).execute("select consumer, position from consumer_offset").fetchall())["feature"]
    published = catalog(project).execute("select max(seq) from commit_log where layer = 'processed' and state = 'committed'").fetchone()[0]
    assert standing == published
    assert project.rows("select count(*) as n from feature.sums_v1") == [{"n": 180}]
