"""What keeps a table small and what goes back in time: on tables that other engines wrote, read by them again."""
import datetime
import json
import os
import pathlib
import sys
import time

import pyarrow as pa
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

from engines import DuckDb, PyIceberg, SCHEMA, arrow, make_rows, normal
from project import Project

FILES = {
    "processed/gated.sql": "-- wh: table processed.gated; key trip_id; event at; known at; mode external; contract trips\n",
    "processed/double.sql": "-- wh: table processed.double; key trip_id; event at; known at; mode full\n"
                            "SELECT t.trip_id, t.zone, t.fare * 2 AS fare, t.at FROM processed.trips AS t\n",
    "gates/gated.yaml": "gate: gated\ntable: processed.gated\nchecks:\n  - range: { column: fare, max: 10 }\n",
    "features/zone.yaml": """
--- { feature_view: zone, version: 1, entity: { zone: string }, source: processed.trips, event_time: at, known_time: at,
  windows: [24h], features: { fares: { agg: sum, of: fare } }, online: { fill: stream } }
""",
}
TRIPS = pa.schema([pa.field("trip_id", pa.string(), nullable=False), pa.field("zone", pa.string(), nullable=False),
                   pa.field("fare", pa.int64(), nullable=False), pa.field("at", pa.timestamp("us", "UTC"), nullable=False)])


def trips(*rows):
    at = datetime.datetime(2024, 1, 2, 10, tzinfo=datetime.timezone.utc)
    return pa.Table.from_pylist([{"trip_id": name, "zone": zone, "fare": fare, "at": at} for name, zone, fare in rows], schema=TRIPS)


@pytest.fixture
def yard(tmp_path):
    project = Project.trips(tmp_path / "yard", "matrix", FILES)
    project.apply()
    with project.serve() as daemon:
        project.uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        project.iceberg = PyIceberg(project.uri, project.token)
        project.iceberg.create_namespace("open")
        yield project
        project.iceberg.close()
    project.wh("verify", "--deep")


def on_disk(project, *below):
    """Files of the lake, or of a table."""
    root = (project.folder / ".weirhouse/lake").joinpath(*below)
    return {str(path) for path in root.rglob("*") if path.is_file()}


def fill(project, table, batches=12, partition=("month", "day")):
    project.iceberg.create(table, partition)
    for batch in range(batches):
        project.iceberg.append(table, make_rows(batch * 10, 10))
    project.iceberg.delete(table, [3, 4, 55])


def duck_rows(project, table, **at):
    duck = DuckDb(project.uri, project.token)
    try:
        return normal(duck.read(table, **at))
    finally:
        duck.close()


def test_compaction_keeps_the_rows_for_every_reader(yard):
    fill(yard, "open.t")
    before = normal(yard.iceberg.read("open.t"))
    old = yard.iceberg.table("open.t").current_snapshot().snapshot_id
    reader = yard.iceberg.table("open.t").scan()     # planned before, read after
    files = len(yard.json("table", "files", "open.t")["files"])
    made = yard.json("table", "compact", "open.t")
    assert made["changed"] and made["files_before"] == files > made["files_after"] and made["rows"] == 117
    assert len(yard.json("table", "files", "open.t")["files"]) == made["files_after"]
    assert normal(yard.iceberg.read("open.t")) == before == duck_rows(yard, "open.t")
    assert normal(reader.to_arrow().to_pylist()) == before
    assert normal(yard.iceberg.read("open.t", snapshot=old)) == before == duck_rows(yard, "open.t", snapshot=old)
    newest = yard.json("table", "history", "open.t")["history"][0]
    assert newest["operation"] == "replace" and newest["commit"] == f"@{made['commit']}" and newest["by"] == "compaction open.t"
    diff = yard.json("table", "diff", "open.t", str(old))
    assert diff["differing_rows"] == 0 and diff["data_files_removed"] > 0
    assert not yard.json("table", "compact", "open.t")["changed"], "there is nothing left to do"
    yard.iceberg.append("open.t", make_rows(500, 10))
    assert len(yard.iceberg.read("open.t")) == 127


def test_expiry_spares_what_has_a_name_and_waits_for_readers(yard):
    fill(yard, "open.t")
    snapshots = yard.iceberg.snapshots("open.t")
    yard.iceberg.tag("open.t", "theirs", snapshots[2])
    yard.iceberg.branch("open.t", "side", snapshots[5])
    yard.wh("table", "tag", "open.t", "ours", str(snapshots[0]))
    named = {name: normal(yard.iceberg.read("open.t", ref=name)) for name in ("theirs", "side", "ours")}
    assert [len(rows) for rows in named.values()] == [30, 60, 10]
    rows, before = normal(yard.iceberg.read("open.t")), on_disk(yard)

    would = yard.json("table", "expire", "open.t", "--keep", "2", "--dry-run")
    assert on_disk(yard) == before and len(yard.iceberg.table("open.t").snapshots()) == len(snapshots)
    done = yard.json("table", "expire", "open.t", "--keep", "2")
    for key in ("snapshots_expired", "snapshots_kept", "spared_by"):
        assert done[key] == would[key], key
    assert done["snapshots_kept"] == 5 and done["spared_by"] == ["ours", "side", "theirs"]
    assert done["files_released"] > 0 and done["files_removed"] == 0
    assert before <= on_disk(yard), "readers have an hour"
    assert "no commit names" not in yard.wh("verify").stdout
    gone = yard.wh("sql", "select 1 from open.t", "--at", str(snapshots[1]), code=6)
    assert "WH7059" in gone.stderr

    after = yard.json("table", "expire", "open.t", "--keep", "2", "--grace", "0s")
    assert after["files_removed"] >= done["files_released"]
    assert not before <= on_disk(yard)
    assert normal(yard.iceberg.read("open.t")) == rows == duck_rows(yard, "open.t")
    for name, were in named.items():
        assert normal(yard.iceberg.read("open.t", ref=name)) == were
        assert yard.json("sql", "select count(*) as n from open.t", "--at", name)["rows"] == [{"n": len(were)}]
    yard.iceberg.append("open.t", make_rows(900, 10))
    assert len(yard.iceberg.read("open.t")) == 127


def test_old_orphans_go_young_ones_and_what_is_at_work_stay(yard):
    fill(yard, "open.t", batches=3)
    yard.iceberg.catalog.create_namespace("odd ns")
    odd = yard.iceberg.catalog.create_table(("odd ns", "a/b ü"), SCHEMA)
    from pyiceberg.transforms import IdentityTransform
    with odd.update_spec() as update:
        update.add_field("name", IdentityTransform(), "name")
    names = ["a b", "a/b", "ü", "%2e", "x=y", "..", "#?&", "", None]
    yard.iceberg.catalog.load_table(("odd ns", "a/b ü")).append(
        arrow([{**row, "name": name} for row, name in zip(make_rows(0, len(names)), names)]))
    nothing = yard.json("gc", "--orphan-age", "0s", "--dry-run")
    assert nothing["orphans"] == 0, nothing["first_orphans"]

    data = yard.folder / ".weirhouse/lake/open/t/data"
    old, young = data / "00000-0-left.parquet", data / "00000-1-left.parquet"
    old.write_bytes(b"orphan")
    time.sleep(2.5)
    view = yard.wh("staging", "open", "processed.gated", "--expires", "1h").stdout.split()[2]
    shown = yard.json("staging", "show", view)
    assert shown["state"] == "open"
    working = data / f"{view}-00000-0badcafe.parquet"
    two_days_ago = time.time() - 48 * 3600
    for path in (young, working):
        path.write_bytes(b"orphan")
        os.utime(path, (two_days_ago, two_days_ago))    # as cp -p does; what counts is when it came
    before = on_disk(yard)
    said = yard.json("gc", "--orphan-age", "1s", "--dry-run")
    assert said["orphans"] == 3 and on_disk(yard) == before
    swept = yard.json("gc", "--orphan-age", "1s")
    assert swept["orphans_removed"] == 1 and swept["orphans_too_young"] == 1 and swept["orphans_of_open_runs"] == 1
    assert swept["first_orphans"] == [str(old)]
    assert not old.exists() and young.exists() and working.exists()
    yard.wh("staging", "discard", view, "--reason", "test")
    assert yard.json("gc", "--orphan-age", "0s")["orphans_removed"] == 2
    assert len(yard.iceberg.read("open.t")) == 28
    assert len(yard.iceberg.catalog.load_table(("odd ns", "a/b ü")).scan().to_arrow()) == len(names)


def test_upkeep_leaves_a_staging_area_what_it_staged(yard):
    """Staged rows are on no main: neither expiry nor the sweep may take them."""
    run = yard.wh("staging", "open", "processed.gated", "--expires", "1h")
    area = run.stdout.split()[2]
    token = run.stdout.split("TOKEN '")[1].split("'")[0]
    staging = PyIceberg(f"{yard.uri}/staging/{area}", token)
    for number in range(3):
        staging.table("processed.gated").append(trips((f"t{number}", "a", number)))
    swept = yard.json("gc", "--keep", "1", "--grace", "0s", "--orphan-age", "0s")
    assert swept["orphans"] == 0, swept["first_orphans"]
    assert len(staging.read("processed.gated")) == 3
    staging.table("processed.gated").append(trips(("t9", "a", 90)))
    yard.wh("staging", "publish", area, code=3)     # the gate says no
    yard.json("gc", "--keep", "1", "--grace", "0s", "--orphan-age", "0s")
    refused = yard.wh("table", "rollback", "processed.gated", f"staging-{area}", code=7)
    assert "WH7124" in refused.stderr, "going back is no way around a gate"
    staging.table("processed.gated").delete("trip_id == 't9'")
    yard.wh("staging", "publish", area)
    staging.close()
    yard.json("gc", "--keep", "1", "--grace", "0s", "--orphan-age", "0s")
    assert sorted(row["trip_id"] for row in yard.iceberg.read("processed.gated")) == ["t0", "t1", "t2"]


def test_a_rollback_of_an_external_table_is_followed_downstream(yard):
    table = yard.iceberg.catalog.load_table("processed.trips")
    table.append(trips(("t1", "a", 10), ("t2", "b", 20)))
    good = table.refresh().current_snapshot().snapshot_id
    yard.wh("run")
    digests = yard.digests("processed", "feature")
    table.append(trips(("t3", "a", 1000)))
    table.delete("trip_id == 't2'")
    yard.wh("run")
    assert yard.digests("processed", "feature") != digests
    ask = ("feature", "get", "zone@1:*", "zone=a", "--at", "2024-01-02T12:00:00Z")
    assert yard.json(*ask)["features"][0]["value"] == 1010

    yard.wh("table", "rollback", "processed.trips", str(good))
    yard.wh("run")
    assert yard.digests("processed", "feature") == digests
    assert yard.json(*ask)["features"][0]["value"] == 10
    assert sorted(row["trip_id"] for row in yard.iceberg.read("processed.double")) == ["t1", "t2"]
    history = yard.json("table", "history", "processed.trips")["history"]
    assert history[0]["by"] == "rollback processed.trips" and int(history[0]["snapshot"]) == good
    yard.wh("run", "--full")
    assert yard.digests("processed", "feature") == digests

    for name, code in (("processed.double", "WH7075"), ("feature.zone_v1", "WH7075")):
        newest = yard.json("table", "history", name)["history"][0]["snapshot"]
        assert code in yard.wh("table", "rollback", name, newest, code=7).stderr
    # And forward again: what was left behind is still there.
    yard.json("gc", "--grace", "0s")
    yard.wh("table", "rollback", "processed.trips", history[1]["snapshot"])
    assert sorted(row["trip_id"] for row in yard.iceberg.read("processed.trips")) == ["t1", "t3"]


def test_a_table_registered_from_expired_metadata_is_refused(yard):
    """Its files are released and may vanish under the readers of the new table."""
    yard.iceberg.create("open.gone")
    yard.iceberg.append("open.gone", make_rows(0, 10))
    yard.iceberg.table("open.gone").overwrite(arrow(make_rows(10, 10)))
    location = yard.iceberg.table("open.gone").metadata_location
    yard.iceberg.table("open.gone").overwrite(arrow(make_rows(20, 10)))
    yard.wh("table", "expire", "open.gone", "--keep", "1")
    yard.iceberg.catalog.drop_table("open.gone")
    with pytest.raises(Exception, match="WH7089"):
        yard.iceberg.catalog.register_table("open.again", location)


def test_what_training_sets_need_is_kept_and_a_pipeline_leaves_no_orphans(faulty_days, tmp_path):
    landing, _ = faulty_days
    project = Project.make(tmp_path / "flights")
    project.edit("models/late.yaml", ("min: 0.65", "min: 0.4"))
    project.apply()
    project.land_all(landing)
    project.wh("run")
    project.json("train-set", "build", "late_v1")
    project.json("model", "train", "late")
    before = project.digests("raw", "processed", "feature", "quarantine", "training_set")
    sure = ("--keep", "1", "--grace", "0s", "--orphan-age", "0s")
    would = project.json("gc", *sure, "--dry-run")
    assert would["orphans"] == 0, would["first_orphans"]
    done = project.json("gc", *sure)
    assert sum(table["files_removed"] for table in done["tables"]) > 0
    spared = {name for table in done["tables"] for name in table["spared_by"]}
    assert any(name.startswith("training_set-late_v1") for name in spared), spared
    now = project.digests("raw", "processed", "feature", "quarantine", "training_set")
    assert now == before
    assert project.json("reproduce", "late#1", "--check")["same"]
    verified = project.wh("verify", "--deep").stdout
    assert "0 problems" in verified and "no commit names" not in verified
    project.wh("run", "--full")
    assert project.digests("processed") == {name: digest for name, digest in now.items() if name.startswith("processed.")}
