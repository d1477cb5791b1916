"""Parquet files land as other files do: the same rows, the same refusals, traced to their row."""
import datetime
import decimal
import json

import duckdb
import pyarrow
import pyarrow.parquet

from test_values import make

FIELDS = ["{ name: id, logicalType: integer, required: true }", "{ name: city, logicalType: string }",
          "{ name: price, logicalType: number, physicalType: 'DECIMAL(12,2)', logicalTypeOptions: { minimum: 0 } }",
          "{ name: at, logicalType: timestamp, required: true }"]
SQL = "-- wh: table processed.a; key id; order at; mode incremental\nSELECT r.id, r.city, r.price, r.at FROM records.a AS r\n"


def start(folder):
    project = make(folder, FIELDS, SQL, source="format: parquet")
    project.apply()
    return project


def land(project, name, table, **options):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, **options)
    project.land("a", name, sink.getvalue().to_pybytes())


def rows(count, first=0, price=lambda i: decimal.Decimal(i) / 4):
    start = datetime.datetime(2020, 1, 1)
    return pyarrow.table({"id": pyarrow.array(range(first, first + count), pyarrow.int32()),
                          "city": pyarrow.array([f"c{i % 7}" for i in range(count)]).dictionary_encode(),
                          "price": pyarrow.array([price(i).quantize(decimal.Decimal("0.01")) for i in range(count)],
                                                 pyarrow.decimal128(12, 2)),
                          "at": pyarrow.array([start + datetime.timedelta(minutes=i) for i in range(count)],
                                              pyarrow.timestamp("ns"))})


def test_rows_are_records_and_a_refused_one_is_traced(tmp_path):
    project = start(tmp_path)
    land(project, "1.parquet", rows(5000, price=lambda i: decimal.Decimal(-1 if i == 4321 else i)), row_group_size=1000)
    project.wh("ingest")
    assert project.rows("select count(*) as n, sum(price) as total, max(r.at) as newest from processed.a r") == [
        {"n": 4999, "total": f"{sum(range(5000)) - 4321}.00", "newest": "2020-01-04T11:19:00Z"}]
    [refused] = project.rows("select * from quarantine.a")
    assert json.loads(refused["bytes"]) == {"id": 4321, "city": "c2", "price": -1.00, "at": "2020-01-04T00:01:00Z"}
    assert (refused["reason"], refused["line"]) == ("WH1203 price below minimum 0", 4322)
    project.wh("verify", "--deep")
    project.wh("verify", "--rebuild")


def test_a_correction_by_parquet_replaces_and_a_repeat_changes_nothing(tmp_path):
    project = start(tmp_path)
    land(project, "1.parquet", rows(100))
    project.wh("ingest")
    changed = rows(100).set_column(1, "city", pyarrow.array(["new"] * 100))
    changed = changed.set_column(3, "at", pyarrow.array([datetime.datetime(2021, 1, 1)] * 100, pyarrow.timestamp("s")))
    land(project, "2.parquet", changed, compression="gzip", data_page_version="2.0", use_dictionary=False)
    land(project, "3.parquet", rows(100))
    project.wh("ingest")
    assert project.rows("select distinct city, t.at from processed.a t") == [{"city": "new", "at": "2021-01-01T00:00:00Z"}]


def test_files_of_duckdb_land(tmp_path):
    project = start(tmp_path / "p")
    path = tmp_path / "d.parquet"
    duckdb.sql("copy (select i::bigint as id, 'x' || i as city, (i / 8)::double as price, "
               "timestamptz '2020-01-01 00:00:00+00' + interval (i) second as at, [i, null] as parts, {'a': i, 'b': null} as s "
               f"from range(10) t(i)) to '{path}' (format parquet)")
    project.land("a", "d.parquet", path.read_bytes())
    project.wh("ingest")
    good = project.rows("select id, price from processed.a order by id")
    assert good == [{"id": 0, "price": "0.00"}, {"id": 2, "price": "0.25"}, {"id": 4, "price": "0.50"}, {"id": 6, "price": "0.75"},
                    {"id": 8, "price": "1.00"}]  # an eighth is no number of two digits
    reasons = {row["reason"] for row in project.rows("select reason from quarantine.a")}
    assert reasons == {"WH1213 price out of range, expected a number that DECIMAL(12,2) holds whole"}


def test_what_cannot_be_read_is_refused_whole(tmp_path):
    project = start(tmp_path)
    land(project, "good.parquet", rows(3))
    good = next((tmp_path / "landing/a").glob("good.parquet")).read_bytes()
    project.land("a", "cut.parquet", good[:-20])
    project.land("a", "text.parquet", b"id,city\n1,a\n")
    project.land("a", "renamed.parquet", b"")
    said = project.wh("ingest", code=3)
    assert project.rows("select count(*) as n from processed.a r") == [{"n": 3}]
    assert "it is no valid Parquet file" in said.stdout + said.stderr


def test_keys_without_effect_are_refused(tmp_path):
    for key in ("nulls: ['-']", "delimiter: ';'"):
        folder = tmp_path / key[:3]
        make_failed = None
        try:
            make(folder, FIELDS, SQL, source=f"format: parquet, {key}").wh("validate")
        except AssertionError as failed:
            make_failed = str(failed)
        assert make_failed is not None and "has no effect: its format is parquet" in make_failed
