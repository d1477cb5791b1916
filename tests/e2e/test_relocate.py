"""A project whose folder was moved or copied: `wh doctor --relocate` makes it at home, for itself and for other engines."""
import json
import os
import shutil
import sqlite3
import subprocess

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from project import WH, Project, environment
from test_interop import load_extensions

FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n  t:\n    landing: landing/t/\n    contract: t\n"
                      "    batch: { by: name, pattern: '{date}' }\n",
    "contracts/t.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: t\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: value, logicalType: integer, required: true }\n"
                             "      - { name: at, logicalType: timestamp, required: true }\n",
    "processed/t.sql": "-- wh: table processed.t; key id; order at; event at; known at; history keep\n"
                       "SELECT r.id, r.value, r.at FROM records.t AS r\n",
    "features/t.yaml": "feature_view: t_values\nversion: 1\nentity: { id: string }\nsource: processed.t\nevent_time: at\n"
                       "known_time: at\nwindows: [24h]\nfeatures: { total: { agg: sum, of: value } }\nonline: { fill: stream }\n",
}


def lines(day, values):
    return "".join(json.dumps({"id": f"i{number}", "value": value, "at": f"2024-01-{day:02}T00:00:0{number % 10}Z"}) + "\n"
                   for number, value in enumerate(values)).encode()


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "first/lab"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    made = Project(folder)
    made.token = json.loads(made.wh("init", "--json").stdout)["token"]
    made.apply()
    for day in (1, 2, 3):    # later days correct rows of earlier ones: position deletes
        made.land("t", f"2024-01-{day:02}.jsonl", lines(day, range(day, day + 40 - day)))
        made.wh("run")
    return made


def moved(project, folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.rename(project.folder, folder)
    return Project(folder)


def pointers(project):
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as catalog:
        return dict(catalog.execute("select table_namespace || '.' || table_name, metadata_location from iceberg_tables"))


def by_duckdb(project, table):
    with duckdb.connect() as engine:
        load_extensions(engine)
        return sorted(engine.execute(f"select id, value from iceberg_scan('{pointers(project)[table]}')").fetchall())


def by_pyiceberg(project, table, snapshot=None):
    catalog = SqlCatalog("weirhouse", uri=f"sqlite:///{project.folder}/.weirhouse/catalog.db",
                         warehouse=f"file://{project.folder}/.weirhouse/lake", init_catalog_tables="false")
    rows = catalog.load_table(table).scan(snapshot_id=snapshot).to_arrow().to_pylist()
    return sorted((row["id"], row["value"]) for row in rows)


def snapshots(project, table):
    catalog = SqlCatalog("weirhouse", uri=f"sqlite:///{project.folder}/.weirhouse/catalog.db",
                         warehouse=f"file://{project.folder}/.weirhouse/lake", init_catalog_tables="false")
    return [snapshot.snapshot_id for snapshot in catalog.load_table(table).snapshots()]


def ours(project, table="processed.t"):
    return sorted((row["id"], row["value"]) for row in project.rows(f"select id, value from {table}"))


def sound(project):
    report = project.json("verify", "--deep")
    assert report["problems"] == [] and report["orphans"] == 0, report


def test_a_moved_project_is_refused_then_made_at_home(project, tmp_path):
    rows, digests = ours(project), project.digests()
    olds = {snapshot: by_pyiceberg(project, "processed.t", snapshot) for snapshot in snapshots(project, "processed.t")}
    trace = project.wh("trace", "processed.t:i3", "--records").stdout
    here = moved(project, tmp_path / "second/place")
    refused = here.wh("status", code=2)
    assert "WH8003" in refused.stderr and "wh doctor --relocate" in refused.stderr
    answer = here.json("doctor", "--relocate", code=None)
    place = next(check for check in answer["checks"] if check["check"] == "place")
    assert place["state"] == "ok" and str(here.folder) in place["found"] and "3 landed files known" in place["found"]
    sound(here)
    assert ours(here) == rows and here.digests() == digests
    assert by_pyiceberg(here, "processed.t") == rows
    assert {one: by_pyiceberg(here, "processed.t", one) for one in olds} == olds
    for location in pointers(here).values():
        assert location.startswith(str(here.folder) + "/")
    # What was recorded before is traced to the same bytes, under the names that it was recorded with.
    after = here.wh("trace", "processed.t:i3", "--records").stdout
    assert "✓" in trace and after == trace
    # It goes on: nothing that landed before is taken in again, rows of before are corrected.
    assert here.status()["waiting"]["objects"] == 0
    here.land("t", "2024-01-04.jsonl", lines(4, [1000] * 5))
    here.wh("run")
    assert dict(ours(here))["i3"] == 1000
    assert by_pyiceberg(here, "processed.t") == ours(here)
    sound(here)
    here.wh("verify", "--rebuild")


def test_duckdb_reads_the_tables_in_their_new_place(project, tmp_path):
    rows = by_duckdb(project, "processed.t")
    here = moved(project, tmp_path / "second")
    here.wh("doctor", "--relocate", code=None)
    assert by_duckdb(here, "processed.t") == rows == ours(here)


def test_it_is_undone_by_moving_back(project, tmp_path):
    digests, first = project.digests(), project.folder
    for folder in (tmp_path / "second", first, tmp_path / "third", first):
        project = moved(project, folder)
        project.wh("doctor", "--relocate", code=None)
        assert project.digests() == digests
        assert by_pyiceberg(project, "processed.t") == ours(project)
        sound(project)
    assert "nothing was relocated" in project.wh("doctor", "--relocate", code=None).stdout


def test_a_copy_is_a_project_of_its_own(project, tmp_path):
    digests = project.digests()
    shutil.copytree(project.folder, tmp_path / "copy")    # times and modes are kept, inodes are not
    copy = Project(tmp_path / "copy")
    copy.wh("doctor", "--relocate", code=None)
    copy.land("t", "2024-01-05.jsonl", lines(5, [7]))
    copy.wh("run")
    sound(copy)
    assert copy.digests() != digests
    assert project.digests() == digests
    sound(project)


@pytest.mark.parametrize("failpoint", ["table.move.before_write:3", "table.move.after_write:9", "relocate.staged",
                                       "engine.publish.before_commit", "relocate.committed"])
def test_a_process_that_ends_meanwhile_leaves_all_or_nothing(project, tmp_path, failpoint):
    digests = project.digests()
    here = moved(project, tmp_path / "second")
    here.wh("doctor", "--relocate", code=137, env={"WEIRHOUSE_FAILPOINT": failpoint, "WEIRHOUSE_FAILPOINT_LOSE": "1"})
    here.wh("status", code=0 if failpoint == "relocate.committed" else 2)
    here.wh("doctor", "--relocate", code=None)
    assert here.digests() == digests
    assert by_pyiceberg(here, "processed.t") == ours(here)
    report = here.json("verify", "--deep")
    assert report["problems"] == [], report
    here.land("t", "2024-01-06.jsonl", lines(6, [8, 9]))
    here.wh("run")
    assert dict(ours(here))["i1"] == 9


def test_who_writes_meanwhile_is_not_disturbed(project, tmp_path):
    with project.serve():
        done = subprocess.run([WH, "doctor", "--relocate"], cwd=project.folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 8 and "WH8001" in done.stderr


def test_a_dry_run_moves_nothing(project, tmp_path):
    there = moved(project, tmp_path / "second/lab")
    refused = there.wh("doctor", "--relocate", "--dry-run", code=2)
    assert "WH8033" in refused.stderr and "relocated" not in refused.stdout
    assert "WH8003" in there.wh("status", code=2).stderr


def test_a_warehouse_beside_the_project_needs_nothing(tmp_path):
    folder = tmp_path / "first/lab"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with open(folder / "weirhouse.yaml", "a") as definition:
        definition.write("profiles:\n  local:\n    warehouse: ../lake\n")
    made = Project(folder)
    made.wh("init")
    made.apply()
    made.land("t", "2024-01-01.jsonl", lines(1, range(40)))
    made.wh("run")
    os.rename(folder, tmp_path / "first/renamed")
    there = Project(tmp_path / "first/renamed")
    assert there.rows("select count(*) n from processed.t") == [{"n": 40}]
    there.land("t", "2024-01-02.jsonl", lines(2, range(40)))
    there.wh("run")
    there.wh("verify", "--deep")
