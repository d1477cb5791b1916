"""Write, audit, publish by DuckDB, which knows no branches: two tables of other engines through a staging area."""
import datetime
import json
import os
import random
import uuid
from pathlib import Path

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.manifest import (DataFile, DataFileContent, FileFormat, ManifestContent, ManifestEntry, ManifestEntryStatus,
                                ManifestWriterV2, write_manifest_list)
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, AssertRefSnapshotId, SetSnapshotRefUpdate
from pyiceberg.typedef import Record

from project import Project, wait_until

FILES = {
    "processed/refunds.sql": "-- wh: table processed.refunds; key trip_id; event at; known at; mode external; contract trips\n",
    "processed/net.sql": "-- wh: table processed.net; key trip_id; event at; known at; mode full; history keep\n"
                         "SELECT t.trip_id, t.zone, t.fare - coalesce(r.fare, 0) AS net, t.at FROM processed.trips AS t "
                         "LEFT JOIN processed.refunds AS r USING (trip_id)\n",
    "processed/visits.sql": "-- wh: table processed.visits; key trip_id; event at; known at; mode external; contract trips\n",
    "gates/trips.yaml": "gate: trips\ntable: processed.trips\nchecks:\n"
                        "  - unique: { columns: [trip_id], scope: table }\n  - range: { column: fare, max: 1000 }\n",
    "gates/refunds.yaml": "gate: refunds\ntable: processed.refunds\nchecks:\n"
                          "  - sql: { name: of_a_trip, rows: 0, query: select r.* from this_table r anti join processed.trips t using (trip_id) }\n",
    "features/zone.yaml": """
--- { feature_view: zone_trips, version: 1, entity: { zone: string }, source: processed.trips, event_time: at, known_time: at,
  windows: [24h], features: { n: { agg: count }, fares: { agg: sum, of: fare } }, online: { fill: stream } }
--- { feature_view: zone_net, version: 1, entity: { zone: string }, source: processed.net, event_time: at, known_time: at,
  windows: [24h], features: { net: { agg: sum, of: net } }, online: { fill: stream } }
--- { feature_view: zone_visits, version: 1, entity: { zone: string }, source: processed.visits, event_time: at, known_time: at,
  windows: [24h], features: { fares: { agg: sum, of: fare } }, online: { fill: stream } }
""",
}
ASK = ("feature", "get", "zone_trips@1:*", "zone_net@1:*")
AT = "2024-01-03T00:00:00Z"


def load_extensions(db):
    for package, name in ((duckdb_extension_httpfs, "httpfs"), (duckdb_extension_avro, "avro"),
                          (duckdb_extension_iceberg, "iceberg")):
        db.execute(f"load '{next(Path(package.__path__[0]).rglob(f'{name}.duckdb_extension*'))}'")
    return db


class City:
    def __init__(self, project, port):
        self.project, self.port = project, port

    def token(self, role, on):
        return self.project.json("token", "create", "--name", role, "--role", role, "--on", on)["token"]

    def reader(self):
        """The normal address, as anyone reads it."""
        db = load_extensions(duckdb.connect())
        db.execute(f"attach '' as lake (type iceberg, endpoint 'http://127.0.0.1:{self.port}/iceberg', "
                   f"token '{self.read_token}', access_delegation_mode 'none')")
        return db

    def seen(self):
        db = self.reader()
        return {table: db.execute(f"select trip_id, zone, fare from lake.processed.{table} order by all").fetchall()
                for table in ("trips", "refunds")}

    def open(self, *tables):
        """A staging area, and DuckDB attached to it by the very text that the command prints."""
        printed = self.project.wh("staging", "open", *tables, "--expires", "1h").stdout
        run = printed.split()[2]
        assert f"/iceberg/staging/{run}" in printed
        db = load_extensions(duckdb.connect())
        db.execute(printed[printed.index("CREATE SECRET"):])
        return run, db

    def answers(self):
        found = {}
        for zone in "abc":
            for feature in self.project.json(*ASK, f"zone={zone}", "--at", AT)["features"]:
                found[zone, feature["name"]] = feature["status"], feature["value"]
        return found


@pytest.fixture
def city(tmp_path):
    project = Project.trips(tmp_path / "city", "city", FILES)
    assert "processed 4, 1 with history, 3 external" in project.wh("plan").stdout
    project.apply()
    with project.serve() as daemon:
        made = City(project, daemon.port)
        made.read_token = made.token("reader", "*")
        yield made
    project.wh("verify", "--deep")


def test_an_area_that_nobody_serves_is_said_to_be_so(tmp_path):
    project = Project.trips(tmp_path / "city", "city", FILES)
    project.apply()
    note = "start `wh serve` before writing there"
    assert note in project.wh("staging", "open", "processed.trips").stderr
    with project.serve():
        assert note not in project.wh("staging", "open", "processed.trips").stderr


def test_two_tables_staged_judged_and_published_at_once(city):
    project = city.project
    first, db = city.open("processed.trips", "processed.refunds")
    db.execute(f"insert into {first}.processed.trips values "
               "('t1', 'a', 10, '2024-01-02 10:00:00+00'), ('t2', 'a', 20, '2024-01-02 11:00:00+00'), "
               "('t3', 'b', 30, '2024-01-02 12:00:00+00'), ('t4', 'b', 5, '2024-01-01 12:00:00+00')")
    db.execute(f"insert into {first}.processed.refunds values ('t1', 'a', 1, '2024-01-02 13:00:00+00')")
    assert city.seen() == {"trips": [], "refunds": []}
    project.wh("staging", "publish", first)
    assert len(city.seen()["trips"]) == 4
    project.wh("run")
    before = city.answers()
    assert before["a", "zone_trips.fares_24h"] == ("present", 30) and before["b", "zone_net.net_24h"] == ("present", 30)
    seen = city.seen()

    # INSERT, UPDATE and DELETE on two tables, in one transaction and beside it; one refund is of no trip.
    run, db = city.open("processed.trips", "processed.refunds")
    db.execute("begin")
    db.execute(f"insert into {run}.processed.trips values ('t5', 'c', 50, '2024-01-02 14:00:00+00')")
    db.execute(f"insert into {run}.processed.refunds values ('t5', 'c', 2, '2024-01-02 15:00:00+00'), "
               "('t9', 'c', 3, '2024-01-02 15:00:00+00')")
    db.execute("commit")
    db.execute(f"update {run}.processed.trips set fare = 25, zone = 'b' where trip_id = 't2'")
    db.execute(f"delete from {run}.processed.trips where trip_id = 't3'")
    db.execute(f"update {run}.processed.refunds set fare = 4 where trip_id = 't1'")
    staged = db.execute(f"select trip_id, zone, fare from {run}.processed.trips order by all").fetchall()
    assert staged == [("t1", "a", 10), ("t2", "b", 25), ("t4", "b", 5), ("t5", "c", 50)]
    assert city.seen() == seen, "readers of the normal address see nothing of it"

    failed = project.wh("staging", "publish", run, code=3)
    for word in ("gate refunds FAILED", "of_a_trip", "observed", "bound", f"wh staging publish {run}"):
        assert word in failed.stdout
    assert city.seen() == seen and city.answers() == before
    shown = project.json("staging", "show", run)
    assert shown["state"] == "open" and "of_a_trip" in shown["problem"]

    db.execute(f"delete from {run}.processed.refunds where trip_id = 't9'")
    project.wh("staging", "publish", run)
    now = city.seen()
    assert now == {"trips": staged, "refunds": [("t1", "a", 4), ("t5", "c", 2)]}
    moved = [project.json("table", "history", f"processed.{table}")["history"][0] for table in ("trips", "refunds")]
    assert moved[0]["commit"] == moved[1]["commit"] and {one["run"] for one in moved} == {run}, "one commit, of the view's run"
    with pytest.raises(duckdb.Error):
        db.execute(f"insert into {run}.processed.trips values ('t6', 'a', 1, '2024-01-02 14:00:00+00')")

    # Downstream follows, by retraction, and equals a full rebuild.
    project.wh("run")
    after = city.answers()
    assert after["a", "zone_trips.fares_24h"] == ("present", 10) and after["b", "zone_trips.fares_24h"] == ("present", 25)
    assert after["a", "zone_net.net_24h"] == ("present", 6) and after["c", "zone_net.net_24h"] == ("present", 48)
    digests = project.digests("feature") | {name: project.digest(name) for name in ("processed.net", "processed.net_history")}
    followed = [json.loads(run_["inputs"]) if isinstance(run_["inputs"], str) else run_["inputs"]
                for run_ in project.rows("select inputs from system.runs where kind = 'feature' order by run desc")]
    assert any(inputs.get("changes", {}).get("feature.zone_trips_v1", {}).get("how") == "retractions" for inputs in followed)
    project.wh("run", "--full")
    assert digests == project.digests("feature") | {name: project.digest(name) for name in ("processed.net", "processed.net_history")}
    assert city.answers() == after
    skew = project.json("skew")
    assert skew["differing"] == 0


def test_a_view_is_discarded_and_a_stale_one_is_refused(city):
    project = city.project
    run, db = city.open("processed.trips")
    db.execute(f"insert into {run}.processed.trips values ('t1', 'a', -1, '2024-01-02 10:00:00+00')")
    failed = project.wh("staging", "publish", run, code=3)
    assert "contract trips 1.0.0 broken" in failed.stdout and "fare below minimum 0" in failed.stdout
    for words in (("show", run), ("list",)):     # a problem of several lines is shown as lines
        assert "contract trips 1.0.0 broken" in project.wh("staging", *words).stdout, words
        assert "\\x0a" not in project.wh("staging", *words).stdout, words
    other, db_other = city.open("processed.trips")
    db_other.execute(f"insert into {other}.processed.trips values ('t2', 'a', 1, '2024-01-02 10:00:00+00')")
    project.wh("staging", "publish", other)
    stale = project.wh("staging", "publish", run, code=5)
    assert "WH7111" in stale.stderr
    project.wh("staging", "discard", run, "--reason", "another import came first")
    assert city.seen()["trips"] == [("t2", "a", 1)]
    states = {view["run"]: view["state"] for view in project.json("staging", "list")["staging_areas"]}
    assert states == {run: "discarded", other: "published"}


def test_the_daemon_follows_commits_of_others_by_itself(city):
    """A table without a gate: other engines write to it at the normal address."""
    project = city.project
    db = load_extensions(duckdb.connect())
    db.execute(f"attach '' as lake (type iceberg, endpoint 'http://127.0.0.1:{city.port}/iceberg', "
               f"token '{city.token('writer', 'processed')}', access_delegation_mode 'none')")

    def fares():
        return [project.json("feature", "get", "zone_visits@1:*", f"zone={zone}", "--at", AT)["features"][0]["value"] for zone in "ab"]

    def follows(expected):
        def is_there():
            done = project.wh("feature", "get", "zone_visits@1:*", "zone=a", "--at", AT, code=None)
            return done.returncode == 0 and fares() == expected
        wait_until(is_there, 30, f"features {expected}")

    db.execute("insert into lake.processed.visits values ('v1', 'a', 10, '2024-01-02 10:00:00+00'), "
               "('v2', 'a', 20, '2024-01-02 11:00:00+00'), ('v3', 'b', 30, '2024-01-02 12:00:00+00')")
    follows([30, 30])
    db.execute("delete from lake.processed.visits where trip_id = 'v3'")
    follows([30, None])
    db.execute("update lake.processed.visits set zone = 'b', fare = 7 where trip_id = 'v2'")
    follows([10, 7])
    runs = [run["kind"] for run in project.rows("select kind from system.runs where kind = 'foreign'")]
    assert len(runs) == 3
    # What is gated takes nothing but through a view.
    with pytest.raises(duckdb.Error, match="staging"):
        db.execute("insert into lake.processed.trips values ('t1', 'a', 10, '2024-01-02 10:00:00+00')")
    answers = city.answers()
    project.wh("run", "--full")
    assert city.answers() == answers and fares() == [10, 7]


class DeleteManifest(ManifestWriterV2):
    def content(self):
        return ManifestContent.DELETES

    @property
    def _meta(self):
        return {**super()._meta, "content": "deletes"}


def commit_equality_delete(table, column, values):
    """As engines of streams delete: a file of values, whatever rows have them. pyiceberg has no verb for it."""
    field = table.schema().find_field(column)
    path = f"{table.location()}/data/{uuid.uuid4()}.parquet"
    pq.write_table(pa.table([pa.array(values)], schema=pa.schema([pa.field(column, pa.string(), nullable=False,
                                                                           metadata={"PARQUET:field_id": str(field.field_id)})])), path)
    file = DataFile.from_args(_table_format_version=2, content=DataFileContent.EQUALITY_DELETES, file_path=path, file_format=FileFormat.PARQUET,
                              partition=Record(), record_count=len(values), file_size_in_bytes=os.path.getsize(path),
                              column_sizes={}, value_counts={}, null_value_counts={}, nan_value_counts={}, lower_bounds={},
                              upper_bounds={}, key_metadata=None, split_offsets=None, equality_ids=[field.field_id], sort_order_id=None)
    file.spec_id = table.spec().spec_id
    parent, snapshot_id = table.current_snapshot(), random.getrandbits(62)
    base = f"{table.location()}/metadata/{uuid.uuid4()}"
    with DeleteManifest(table.spec(), table.schema(), table.io.new_output(f"{base}-m0.avro"), snapshot_id, "deflate") as writer:
        writer.add_entry(ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, sequence_number=None,
                                                 file_sequence_number=None, data_file=file))
    manifest = writer.to_manifest_file()
    sequence_number = table.metadata.last_sequence_number + 1
    with write_manifest_list(2, table.io.new_output(f"{base}-list.avro"), snapshot_id, parent.snapshot_id, sequence_number, "deflate") as out:
        out.add_manifests([*parent.manifests(table.io), manifest])
    snapshot = Snapshot(snapshot_id=snapshot_id, parent_snapshot_id=parent.snapshot_id, sequence_number=sequence_number,
                        manifest_list=f"{base}-list.avro", schema_id=table.schema().schema_id,
                        summary=Summary(Operation.DELETE, **{"added-delete-files": "1", "added-equality-deletes": str(len(values))}))
    table.catalog.commit_table(table, (AssertRefSnapshotId(ref="main", snapshot_id=parent.snapshot_id),),
                               (AddSnapshotUpdate(snapshot=snapshot),
                                SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id)))


def test_after_equality_deletes_the_dependants_are_rebuilt_and_the_run_says_so(city):
    project = city.project
    catalog = load_catalog("lake", type="rest", uri=f"http://127.0.0.1:{city.port}/iceberg", token=city.token("writer", "processed"))
    table = catalog.load_table("processed.visits")
    at = [datetime.datetime(2024, 1, 2, 10, tzinfo=datetime.timezone.utc)] * 3
    schema = pa.schema([pa.field("trip_id", pa.string(), nullable=False), pa.field("zone", pa.string(), nullable=False),
                        pa.field("fare", pa.int64(), nullable=False), pa.field("at", pa.timestamp("us", "UTC"), nullable=False)])
    table.append(pa.table([["v1", "v2", "v3"], ["a", "a", "b"], [10, 20, 30], at], schema=schema))
    project.wh("run")
    commit_equality_delete(catalog.load_table("processed.visits"), "zone", ["a"])
    project.wh("run")
    assert [row["fare"] for row in project.rows("select fare from processed.visits")] == [30]
    assert project.digest("feature.zone_visits_v1")[0] == 1
    runs = [(row["run"], row["inputs"]) for row in project.rows("select run, inputs from system.runs where kind = 'feature'")]
    rebuilt = [run for run, inputs in runs if "equality deletes name no keys" in json.dumps(inputs)]
    assert len(rebuilt) == 1
    assert "feature.zone_visits_v1 by rebuild (equality deletes name no keys)" in project.wh("trace", rebuilt[0]).stdout
    digest = project.digest("feature.zone_visits_v1")
    project.wh("run", "--full")
    assert project.digest("feature.zone_visits_v1") == digest
