"""Requests by someone who wishes us ill: each is refused with a reason, none breaks anything, nothing changes."""
import copy
import http.client
import json
import pathlib
import random
import sqlite3
import urllib.parse

import pytest

from engines import arrow, make_rows

WRONG = (None, True, -1, 0, 2**31, 2**63 - 1, 2**64, 1e400, -0.5, "", "x" * 5000, "../../etc/passwd", "a\u0000b", "%2e%2e", "'; DROP TABLE run; --",
         "\u202e", [], {}, [[]], [None], {"": None}, {"type": {}}, "\ud800")
SNAPSHOT = {"snapshot-id": 4, "parent-snapshot-id": 3, "sequence-number": 9, "timestamp-ms": 1, "manifest-list": "/nowhere/list.avro",
            "schema-id": 0, "summary": {"operation": "append"}}
FIELD = {"id": 1, "name": "id", "required": False, "type": "long"}
SCHEMA = {"type": "struct", "schema-id": 0, "identifier-field-ids": [], "fields": [
    FIELD, {"id": 2, "name": "deep", "required": False, "type": {"type": "struct", "fields": [
        {"id": 3, "name": "l", "required": True, "type": {"type": "list", "element-id": 4, "element": "string", "element-required": False}},
        {"id": 5, "name": "m", "required": True, "type": {"type": "map", "key-id": 6, "key": "string", "value-id": 7, "value": "int", "value-required": True}}]}}]}
SPEC = {"spec-id": 1, "fields": [{"source-id": 1, "field-id": 1000, "name": "p", "transform": "bucket[4]"}]}
ORDER = {"order-id": 1, "fields": [{"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]}
UPDATES = [
    {"action": "assign-uuid", "uuid": "00000000-0000-0000-0000-000000000000"},
    {"action": "upgrade-format-version", "format-version": 2},
    {"action": "add-schema", "schema": SCHEMA, "last-column-id": 7},
    {"action": "set-current-schema", "schema-id": -1},
    {"action": "add-spec", "spec": SPEC},
    {"action": "set-default-spec", "spec-id": -1},
    {"action": "add-sort-order", "sort-order": ORDER},
    {"action": "set-default-sort-order", "sort-order-id": -1},
    {"action": "add-snapshot", "snapshot": SNAPSHOT},
    {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 4, "min-snapshots-to-keep": 1,
     "max-snapshot-age-ms": 1, "max-ref-age-ms": 1},
    {"action": "remove-snapshots", "snapshot-ids": [4]},
    {"action": "remove-snapshot-ref", "ref-name": "main"},
    {"action": "set-location", "location": "/nowhere"},
    {"action": "set-properties", "updates": {"a": "b"}},
    {"action": "remove-properties", "removals": ["a"]},
    {"action": "set-statistics", "snapshot-id": 4, "statistics": {"snapshot-id": 4, "statistics-path": "/nowhere", "file-size-in-bytes": 1,
     "file-footer-size-in-bytes": 1, "blob-metadata": [{"type": "t", "snapshot-id": 4, "sequence-number": 1, "fields": [1], "properties": {}}]}},
    {"action": "remove-statistics", "snapshot-id": 4},
    {"action": "set-partition-statistics", "partition-statistics": {"snapshot-id": 4, "statistics-path": "/nowhere", "file-size-in-bytes": 1}},
    {"action": "remove-partition-statistics", "snapshot-id": 4},
    {"action": "remove-partition-specs", "spec-ids": [7]},
    {"action": "remove-schemas", "schema-ids": [7]},
    {"action": "add-encryption-key", "encryption-key": {"key-id": "k", "encrypted-key-metadata": "e"}},
    {"action": "remove-encryption-key", "key-id": "k"},
    {"action": "make-it-so"},
]
REQUIREMENTS = [
    {"type": "assert-create"}, {"type": "assert-table-uuid", "uuid": "none"},
    {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 4}, {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 99},
    {"type": "assert-current-schema-id", "current-schema-id": 99}, {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 99},
    {"type": "assert-default-spec-id", "default-spec-id": 99}, {"type": "assert-default-sort-order-id", "default-sort-order-id": 99},
    {"type": "assert-it-so"},
]
# It never holds, so whatever a mutation leaves valid is refused all the same.
NEVER = {"type": "assert-table-uuid", "uuid": "never"}
VIEW = {"name": "v", "location": "/nowhere", "schema": SCHEMA, "properties": {}, "view-version": {
    "version-id": 1, "schema-id": 0, "timestamp-ms": 1, "summary": {}, "default-namespace": ["none"],
    "representations": [{"type": "sql", "sql": "select 1", "dialect": "spark"}]}}


class Door:
    def __init__(self, lake):
        self.lake, self.port = lake, int(lake.uri.split(":")[2].split("/")[0])

    def ask(self, method, path, body=None, token=None, raw=None, headers=()):
        """Status and body; the body of a refusal must be Iceberg's error with a reason."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode("utf-8", "surrogatepass")
        fields = {"authorization": f"Bearer {token or self.lake.token}", **dict(headers)}
        if data is not None:
            fields.setdefault("content-type", "application/json")
            fields.setdefault("content-length", str(len(data)))
        try:
            connection.putrequest(method, "/iceberg" + path, skip_accept_encoding=True)
            for name, value in fields.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def refused(self, method, path, may_cut_off=False, **what):
        """The status; None where being cut off while still sending is an answer too."""
        try:
            status, read = self.ask(method, path, **what)
        except (BrokenPipeError, ConnectionResetError):
            assert may_cut_off, f"{method} {path} {str(what)[:600]}: no answer"
            return None
        assert 400 <= status < 500, f"{method} {path} {str(what)[:600]}: {status} {read[:600]}"
        error = json.loads(read)["error"]
        assert error["message"] and error["type"] and error["code"] == status, read
        return status


@pytest.fixture(scope="module")
def door(lake, clients):
    clients["pyiceberg"].catalog.create_table("open.target", arrow([]).schema)
    clients["pyiceberg"].table("open.target").append(arrow(make_rows(0, 3)))
    return Door(lake)


@pytest.fixture(autouse=True)
def nothing_changes(lake, door):
    def state():
        with sqlite3.connect(f"file:{lake.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as db:
            return sorted(db.execute("select name, metadata_location from table_pointer")) + sorted(db.execute("select * from namespace"))
    before = state()
    yield
    assert state() == before
    assert door.ask("GET", "/v1/namespaces/open/tables/target")[0] == 200


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def changed(value, path, new):
    if not path:
        return new
    made = copy.deepcopy(value)
    at = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return made


def without(value, path):
    made = copy.deepcopy(value)
    at = made
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return made


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update["action"])
def test_wrong_types_in_every_field_of_every_update(door, update):
    path = "/v1/namespaces/open/tables/target"
    for place in places(update):
        mutations = [changed(update, place, wrong) for wrong in WRONG]
        if place:
            mutations.append(without(update, place))
        for mutated in mutations:
            door.refused("POST", path, body={"requirements": [NEVER], "updates": [mutated]})
            door.refused("POST", path, body={"requirements": [], "updates": [mutated, {"action": "make-it-so"}]})


def test_mutated_updates_alone_are_refused_or_leave_a_table_that_loads(door):
    """Some mutations mean something: those may be accepted, on a table that can be loaded and committed to afterwards."""
    path = "/v1/namespaces/open/tables/scratch"
    assert door.ask("POST", "/v1/namespaces/open/tables", body={"name": "scratch", "schema": SCHEMA})[0] == 200
    for update in UPDATES:
        for place in places(update):
            mutations = [changed(update, place, wrong) for wrong in WRONG]
            if place:
                mutations.append(without(update, place))
            for mutated in mutations:
                status, read = door.ask("POST", path, body={"requirements": [], "updates": [mutated]})
                assert status < 500, f"{mutated}: {status} {read[:600]}"
                if status >= 300:
                    continue
                status, read = door.ask("GET", path)
                assert status == 200, f"after {mutated}: {read[:600]}"
                assert door.ask("POST", path, body={"requirements": [], "updates": [
                    {"action": "set-properties", "updates": {"again": str(len(read))}}]})[0] == 200, mutated
    assert door.ask("DELETE", path)[0] == 204


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement["type"])
def test_wrong_types_in_every_field_of_every_requirement(door, requirement):
    for place in places(requirement):
        for wrong in WRONG:
            door.refused("POST", "/v1/namespaces/open/tables/target",
                         body={"requirements": [changed(requirement, place, wrong), NEVER], "updates": []})


BODIES = {
    "create": ("POST", "/v1/namespaces/absent/tables", {"name": "t", "schema": SCHEMA, "partition-spec": SPEC, "write-order": ORDER,
                                                        "location": "/nowhere", "stage-create": False, "properties": {"a": "b"}}),
    "register": ("POST", "/v1/namespaces/absent/register", {"name": "t", "metadata-location": "/nowhere", "overwrite": False}),
    "transaction": ("POST", "/v1/transactions/commit", {"table-changes": [
        {"identifier": {"namespace": ["open"], "name": "target"}, "requirements": [NEVER], "updates": []}]}),
    "rename": ("POST", "/v1/tables/rename", {"source": {"namespace": ["absent"], "name": "a"}, "destination": {"namespace": ["open"], "name": "b"}}),
    "properties": ("POST", "/v1/namespaces/absent/properties", {"removals": ["a"], "updates": {"b": "c"}}),
    "view": ("POST", "/v1/namespaces/absent/views", VIEW),
    "replace view": ("POST", "/v1/namespaces/open/views/absent", {"requirements": [{"type": "assert-view-uuid", "uuid": "u"}], "updates": [
        {"action": "add-view-version", "view-version": VIEW["view-version"]}, {"action": "set-current-view-version", "view-version-id": -1}]}),
    "rename view": ("POST", "/v1/views/rename", {"source": {"namespace": ["absent"], "name": "a"}, "destination": {"namespace": ["open"], "name": "b"}}),
}


@pytest.mark.parametrize("name", BODIES)
def test_wrong_types_in_every_field_of_every_body(door, name):
    method, path, body = BODIES[name]
    door.refused(method, path, body=body)
    for place in places(body):
        for wrong in WRONG:
            if name == "transaction" and place in ((), ("table-changes",), ("table-changes", 0, "requirements")) and wrong in ([], None):
                continue    # a commit of nothing is none
            door.refused(method, path, body=changed(body, place, wrong))


def test_namespaces_with_names_nobody_should_have(door):
    for levels in ([], [""], ["a", ""], ["."], [".."], ["a/../b"], ["a\u0000"], ["a\u001fb"], ["x" * 3000], [7], [None], "open", {"a": 1}, [["a"]],
                   ["a.b"], ["\u202e"], ["."] * 3, ["a"] * 100):
        door.refused("POST", "/v1/namespaces", body={"namespace": levels, "properties": {}})


def test_table_names_nobody_should_have(door):
    for name in ("", ".", "..", "../../x", "a\u0000b", "x" * 3000, "a\nb", "\u202e", "a.b", "a\u001fb", "\x7f", "\u2066", 7, None, [], {}):
        for stage in (False, True):
            door.refused("POST", "/v1/namespaces/open/tables", body={"name": name, "schema": SCHEMA, "stage-create": stage})
        door.refused("POST", "/v1/tables/rename", body={"source": {"namespace": ["open"], "name": "target"},
                                                        "destination": {"namespace": ["open"], "name": name}})


def test_names_that_look_like_paths_lead_nowhere_else(door, lake):
    """Iceberg allows slashes and the like in names; they must not become folders."""
    warehouse = lake.folder / ".weirhouse/lake"
    for name in ("a/b", "/etc/passwd", "~", "%2e%2e", "-rf", "C:\\x", "a\\b", "$(id)", "'; DROP TABLE run; --", "con", " "):
        for stage in (True, False):
            status, read = door.ask("POST", "/v1/namespaces/open/tables", body={"name": name, "schema": SCHEMA, "stage-create": stage})
            assert status == 200, (name, read)
            location = json.loads(read)["metadata"]["location"].removeprefix("file://")
            place = pathlib.Path(urllib.parse.unquote(location)).resolve().parent
            assert place.parent == warehouse.resolve() and pathlib.Path(location).resolve().parent == place, location
        path = f"/v1/namespaces/open/tables/{urllib.parse.quote(name, safe='')}"
        assert door.ask("GET", path)[0] == 200, name
        assert door.ask("DELETE", path)[0] == 204, name


@pytest.mark.parametrize("path", (
    "/v1/namespaces/open/tables/..", "/v1/namespaces/../tables/target", "/v1/namespaces/open/tables/%2e%2e%2f%2e%2e%2fetc",
    "/v1/namespaces/%2e%2e/tables/target", "/v1/namespaces/open/tables/target%00", "/v1/namespaces/open%1f/tables/target",
    "/v1/namespaces/open/tables/" + "x" * 4000, "/v1/namespaces//tables/target", "/v1/../../../etc/passwd", "/v1/namespaces/open/tables/absent",
    "/v2/config", "/v1/oauth/tokens", "/v1/namespaces/open/tables/target/plan", "/v1/namespaces/%ff%fe/tables",
    "/views/r999999/v1/namespaces", "/views/../v1/namespaces", "/v1/namespaces?parent=absent", "/v1/namespaces?pageToken=forged&pageSize=-1",
    "/v1/namespaces?pageSize=abc&pageToken=", "/v1/config?warehouse=another"))
def test_paths_that_climb_or_lead_nowhere(door, path):
    door.refused("GET", path)


@pytest.mark.parametrize("raw", (
    b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}{}", b"\xff\xfe{}", b'{"updates": NaN}', b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' * 100_000,
    b'{"updates": [' + b'{"action":"set-properties","updates":{"a":"b"}},' * 60_000 + b'{"action":"make-it-so"}]}', b" " * 1_000_000 + b"x"),
    ids=range(14))
def test_bodies_that_are_not_what_they_should_be(door, raw):
    for path in ("/v1/namespaces/open/tables/target", "/v1/transactions/commit", "/v1/namespaces", "/v1/tables/rename"):
        door.refused("POST", path, raw=raw, may_cut_off=len(raw) > 1 << 20)


def test_a_body_too_large_is_not_read(door):
    assert door.refused("POST", "/v1/namespaces/open/tables/target", raw=b" " * 16, may_cut_off=True, headers=[("content-length", str(2**40))]) in (None, 400, 413)
    assert door.refused("POST", "/v1/namespaces/open/tables/target", raw=b" " * (70 << 20), may_cut_off=True) in (None, 413)


def test_other_types_and_encodings_are_refused(door):
    for headers in ([("content-type", "text/plain")], [("content-encoding", "gzip")], [("content-type", "application/x-www-form-urlencoded")]):
        assert door.refused("POST", "/v1/namespaces/open/tables/target", raw=b"{}", headers=headers) == 415


def test_without_a_live_token_nothing_is_told(door):
    for token in ("", "x", "wh_" + "A" * 43, "Bearer", "x" * 5000):
        for method, path in (("GET", "/v1/config"), ("GET", "/v1/namespaces"), ("GET", "/v1/namespaces/open/tables/target"),
                             ("POST", "/v1/transactions/commit"), ("DELETE", "/v1/namespaces/open/tables/target")):
            assert door.refused(method, path, token=token or " ", body={} if method == "POST" else None) in (401, 400, 431)


def test_idempotency_keys_that_are_none(door):
    for key in ("x", "1" * 36, "00000000-0000-4000-8000-000000000000", "x" * 3000):
        door.refused("POST", "/v1/namespaces/open/tables/target", body={"requirements": [NEVER], "updates": []}, headers=[("idempotency-key", key)])


def test_a_thousand_random_bodies(door):
    chance = random.Random(7)
    def make(depth):
        kind = chance.randrange(8 if depth < 5 else 5)
        if kind < 5:
            return chance.choice(WRONG)
        if kind < 6:
            return [make(depth + 1) for _ in range(chance.randrange(4))]
        return {chance.choice(("requirements", "updates", "action", "type", "schema", "snapshot", "fields", "id", "namespace", "name", "identifier",
                               "table-changes", "ref-name")): make(depth + 1) for _ in range(chance.randrange(6))}
    for _ in range(1000):
        door.refused("POST", chance.choice(("/v1/namespaces/open/tables/target", "/v1/transactions/commit", "/v1/namespaces/absent/tables",
                                            "/v1/tables/rename", "/v1/namespaces/absent/register")),
                     body={"requirements": [NEVER], "updates": [make(0)], "table-changes": [make(0)], **({"name": make(1)} if chance.random() < 0.5 else {})})
