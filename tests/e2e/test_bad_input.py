"""Bad input of every kind ends as a clear error or as a quarantine entry: no crash, and nothing is lost."""
import contextlib
import fcntl
import gzip
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import warnings

import pytest

from project import WH, Project, environment

GOOD = (b'{"flight_id":"UA1-EWR-20130101","carrier":"UA","tailnum":"N1","origin":"EWR","dest":"IAH",'
        b'"arrived_at":"2013-01-01T14:30:00Z","arr_delay":11,"air_time":227,"reported_at":"2013-01-01T14:30:00Z"}')


def bad(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


BAD_LINES = {
    "depth of 100": bad(b'"tailnum":"N1"', b'"tailnum":' + b"[" * 100 + b"]" * 100),
    "Latin-1": bad(b"IAH", "Zürich".encode("latin-1")),
    "overlong UTF-8": bad(b"IAH", b"\xc0\xaf"),
    "half a surrogate": bad(b"IAH", b"\\ud800"),
    "NUL": bad(b'"arr_delay":11', b'"arr_delay":\x0011'),
    "1e999": bad(b'"air_time":227', b'"air_time":1e999'),
    "NaN": bad(b'"arr_delay":11', b'"arr_delay":NaN'),
    "number beyond 64 bits": bad(b'"arr_delay":11', b'"arr_delay":99999999999999999999'),
    "fraction for an integer": bad(b'"arr_delay":11', b'"arr_delay":11.5'),
    "boolean for an integer": bad(b'"arr_delay":11', b'"arr_delay":true'),
    "duplicate key": bad(b'"carrier":"UA"', b'"carrier":"UA","carrier":"UA"'),
    "wrong type": bad(b'"carrier":"UA"', b'"carrier":["UA"]'),
    "null where required": bad(b'"carrier":"UA"', b'"carrier":null'),
    "missing field": bad(b'"carrier":"UA",', b""),
    "not a time": bad(b'"arrived_at":"2013-01-01T14:30:00Z"', b'"arrived_at":"yesterday"'),
    "day that does not exist": bad(b'"arrived_at":"2013-01-01T', b'"arrived_at":"2013-02-30T'),
    "pattern": bad(b"UA1-EWR-20130101", b"UA1/EWR/20130101"),
    "cut short": GOOD[:40],
    "trailing comma": GOOD[:-1] + b",}",
    "two objects in a line": GOOD + GOOD,
    "empty object": b"{}",
    "array": b"[1,2]",
    "word": b"hello",
}


@pytest.fixture(scope="module")
def after_bad_data(tmp_path_factory, clean_days):
    """A project that took in all of it, with what the landing folder held."""
    project = Project.make(tmp_path_factory.mktemp("bad") / "flights")
    project.apply()
    read = lambda source, name: (clean_days / source / name).read_bytes()
    first = read("arrival", "2013-01-01.jsonl").splitlines()
    interleaved = []
    project.bad_at = {}
    for (name, line), good in zip(BAD_LINES.items(), first):
        interleaved += [good, line]
        project.bad_at[name] = len(interleaved)
    interleaved += first[len(BAD_LINES):]
    project.land("arrival", "2013-01-01.jsonl", b"\n".join(interleaved) + b"\n")
    long = b'{"flight_id":"' + b"x" * (64 << 20) + b'"}\n'
    second = read("arrival", "2013-01-02.jsonl")
    project.land("arrival", "2013-01-02.jsonl", second[:second.index(b"\n") + 1] + long + second[second.index(b"\n") + 1:])
    # BOM, CRLF, blank lines and a last line without an end are no faults.
    third = read("arrival", "2013-01-03.jsonl").replace(b"\n", b"\r\n\r\n").rstrip(b"\r\n")
    project.land("arrival", "2013-01-03.jsonl", b"\xef\xbb\xbf" + third)
    project.land("departure", "2013-01-01.jsonl.gz", gzip.compress(read("departure", "2013-01-01.jsonl")))
    project.land("departure", "2013-01-02.jsonl.gz", gzip.compress(read("departure", "2013-01-02.jsonl"))[:-400])
    project.land("departure", "2013-01-03.jsonl", b"")
    utf16 = read("weather", "2013-01-01.csv").decode().encode("utf-16")
    project.land("weather", "2013-01-01.csv", utf16)
    rows = read("weather", "2013-01-02.csv").splitlines()
    project.land("weather", "2013-01-02.csv", b"\n".join(
        rows[:5] + [rows[5].replace(b"JFK", b"J\x00K"), b"JFK,2013,1", rows[6] + b",extra", *rows[7:]]) + b"\n")
    project.good = {"arrival": len(first) + len(read("arrival", "2013-01-02.jsonl").splitlines())
                    + len(read("arrival", "2013-01-03.jsonl").splitlines()),
                    "departure": len(read("departure", "2013-01-01.jsonl").splitlines())}
    project.done = project.wh("run", code=None)
    return project


def test_the_run_goes_on(after_bad_data):
    # As loud as a gate that fails: files were refused whole.
    assert after_bad_data.done.returncode == 3, after_bad_data.done.stderr
    for name in ("departure/2013-01-02.jsonl.gz", "weather/2013-01-01.csv"):
        assert name in after_bad_data.done.stderr
    status = after_bad_data.status()
    assert status["adds_up"] and status["waiting_records"] == 0
    after_bad_data.wh("verify", "--deep")


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_record_is_quarantined_alone(after_bad_data, name):
    line = after_bad_data.bad_at[name]
    found = [row for row in cached_quarantine(after_bad_data) if row["line"] == line]
    assert len(found) == 1, f"{name}: line {line} is not in quarantine"
    assert found[0]["reason"].startswith("WH12")


_quarantine = {}


def cached_quarantine(project):
    if project.folder not in _quarantine:
        _quarantine[project.folder] = project.rows("select * from quarantine.arrival where object = '2013-01-01.jsonl'")
    return _quarantine[project.folder]


def test_no_good_record_is_lost_beside_the_bad(after_bad_data):
    rows = cached_quarantine(after_bad_data)
    assert len(rows) == len(BAD_LINES)
    counts = {name: after_bad_data.rows(f"select count(*) as n from processed.{name}")[0]["n"]
              for name in ("arrival", "departure")}
    assert counts == after_bad_data.good


def test_a_record_of_64_mb_is_quarantined_by_its_place_not_by_its_bytes(after_bad_data):
    rows = after_bad_data.rows("select line, byte_length, octet_length(bytes) as kept, reason from quarantine.arrival "
                               "where byte_length > 1000000")
    assert len(rows) == 1
    assert rows[0]["line"] == 2 and rows[0]["byte_length"] >= 64 << 20
    assert (rows[0]["kept"] or 0) <= 16 << 20


def test_a_gzip_file_cut_short_is_set_aside_as_a_whole(after_bad_data):
    rows = after_bad_data.rows("select name, state, size_bytes from raw.departure order by name")
    states = {row["name"]: row["state"] for row in rows}
    assert states["2013-01-01.jsonl.gz"] == "stored"
    assert states["2013-01-02.jsonl.gz"] == "quarantined"


def test_bad_csv_rows_are_quarantined_and_the_others_are_not(after_bad_data):
    rows = after_bad_data.rows("select line, reason from quarantine.weather where object = '2013-01-02.csv'")
    assert [row["line"] for row in rows] == [6, 7, 8]


# ---- definition files

@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return Project.make(tmp_path_factory.mktemp("files") / "flights")


@contextlib.contextmanager
def changed(project, path, text):
    """A definition file with other content, or without (None), for a while."""
    file = project.folder / path
    before = file.read_bytes() if file.exists() else None
    if text is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def errors_of(project, *arguments, code=2):
    done = project.wh(*(arguments or ("validate",)), "--json", code=code)
    error = json.loads(done.stdout)["error"]
    return error, json.dumps(error)


YAML_FILES = ["weirhouse.yaml", "contracts/arrival.odcs.yaml", "contracts/weather.odcs.yaml", "gates/arrival.yaml",
              "gates/arrival_ingest.yaml", "features/delay.yaml", "training_sets/late_v1.yaml", "models/late.yaml"]


@pytest.mark.parametrize("path", YAML_FILES)
def test_an_unknown_key_is_named_with_its_place(pristine, path):
    text = (pristine.folder / path).read_text()
    lines = text.splitlines(keepends=True)
    at = max(i for i, line in enumerate(lines) if line[:1].isalpha())    # before the last top-level key
    with changed(pristine, path, "".join(lines[:at] + ["surprise: 1\n"] + lines[at:])):
        error, words = errors_of(pristine)
    assert "surprise" in words and path in words
    spans = [d["span"] for d in error["diagnostics"] if d.get("span")] or [error.get("span")]
    assert any(span and span["line"] == at + 1 for span in spans), words


@pytest.mark.parametrize("path, old, new", [
    ("weirhouse.yaml", "version: 1\n", "version: one\n"),
    ("weirhouse.yaml", "    lateness: 2d\n", "    lateness: soon\n"),
    ("weirhouse.yaml", "    dedup_key: [tailnum]\n", "    dedup_key: { tailnum: 1 }\n"),
    ("contracts/arrival.odcs.yaml", "minimum: -120", "minimum: low"),
    ("contracts/arrival.odcs.yaml", "logicalType: timestamp", "logicalType: moment"),
    ("gates/arrival.yaml", "between: [1, 2000000]", "between: [one, two]"),
    ("features/delay.yaml", "version: 1\n", "version: first\n"),
    ("training_sets/late_v1.yaml", "label: late ", "label: [late] "),
    ("models/late.yaml", "min: 0.65", "min: good"),
])
def test_a_wrong_type_in_a_definition_is_an_error_with_its_place(pristine, path, old, new):
    text = (pristine.folder / path).read_text()
    assert old in text
    with changed(pristine, path, text.replace(old, new, 1)):
        _, words = errors_of(pristine)
    assert path in words


@pytest.mark.parametrize("path, text", [
    ("weirhouse.yaml", "name: [flights\n"),
    ("weirhouse.yaml", "\x00\x01\x02"),
    ("gates/arrival.yaml", "a: " * 300),
    ("features/delay.yaml", "- " * 200 + "x\n"),
    ("contracts/plane.odcs.yaml", ""),
])
def test_a_file_that_is_no_yaml_is_an_error(pristine, path, text):
    with changed(pristine, path, text):
        _, words = errors_of(pristine)
    assert path in words


def test_a_missing_file_is_named(pristine):
    for path, named in (("contracts/weather.odcs.yaml", "weather"), ("processed/arrival.sql", "arrival"),
                        ("seeds/airlines.csv", "airlines.csv")):
        with changed(pristine, path, None):
            done = pristine.wh("validate", "--json", code=None)
        assert done.returncode in (2, 6), path
        assert named in done.stdout, path


def test_sql_in_a_circle_is_refused(pristine):
    one = "-- wh: table processed.one; key tailnum; mode full\nSELECT tailnum FROM processed.two\n"
    two = "-- wh: table processed.two; key tailnum; mode full\nSELECT tailnum FROM processed.one\n"
    with changed(pristine, "processed/one.sql", one), changed(pristine, "processed/two.sql", two):
        _, words = errors_of(pristine)
    assert "processed.one" in words and "processed.two" in words


def test_sql_with_an_unknown_column_has_a_caret_and_a_suggestion(pristine):
    text = (pristine.folder / "processed/arrival.sql").read_text()
    with changed(pristine, "processed/arrival.sql", text.replace("r.arr_delay", "r.arr_dely")):
        done = pristine.wh("validate", code=2)
    assert "error[WH21" in done.stderr and "processed/arrival.sql:" in done.stderr
    assert "^^^" in done.stderr and "arr_delay" in done.stderr


def test_the_files_were_not_to_blame(pristine):
    pristine.wh("validate")


# ---- the machine

def test_a_second_writer_is_told_who_is_first(project):
    with open(project.folder / ".weirhouse/lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        done = project.wh("run", "--json", code=8)
    assert json.loads(done.stdout)["error"]["code"] == "WH8001"
    project.wh("run")


def test_two_runs_at_once_take_everything_in_once(project, clean_days):
    project.land_all(clean_days, days=("2013-01-01", "2013-01-03"))
    runs = [subprocess.Popen([WH, "run"], cwd=project.folder, env=environment(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for _ in range(3)]
    codes = sorted(run.wait(60) for run in runs)
    assert codes[0] == 0 and set(codes) <= {0, 8}
    project.wh("run")
    status = project.status()
    assert status["adds_up"] and status["objects"] == 10 and status["states"] == {"processed": status["records"]}


def test_a_port_in_use_is_said(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = project.wh("serve", "--port", port, code=8, timeout=30)
    assert "WH8002" in done.stderr and str(port) in done.stderr


def test_an_unreadable_file_is_named_and_waits(tmp_path, clean_days):
    if os.geteuid() != 0:
        folder, prefix = tmp_path, []
    else:    # root reads everything, so somebody else has to run the command
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weirhouse-nobody-"))
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if shutil.which("setpriv") is None:
            pytest.skip("running as root without setpriv: no file is unreadable")
    try:
        project = Project.make(folder / "flights")
        project.land_all(clean_days, days=("2013-01-01", "2013-01-02"))
        secret = project.folder / "landing/arrival/2013-01-02.jsonl"
        secret.chmod(0)
        if prefix:
            folder.chmod(0o755)
            subprocess.run(["chown", "-R", "65534:65534", folder], check=True)

        def run(*arguments):
            return subprocess.run([*prefix, WH, *arguments], cwd=project.folder, env=environment({"HOME": str(folder)}),
                                  capture_output=True, text=True, timeout=60)
        probe = subprocess.run([*prefix, WH, "--version"], capture_output=True, text=True, cwd="/")
        if probe.returncode != 0:
            pytest.skip("another user cannot run the built command here")
        done = run("apply", "--yes")
        # It holds up nothing: what can be read arrives.
        assert done.returncode == 0, done.stderr
        assert "not taken in" in done.stderr and "2013-01-02.jsonl: this user may not read it" in done.stderr
        secret.chmod(0o644)
        done = run("apply", "--yes")
        assert done.returncode == 0, done.stderr
        status = json.loads(run("status", "--json").stdout)
        assert status["objects"] == 7 and status["adds_up"]
    finally:
        if prefix:
            shutil.rmtree(folder, ignore_errors=True)


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path, clean_days):
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", mount], capture_output=True, text=True)
    if done.returncode != 0:
        warnings.warn("NOT TESTED: a full disk, because no tmpfs can be mounted here: " + done.stderr.strip())
        pytest.skip("no tmpfs can be mounted here: " + done.stderr.strip())
    try:
        project = Project.make(mount / "flights")
        project.land_all(clean_days)
        full = project.wh("apply", "--yes", code=None)
        assert full.returncode == 8, full.stderr
        assert "no space" in full.stderr.lower() or "full" in full.stderr.lower(), full.stderr
        assert "error[WH" in full.stderr
        again = project.wh("run", code=None)
        assert again.returncode == 8, again.stderr    # still full: still said
        subprocess.run(["mount", "-o", "remount,size=400m", mount], check=True)
        project.apply()
        status = project.status()
        assert status["adds_up"] and status["objects"] == 43 and status["states"] == {"processed": status["records"]}
        project.wh("verify", "--deep")
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
