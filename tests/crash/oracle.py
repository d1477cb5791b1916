"""What the tables of the example project must hold, worked out from the landed bytes alone.

A second, naive reading of the project's contracts and SQL: it shares nothing with the product but
the definitions that a person would read.
"""
import csv
import dataclasses
import datetime
import json
import re

_FLIGHT_ID = re.compile(r"[A-Z0-9]{2}[0-9]{1,4}-[A-Z]{3}-[0-9]{8}")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Invalid(Exception):
    """The record breaks its contract."""


def micros(text):
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, AttributeError) as error:
        raise Invalid(f"not a time: {text!r}") from error
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


def _no_repeats(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Invalid("a key stands twice")
    return dict(pairs)


def _json(line):
    try:
        record = json.loads(line.decode("utf-8"), object_pairs_hook=_no_repeats)
    except ValueError as error:    # UnicodeDecodeError and JSONDecodeError
        raise Invalid(str(error)) from error
    if not isinstance(record, dict):
        raise Invalid("not an object")
    return record


def _text(record, name, required=False):
    value = record.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str):
        raise Invalid(f"{name}: {value!r}")
    return value


def _int(record, name, required=False, low=None, high=None):
    value = record.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid(f"{name}: {value!r}")
    if (low is not None and value < low) or (high is not None and value > high):
        raise Invalid(f"{name}: {value!r} out of range")
    return value


def arrival(line):
    r = _json(line)
    row = {"flight_id": _text(r, "flight_id", True), "carrier": _text(r, "carrier", True),
           "tailnum": _text(r, "tailnum"), "origin": _text(r, "origin", True),
           "dest": _text(r, "dest", True), "arrived_at": micros(_text(r, "arrived_at", True)),
           "arr_delay": _int(r, "arr_delay", True, -120, 2880),
           "air_time": _int(r, "air_time", low=1), "reported_at": micros(_text(r, "reported_at", True))}
    if not _FLIGHT_ID.fullmatch(row["flight_id"]) or len(row["carrier"]) != 2:
        raise Invalid("flight_id or carrier")
    return row


def departure(line):
    r = _json(line)
    departed = _text(r, "departed_at")
    row = {"flight_id": _text(r, "flight_id", True), "carrier": _text(r, "carrier", True),
           "flight": _int(r, "flight", True), "tailnum": _text(r, "tailnum"),
           "origin": _text(r, "origin", True), "dest": _text(r, "dest", True),
           "sched_dep_at": micros(_text(r, "sched_dep_at", True)),
           "departed_at": None if departed is None else micros(departed),
           "distance": _int(r, "distance", True, 1), "status": _text(r, "status") or "departed",
           "reported_at": micros(_text(r, "reported_at", True))}
    if row["status"] not in ("departed", "cancelled"):
        raise Invalid("status")
    minute = 60_000_000
    row["dep_delay"] = (None if departed is None
                        else row["departed_at"] // minute - row["sched_dep_at"] // minute)
    return row


def _number(fields, name, low=None, high=None, kind=float):
    text = fields[name]
    if text in ("", "NA"):
        return None
    try:
        value = kind(text)
    except ValueError as error:
        raise Invalid(f"{name}: {text!r}") from error
    if (low is not None and value < low) or (high is not None and value > high):
        raise Invalid(f"{name}: {text!r} out of range")
    return value


def _fields(line, columns):
    try:
        values = next(csv.reader([line.decode("utf-8")]))
    except UnicodeDecodeError as error:
        raise Invalid(str(error)) from error
    if len(values) != len(columns):
        raise Invalid(f"{len(values)} fields")
    return dict(zip(columns, values))


def weather(line, columns):
    f = _fields(line, columns)
    if f["origin"] not in ("EWR", "JFK", "LGA"):
        raise Invalid("origin")
    row = {"origin": f["origin"], "observed_at": micros(f["time_hour"]), "temp": _number(f, "temp"),
           "dewp": _number(f, "dewp"), "humid": _number(f, "humid", 0, 100),
           "wind_dir": _number(f, "wind_dir", 0, 360, int),
           "wind_speed": _number(f, "wind_speed", 0, 200), "wind_gust": _number(f, "wind_gust"),
           "precip": _number(f, "precip", 0), "pressure": _number(f, "pressure"),
           "visib": _number(f, "visib", 0, 10)}
    if row["wind_gust"] is None:
        row["wind_gust"] = row["wind_speed"]
    return row


def plane(line, columns):
    f = _fields(line, columns)
    if f["tailnum"] in ("", "NA"):
        raise Invalid("tailnum")
    text = lambda name: None if f[name] in ("", "NA") else f[name]
    return {"tailnum": f["tailnum"], "built": _number(f, "year", 1903, kind=int),
            "manufacturer": text("manufacturer"), "model": text("model"),
            "engines": _number(f, "engines", kind=int), "seats": _number(f, "seats", kind=int)}


@dataclasses.dataclass
class Expected:
    """One processed table: its current rows and versions, and what became of every record."""
    rows: dict = dataclasses.field(default_factory=dict)        # key → row
    versions: set = dataclasses.field(default_factory=set)      # rows as sorted tuples
    states: dict = dataclasses.field(default_factory=dict)

    def count(self, state, by=1):
        self.states[state] = self.states.get(state, 0) + by


KEYS = {"arrival": ("flight_id",), "departure": ("flight_id",), "weather": ("origin", "observed_at"),
        "plane": ("tailnum",)}
ORDERS = {"arrival": "reported_at", "departure": "reported_at", "weather": None, "plane": None}


def frozen(row):
    return tuple(sorted(row.items()))


def lines_of(data, source):
    """The records of a landed file, and its columns if it is CSV."""
    lines = data.split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    if source in ("weather", "plane"):
        return lines[1:], lines[0].decode().split(",")
    return lines, None


def expect(source, files, airlines, excluded_files=()):
    """`files`: the distinct landed files of a source in the order they were taken in, as bytes."""
    expected = Expected()
    order_column = ORDERS[source]
    seen = {}    # (key, order) → contents
    for data in files:
        lines, columns = lines_of(data, source)
        for line in lines:
            try:
                row = {"arrival": lambda: arrival(line), "departure": lambda: departure(line),
                       "weather": lambda: weather(line, columns), "plane": lambda: plane(line, columns)}[source]()
            except Invalid:
                expected.count("quarantined")
                continue
            if data in excluded_files:
                expected.count("excluded")
                continue
            if source == "arrival":
                if row["carrier"] not in airlines:
                    expected.count("filtered")
                    continue
                row["airline"] = airlines[row["carrier"]]
            key = tuple(row[name] for name in KEYS[source])
            order = row[order_column] if order_column else 0
            contents = seen.setdefault((key, order), set())
            content = frozen(row)
            if content in contents:
                expected.count("duplicate")
                continue
            if contents and source != "plane":
                raise AssertionError(f"the workload must not hold conflicts: {source} {key}")
            contents.add(content)
            expected.versions.add(content)
            current = expected.rows.get(key)
            if current is None:
                expected.count("processed")
                expected.rows[key] = row
            else:
                expected.count("superseded")
                if order_column is None or order > current[order_column]:
                    expected.rows[key] = row
    return expected
