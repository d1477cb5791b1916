"""The catalog's own file: an index that lost bits, rows that somebody changed, an older file put back."""
import http.client
import pathlib
import sqlite3
import urllib.error
import urllib.request

import pytest

from project import Project, wait_until

CONTRACT = ("apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n"
            "    logicalType: object\n    properties:\n      - { name: id, logicalType: string, required: true }\n")


@pytest.fixture
def lab(tmp_path):
    for path, text in {"weirhouse.yaml": "name: lab\nversion: 1\nsources:\n  a: { landing: landing/a/ }\n",
                       "contracts/a.odcs.yaml": CONTRACT,
                       "processed/a.sql": "-- wh: table processed.a; key id\nSELECT r.id FROM records.a AS r\n"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    project = Project(tmp_path)
    project.wh("init")
    project.apply()
    for day in (1, 2, 3):
        project.land("a", f"2026-03-0{day}.jsonl", f'{{"id":"k{day}"}}\n'.encode())
    project.wh("ingest")
    project.path = tmp_path / ".weirhouse/catalog.db"
    return project


def settle(path):
    db = sqlite3.connect(path)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()


def test_an_index_that_lost_a_bit_is_told_and_takes_no_arrival_in_twice(lab):
    settle(lab.path)
    db = sqlite3.connect(lab.path)
    root, = db.execute("select rootpage from sqlite_master where name = 'object_arrival'").fetchone()
    size, = db.execute("pragma page_size").fetchone()
    db.close()
    data = bytearray(lab.path.read_bytes())
    at = data.index(b"2026-03-02.jsonl", (root - 1) * size)
    assert at < root * size
    data[at + 9] ^= 4
    lab.path.write_bytes(data)
    found = lab.wh("verify", "--deep", code=9)
    assert "object_arrival" in found.stdout
    assert "fail" in lab.wh("doctor", code=None).stdout
    (lab.folder / "landing/a/2026-03-02.jsonl").touch()
    assert "WH7009" in lab.wh("ingest", code=11).stderr
    db = sqlite3.connect(lab.path)
    assert db.execute("select count(*) from object not indexed where name = '2026-03-02.jsonl'").fetchone() == (1,)
    db.execute("reindex")
    db.close()
    lab.wh("verify", "--deep")
    assert "1 objects again" in lab.wh("ingest").stdout


@pytest.mark.parametrize("sql", [
    "update setting set value = replace(value, '\"reader\"', '\"admin\"') where key like 'token/%'",
    "delete from setting where key like 'token/%'",
    "update landing set digest = replace(digest, 'a', 'b')",
    "update counter set next = next + 1 where name = 'record'",
    "update run set kind = 'full' where id = 1",
    "update consumer_offset set generation = generation + 1",
    "insert into released_file (path, seq, removed) select path, 1, 0 from file where kind = 'data' limit 1",
    "update released_file set removed = 1",
    "insert into parse_attempt values ('a', '2026-03-01.jsonl', 'x', 3)",
])
def test_rows_that_somebody_changed_are_told(lab, sql):
    lab.wh("token", "create", "--name", "ann", "--role", "reader", "--on", "processed")
    db = sqlite3.connect(lab.path, isolation_level=None)
    changed = db.execute(sql).rowcount
    db.close()
    lab.wh("verify", "--deep", code=9 if changed else 0)
    lab.wh("token", "create", "--name", "bob", "--role", "reader", "--on", "processed")    # later commits hide nothing
    lab.wh("verify", "--deep", code=9 if changed else 0)


def test_an_older_catalog_that_is_put_back_is_told(lab):
    assert lab.json("verify")["other_lives"] == []
    settle(lab.path)
    older = lab.path.read_bytes()
    lab.land("a", "2026-03-04.jsonl", b'{"id":"k4"}\n')
    lab.wh("ingest")
    last = lab.status()["commit"]
    settle(lab.path)
    lab.path.write_bytes(older)
    (lab.folder / "landing/a/2026-03-04.jsonl").unlink()
    told = lab.json("verify", "--deep")
    assert told["problems"] == [] and len(told["other_lives"]) == 1
    assert f"stood at commit {last}" in told["other_lives"][0]
    assert "other catalog" in lab.wh("verify").stdout and "catalog's past" in lab.wh("doctor", code=None).stdout
    lab.land("a", "2026-03-05.jsonl", b'{"id":"k5"}\n')
    lab.wh("ingest")
    assert [life[:20] for life in lab.json("verify")["other_lives"]] == [told["other_lives"][0][:20]]
    assert {row["id"] for row in lab.rows("select id from processed.a")} == {"k1", "k2", "k3", "k5"}


@pytest.mark.parametrize("sql, said", [
    ("drop index object_arrival", "object_arrival"),
    ("drop view iceberg_tables", "iceberg_tables"),
    ("create trigger quiet after insert on object begin delete from landing; end", "quiet"),
    ("drop index node_key; create unique index node_key on node (kind, key, seq)", "node_key"),
])
def test_a_layout_that_somebody_changed_is_told(lab, sql, said):
    db = sqlite3.connect(lab.path)
    db.executescript(sql)
    db.close()
    for verb in (["verify"], ["verify", "--deep"]):
        assert f'"{said}"' in lab.wh(*verb, code=9).stdout


def test_a_log_that_lost_a_bit_is_told_before_anything_is_lost(lab, tmp_path):
    settle(lab.path)
    with lab.serve() as daemon:
        for day in (4, 5, 6):
            lab.land("a", f"2026-03-0{day}.jsonl", f'{{"id":"k{day}"}}\n'.encode())
            wait_until(lambda: lab.status()["states"].get("processed") == day, 20, "the file")
        daemon.kill()    # the log stays, with what has not been moved into the database
        daemon.wait()
    log = lab.path.with_name("catalog.db-wal")
    whole = log.read_bytes()
    hurt = bytearray(whole)
    hurt[len(hurt) // 3] ^= 16
    log.write_bytes(hurt)
    for verb in (["verify", "--deep"], ["status"], ["ingest"], ["sql", "select 1"]):
        done = lab.wh(*verb, code=11)
        assert "WH7021" in done.stderr and "catalog.db-wal" in done.stderr, done.stderr
    assert log.read_bytes() == hurt
    log.write_bytes(whole)
    lab.wh("ingest")
    lab.wh("verify", "--deep")
    assert len(lab.rows("select id from processed.a")) == 6


def test_a_commit_that_is_missing_is_no_gap_in_the_events(lab):
    with sqlite3.connect(lab.folder / ".weirhouse/catalog.db") as catalog:
        (last,) = catalog.execute("select max(seq) from commit_log").fetchone()
        gone = last - 1
        catalog.execute("delete from commit_log where seq = ?", (gone,))
    with lab.serve() as daemon:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/v1/events?after={gone - 1}", timeout=30)
        assert refused.value.code == 500 and "WH7008" in refused.value.read().decode()
        stream = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        stream.request("GET", "/v1/events?after=0")
        with pytest.raises(http.client.IncompleteRead) as cut:    # told up to the gap, then ended before its end
            stream.getresponse().read()
    ids = [line for line in cut.value.partial.decode().splitlines() if line.startswith("id:")]
    assert ids == [f"id: {number}" for number in range(gone)]    # 0: where it began


def answer(url, token):
    """Status and text of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": f"Bearer {token}"}), timeout=30) as done:
            return done.status, done.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("how, code", [("missing", "WH8093"), ("damaged", "WH7050")])
def test_a_table_whose_metadata_file_is_missing_or_damaged_is_corruption_and_never_not_found(lab, how, code):
    lab.land("a", "2026-03-04.jsonl", b'{"id":"k4"}\n{"no":"id"}\n')
    lab.wh("ingest")
    token = lab.wh("token", "new").stdout.split()[1]
    for table in ("processed.a", "quarantine.a"):
        path, = sqlite3.connect(lab.path).execute("select metadata_location from table_pointer where name = ?", (table,)).fetchone()
        path = pathlib.Path(path.removeprefix("file://"))
        path.rename(path.with_suffix(".away"))
        if how == "damaged":
            path.write_bytes(b'{"format-version": 2,')
    for words in (("sql", "select * from processed.a"), ("table", "history", "processed.a"), ("table", "files", "processed.a"),
                  ("quarantine", "list", "a")):
        assert code in lab.wh(*words, code=11).stderr, words
    with lab.serve("--no-watch") as daemon:
        url = f"http://127.0.0.1:{daemon.port}"
        for path in ("/iceberg/v1/namespaces/processed/tables/a", "/v1/quarantine?source=a", "/v1/quarantine/reasons?source=a"):
            status, text = answer(url + path, token)
            loads = path.startswith("/iceberg") and how == "missing"    # as Iceberg's compatibility kit asks
            assert status == (404 if loads else 500) and code in text, (path, status, text)
            assert not loads or '"NotFoundException"' in text, text
        assert answer(url + "/iceberg/v1/namespaces/processed/tables/b", token)[0] == 404


def test_a_text_where_a_number_was_stored_is_corruption(lab):
    db = sqlite3.connect(lab.path)
    db.execute("update run set attempt = '2 times'")
    db.commit()
    db.close()
    assert "WH7021" in lab.wh("runs", code=11).stderr
    with lab.serve("--no-watch") as daemon:
        status, text = answer(f"http://127.0.0.1:{daemon.port}/v1/runs", "")
        assert status == 500 and "WH7021" in text, (status, text)
