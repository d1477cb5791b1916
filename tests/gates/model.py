"""What docs/reference/gate.md says a check answers, computed from the rows alone: exact fractions, no code of the product.

`judge(check, batch, history)` gives a state and what was observed. A statistic that is no fraction (a root, a
logarithm) is a double; where it lies closer to its bound than doubles can tell, both answers are right and
`Answer.close` says so.
"""
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction

from drift import drift_statistic, spread_of, steps
from exact import is_nan, numbers_of, quantile, statistic, to_double

DAY = 86_400_000_000
STATES = ("passed", "skipped", "warming", "warned", "not_evaluated", "failed", "error")


@dataclass
class Answer:
    state: str
    observed: object = None
    close: bool = False
    lacks_history: bool = False


@dataclass
class Batch:
    name: str
    end: int                      # µs
    rows: list                    # dicts: None = null
    counts: bool = True           # as history
    restarts: bool = False
    _columns: dict = field(default_factory=dict)

    def column(self, name):
        if name not in self._columns:
            values = [row[name] for row in self.rows]
            self._columns[name] = values
        return self._columns[name]


def bound_of(text, value):
    """As written for exact values, as a double for doubles."""
    return float(text) if isinstance(value, float) else Fraction(text)


def holds(check, value):
    if is_nan(value):
        return False, False
    close = False
    fine = True
    for key in ("min", "max", "min_exclusive", "max_exclusive"):
        if key not in check:
            continue
        bound = bound_of(check[key], value)
        if check["kind"] == "stddev" and near(value, bound):
            close = True
        low = key.startswith("min")
        if value == bound:
            fine = fine and not key.endswith("exclusive")
        elif (value < bound) == low:
            fine = False
    return fine, close


def near(a, b, tolerance=1e-9):
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-300)


# ---- History
def slot(end, size):
    return (end - 1) // size


def window_runs(window, runs, end):
    """`28d`, `same_weekday_4w`, `7d_same_hour`; `runs` oldest first."""
    weekday = re.fullmatch(r"same_weekday_(\d+)w", window)
    hour = re.fullmatch(r"(\d+)d_same_hour", window)
    if not weekday and not hour:
        span = int(re.fullmatch(r"(\d+)d", window).group(1)) * DAY
        return [run for run in runs if end - span <= run.end < end]
    size, period = (DAY, 7 * DAY) if weekday else (DAY // 24, DAY)
    found = []
    for i in range(int((weekday or hour).group(1)), 0, -1):
        wanted = end - i * period
        same = [run for run in runs if slot(run.end, size) == slot(wanted, size) and run.end < end]
        if same:
            found.append(min(same, key=lambda run: abs(run.end - wanted)))
    return found


def was_full(window, runs, end, needed, restart):
    if re.fullmatch(r"\d+d", window):
        span = int(window[:-1]) * DAY
        for i, run in enumerate(runs):
            held = [past for past in runs[:i + 1] if run.end - past.end < span]
            if run.end >= restart and len(held) >= needed:
                return True
        return False
    period = 7 * DAY if window.startswith("same") else DAY
    then = end - period
    while runs and then > max(runs[0].end, restart):
        if len(window_runs(window, runs, then)) >= needed:
            return True
        then -= period
    return False


def history_of(check, batch, history, needed, counts=lambda run: True):
    """The runs of the window, or the Answer that there are too few."""
    before = sorted((run for run in history if run.counts and run.end < batch.end), key=lambda run: run.end)
    restart = max((run.end for run in before if run.restarts), default=-1 << 62)
    runs = [run for run in before if counts(run)]
    found = window_runs(check["window"], runs, batch.end)
    if len(found) >= needed:
        return found, None
    if was_full(check["window"], runs, batch.end, needed, restart):
        return found, Answer("not_evaluated", lacks_history=True)
    return found, Answer("warming")


# ---- Drift
def judge_drift(check, batch, history):
    now = batch.column(check["column"])
    runs, short = history_of(check, batch, history, max(check.get("warmup", 0), 1))
    if short:
        return short
    past = [value for run in runs for value in run.column(check["column"])]
    binned = check["test"] not in ("ks", "wasserstein")
    with_nulls = binned and check.get("nulls", "bin") == "bin"

    def sample(values):
        return len(values) if with_nulls else sum(1 for value in values if value is not None)
    least = check.get("min_rows", 500)
    if min(sample(past), sample(now)) < least:
        if check.get("too_few") == "skip":
            return Answer("skipped")
        if sample(now) >= least:
            return Answer("not_evaluated", lacks_history=True)
        return Answer("failed")
    if not binned:
        # Drift counts integers and decimals at the nearest double.
        check = {**check, "spread": spread_of(past)}
        past, now = ([value if value is None else to_double(value) for value in side] for side in (past, now))
    value, p, blind = drift_statistic(check, past, now)
    if blind:
        return Answer("not_evaluated", value)
    if "min_p" in check:
        bound = float(check["min_p"])
        return Answer("passed" if p >= bound else "failed", value, close=near(p, bound, 1e-7))
    bound = float(check["max"])
    close = check["test"] not in ("ks",) and (near(value, bound) or abs(value - bound) < 1e-12)
    return Answer("passed" if value <= bound else "failed", value, close=close)


# ---- Checks
def judge_within(check, batch, history):
    def value_of(run):
        numbers = [to_double(value) for value in numbers_of(run.column(check["column"]))]
        if len(numbers) < (2 if check["kind"] == "stddev" else 1):
            return None
        exact = numbers_of(run.column(check["column"]))
        exact_kinds = ("mean", "sum", "stddev")
        return to_double(statistic(check["kind"], exact if check["kind"] in exact_kinds else numbers))
    runs, short = history_of(check, batch, history, max(check.get("warmup", 0), 2),
                             lambda run: value_of(run) is not None and math.isfinite(value_of(run)))
    if short:
        return short
    value = value_of(batch)
    if not math.isfinite(value):
        return Answer("failed", value)
    past = [Fraction(value_of(run)) for run in runs]
    n, total, square = len(past), sum(past), sum(past_value ** 2 for past_value in past)
    off = (n * Fraction(value) - total) ** 2 * (n - 1)
    allowed = Fraction(check["sigmas"]) ** 2 * n * (n * square - total ** 2)
    close = check["kind"] == "stddev" and abs(off - allowed) <= allowed * Fraction(1, 10**9)
    return Answer("passed" if off <= allowed else "failed", value, close=close)


def judge_statistic(check, batch, history):
    values = batch.column(check["column"])
    if any(is_nan(value) for value in values) and not check.get("allow_nan"):
        return Answer("failed", "NaN")
    numbers = numbers_of(values)
    if len(numbers) < (2 if check["kind"] == "stddev" else 1):
        return Answer("skipped" if check.get("too_few") == "skip" else "failed")
    if "sigmas" in check:
        return judge_within(check, batch, history)
    if check["kind"] == "quantile":
        value = quantile(sorted(numbers), Fraction(check["q"]), check.get("method", "linear"))
        if any(isinstance(number, float) for number in numbers):
            value = to_double(value)
    else:
        value = statistic(check["kind"], numbers)
    fine, close = holds(check, value)
    return Answer("passed" if fine else "failed", value, close)


def allows(check, bad, values, rows):
    limit = check.get("max_bad", "0")
    if limit.endswith("%"):
        base = rows if check.get("of") == "rows" else values
        return Fraction(bad) <= Fraction(limit[:-1]) / 100 * base
    return bad <= int(limit)


def judge_values(check, batch, bad, nulls, needs_value=True):
    rows = len(batch.rows)
    values = rows - nulls
    if needs_value and values < 1:
        return Answer("skipped" if check.get("too_few") == "skip" else "failed")
    return Answer("passed" if allows(check, bad, values, rows) else "failed", bad)


def violates(check, value):
    kind = check["kind"]
    if kind == "range":
        if is_nan(value):
            return not check.get("allow_nan")
        return not holds(check, value)[0]
    if kind in ("accepted", "rejected"):
        if is_nan(value):
            return kind == "accepted" and not check.get("allow_nan")
        inside = any(value == (float(item) if isinstance(value, float) else Fraction(item))
                     if not isinstance(value, str) else value == item for item in check["values"])
        return inside != (kind == "accepted")
    if kind == "length":
        return not holds(check, len(value))[0]
    compiled = re.compile(check["regex"])
    match = compiled.search if check.get("match") == "search" else compiled.fullmatch
    return match(value) is None


def judge_change(check, batch, history):
    runs, short = history_of(check, batch, history, max(check.get("warmup", 0), 1))
    if short:
        return short
    counts = sorted(len(run.rows) for run in runs)
    median = quantile(counts, Fraction(1, 2))
    rows = len(batch.rows)
    if median == 0:
        return Answer("passed" if rows == 0 else "failed", rows)
    fine = abs(rows - median) <= Fraction(check["within"][:-1]) / 100 * median
    return Answer("passed" if fine else "failed", rows)


def judge_tuples(check, batch):
    tuples = [tuple(row[name] for name in check["columns"]) for row in batch.rows]
    whole = [key for key in tuples if None not in key]
    if check["kind"] == "unique":
        kept = tuples if check.get("nulls") == "equal" else whole
        count = steps(kept)
        bad = sum(1 for key in kept if count[key] > 1)
        return judge_values(check, batch, bad, len(tuples) - len(kept), needs_value=False)
    value = len(set(whole))
    if check["kind"] == "distinct_share":
        if not whole:
            return Answer("skipped" if check.get("too_few") == "skip" else "failed")
        value = Fraction(value, len(whole))
    return Answer("passed" if holds(check, value)[0] else "failed", value)


def judge_before_severity(check, batch, history):
    kind = check["kind"]
    if kind == "row_count":
        return Answer("passed" if holds(check, len(batch.rows))[0] else "failed", len(batch.rows))
    if kind == "row_count_change":
        return judge_change(check, batch, history)
    if kind in ("unique", "distinct", "distinct_share"):
        return judge_tuples(check, batch)
    if kind == "required":
        bad = sum(1 for row in batch.rows if any(row[name] is None for name in check["columns"]))
        return judge_values(check, batch, bad, 0, needs_value=False)
    if kind == "distribution":
        return judge_drift(check, batch, history)
    if kind in ("range", "accepted", "rejected", "length", "pattern"):
        values = batch.column(check["column"])
        present = [value for value in values if value is not None]
        return judge_values(check, batch, sum(violates(check, value) for value in present), len(values) - len(present))
    return judge_statistic(check, batch, history)


def judge(check, batch, history):
    answer = judge_before_severity(check, batch, history)
    answer.lacks_history = answer.lacks_history and answer.state == "not_evaluated"
    if check.get("severity") == "warn" and answer.state in ("failed", "not_evaluated"):
        answer.state = "warned"
    return answer
