"""What no engine may do, whatever its rights: refused in each client with a message to read, and nothing changed."""
import json
import sqlite3
import urllib.error
import urllib.request

import pyarrow as pa
import pytest

import engines
from engines import WRITERS, arrow, make_rows, normal
from project import Project

PROJECT_FILE = """name: matrix
version: 1
clock: wall
profiles:
  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, online: embedded }
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: trip
version: 1.0.0
status: active
schema:
  - name: trip
    logicalType: object
    properties:
      - { name: id, logicalType: integer, required: true }
      - { name: name, logicalType: string }
      - { name: ratio, logicalType: number }
"""
EXTERNAL = "-- wh: table processed.{name}; key id; mode external; contract trip\n"
GATE = """gate: judged
table: processed.judged
when: before_publish
checks:
  - required: [id]
"""
ROWS = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string()), pa.field("ratio", pa.float64())])


def trips(*ids):
    return pa.Table.from_pylist([{"id": number, "name": f"n{number}", "ratio": number / 2} for number in ids], schema=ROWS)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """Two tables of others under a contract, one of them gated, and a raw table with rows."""
    folder = tmp_path_factory.mktemp("ruled") / "matrix"
    folder.mkdir()
    for path, text in (("weirhouse.yaml", PROJECT_FILE), ("contracts/trip.odcs.yaml", CONTRACT), ("gates/judged.yaml", GATE),
                       ("processed/free.sql", EXTERNAL.format(name="free")), ("processed/judged.sql", EXTERNAL.format(name="judged"))):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout).get("token")
    project.apply()
    with project.serve("--no-watch") as daemon:
        project.uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        admin = engines.PyIceberg(project.uri, project.token)
        admin.create_namespace("open")
        admin.create("raw.events")
        admin.append("raw.events", make_rows(0, 20))
        admin.append("raw.events", make_rows(20, 20))
        admin.table("processed.free").append(trips(1, 2, 3))
        project.admin = admin
        yield project


@pytest.fixture(scope="module")
def clients(ruled):
    made = {name: engines.ENGINES[name](ruled.uri, ruled.token) for name in WRITERS}
    yield made
    for client in made.values():
        client.close()


def pointers(project):
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as db:
        return sorted(db.execute("select name, metadata_location from table_pointer"))


def audit(project):
    path = project.folder / ".weirhouse/audit.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def refused(project, what, *, says):
    """`what` fails with all of the texts in `says` in its message; no pointer moves; an audit line tells of it."""
    before, told = pointers(project), len(audit(project))
    with pytest.raises(Exception) as caught:
        what()
    message = str(caught.value)
    for text in says:
        assert text.lower() in message.lower(), f"the client is shown: {message[:1500]}"
    assert pointers(project) == before
    if any(text.startswith("WH70") for text in says):
        assert len(audit(project)) > told
        assert any(text in audit(project)[-1] for text in says if text.startswith("WH70"))


def sql(client, text):
    return lambda: client.sql(text)


RAW = {
    "pyiceberg": {
        "delete": lambda c: c.delete("raw.events", [1]),
        "overwrite": lambda c: c.overwrite("raw.events", make_rows(0, 3)),
        "expire": lambda c: c.table("raw.events").maintenance.expire_snapshots().by_ids([c.snapshots("raw.events")[0]]).commit(),
        "rollback": lambda c: c.table("raw.events").manage_snapshots().rollback_to_snapshot(c.snapshots("raw.events")[0]).commit(),
        "drop": lambda c: c.catalog.drop_table("raw.events"),
        "purge": lambda c: c.catalog.purge_table("raw.events"),
        "rename": lambda c: c.catalog.rename_table("raw.events", "open.events"),
    },
    "duckdb": {
        "delete": lambda c: c.delete("raw.events", [1]),
        "update": lambda c: c.db.execute("UPDATE x.raw.events SET name = 'other' WHERE id = 2"),
        "drop": lambda c: c.db.execute("DROP TABLE x.raw.events"),
    },
    "spark": {
        "delete": lambda c: c.delete("raw.events", [1]),
        "overwrite": lambda c: c.overwrite("raw.events", make_rows(0, 3)),
        "update": lambda c: c.sql("UPDATE x.raw.events SET name = 'other' WHERE id = 2"),
        "expire": lambda c: c.sql("CALL x.system.expire_snapshots(table => 'raw.events', older_than => TIMESTAMP '2099-01-01', retain_last => 1)"),
        "location": lambda c: c.sql("ALTER TABLE x.raw.events SET LOCATION '/tmp/elsewhere'"),
        "purge": lambda c: c.sql("DROP TABLE x.raw.events PURGE"),
    },
}


@pytest.mark.parametrize("engine, what", [(engine, what) for engine in WRITERS for what in RAW[engine]])
def test_raw_is_append_only_for_everyone(ruled, clients, engine, what):
    refused(ruled, lambda: RAW[engine][what](clients[engine]), says=["WH7072", "raw"])
    assert normal(ruled.admin.read("raw.events")) == normal(make_rows(0, 40))


@pytest.mark.skipif("spark" not in WRITERS, reason="needs Spark: make interop")
def test_raw_is_rewritten_by_maintainers_alone(ruled):
    """Spark's compaction: the same rows in other files."""
    compact = "CALL x.system.rewrite_data_files(table => 'raw.events', options => map('rewrite-all', 'true'))"
    for role, may in (("writer", False), ("maintainer", True)):
        token = ruled.json("token", "create", "--name", f"compacts-{role}", "--role", role, "--on", "raw")["token"]
        client = engines.Spark(ruled.uri, token)
        if may:
            client.sql(compact)
        else:
            refused(ruled, sql(client, compact), says=["WH70", "maintainer"])
        client.close()
        assert normal(ruled.admin.read("raw.events")) == normal(make_rows(0, 40))


@pytest.mark.parametrize("engine", WRITERS)
def test_raw_takes_appends(ruled, clients, engine):
    table = f"raw.from_{engine}"
    clients[engine].create(table)
    clients[engine].append(table, make_rows(0, 5))
    clients[engine].append(table, make_rows(5, 5))
    assert normal(ruled.admin.read(table)) == normal(make_rows(0, 10))


def drop_column(client):
    with client.table("processed.free").update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("ratio")


def rename_column(client):
    with client.table("processed.free").update_schema() as update:
        update.rename_column("ratio", "share")


BREAKING = {
    "pyiceberg": {"drop": drop_column, "rename": rename_column},
    "duckdb": {"drop": lambda c: c.db.execute("ALTER TABLE x.processed.free DROP COLUMN ratio"),
               "rename": lambda c: c.db.execute("ALTER TABLE x.processed.free RENAME COLUMN ratio TO share")},
    "spark": {"drop": lambda c: c.sql("ALTER TABLE x.processed.free DROP COLUMN ratio"),
              "rename": lambda c: c.sql("ALTER TABLE x.processed.free RENAME COLUMN ratio TO share")},
}


@pytest.mark.parametrize("engine, what", [(engine, what) for engine in WRITERS for what in BREAKING[engine]])
def test_a_breaking_change_needs_a_new_contract_version(ruled, clients, engine, what):
    refused(ruled, lambda: BREAKING[engine][what](clients[engine]), says=["WH7073", "ratio", "contract publish"])


APPEND_TRIPS = {
    "pyiceberg": lambda c, t: c.table(t).append(trips(7)),
    "duckdb": lambda c, t: c.db.execute(f"INSERT INTO x.{t} VALUES (7, 'n7', 3.5)"),
    "spark": lambda c, t: c.sql(f"INSERT INTO x.{t} VALUES (7, 'n7', CAST(3.5 AS DOUBLE))"),
}


@pytest.mark.parametrize("engine", WRITERS)
def test_main_of_a_gated_table_moves_through_its_gate_alone(ruled, clients, engine):
    refused(ruled, lambda: APPEND_TRIPS[engine](clients[engine], "processed.judged"), says=["WH7074", "gate", "wh staging open"])


def escapes(project):
    outside = project.folder.parent / "outside"
    inside = project.folder / ".weirhouse/lake"
    (inside / "open").mkdir(exist_ok=True)
    link = inside / "open/link"
    if not link.is_symlink():
        outside.mkdir(exist_ok=True)
        link.symlink_to(outside)
    return {"outside": f"{outside}/t", "climbing": f"{inside}/open/../../../t", "link": f"{link}/t",
            "another table": ruled_location(project, "raw.events") + "/data/t", "around a table": f"{inside}/raw"}


def ruled_location(project, table):
    return project.admin.table(table).location().removeprefix("file://")


@pytest.mark.parametrize("how", ("outside", "climbing", "link", "another table", "around a table"))
@pytest.mark.parametrize("engine", [name for name in WRITERS if name != "duckdb"])
def test_a_location_outside_its_place(ruled, clients, engine, how):
    location = escapes(ruled)[how]
    if engine == "pyiceberg":
        make = lambda: clients[engine].catalog.create_table("open.stray", ROWS, location=location)
        staged = lambda: clients[engine].catalog.create_table_transaction("open.stray", ROWS, location=location).commit_transaction()
        for name in ("write.data.path", "write.metadata.path"):
            refused(ruled, lambda: clients[engine].catalog.create_table("open.stray", ROWS, properties={name: location}), says=["WH7071"])
        refused(ruled, staged, says=["WH7071"])
    else:
        make = lambda: clients[engine].sql(f"CREATE TABLE x.open.stray (id BIGINT) USING iceberg LOCATION '{location}'")
        refused(ruled, sql(clients[engine], f"CREATE TABLE x.open.stray USING iceberg LOCATION '{location}' AS SELECT 1 AS id"), says=["WH7071"])
    refused(ruled, make, says=["WH7071"])


def test_register_takes_nothing_from_outside(ruled, clients, tmp_path):
    location = ruled.admin.table("raw.events").metadata_location.removeprefix("file://")
    copy = tmp_path / "00000-00000000-0000-0000-0000-000000000000.metadata.json"
    copy.write_bytes(open(location, "rb").read())
    refused(ruled, lambda: ruled.admin.catalog.register_table("open.adopted", str(copy)), says=["WH7071"])
    refused(ruled, lambda: ruled.admin.catalog.register_table("open.adopted", location), says=["WH7071"])   # overlaps raw.events


@pytest.mark.parametrize("engine", WRITERS)
def test_tokens_bind(ruled, engine):
    make = lambda *options: ruled.json("token", "create", *options)["token"]
    reader = make("--name", f"r-{engine}", "--role", "reader", "--on", "processed", "--on", "open")
    client = engines.ENGINES[engine](ruled.uri, reader)
    refused(ruled, lambda: APPEND_TRIPS[engine](client, "processed.free"), says=["WH7070", "writer"])
    with pytest.raises(Exception):
        client.read("raw.events")    # not in its scope
    client.close()
    wrong = engines.ENGINES[engine](ruled.uri, make("--name", f"w-{engine}", "--role", "writer", "--on", "open"))
    with pytest.raises(Exception):
        APPEND_TRIPS[engine](wrong, "processed.free")
    wrong.close()
    gone = make("--name", f"g-{engine}", "--role", "writer", "--on", "*")
    client = engines.ENGINES[engine](ruled.uri, gone)
    assert client.read("processed.free")
    ruled.wh("token", "revoke", f"g-{engine}", "--reason", "it leaked")
    before = pointers(ruled)
    with pytest.raises(Exception, match="(?is)revoked"):
        APPEND_TRIPS[engine](client, "processed.free")
    assert pointers(ruled) == before
    client.close()


def call(project, path, token, body=None, method=None):
    request = urllib.request.Request(project.uri + path, method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header("authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def test_an_expired_token_is_said_to_have_expired(ruled):
    import time
    short = ruled.json("token", "create", "--name", "short", "--role", "reader", "--on", "*", "--expires", "1s")["token"]
    time.sleep(1.2)
    status, answer = call(ruled, "/v1/namespaces", short)
    assert status == 401 and answer["error"]["type"] == "NotAuthorizedException" and "expired" in answer["error"]["message"]


def test_a_summary_that_lies_is_found_out(ruled):
    """An append in words; in the manifest list the rows before it are gone."""
    victim, donor = ruled.admin.table("raw.events"), None
    ruled.admin.create("open.donor")
    ruled.admin.append("open.donor", make_rows(500, 2))
    donor = ruled.admin.table("open.donor")
    now = victim.current_snapshot()
    snapshot = json.loads(donor.current_snapshot().model_dump_json(by_alias=True))
    snapshot.update({"snapshot-id": 7, "parent-snapshot-id": now.snapshot_id, "sequence-number": now.sequence_number + 1,
                     "timestamp-ms": now.timestamp_ms + 1, "summary": {"operation": "append", "added-records": "2"}})
    body = {"requirements": [{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": now.snapshot_id}],
            "updates": [{"action": "add-snapshot", "snapshot": snapshot},
                        {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 7}]}
    before = pointers(ruled)
    status, answer = call(ruled, "/v1/namespaces/raw/tables/events", ruled.token, body)
    assert status in (400, 403), answer
    assert answer["error"]["message"]
    assert pointers(ruled) == before
    assert normal(ruled.admin.read("raw.events")) == normal(make_rows(0, 40))
