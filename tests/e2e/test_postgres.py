"""The catalog on a PostgreSQL server: the same content, and a server that drops its connections."""
import os
import subprocess
import uuid

import pytest

from project import Project, wait_until

SERVER = os.environ.get("WEIRHOUSE_TEST_POSTGRES")
pytestmark = pytest.mark.skipif(not SERVER, reason="WEIRHOUSE_TEST_POSTGRES names no server (tools/test starts one)")
DAYS = ("2013-01-01", "2013-01-04")


class OnPostgres(Project):
    """The flights example, whose default profile keeps its catalog on the server."""

    @classmethod
    def make(cls, folder, server):
        made = super().make(folder)
        made.server = server
        subprocess.run(["rm", "-rf", folder / ".weirhouse"], check=True)
        made.edit("weirhouse.yaml", ("catalog: sqlite", "catalog: { postgres: '${env:WEIRHOUSE_PG}' }"))
        made.schema = f"e2e_{uuid.uuid4().hex}"
        made.wh("init", ".")
        return made

    def variables(self):
        return {"WEIRHOUSE_PG": f"{self.server}?schema={self.schema}"}

    def wh(self, *arguments, env=None, **options):
        own = self.variables() if hasattr(self, "schema") else {}
        return super().wh(*arguments, env={**own, **(env or {})}, **options)

    def query(self, sql):
        done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", f"set search_path to {self.schema}",
                               "-c", sql, self.server], capture_output=True, text=True)
        return done.returncode, done.stdout.replace("SET\n", "", 1).strip() + done.stderr


def on_server(statement):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, SERVER], check=True)


@pytest.fixture
def on_postgres(tmp_path):
    """A project in a database of its own: a test here ends every connection of its database, and others run beside it."""
    database = f"e2e_{uuid.uuid4().hex}"
    on_server(f"create database {database}")
    (tmp_path / "pg").mkdir()
    yield OnPostgres.make(tmp_path / "pg" / "flights", f"{SERVER.rpartition('/')[0]}/{database}")
    on_server(f"drop database {database} with (force)")


def test_the_same_days_have_the_same_content_as_on_sqlite(on_postgres, project, clean_days):
    assert on_postgres.wh("plan").stdout
    on_postgres.apply()
    for made in (on_postgres, project):
        made.land_all(clean_days, days=DAYS)
        made.wh("run")
    digests = on_postgres.digests()
    assert len(digests) >= 8 and digests == project.digests()
    ours, theirs = on_postgres.status(), project.status()
    for key in ("records", "states", "adds_up"):
        assert ours[key] == theirs[key]
    assert not (on_postgres.folder / ".weirhouse/catalog.db").exists()
    assert on_postgres.query("select count(*) > 10 from commit_log")[1] == "t"
    on_postgres.wh("verify")
    checks = {check["check"]: check for check in on_postgres.json("doctor", code=None)["checks"]}
    assert checks["catalog"]["state"] == checks["chain"]["state"] == "ok"
    assert checks["catalog"]["found"].startswith("postgresql://127.0.0.1:")


def test_clients_of_the_database_cannot_move_a_pointer_through_the_views(on_postgres, clean_days):
    on_postgres.apply()
    on_postgres.land_all(clean_days, days=(DAYS[0], DAYS[0]))
    on_postgres.wh("run")
    assert int(on_postgres.query("select count(*) from iceberg_tables")[1]) > 5
    for write in ("update iceberg_tables set metadata_location = 'elsewhere'", "delete from iceberg_tables"):
        code, text = on_postgres.query(write)
        assert code != 0 and "view" in text


def test_a_daemon_goes_on_after_the_server_dropped_its_connections(on_postgres, project, clean_days):
    on_postgres.apply()
    days = ("2013-01-01", "2013-01-02", "2013-01-03")
    with on_postgres.serve(env=on_postgres.variables()) as daemon:
        for count, day in enumerate(days, 1):
            on_postgres.land_all(clean_days, days=(day, day), sources=("plane",) * (count == 1) +
                                 ("departure", "arrival", "weather"))
            wait_until(lambda wanted=1 + 3 * count: on_postgres.status()["objects"] == wanted and
                       on_postgres.status()["waiting_records"] == 0, 60, f"{day} is processed")
            dropped = on_postgres.query("select count(pg_terminate_backend(pid)) from pg_stat_activity "
                                        "where application_name = 'weirhouse' and datname = current_database()")
            assert int(dropped[1]) >= 2, dropped
        assert daemon.poll() is None
    project.land_all(clean_days, days=(days[0], days[-1]))
    project.wh("run")
    assert on_postgres.digests() == project.digests()
    on_postgres.wh("verify")


def test_a_folder_works_with_its_own_catalog_only(on_postgres, tmp_path):
    (tmp_path / "other").mkdir()
    other = OnPostgres.make(tmp_path / "other" / "flights", on_postgres.server)
    own, other.schema = other.schema, on_postgres.schema
    assert "WH8006" in other.wh("plan", code=5).stderr
    assert "WH8005" in other.wh("init", ".", code=5).stderr
    other.schema = "e2e_absent"
    assert "WH7012" in other.wh("plan", code=6).stderr
    other.schema = own
    other.wh("plan")
    other.edit("weirhouse.yaml", ("catalog: { postgres: '${env:WEIRHOUSE_PG}' }", "catalog: sqlite"))
    assert "PostgreSQL" in other.wh("plan", code=6).stderr


def test_an_address_that_cannot_be_reached_is_said_without_its_password(on_postgres):
    for address, code, error in (("postgresql://me:secret@127.0.0.1:1/lake", 8, "WH7040"),
                                 ("mysql://me:secret@127.0.0.1/lake", 2, "WH7044"),
                                 ("", 2, "WH7044")):
        done = on_postgres.wh("status", env={"WEIRHOUSE_PG": address}, code=code)
        assert error in done.stderr and "secret" not in done.stdout + done.stderr


def losing(schema, index, table):
    """SQL by which an index holds no row of its table any more."""
    ready = f"update pg_index set indisready = %s where indexrelid = '{schema}.{index}'::regclass"
    return (f"begin; create temp table kept as select * from {table}; {ready % 'false'}; delete from {table}; "
            f"insert into {table} select * from kept; {ready % 'true'}; commit")


@pytest.mark.parametrize("index, table", (("setting_pkey", "setting"), ("migration_pkey", "migration")))
def test_a_catalog_whose_first_index_lost_its_rows_is_damaged_and_nothing_else(on_postgres, index, table):
    on_postgres.apply()
    held = on_postgres.query(f"select * from {table} order by 1")
    code, said = on_postgres.query(losing(on_postgres.schema, index, table))
    assert code == 0, said
    for verb in (["status"], ["ingest"], ["apply", "--yes"], ["sql", "select 1"], ["verify"], ["verify", "--deep"], ["init", "."]):
        done = on_postgres.wh(*verb, code=None)
        assert done.returncode == (9 if " problem" in done.stdout else 11), (verb, done.returncode)
        for text in ("WH7009", f'"{index}"', f"REINDEX SCHEMA {on_postgres.schema}"):
            assert text in done.stdout + done.stderr, (verb, done.stdout, done.stderr)
    assert "REINDEX" in on_postgres.wh("doctor", code=None).stdout
    assert on_postgres.query(f"reindex schema {on_postgres.schema}")[0] == 0
    assert on_postgres.query(f"select * from {table} order by 1") == held    # `init` wrote nothing beside it
    on_postgres.wh("verify", "--deep")
    on_postgres.wh("plan")


@pytest.mark.parametrize("amcheck", (False, True))
def test_an_index_that_lost_its_rows_is_told_with_amcheck_and_without(on_postgres, clean_days, amcheck):
    on_postgres.apply()
    on_postgres.land_all(clean_days, days=(DAYS[0], DAYS[0]))
    on_postgres.wh("run")
    if amcheck and on_postgres.query(f"create extension amcheck with schema {on_postgres.schema}")[0] != 0:
        pytest.skip("the server has no amcheck")
    on_postgres.wh("verify", "--deep")
    for index, table in (("run_step", "run"), ("edge_out", "edge"), ("edge_pkey", "edge"), ("snapshot_as_of", "snapshot"),
                         ("object_pkey", "object"), ("landing_pkey", "landing"), ("verdict_by_run", "verdict")):
        code, said = on_postgres.query(losing(on_postgres.schema, index, table))
        assert code == 0, said
        found = on_postgres.wh("verify", "--deep", code=9)
        assert f'"{index}"' in found.stdout, found.stdout
        assert on_postgres.query(f"reindex index {index}")[0] == 0
    on_postgres.wh("verify", "--deep")
