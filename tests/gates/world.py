"""Projects whose gates have many checks, and batches that try them: rows are made from a seed."""
import json
import random
import subprocess
from decimal import Decimal
from fractions import Fraction

import model

# How each column travels: texts that SQL casts, so that NaN, infinities and decimals arrive as they are.
SQL = """-- wh: table processed.s; key id; order id
SELECT r.id, r.a, CAST(r.xs AS DOUBLE) AS x, CAST(r.ds AS DECIMAL(24, 4)) AS d, r.t FROM records.s AS r
"""
CONTRACT = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": "s", "version": "1.0.0", "status": "active",
    "team": {"name": "owner"},
    "schema": [{"name": "s", "logicalType": "object", "properties": [
        {"name": "id", "logicalType": "integer", "required": True}, {"name": "a", "logicalType": "integer"},
        {"name": "xs", "logicalType": "string"}, {"name": "ds", "logicalType": "string"},
        {"name": "t", "logicalType": "string"}]}],
}
FIRST_DAY = 18_262  # 2020-01-01
COLUMN_KINDS = {"a": "integer", "x": "real", "d": "decimal", "t": "text"}


def day_name(day):
    import datetime
    return (datetime.date(1970, 1, 1) + datetime.timedelta(FIRST_DAY + day)).isoformat()


def batch_end(day):
    return (FIRST_DAY + day + 1) * model.DAY


class Project:
    def __init__(self, folder, wh, environment):
        self.folder, self.binary, self.environment = folder, wh, environment

    def write(self, checks):
        for name in ("contracts", "processed", "gates", "landing/s"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "contracts/s.odcs.yaml").write_text(json.dumps(CONTRACT))
        (self.folder / "processed/s.sql").write_text(SQL)
        lines = "".join(f"  - {check_yaml(check)}\n" for check in checks)
        (self.folder / "gates/g.yaml").write_text(f"gate: g\ntable: processed.s\nchecks:\n{lines}")
        (self.folder / "weirhouse.yaml").write_text(json.dumps({
            "name": "gates", "version": 1, "clock": "replay",
            "profiles": {"local": {"warehouse": "./.weirhouse/lake", "catalog": "sqlite", "log": "embedded",
                                   "online": "embedded"}},
            "sources": {"s": {"landing": "landing/s/", "format": "jsonl",
                              "batch": {"by": "name", "pattern": "{date}"}}}}))
        self.wh("init")

    def wh(self, *arguments, codes=(0,)):
        done = subprocess.run([self.binary, *arguments], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=600)
        if codes and done.returncode not in codes:
            raise AssertionError(f"wh {' '.join(arguments)}: {done.returncode}\n{done.stdout[-3000:]}\n"
                                 f"{done.stderr[-3000:]}")
        return done

    def land(self, batch):
        lines = []
        for row in batch.rows:
            x = row["x"]
            lines.append(json.dumps({
                "id": row["id"], "a": row["a"], "t": row["t"],
                "xs": None if x is None else repr(x), "ds": None if row["d"] is None else decimal_text(row["d"])}))
        path = self.folder / "landing/s" / f".{batch.name}.part"
        path.write_text("".join(line + "\n" for line in lines))
        path.rename(self.folder / "landing/s" / f"{batch.name}.jsonl")

    def verdicts(self):
        """The run that judged each batch, its first one."""
        listed = json.loads(self.wh("gate", "history", "--limit", "100000", "--json").stdout)["verdicts"]
        return {verdict["batch"]: verdict["run"] for verdict in reversed(listed) if verdict["batch"] != "overdue"
                and not verdict.get("override")}

    def show(self, run):
        shown = json.loads(self.wh("gate", "show", run, "--json").stdout)
        return {check["name"]: check for verdict in shown["verdicts"] for check in verdict["checks"]}


def decimal_text(value):
    return str(Decimal(value.numerator) / Decimal(value.denominator)) if value.denominator != 1 else str(value)


def check_yaml(check):
    """The check as a person would write it."""
    keys = {key: value for key, value in check.items()
            if key not in ("kind", "window", "sigmas", "edges")}
    if check["kind"] == "row_count_change":
        keys["vs"] = check["window"]
    elif check["kind"] == "distribution":
        keys["baseline"] = check["window"]
    elif "sigmas" in check:
        keys["within"] = f"{check['sigmas']} sigma of {check['window']}"
    if "edges" in check:
        keys["bins"] = check["edges"]
    texts = {"t"} & set(check.get("columns", [check.get("column")]))

    def write(key, value):
        if isinstance(value, list):
            return "[" + ", ".join(write(key, item) for item in value) + "]"
        if isinstance(value, bool):
            return "true" if value else "false"
        if key == "regex" or (key == "values" and texts):
            return json.dumps(value)
        return str(value)
    return f"{check['kind']}: {{ {', '.join(f'{key}: {write(key, value)}' for key, value in keys.items())} }}"


# ---- Rows
class Values:
    """Ways to fill a column."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def integers(self, way, n):
        r = self.random
        near = {"great": lambda: r.choice((1, -1)) * (2**53 + r.randrange(4)),
                "greatest": lambda: r.choice((2**63 - 1 - r.randrange(3), -(2**63) + r.randrange(3))),
                "small": lambda: r.randrange(-3, 4),
                "coin": lambda: int(r.random() < 0.05),
                "constant": lambda: 7,
                "wide": lambda: int(r.gauss(0, 1000)),
                "heavy": lambda: 0 if r.random() < 0.9 else r.randrange(1, 200),
                "tail": lambda: min(int(r.paretovariate(0.7)), 10**15)}
        return [near[way]() for _ in range(n)]

    def reals(self, way, n):
        r = self.random
        ways = {"normal": lambda: r.gauss(0, 1), "ties": lambda: r.randrange(10) / 10,
                "constant": lambda: 0.1, "tail": lambda: r.paretovariate(0.5),
                "extreme": lambda: r.choice((1e308, -1e308, 5e-324, 1.0)),
                "odd": lambda: r.choice((float("nan"), float("inf"), float("-inf"), 1.5, -0.0, 0.0)),
                "rarely_odd": lambda: r.choice((float("nan"), float("inf"))) if r.random() < 0.01 else r.gauss(5, 2),
                "zeros": lambda: 0.0 if r.random() < 0.8 else r.expovariate(1)}
        return [ways[way]() for _ in range(n)]

    def decimals(self, way, n):
        r = self.random
        ways = {"cents": lambda: Fraction(r.randrange(-10_000, 10_000), 100),
                "great": lambda: Fraction(r.choice((1, -1)) * (10**19 * 10_000 + r.randrange(5)), 10_000),
                "constant": lambda: Fraction(1, 10), "tenths": lambda: Fraction(r.randrange(10), 10)}
        return [ways[way]() for _ in range(n)]

    def texts(self, way, n):
        r = self.random
        ways = {"few": lambda: "k%d" % r.randrange(5), "many": lambda: "v%03d" % min(int(r.paretovariate(0.6)), 400),
                "constant": lambda: "same", "unique": lambda: "u%08d" % r.randrange(10**8),
                "odd": lambda: r.choice(("", "ä", "𝒳y", "a b", "N/A"))}
        return [ways[way]() for _ in range(n)]

    def with_nulls(self, values, share):
        return [None if self.random.random() < share else value for value in values]


WAYS = {"a": ("small", "coin", "constant", "wide", "heavy", "tail", "great", "greatest"),
        "x": ("normal", "ties", "constant", "tail", "extreme", "odd", "rarely_odd", "zeros"),
        "d": ("cents", "great", "constant", "tenths"), "t": ("few", "many", "constant", "unique", "odd")}


class Days:
    """A project's batches: the ways change now and then, days are missing, some batches are tiny or empty."""

    def __init__(self, seed, sizes, days, missing=()):
        self.values = Values(seed)
        self.random = self.values.random
        self.ways = {column: self.random.choice(ways) for column, ways in WAYS.items()}
        self.sizes, self.days, self.missing = sizes, days, set(missing)
        self.next_id = 0

    def __iter__(self):
        r = self.random
        nulls = dict.fromkeys(WAYS, 0.0)
        for day in range(self.days):
            if r.random() < 0.15:
                column = r.choice(sorted(WAYS))
                self.ways[column] = r.choice(WAYS[column])
                nulls[column] = r.choice((0.0, 0.0, 0.1, 0.6, 1.0))
            if day in self.missing:
                continue
            n = r.choice(self.sizes)
            columns = {"a": self.values.integers(self.ways["a"], n), "x": self.values.reals(self.ways["x"], n),
                       "d": self.values.decimals(self.ways["d"], n), "t": self.values.texts(self.ways["t"], n)}
            for name in columns:
                columns[name] = self.values.with_nulls(columns[name], nulls[name])
            rows = []
            for i in range(n):
                self.next_id += 1
                rows.append({"id": self.next_id, **{name: values[i] for name, values in columns.items()}})
            yield model.Batch(day_name(day), batch_end(day), rows)


# ---- Checks
def bounded(r, check, candidates):
    ends = r.choice((("min",), ("max",), ("min", "max"), ("min_exclusive",), ("max_exclusive",)))
    values = sorted(r.sample(candidates, len(ends)), key=Fraction) if len(ends) > 1 else [r.choice(candidates)]
    if len(values) == 2 and Fraction(values[0]) > Fraction(values[1]):
        values.reverse()
    return {**check, **dict(zip(ends, values))}


CANDIDATES = {
    "a": ["-3", "0", "1", "7", "9007199254740992", "9007199254740993", "9007199254740994", "9223372036854775806",
          "9223372036854775807", "-9223372036854775807", "0.5", "100", "3.3333333333333333333"],
    "x": ["0", "0.1", "0.5", "1", "1.5", "5", "1e308", "-1e308", "2", "0.45", "1e10"],
    "d": ["0.1", "0.10", "0", "0.5", "10000000000000000000.0001", "10000000000000000000.0002", "99.99", "-5.25",
          "0.45"]}


def make_checks(seed, count, min_rows):
    """`count` checks with `severity: warn`, so that no batch halts."""
    r = random.Random(seed)
    checks = []
    makers = [statistic_check, statistic_check, quantile_check, within_check, within_check, value_check, value_check,
              tuple_check, count_check, drift_check, drift_check, drift_check]
    for i in range(count):
        check = makers[i % len(makers)](r, min_rows)
        checks.append({**check, "name": f"c{i:03d}", "severity": "warn"})
    return checks


def statistic_check(r, _):
    column = r.choice("axd")
    kind = r.choice(("mean", "sum", "min", "max", "median", "stddev"))
    check = bounded(r, {"kind": kind, "column": column}, CANDIDATES[column])
    if kind == "stddev":
        check = bounded(r, {"kind": kind, "column": column}, ["0", "0.5", "1", "3", "100"])
    if r.random() < 0.3:
        check["too_few"] = "skip"
    if column == "x" and r.random() < 0.7:
        check["allow_nan"] = True
    return check


def quantile_check(r, _):
    column = r.choice("axd")
    check = bounded(r, {"kind": "quantile", "column": column}, CANDIDATES[column])
    check["q"] = r.choice(("0", "0.1", "0.25", "0.5", "0.9", "0.95", "1"))
    check["method"] = r.choice(("linear", "lower", "higher", "nearest", "midpoint"))
    if column == "x":
        check["allow_nan"] = True
    return check


def window(r):
    return r.choice(("28d", "7d", "3d", "same_weekday_4w", "same_weekday_2w", "3d_same_hour"))


def warmup(r, name):
    most = {"same_weekday_4w": 4, "same_weekday_2w": 2, "3d_same_hour": 3, "3d": 3}.get(name, 7)
    return r.randrange(0, most + 1)


def within_check(r, _):
    column = r.choice("axd")
    name = window(r)
    check = {"kind": r.choice(("mean", "sum", "min", "max", "median", "stddev")), "column": column, "window": name,
             "sigmas": r.choice(("0", "1", "2", "2.5", "8")), "warmup": warmup(r, name)}
    if column == "x":
        check["allow_nan"] = True
    return check


def value_check(r, _):
    kind = r.choice(("range", "range", "accepted", "rejected", "length", "pattern", "required"))
    if kind == "range":
        column = r.choice("axd")
        check = bounded(r, {"kind": kind, "column": column}, CANDIDATES[column])
        if column == "a":
            check = {key: value for key, value in check.items()}
    elif kind in ("accepted", "rejected"):
        column = r.choice("axdt")
        values = {"a": ["0", "1", "7", "9007199254740993"], "x": ["0.1", "0.5", "0"], "d": ["0.1", "0.20", "5"],
                  "t": ["k1", "k2", "same", "", "ä"]}[column]
        check = {"kind": kind, "column": column, "values": r.sample(values, r.randrange(1, len(values) + 1))}
    elif kind == "length":
        check = bounded(r, {"kind": kind, "column": "t"}, ["0", "1", "2", "3", "4"])
        for key, low in (("min_exclusive", True), ("max_exclusive", False)):
            if check.get(key) == "0" and not low:
                check[key] = "1"
    elif kind == "pattern":
        check = {"kind": kind, "column": "t", "regex": r.choice(("k[0-3]", "v.*", "[a-z]+", "a")),
                 "match": r.choice(("full", "search"))}
    else:
        check = {"kind": kind, "columns": r.sample(["a", "x", "d", "t"], r.randrange(1, 4))}
    if kind in ("range", "accepted") and check["column"] == "x" and r.random() < 0.5:
        check["allow_nan"] = True
    if r.random() < 0.6:
        check["max_bad"] = r.choice(("0", "1", "5", "1%", "12.5%", "50%", "0.1%"))
        if kind != "required" and check["max_bad"].endswith("%") and r.random() < 0.5:
            check["of"] = "rows"
    if kind != "required" and r.random() < 0.3:
        check["too_few"] = "skip"
    return check


def tuple_check(r, _):
    kind = r.choice(("unique", "distinct", "distinct_share"))
    columns = r.sample(["a", "d", "t"], r.randrange(1, 3))
    if kind == "unique":
        check = {"kind": kind, "columns": columns}
        if r.random() < 0.5:
            check["nulls"] = r.choice(("skip", "equal"))
        if r.random() < 0.5:
            check["max_bad"] = r.choice(("1", "30%"))
        return check
    return bounded(r, {"kind": kind, "columns": columns},
                   ["0", "1", "5", "7", "100"] if kind == "distinct" else ["0", "0.1", "0.5", "1", "0.3"])


def count_check(r, _):
    if r.random() < 0.4:
        return bounded(r, {"kind": "row_count"}, ["1", "2", "40", "500", "800"])
    name = window(r)
    return {"kind": "row_count_change", "window": name, "within": r.choice(("0%", "10%", "50%", "100%")),
            "warmup": warmup(r, name)}


def drift_check(r, min_rows):
    name = window(r)
    test = r.choice(("psi", "kl", "js", "js_distance", "chi2", "ks", "wasserstein"))
    column = r.choice("axd" if test in ("ks", "wasserstein") else "axdtt")
    check = {"kind": "distribution", "column": column, "test": test, "window": name, "warmup": warmup(r, name),
             "min_rows": min_rows}
    if test in ("chi2", "ks") and r.random() < 0.6:
        check["min_p"] = r.choice(("0.001", "0.01", "0.5"))
    else:
        check["max"] = r.choice(("0.02", "0.1", "0.25", "1", "20"))
    if test == "wasserstein" and r.random() < 0.4:
        check["scale"] = "sd"
    if test not in ("ks", "wasserstein"):
        if r.random() < 0.3:
            check["nulls"] = r.choice(("bin", "ignore"))
        if column != "t":
            way = r.random()
            if way < 0.2:
                check["bins"] = r.choice((2, 4, 20))
            elif way < 0.35:
                check["width"] = r.choice((2, 5, 10))
            elif way < 0.5:
                check["edges"] = r.choice(([0], [0.5, 1.5], [-1, 0, 1]))
    if r.random() < 0.3:
        check["too_few"] = "skip"
    return check
