"""What is refused is said where people look; what ends the process is set aside, and nothing else is."""
import json
import os
import resource
import sqlite3
import subprocess

import pytest

from project import WH, Project, environment, wait_until

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: {name}
version: 1.0.0
status: active
team: {{ name: t }}
schema:
  - name: {name}
    logicalType: object
    properties:
{fields}
customProperties:
  - {{ property: whUnknownFields, value: {unknown} }}
"""
SQL = "-- wh: table processed.{table}; key id; mode incremental\nSELECT {columns} FROM records.{table} AS r\n"


def make(folder, sources=None, source="format: csv", fields=("id: string!", "temp: number"), unknown="keep",
         columns="r.id, r.temp", gate=None):
    """A small project with a source s (or those of `sources`: name → line of its settings)."""
    folder.mkdir(parents=True)
    lines = ["name: small", "version: 1", "sources:"]
    for name, settings in (sources or {"s": source}).items():
        lines.append(f"  {name}: {{ landing: landing/{name}/, {settings} }}")
        rows = []
        for field in fields:
            column, kind = field.split(": ")
            rows.append(f"      - {{ name: {column}, logicalType: {kind.strip('!')}"
                        + (", required: true }" if kind.endswith("!") else " }"))
        write(folder, f"contracts/{name}.odcs.yaml",
              CONTRACT.format(name=name, fields="\n".join(rows), unknown=unknown))
        write(folder, f"processed/{name}.sql", SQL.format(table=name, columns=columns))
    write(folder, "weirhouse.yaml", "\n".join(lines) + "\n")
    if gate:
        write(folder, "gates/g.yaml", gate)
    project = Project(folder)
    project.wh("init")
    return project


def write(folder, path, text):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def reasons(project):
    return [(row["reason"], row["records"]) for row in project.json("quarantine", "list", "--by", "reason")["reasons"]]


def states(project):
    status = project.status()
    assert status["adds_up"], status
    return status["states"]


# ---- refused files and batches

UNREADABLE = {
    "a header without a name": ("format: csv", "a.csv", b",id,temp\n0,x,1\n1,y,2\n", "no name"),
    "a header that names a column twice": ("format: csv", "a.csv", b"id,id\nx,1\n", "twice"),
    "an empty CSV file": ("format: csv", "a.csv", b"", "no CSV header"),
    "an array that is never closed": ("format: json", "a.json", b'[{"id":"x"}', "never closed"),
    "no gzip stream": ("format: jsonl", "a.jsonl.gz", b"hello", "gzip"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_refused_whole_is_said_by_every_verb(tmp_path, name):
    source, file, data, words = UNREADABLE[name]
    project = make(tmp_path / "p", source=source)
    project.land("s", file, data)
    done = project.wh("apply", "--yes", code=3)
    assert f"s/{file}" in done.stderr and words in done.stderr and "WH13" in done.stderr
    status = project.wh("status").stdout
    assert f"s/{file}" in status and "refused" in status
    assert project.status()["refused"] == [f"s/{file}"]
    project.land("s", "b-" + file, data)
    answer = project.json("ingest", code=3)
    assert answer["refused_objects"] == 1 and answer["refused"][0]["object"] == f"s/b-{file}"
    assert words in answer["refused"][0]["reason"]
    project.wh("ingest")    # nothing new: said once
    found = reasons(project)
    assert len(found) == 1 and found[0][1] == 2, found    # one reason for both, whatever the offset
    shown = project.wh("quarantine", "show", f"s/{file}").stdout
    assert words in shown


def test_a_good_file_beside_a_refused_one_is_processed(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b",id,temp\n0,x,1\n")
    project.land("s", "b.csv", b"id,temp\ny,1\n")
    done = project.wh("apply", "--yes", code=3)
    assert "s/a.csv" in done.stderr and "s/b.csv" not in done.stderr
    assert states(project) == {"processed": 1}


def test_a_batch_of_which_every_record_is_refused_is_as_loud(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b"id,temp\nx,warm\ny,cold\n")
    done = project.wh("apply", "--yes", code=3)
    assert "every record of s" in done.stderr and "WH1202 temp not of type number" in done.stderr
    assert "2 of s" in project.wh("status").stdout
    answer = project.json("quarantine", "list", "--by", "reason")
    assert answer["reasons"][0]["records"] == 2


def test_a_full_run_leaves_the_quarantine_of_what_it_does_not_read(tmp_path):
    project = make(tmp_path / "p", gate=GATE.replace("min: 1", "max: 2"))
    project.land("s", "a.csv", b",id,temp\n0,x,1\n")
    project.land("s", "b.csv", b"id,temp\ny,1\nz,cold\n")
    project.wh("apply", "--yes", code=3)
    project.land("s", "c.csv", b"id,temp\np,1\nq,2\nr,3\nt,warm\n")
    project.wh("ingest", code=3)
    project.wh("gate", "discard", project.status()["halted"][0]["run"], "--reason", "too many")
    before, sums = reasons(project), states(project)
    assert len(before) == 2 and sums == {"processed": 1, "quarantined": 2, "excluded": 3}
    project.wh("run", "--full")
    assert reasons(project) == before and states(project) == sums


def test_a_file_of_which_every_record_is_refused_is_named_beside_good_ones(tmp_path):
    project = make(tmp_path / "p", source="format: jsonl")
    project.land("s", "a.jsonl", b"id,temp\nx,1\n")
    project.land("s", "b.jsonl", b'{"id":"y","temp":1}\n')
    done = project.wh("apply", "--yes", code=3)
    assert "s/a.jsonl: every record is in quarantine" in done.stderr and "every record of s" not in done.stderr
    assert states(project) == {"processed": 1, "quarantined": 2}


def test_one_refused_record_among_good_ones_is_told_and_ends_with_0(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b"id,temp\nx,1\ny,cold\n")
    done = project.wh("apply", "--yes")
    assert "1 of s: WH1202 temp not of type number, first s/a.csv:3, found cold" in done.stderr
    assert states(project) == {"processed": 1, "quarantined": 1}


def test_the_daemon_says_what_it_refuses(tmp_path):
    project = make(tmp_path / "p")
    project.apply()
    log = project.folder / "serve.log"
    with project.serve():
        project.land("s", "a.csv", b",id,temp\n0,x,1\n")
        wait_until(lambda: "refused whole: s/a.csv: WH1310" in log.read_text(), 20, "the refusal in the log")
        project.land("s", "b.csv", b"id,temp\nx,cold\n")
        wait_until(lambda: "WH1202 temp not of type number" in log.read_text(), 20, "the reason in the log")


GATE = "gate: g\ntable: processed.s\nchecks:\n  - row_count: { min: 1 }\non_fail: { halt: true }\n"


def test_quarantine_is_named_behind_a_halted_gate_and_does_not_wait(tmp_path):
    project = make(tmp_path / "p", fields=("id: string!", "temp: timestamp!"), gate=GATE)
    project.land("s", "a.csv", b"id,temp\nx,2015/01/01 01:00:00\ny,2015/01/01 04:00:00\n")
    done = project.wh("apply", "--yes", code=3)
    assert "2 of 2 records of s in quarantine: WH1202 temp not of type timestamp" in done.stderr
    status = project.status()
    assert status["states"] == {"quarantined": 2} and status["waiting_records"] == 0 and status["adds_up"]
    assert "in quarantine" in project.wh("status").stdout
    again = project.wh("ingest", code=3)
    assert "in quarantine" in again.stderr
    assert "in quarantine" in project.wh("gate", "show", status["halted"][0]["run"]).stdout
    project.wh("gate", "discard", status["halted"][0]["run"], "--reason", "bad file")
    assert states(project) == {"quarantined": 2}


# ---- misspelt fields

MISSPELT = [
    ("format: csv", "a.csv", b"id,Temp\nx,20.5\ny,21.5\n", "Temp"),
    ("format: csv", "a.csv", b"id,tmep\nx,20.5\n", "tmep"),
    ("format: jsonl", "a.jsonl", b'{"id":"x","TEMP":20.5}\n{"id":"y","TEMP":1}\n', "TEMP"),
    ("format: json", "a.json", b'[{"id":"x","temp_":20.5},{"id":"y","temp":null,"x":1}]', None),
    ("format: json", "a.json", b'[{"id":"x","temps":20.5},{"id":"y"}]', "temps"),
    ("format: csv", "a.csv", b"id,pressure\nx,20.5\n", None),
]


@pytest.mark.parametrize("unknown", ["keep", "drop"])
@pytest.mark.parametrize("source, file, data, found", MISSPELT)
def test_a_declared_field_that_no_record_has_is_told(tmp_path, source, file, data, found, unknown):
    project = make(tmp_path / "p", source=source, unknown=unknown)
    project.land("s", file, data)
    said = project.wh("apply", "--yes").stderr
    status = project.wh("status").stdout
    if not found:
        assert "did you mean" not in said + status
        return
    for text in (said, status):
        assert '"temp"' in text and f'"{found}"' in text and "did you mean" in text
    project.land("s", "b" + file[1:], data.replace(found.encode(), b"temp"))
    project.wh("ingest")
    assert "did you mean" not in project.wh("status").stdout


def test_a_required_field_that_is_misspelt_is_told_with_what_is_there(tmp_path):
    project = make(tmp_path / "p", sources={"s": "format: csv", "j": "format: jsonl"},
                   fields=("id: string!", "temp: number!"))
    project.land("s", "a.csv", b"ID,temp\nx,1\n")
    project.land("j", "a.jsonl", b'{"Id":"x","temp":1}\n')
    project.wh("apply", "--yes", code=3)
    rows = {row["record"].split("/")[0]: row for row in project.json("quarantine", "list")["quarantine"]}
    assert '"ID"' in rows["s"]["found"] and "the CSV header has no such column" in rows["s"]["reason"]
    assert rows["j"]["found"] == "Id"


# ---- delimiters

def test_a_semicolon_file_is_refused_with_the_option_that_reads_it(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b"id;temp\nx;1\n")
    done = project.wh("apply", "--yes", code=3)
    assert "id;temp" in done.stderr and 'delimiter: ";"' in done.stderr


@pytest.mark.parametrize("written, byte", [("';'", b";"), ('"\\t"', b"\t"), ("'|'", b"|")])
def test_a_delimiter_is_what_the_source_says(tmp_path, written, byte):
    project = make(tmp_path / "p", source=f"format: csv, delimiter: {written}")
    project.land("s", "a.csv", b'id;temp\n"x;\n""1""";1.5\ny,;2\n'.replace(b";", byte))
    project.apply()
    rows = project.rows("select id, temp from processed.s order by temp")
    assert [row["temp"] for row in rows] == [1.5, 2.0]
    assert rows[0]["id"] == 'x;\n"1"'.replace(";", byte.decode()) and rows[1]["id"] == "y,"
    assert project.rows("select count(*) as n from records.s")[0]["n"] == 2


def test_files_that_were_refused_for_their_delimiter_are_read_once_it_is_said(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b"id;temp\nx;1\ny;warm\n")
    project.wh("apply", "--yes", code=3)
    assert states(project) == {"quarantined": 2}
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, delimiter: ';'"))
    assert "delimiter s" in project.wh("plan").stdout
    project.apply()
    assert states(project) == {"processed": 1, "quarantined": 1}
    assert [reason for reason, _ in reasons(project)] == ["WH1202 temp not of type number"]
    project.land("s", "b.csv", b"id;temp\nz;3\n")
    project.wh("ingest")
    assert states(project) == {"processed": 2, "quarantined": 1}
    project.edit("weirhouse.yaml", (", delimiter: ';'", ""))
    assert "WH2027" in project.wh("plan", code=4).stderr


def test_a_delimiter_or_nulls_that_would_refuse_good_rows_is_refused_before_anything_changes(tmp_path):
    project = make(tmp_path / "p")
    project.land("s", "a.csv", b"id,temp\nx,1\ny,2\n")
    project.apply()
    project.land("s", "b.csv", b"id;temp\nz;3\n")
    assert "another" in project.wh("ingest", code=3).stderr
    before = (project.rows("select id, temp from processed.s order by id"), states(project))
    for settings in ("format: csv, delimiter: ';'", "format: csv, nulls: [x]"):
        project.edit("weirhouse.yaml", ("format: csv", settings))
        for verb in (("plan",), ("apply", "--yes")):
            refused = project.wh(*verb, code=4).stderr
            assert "WH2027" in refused and "s/a.csv" in refused and "another source" in refused
        project.edit("weirhouse.yaml", (settings, "format: csv"))
        assert "no changes" in project.wh("plan").stdout
        assert before == (project.rows("select id, temp from processed.s order by id"), states(project))
    project.wh("verify", "--rebuild")


@pytest.mark.parametrize("chained", (False, True))
def test_nulls_that_would_take_a_key_away_are_refused(tmp_path, chained):
    project = make(tmp_path / "p", fields=("id: string", "temp: string"))
    key = "coalesce(r.id, '-')" if chained else "r.id"
    write(project.folder, "processed/s.sql", "-- wh: table processed.s; key id\n"
          f"SELECT {key} AS id, r.temp FROM records.s AS r\n")
    if chained:
        write(project.folder, "processed/t.sql", "-- wh: table processed.t; key temp\n"
              "SELECT p.temp, p.id FROM processed.s AS p\n")
    project.land("s", "a.csv", b"id,temp\nx,1\ny,NA\n" if chained else b"id,temp\nx,1\nNA,2\n")
    project.land("s", "b.csv", b"id,temp\nz,3\n")
    project.apply()
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: [NA]"))
    assert "WH2027" in project.wh("plan", code=4).stderr
    refused = project.wh("apply", "--yes", code=4).stderr
    assert "WH2027" in refused and "s/a.csv (1 of 2 records, the first for WH2112" in refused and "b.csv" not in refused
    project.edit("weirhouse.yaml", (", nulls: [NA]", ""))
    assert states(project) == {"processed": 3}
    # Rows that go by WHERE lose no key.
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: [NA]"))
    name, column = ("t", "p.temp") if chained else ("s", "r.id")
    file = project.folder / f"processed/{name}.sql"
    file.write_text(file.read_text() + f"WHERE {column} IS NOT NULL\n")
    project.apply()
    assert len(project.rows(f"select * from processed.{name}")) == 2
    project.wh("verify", "--rebuild")


def test_nulls_that_change_are_planned_and_rebuild(tmp_path):
    project = make(tmp_path / "p", fields=("id: string!", "temp: string"))
    project.land("s", "a.csv", b"id,temp\nx,NA\ny,\n")
    project.apply()
    project.edit("weirhouse.yaml", ("format: csv", "format: csv, nulls: [NA]"))
    assert "nulls s: full rebuild" in project.wh("plan").stdout
    assert "WH2020" in project.wh("ingest", code=None).stderr
    project.apply()
    assert [row["temp"] for row in project.rows("select id, temp from processed.s order by id")] == [None, ""]
    project.wh("verify", "--rebuild")
    project.edit("weirhouse.yaml", (", nulls: [NA]", ", nulls: [NA, NA]"))
    assert "no changes" in project.wh("plan").stdout


def test_a_format_changes_only_while_a_source_has_no_objects(tmp_path):
    project = make(tmp_path / "p")
    project.apply()
    project.edit("weirhouse.yaml", ("format: csv", "format: jsonl"))
    assert "format s: csv → jsonl" in project.wh("plan").stdout
    project.apply()
    project.land("s", "a.jsonl", b'{"id":"x","temp":1}\n')
    project.wh("ingest")
    project.edit("weirhouse.yaml", ("format: jsonl", "format: csv"))
    for verb in (("plan",), ("apply", "--yes")):
        refused = project.wh(*verb, code=4).stderr
        assert "WH2026" in refused and "another source" in refused
    project.edit("weirhouse.yaml", ("format: csv", "format: jsonl"))
    assert project.rows("select temp from processed.s") == [{"temp": 1.0}]
    project.wh("verify", "--rebuild")


@pytest.mark.parametrize("settings", ["format: csv, delimiter: ''", "format: csv, delimiter: ';;'",
                                      "format: csv, delimiter: a", "format: jsonl, delimiter: ';'"])
def test_a_delimiter_that_cannot_be_is_refused(tmp_path, settings):
    with pytest.raises(AssertionError, match="WH2004"):
        make(tmp_path / "p", source=settings)


# ---- times

def test_times_say_why_they_are_none(tmp_path):
    project = make(tmp_path / "p", source="format: jsonl", fields=("id: string!", "temp: timestamp!"))
    good = ["2024-02-29T12:00:00.123456000Z", "2024-02-29 12:00:00+00", "2024-02-29 12:00:00-03",
            "2024-02-29T12:00:00+05:30"]
    bad = {"2024-02-29T12:00:00.123456789Z": "digits below a microsecond", "2016-12-31T23:59:60Z": "leap second",
           "2024-02-29T12:00:00+5": "offset", "0001-01-01T00:00:00+02:00": "years 0001 to 9999",
           "9999-12-31T23:59:59-01:00": "years 0001 to 9999", "2024-02-29": "no time of day", "yesterday": "YYYY-MM-DD",
           1709208000: "not a text"}
    lines = [json.dumps({"id": str(i), "temp": value}) for i, value in enumerate([*good, *bad])]
    project.land("s", "a.jsonl", "\n".join(lines).encode())
    project.apply()
    assert states(project) == {"processed": len(good), "quarantined": len(bad)}
    found = {row["found"].strip('"'): row["reason"] for row in project.json("quarantine", "list")["quarantine"]}
    for value, words in bad.items():
        assert found[str(value)].startswith("WH1202 temp not of type timestamp: ")
        assert words in found[str(value)], found[str(value)]
    times = project.rows("select epoch_us(temp)::varchar as t from processed.s order by id limit 3")
    assert [row["t"] for row in times] == ["1709208000123456", "1709208000000000", "1709218800000000"]


# ---- what is shown of it

def test_a_list_shows_all_to_programs_and_the_first_to_people(tmp_path):
    project = make(tmp_path / "p", source="format: jsonl, batch: { by: name, pattern: '{date}' }")
    for day in range(1, 4):
        rows = [json.dumps({"id": f"{day}-{i}", "temp": "warm" if i % 3 else None}) if i % 2 else "{" for i in range(700)]
        project.land("s", f"2024-01-0{day}.jsonl", "\n".join(rows).encode())
    project.wh("apply", "--yes")
    project.wh("ingest")
    whole = project.json("quarantine", "list")
    rows = project.rows("select object, line, reason, byte_offset, byte_length, _record from quarantine.s")
    assert len(whole["quarantine"]) == len(rows) > 1000 and whole["schema_version"] == 1
    assert sorted((one["place"], one["reason"], one["byte_offset"], one["byte_length"], one["record"])
                  for one in whole["quarantine"]) == \
        sorted((f"s/{row['object']}:{row['line']}", row["reason"], row["byte_offset"], row["byte_length"],
                f"s/{row['_record']}") for row in rows)
    lines = [json.loads(line) for line in project.wh("quarantine", "list", "--jsonl").stdout.splitlines()]
    assert [{k: v for k, v in line.items() if k != "schema_version"} for line in lines] == whole["quarantine"]
    assert project.json("quarantine", "list", "--limit", "5")["quarantine"] == whole["quarantine"][:5]
    for limit in (1, 40, len(rows) - 1, len(rows)):
        done = project.wh("quarantine", "list", "s", "--limit", str(limit))
        assert len(done.stdout.splitlines()) == limit + 1
        assert (f"… and {len(rows) - limit} more" in done.stderr) == (limit < len(rows))
    by_reason = project.json("quarantine", "list", "--by", "reason")["reasons"]
    assert sum(one["records"] for one in by_reason) == len(rows) and len(by_reason) == 2
    shown = project.json("quarantine", "show", whole["quarantine"][-1]["record"])["record"]
    assert shown["reason"] == whole["quarantine"][-1]["reason"] and shown["bytes"]


def test_a_list_of_nothing_is_an_answer(tmp_path):
    project = make(tmp_path / "p")
    project.apply()
    assert project.json("quarantine", "list") == {"quarantine": [], "schema_version": 1}
    assert project.wh("quarantine", "list", "--jsonl").stdout == ""


# ---- attempts

def attempts_project(tmp_path):
    project = make(tmp_path / "p", source="format: jsonl", fields=("id: string!", "temp: number"))
    project.apply()
    project.land("s", "a.jsonl", b'{"id":"a1","temp":1}\n{"id":"a2","temp":2}\n')
    project.land("s", "b.jsonl", b'{"id":"b1","temp":3}\n')
    return project


def die(project, point, times=3, verb="ingest"):
    for _ in range(times):
        done = project.wh(*verb.split(), env={"WEIRHOUSE_FAILPOINT": point}, code=None)
        assert done.returncode == 137, (point, done.returncode, done.stderr)


def test_an_object_that_ends_the_process_three_times_is_set_aside_and_can_be_taken_back(tmp_path):
    project = attempts_project(tmp_path)
    die(project, "contract.decode.before:1")
    done = project.wh("ingest", code=3)
    assert "s/a.jsonl" in done.stderr and "WH1304" in done.stderr and "s/b.jsonl" not in done.stderr
    assert states(project) == {"processed": 1, "quarantined": 2}
    assert "s/a.jsonl" in project.wh("status").stdout
    project.wh("run", "--full")
    assert states(project) == {"processed": 1, "quarantined": 2}
    die(project, "contract.decode.before", times=1, verb="quarantine retry s/a.jsonl")
    assert states(project) == {"processed": 1, "quarantined": 2}
    die(project, "engine.publish.before_commit", times=1, verb="quarantine retry s/a.jsonl")
    project.wh("quarantine", "retry", "s/a.jsonl")
    assert states(project) == {"processed": 3}
    assert project.json("quarantine", "list")["quarantine"] == []
    before = project.digest("processed.s")
    project.wh("run", "--full")
    assert project.digest("processed.s") == before and states(project) == {"processed": 3}
    project.wh("verify", "--deep")
    project.wh("quarantine", "retry", "s/a.jsonl", code=2)


def test_what_was_parsed_before_or_after_is_not_to_blame(tmp_path):
    project = attempts_project(tmp_path)
    die(project, "contract.decode.before:2")    # while b.jsonl was parsed
    project.wh("ingest", code=3)
    rows = project.json("quarantine", "list")["quarantine"]
    assert [row["place"] for row in rows] == ["s/b.jsonl"]


@pytest.mark.parametrize("point", ["contract.decode.after", "processed.transformed", "quarantine.staged",
                                   "engine.publish.before_commit", "processed.committed", "raw.committed"])
def test_an_end_at_another_moment_is_no_objects_fault(tmp_path, point):
    project = attempts_project(tmp_path)
    for _ in range(4):
        project.wh("ingest", env={"WEIRHOUSE_FAILPOINT": point}, code=None)
    project.wh("ingest")
    assert states(project) == {"processed": 3}


def test_sql_that_cannot_compute_a_row_is_no_objects_fault(tmp_path):
    project = make(tmp_path / "p", source="format: jsonl", fields=("id: string!", "temp: string"),
                   columns="r.id, CAST(r.temp AS BIGINT) AS temp")
    project.apply()
    project.land("s", "a.jsonl", b'{"id":"a1","temp":"1"}\n{"id":"a2","temp":"warm"}\n')
    assert "processed/s.sql:2:14" in project.wh("ingest").stderr
    project.wh("ingest")
    assert states(project) == {"processed": 1, "quarantined": 1}
    assert project.rows("select id from processed.s") == [{"id": "a1"}]
    project.edit("processed/s.sql", ("CAST(", "TRY_CAST("))
    project.apply()
    assert states(project) == {"processed": 2}


def test_two_ends_are_forgotten_once_the_object_was_parsed(tmp_path):
    project = attempts_project(tmp_path)
    die(project, "contract.decode.before:1", times=2)
    project.wh("ingest", env={"WEIRHOUSE_FAILPOINT": "processed.transformed"}, code=137)
    die(project, "contract.decode.before:1", times=2)
    project.wh("ingest")
    assert states(project) == {"processed": 3}
    with sqlite3.connect(f"file:{project.folder}/.weirhouse/catalog.db?mode=ro", uri=True) as catalog:
        assert catalog.execute("select count(*) from parse_attempt").fetchone()[0] == 0


def test_the_daemon_goes_on_after_it_was_ended_three_times(tmp_path):
    project = attempts_project(tmp_path)
    for _ in range(3):
        with pytest.raises(AssertionError):
            with project.serve(env={"WEIRHOUSE_FAILPOINT": "contract.decode.before:1"}, ready=20) as daemon:
                daemon.wait(20)
                raise AssertionError("ended")
    with project.serve():
        log = project.folder / "serve.log"
        wait_until(lambda: "WH1304" in log.read_text(), 20, "the object that was set aside")
        project.wh("quarantine", "retry", "s/a.jsonl")
        wait_until(lambda: project.status()["states"] == {"processed": 3}, 20, "the records taken back")


def limited(project, megabytes, *arguments):
    """The command in an address space of so many megabytes."""
    if os.environ.get("WEIRHOUSE_SANITIZED"):
        pytest.skip("a sanitizer maps more addresses than any such limit")
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    return subprocess.run([WH, *arguments], cwd=project.folder, env=environment(), capture_output=True, text=True,
                          timeout=300, preexec_fn=limit)


def test_memory_that_does_not_suffice_is_said_and_loses_nothing(tmp_path):
    project = attempts_project(tmp_path)
    project.wh("ingest")
    line = json.dumps({"id": "%09d", "temp": 1.5, "note": "x" * 200})
    project.land("s", "c.jsonl", "\n".join(line.replace("%09d", f"{i:09d}") for i in range(150_000)).encode())
    done = limited(project, 1000, "ingest")
    assert done.returncode in (0, 8), (done.returncode, done.stderr)
    assert done.returncode == 0 or "error[WH" in done.stderr, done.stderr
    project.land("s", "d.jsonl", b'{"id":"d1","temp":1}\n')
    project.wh("ingest", code=None)
    sums = states(project)
    assert sum(sums.values()) == project.status()["records"] == 150_004 and project.status()["waiting_records"] == 0
    assert sums == {"processed": 150_004}
