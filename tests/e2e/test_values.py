"""A value is what was sent: numbers with all their digits, decimals, texts of seeds, bytes of what has no key."""
import gzip
import json

import pytest

from project import Project

NUMBERS = ("1884518522.1684267241", "9007199254740993", "12345678901234567.89", "-0.0000000001", "0")


def make(folder, properties, sql, files=None, unknown="keep", source="format: jsonl", extra=""):
    """A project of one source `a`, one contract and one table; `files` = more files by path."""
    contract = "\n".join(f"      - {one}" for one in properties)
    for path, text in {
            "weirhouse.yaml": f"name: t\nversion: 1\nsources:\n  a: {{ landing: landing/a/, {source} }}\n{extra}",
            "contracts/a.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n"
                                     f"schema:\n  - name: a\n    logicalType: object\n    properties:\n{contract}\n"
                                     f"customProperties: [{{ property: whUnknownFields, value: {unknown} }}]\n",
            "processed/a.sql": sql,
            **(files or {})}.items():
        path = folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project = Project(folder)
    project.wh("init")
    return project


@pytest.mark.parametrize("form", ["jsonl", "csv", "jsonl.gz", "json"])
def test_a_decimal_keeps_every_digit(tmp_path, form):
    project = make(tmp_path, ["{ name: id, logicalType: string, required: true }",
                              "{ name: amount, logicalType: number, physicalType: 'DECIMAL(38,10)' }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id, r.amount FROM records.a AS r\n",
                   source=f"format: {form.removesuffix('.gz')}")
    project.apply()
    if form == "csv":
        text = "id,amount\n" + "".join(f"{i},{number}\n" for i, number in enumerate(NUMBERS))
    else:
        lines = [f'{{"id":"{i}","amount":{number}}}' for i, number in enumerate(NUMBERS)]
        text = "[" + ",".join(lines) + "]" if form == "json" else "\n".join(lines)
    data = text.encode()
    project.land("a", f"1.{form}", gzip.compress(data) if form.endswith(".gz") else data)
    project.wh("ingest")
    rows = project.rows("select amount, typeof(amount) as type from processed.a order by id")
    assert [row["amount"] for row in rows] == ["1884518522.1684267241", "9007199254740993.0000000000",
                                               "12345678901234567.8900000000", "-0.0000000001", "0.0000000000"]
    assert {row["type"] for row in rows} == {"DECIMAL(38,10)"}
    shown = project.wh("contract", "show", "a").stdout
    assert "DECIMAL(38,10)" in shown
    project.wh("verify", "--deep")


def test_a_decimal_is_not_rounded_and_its_type_is_part_of_the_contract(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: string, required: true }",
                              "{ name: amount, logicalType: number, physicalType: 'DECIMAL(5,2)' }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id, r.amount FROM records.a AS r\n")
    project.apply()
    project.land("a", "1.jsonl", b'{"id":"a","amount":1.10}\n{"id":"b","amount":1.105}\n{"id":"c","amount":1000}\n')
    project.wh("ingest")
    assert project.rows("select amount from processed.a") == [{"amount": "1.10"}]
    assert {row["reason"] for row in project.rows("select reason from quarantine.a")} == {
        "WH1213 amount out of range, expected a number that DECIMAL(5,2) holds whole"}
    project.edit("contracts/a.odcs.yaml", (", physicalType: 'DECIMAL(5,2)'", ""))
    refused = project.wh("plan", code=4).stderr
    assert "amount: type: DECIMAL(5,2) → number (breaking)" in refused
    project.edit("contracts/a.odcs.yaml", ("logicalType: number", "logicalType: number, physicalType: NUMERIC"))
    assert "does not say how many digits" in project.wh("validate", code=2).stderr


def test_a_number_that_the_contract_does_not_declare_refuses_no_record(tmp_path):
    lines = [b'{"id":"a","x":18446744073709551616}', b'{"id":"b","x":{"y":[1e400,1.10,1e2,-0.0]}}', b'{"id":"c"}']
    for policy in ("keep", "drop"):
        folder = tmp_path / policy
        folder.mkdir()
        unknown = ", r._unknown AS more" if policy == "keep" else ""
        project = make(folder, ["{ name: id, logicalType: string, required: true }"],
                       f"-- wh: table processed.a; key id; mode incremental\nSELECT r.id{unknown} FROM records.a AS r\n",
                       unknown=policy)
        project.apply()
        project.land("a", "1.jsonl", b"\n".join(lines))
        project.wh("ingest")
        rows = project.rows("select * from processed.a order by id")
        assert [row["id"] for row in rows] == ["a", "b", "c"]
        if policy == "keep":
            assert [row["more"] for row in rows] == ['{"x":18446744073709551616}',
                                                     '{"x":{"y":[1e400,1.10,1e2,-0.0]}}', None]
            digits = project.rows("select more::json ->> '$.x.y[0]' as big, more::json ->> '$.x.y[1]' as price "
                                  "from processed.a where id = 'b'")
            assert digits[0]["big"] == "1e400"


SEED = "zip,city,long_id,release,code,n\n00501,Holtsville,12345678901234567891,1.10,1E5,7\n" \
       "02134,Boston,12345678901234567892,1.20,2E3,8\n"
SEED_SQL = """-- wh: table processed.a; key id; mode incremental
SELECT r.id, z.zip, z.long_id, z.release, z.code, z.n FROM records.a AS r JOIN ref.zip AS z ON z.city = r.city
"""


def test_a_seed_keeps_its_texts_and_says_what_it_chose(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: string, required: true }", "{ name: city, logicalType: string }"],
                   SEED_SQL, {"seeds/zip.csv": SEED}, extra="seeds: { zip: seeds/zip.csv }\n")
    said = project.wh("validate")
    assert "seed zip: zip string, city string, long_id string, release string, code string, n integer" in said.stdout
    assert 'column "zip" is kept as text: "00501"' in said.stderr
    assert project.json("validate")["seeds"]["zip"]["n"] == "integer"
    project.apply()
    project.land("a", "1.jsonl", b'{"id":"1","city":"Holtsville"}\n')
    project.wh("ingest")
    assert project.rows("select * from processed.a") == [
        {"id": "1", "zip": "00501", "long_id": "12345678901234567891", "release": "1.10", "code": "1E5", "n": 7}]
    # A declared type is another column: what reads it is built anew.
    project.edit("weirhouse.yaml", ("{ zip: seeds/zip.csv }", "{ zip: { path: seeds/zip.csv, types: { n: string } } }"))
    assert "seed" in project.wh("plan", code=None).stdout
    project.edit("weirhouse.yaml", ("{ n: string }", "{ n: strng }"))
    assert "did you mean \"string\"" in project.wh("validate", code=2).stderr
    project.edit("weirhouse.yaml", ("{ n: strng }", "{ m: string }"))
    assert 'no column "m"' in project.wh("validate", code=2).stderr


def test_a_seed_whose_header_names_a_column_twice_is_refused(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: string, required: true }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id FROM records.a AS r\n",
                   {"seeds/d.csv": "k,k\na,b\n"}, extra="seeds: { d: seeds/d.csv }\n")
    for verb in (["validate"], ["plan"], ["sql", "select * from ref.d"]):
        said = project.wh(*verb, code=2).stderr
        assert "WH2010" in said and "seeds/d.csv" in said


@pytest.mark.parametrize("form", ["jsonl", "csv", "jsonl.gz"])
def test_a_record_without_a_key_keeps_its_bytes_and_place(tmp_path, form):
    project = make(tmp_path, ["{ name: k1, logicalType: string, required: true }", "{ name: k2, logicalType: string }",
                              "{ name: v, logicalType: integer }"],
                   "-- wh: table processed.a; key k1, k2; mode incremental\nSELECT r.k1, r.k2, r.v FROM records.a AS r\n",
                   source=f"format: {form.removesuffix('.gz')}")
    project.apply()
    last = b"a,,3" if form == "csv" else b'{"k1":"a","k2":null,"v":3}'
    lines = [b"k1,k2,v", b"a,x,1"] if form == "csv" else [b'{"k1":"a","k2":"x","v":1}', b'{"k1":"a","k2":"y","v":2}']
    data = b"\n".join([*lines, last]) + b"\n"
    project.land("a", f"1.{form}", gzip.compress(data) if form.endswith(".gz") else data)
    project.wh("ingest")
    row, = project.rows("select line, byte_offset, byte_length, decode(bytes) as bytes, record_digest = sha256(bytes) as "
                        "same, reason, _record from quarantine.a")
    assert row["bytes"] == last.decode() and row["same"] and row["line"] == 3
    assert row["byte_offset"] == data.index(last) and row["byte_length"] == len(last)
    assert row["reason"] == "WH2112 k2 missing, part of the key of processed.a"
    assert f"a/1.{form}:3" in project.wh("quarantine", "list").stdout
    assert last.decode() in project.wh("quarantine", "show", f"a/{row['_record']}").stdout
    assert project.status()["adds_up"]
    project.wh("verify", "--deep")


def test_a_row_without_a_key_is_told_wherever_in_a_chain_it_is(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: integer, required: true }", "{ name: k, logicalType: string }"],
                   "-- wh: table processed.a; key id\nSELECT r.id, r.k FROM records.a AS r\n",
                   {"processed/b.sql": "-- wh: table processed.b; key k\nSELECT r.id, r.k FROM processed.a AS r\n"})
    project.apply()
    project.land("a", "1.jsonl", b'{"id":1,"k":null}\n{"id":2,"k":"x"}\n')
    said = project.wh("ingest")
    reason = "WH2112 k missing, part of the key of processed.b"
    assert f"quarantined: 1 of a: {reason}, first a/1" in said.stdout + said.stderr
    project.land("a", "2.jsonl", b'{"id":3,"k":null}\n{"k":"y"}\n')
    told = json.loads(project.wh("ingest", "--json").stdout)["quarantined"]
    assert {one["reason"]: one["records"] for one in told if "WH2112" in one["reason"]} == {reason: 1}
    status = project.status()
    assert status["quarantined"] == {"a": 3} and status["adds_up"]
    assert "quarantine 3 of a" in project.wh("status").stdout
    assert len(project.rows("select reason from quarantine.a")) == 3


def test_texts_come_through_as_they_were_sent(tmp_path):
    texts = ["", " ", "NA", "null", "true", "1e5", "é\u0301", "\U0001f600", "a\"b", "line\nbreak", "tab\t", "\\n", "x" * 100_000]
    project = make(tmp_path, ["{ name: id, logicalType: string, required: true }", "{ name: v, logicalType: string }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id, r.v FROM records.a AS r\n")
    project.apply()
    project.land("a", "1.jsonl", "\n".join(json.dumps({"id": f"{i:03}", "v": text}) for i, text in enumerate(texts)).encode())
    project.wh("ingest")
    assert [row["v"] for row in project.rows("select v from processed.a order by id")] == texts


def test_an_empty_list_of_nulls_makes_no_text_null(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: integer, required: true }",
                              "{ name: v, logicalType: string, required: true }"],
                   "-- wh: table processed.a; key id; mode incremental\nSELECT r.id, r.v FROM records.a AS r\n",
                   source="format: csv, nulls: []")
    project.apply()
    project.land("a", "1.csv", b'id,v\n1,\n2,""\n3,x\n')
    project.wh("ingest")
    assert [row["v"] for row in project.rows("select v from processed.a order by id")] == ["", "", "x"]


@pytest.mark.parametrize("value, shown", [
    ("date '294248-01-01'", "294248-01-01"), ("date '5881580-07-10'", "5881580-07-10"), ("date '0001-01-01'", "0001-01-01"),
    ("date '1969-12-31'", "1969-12-31"), ("'infinity'::date", "infinity"), ("'-infinity'::date", "-infinity"),
    ("'infinity'::timestamp", "infinity"), ("timestamp '290000-02-28 01:02:03.5'", "290000-02-28T01:02:03.5"),
    ("timestamp_s '290000-01-01 00:00:01'", "290000-01-01T00:00:01"), ("timestamp_ms '1969-12-31 23:59:59.999'", "1969-12-31T23:59:59.999"),
    ("timestamp_ns '1969-12-31 23:59:59.999999999'", "1969-12-31T23:59:59.999999999"),
    ("time '24:00:00'", "24:00:00"), ("time '23:59:59.25'", "23:59:59.25"), ("time '00:00:00'", "00:00:00"),
    ("date '0044-03-15 (BC)'", "-0043-03-15"), ("date '0001-12-31 (BC)'", "0000-12-31"),
    ("timestamp '0044-03-15 (BC) 12:00:00'", "-0043-03-15T12:00:00"), ("date '20000-12-31 (BC)'", "-19999-12-31"),
    ("timestamptz '2024-02-29 00:00:00.000001+00'", "2024-02-29T00:00:00.000001Z")])
def test_a_time_is_shown_as_it_is(tmp_path, value, shown):
    project = make(tmp_path, ["{ name: id, logicalType: string }"], "-- wh: table processed.a; key id\nSELECT r.id FROM records.a AS r\n")
    assert project.rows(f"select {value} as v") == [{"v": shown}]


def test_two_blobs_are_never_shown_alike(tmp_path):
    project = make(tmp_path, ["{ name: id, logicalType: string }"], "-- wh: table processed.a; key id\nSELECT r.id FROM records.a AS r\n")
    blobs = "select '\\x05\\xFD'::blob as bytes, '0x05fd'::blob as spelt, 'abc'::blob as text, '0x05fd' as string"
    shown = {"bytes": "0x05fd", "spelt": "0x307830356664", "text": "abc", "string": "0x05fd"}
    assert project.rows(blobs) == [shown]
    said = project.wh("sql", blobs).stdout
    assert all(value in said for value in shown.values())
