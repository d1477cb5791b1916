"""The Iceberg REST catalog of a running daemon: raw HTTP, pyiceberg and DuckDB."""
import concurrent.futures
import http.client
import json
import urllib.parse
import uuid

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pyarrow as pa
import pytest
from pathlib import Path
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import ForbiddenError, NamespaceNotEmptyError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.types import DoubleType

from project import Project

PROJECT_FILE = "name: lab\nversion: 1\nclock: wall\n"
SCHEMA = {"type": "struct", "schema-id": 0, "fields": [
    {"id": 1, "name": "id", "type": "long", "required": True},
    {"id": 2, "name": "city", "type": "string", "required": False}]}


class Rest:
    def __init__(self, port, token):
        self.port, self.token = port, token

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.port}/iceberg"

    def ask(self, method, path, body=None, headers=None, token=None):
        """Status, header fields and body (parsed, if it is JSON)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        fields = {"Authorization": f"Bearer {token or self.token}", **(headers or {})}
        data = None
        if body is not None:
            data = body if isinstance(body, (bytes, str)) else json.dumps(body)
            fields.setdefault("Content-Type", "application/json")
        connection.request(method, "/iceberg" + path, data, fields)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(text) if text else None

    def pyiceberg(self):
        return load_catalog("lab", type="rest", uri=self.uri, token=self.token, warehouse="lab")

    def duckdb(self):
        db = duckdb.connect()
        for package, name in ((duckdb_extension_httpfs, "httpfs"), (duckdb_extension_avro, "avro"),
                              (duckdb_extension_iceberg, "iceberg")):
            found = next(Path(package.__path__[0]).rglob(f"{name}.duckdb_extension*"))
            db.execute(f"load '{found}'")
        db.execute(f"attach '' as lab (type iceberg, endpoint '{self.uri}', token '{self.token}', "
                   "access_delegation_mode 'none')")
        return db


@pytest.fixture(scope="module")
def rest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rest") / "lab"
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE)
    project = Project(folder)
    token = json.loads(project.wh("init", "--json").stdout)["token"]
    with project.serve() as daemon:
        made = Rest(daemon.port, token)
        made.project = project
        yield made
    project.wh("verify", "--deep")


@pytest.fixture
def space(rest):
    """A namespace of the test's own."""
    name = "s" + uuid.uuid4().hex[:8]
    assert rest.ask("POST", "/v1/namespaces", {"namespace": [name]})[0] == 200
    return name


def test_the_daemon_says_where_the_catalog_is(rest):
    assert f"iceberg REST catalog at {rest.uri}" in (rest.project.folder / "serve.log").read_text()


def test_every_refusal_has_the_form_of_the_specification(rest):
    long = "x" * 9000
    cases = [
        ("GET", "/v1/config", None, {"Authorization": "Bearer wh_wrong"}, 401, "NotAuthorizedException"),
        ("GET", "/v1/config", None, {"Host": "evil.example"}, 403, "ForbiddenException"),
        ("GET", "/v1/nothing", None, {}, 404, None),
        ("POST", "/v1/oauth/tokens", {}, {}, 404, None),
        ("GET", "/v1/namespaces/a/tables/t/plan", None, {}, 404, None),
        ("PUT", "/v1/namespaces", {}, {}, 405, None),
        ("GET", "/v1/namespaces/%2e%2e/tables", None, {}, 400, "BadRequestException"),
        ("GET", f"/v1/{long}", None, {}, 414, None),
        ("GET", "/v1/namespaces", None, {"X-Long": long * 2}, 431, None),
        ("POST", "/v1/namespaces", "{}", {"Content-Type": "text/plain"}, 415, None),
        ("POST", "/v1/namespaces", "{}", {"Content-Encoding": "gzip"}, 415, None),
        ("POST", "/v1/namespaces", "x" * (2 << 20), {}, 413, None),
        ("POST", "/v1/namespaces", "{", {}, 400, "BadRequestException"),
    ]
    for method, path, body, headers, status, kind in cases:
        found, fields, answer = rest.ask(method, path, body, headers)
        assert found == status, (method, path[:80], answer)
        error = answer["error"]
        assert error["code"] == status and error["message"] and error["type"]
        assert kind is None or error["type"] == kind
        assert fields["Content-Type"] == "application/json"


def test_a_token_of_the_catalog_opens_nothing_else_and_ends_when_it_is_revoked(rest, space):
    made = rest.project.json("token", "create", "--name", "ann", "--role", "reader", "--on", space)
    token = made["token"] if isinstance(made["token"], str) else made["secret"]
    assert rest.ask("GET", f"/v1/namespaces/{space}/tables", token=token)[0] == 200
    status, _, answer = rest.ask("POST", f"/v1/namespaces/{space}/tables", {"name": "t", "schema": SCHEMA}, token=token)
    assert status == 403 and answer["error"]["type"] == "ForbiddenException" and "WH7070" in answer["error"]["message"]
    lines = (rest.project.folder / ".weirhouse/audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["name"] == "ann" and json.loads(lines[-1])["table"] == f"{space}.t"
    connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=30)
    connection.request("POST", "/v1/features", "{}", {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    assert connection.getresponse().status == 401
    rest.project.wh("token", "revoke", "ann", "--reason", "left the team")
    status, _, answer = rest.ask("GET", "/v1/namespaces", token=token)
    assert status == 401 and answer["error"]["type"] == "NotAuthorizedException"
    assert "revoked" in answer["error"]["message"] and "left the team" in answer["error"]["message"]


def test_names_of_all_kinds(rest, space):
    for name in ("a b", "ü-tbl", "a/b", "100%", "a+b", "x;y", "q?r", "ta\"ble", "'; drop table t; --"):
        body = {"name": name, "schema": SCHEMA}
        status, _, answer = rest.ask("POST", f"/v1/namespaces/{space}/tables", body)
        assert status in (200, 400), (name, answer)
        path = f"/v1/namespaces/{space}/tables/{urllib.parse.quote(name, safe='')}"
        if status == 200:
            assert rest.ask("GET", path)[2]["metadata-location"] == answer["metadata-location"]
            assert rest.ask("DELETE", path + "?purgeRequested=true")[0] == 204
        assert rest.ask("HEAD", path)[0] == 404
    for name in ("a.b", "", "..", "a\nb", "x" * 300, None, 7):
        assert rest.ask("POST", f"/v1/namespaces/{space}/tables", {"name": name, "schema": SCHEMA})[0] == 400, name


def test_a_load_is_answered_by_its_tag_and_head_has_no_body(rest, space):
    path = f"/v1/namespaces/{space}/tables/t"
    assert rest.ask("POST", f"/v1/namespaces/{space}/tables", {"name": "t", "schema": SCHEMA})[0] == 200
    status, fields, _ = rest.ask("GET", path)
    assert status == 200
    assert rest.ask("GET", path, headers={"If-None-Match": fields["ETag"]})[0::2] == (304, None)
    status, fields, body = rest.ask("HEAD", path)
    assert status == 204 and body is None and "Content-Length" not in fields


def test_many_who_send_one_key_at_once_get_one_answer(rest, space):
    key = {"Idempotency-Key": "017f22e2-79b0-7cc3-98c4-" + uuid.uuid4().hex[:12]}
    body = {"name": "t", "schema": SCHEMA}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rest.ask("POST", f"/v1/namespaces/{space}/tables", body, key), range(16)))
    assert {status for status, _, _ in answers} == {200}
    assert len({answer["metadata"]["table-uuid"] for _, _, answer in answers}) == 1


def test_pyiceberg_creates_appends_evolves_and_drops(rest, space):
    catalog = rest.pyiceberg()
    assert (space,) in catalog.list_namespaces()
    table = catalog.create_table((space, "t"), schema=pa.schema([("id", pa.int64()), ("name", pa.string())]))
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table((space, "t"), schema=pa.schema([("id", pa.int64())]))
    table.append(pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]}))
    with table.update_schema() as update:
        update.add_column("x", DoubleType())
    table.append(pa.table({"id": [4], "name": ["d"], "x": [1.5]}))
    table.delete("id = 2")
    rows = catalog.load_table((space, "t")).scan().to_arrow().sort_by("id").to_pylist()
    assert [(row["id"], row["x"]) for row in rows] == [(1, None), (3, None), (4, 1.5)]
    with catalog.load_table((space, "t")).transaction() as transaction:
        transaction.set_properties(owner="ann")
    assert catalog.load_table((space, "t")).properties["owner"] == "ann"
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace(space)
    catalog.rename_table((space, "t"), (space, "u"))
    assert catalog.list_tables(space) == [(space, "u")] and not catalog.table_exists((space, "t"))
    catalog.drop_table((space, "u"))
    with pytest.raises(NoSuchTableError):
        catalog.load_table((space, "u"))
    with pytest.raises(ForbiddenError, match="WH70|WH71"):
        catalog.create_table(("feature", "mine"), schema=pa.schema([("id", pa.int64())]))
    catalog.drop_namespace(space)


def test_writers_of_one_table_conflict_and_none_is_lost(rest, space):
    catalog = rest.pyiceberg()
    catalog.create_table((space, "t"), schema=pa.schema([("id", pa.int64())]),
                         properties={"commit.retry.num-retries": "20", "commit.retry.min-wait-ms": "10"})

    def append(number):
        rest.pyiceberg().load_table((space, "t")).append(pa.table({"id": [number]}))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(12)))
    rows = catalog.load_table((space, "t")).scan().to_arrow()
    assert sorted(rows["id"].to_pylist()) == list(range(12))


def test_duckdb_works_on_two_tables_in_one_transaction(rest, space):
    db = rest.duckdb()
    db.execute(f"create table lab.{space}.t as select range as id, 'n' || range as name from range(5)")
    db.execute(f"create table lab.{space}.u (a integer)")
    db.execute("begin")
    db.execute(f"insert into lab.{space}.t values (10, 'ten')")
    db.execute(f"insert into lab.{space}.u values (1), (2)")
    assert rest.pyiceberg().load_table((space, "u")).scan().to_arrow().num_rows == 0
    db.execute("commit")
    db.execute(f"update lab.{space}.t set name = 'one' where id = 1")
    db.execute(f"delete from lab.{space}.t where id = 2")
    expected = [(0, "n0"), (1, "one"), (3, "n3"), (4, "n4"), (10, "ten")]
    assert db.sql(f"select id, name from lab.{space}.t order by id").fetchall() == expected
    assert rest.duckdb().sql(f"select sum(a) from lab.{space}.u").fetchall() == [(3,)]
    db.execute(f"alter table lab.{space}.t add column y double")
    db.execute(f"insert into lab.{space}.t values (11, 'e', 2.5)")
    rows = rest.pyiceberg().load_table((space, "t")).scan().to_arrow().sort_by("id").to_pylist()
    assert [(row["id"], row["name"], row["y"]) for row in rows] == \
        [(id, name, None) for id, name in expected] + [(11, "e", 2.5)]
    with pytest.raises(Exception, match="only the project itself writes"):
        db.execute("create table lab.feature.mine as select 1 as a")
    db.execute(f"drop table lab.{space}.u")
    db.execute(f"drop table lab.{space}.t")
    db.execute(f"drop schema lab.{space}")
    assert rest.ask("HEAD", f"/v1/namespaces/{space}")[0] == 404


def test_a_slow_commit_does_not_hold_up_loads(rest, space):
    catalog = rest.pyiceberg()
    catalog.create_table((space, "t"), schema=pa.schema([("id", pa.int64())]))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        work = [pool.submit(lambda n: rest.pyiceberg().create_table((space, f"n{n}"), schema=pa.schema([("id", pa.int64())])), n)
                for n in range(24)]
        while not all(job.done() for job in work):
            assert rest.ask("GET", f"/v1/namespaces/{space}/tables/t")[0] == 200
        for job in work:
            job.result()
    assert len(catalog.list_tables(space)) == 25


def test_the_place_of_a_purge_that_was_killed_is_free_once_its_files_are_gone(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text("name: lab\nversion: 1\nclock: wall\n")
    project = Project(folder)
    token = json.loads(project.wh("init", "--json").stdout)["token"]
    with project.serve(env={"WEIRHOUSE_FAILPOINT": "foreign.purge.before"}) as daemon:
        rest = Rest(daemon.port, token)
        rest.ask("POST", "/v1/namespaces", {"namespace": ["lab"]})
        status, _, made = rest.ask("POST", "/v1/namespaces/lab/tables", {"name": "t", "schema": SCHEMA})
        assert status == 200
        place = made["metadata"]["location"]
        with pytest.raises((OSError, http.client.HTTPException)):
            rest.ask("DELETE", "/v1/namespaces/lab/tables/t?purgeRequested=true")
    assert any(file.is_file() for file in Path(place).rglob("*"))
    again = {"name": "t", "schema": SCHEMA, "location": place}
    with project.serve() as daemon:    # until then the place is the purge's
        assert Rest(daemon.port, token).ask("POST", "/v1/namespaces/lab/tables", again)[0] == 403
    project.wh("gc", "--grace", "0s", "--orphan-age", "0s")    # the only table is gone, and its files go all the same
    assert not any(file.is_file() for file in Path(place).rglob("*"))
    with project.serve() as daemon:
        assert Rest(daemon.port, token).ask("POST", "/v1/namespaces/lab/tables", again)[0] == 200
    project.wh("verify", "--deep")
