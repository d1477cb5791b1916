"""What docs/reference/gate.md says a check answers, computed from the rows alone: exact fractions, no code of the product.

`judge(check, batch, history)` gives a state and what was observed. A statistic that is no fraction (a root, a
logarithm) is a double; where it lies closer to its bound than doubles can tell, both answers are right and
`Answer.close` says so.
"""
import math
import re
from dataclasses import dataclass, field
from fractions import Fraction

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


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def is_inf(value):
    return isinstance(value, float) and math.isinf(value)


def to_double(value):
    """The nearest double of an exact number."""
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers_of(values):
    return [value for value in values if value is not None and not is_nan(value)]


# ---- Statistics
def exact_sum(numbers):
    if any(is_inf(value) for value in numbers):
        return sum(value for value in numbers if is_inf(value))
    return sum((Fraction(value) for value in numbers), Fraction(0))


def deviation(numbers):
    n = len(numbers)
    if any(is_inf(value) for value in numbers):
        return math.nan
    total = exact_sum(numbers)
    square = sum((Fraction(value) ** 2 for value in numbers), Fraction(0))
    return root((n * square - total * total) / (n * (n - 1)))


def root(value):
    shift = 2400
    scaled = value.numerator * (1 << (2 * shift)) // value.denominator
    return to_double(Fraction(math.isqrt(scaled), 1 << shift))


def lerp(a, b, share):
    """numpy.quantile's own way between two doubles."""
    if a == b:
        return a
    if math.isinf(b - a) and not math.isinf(a) and not math.isinf(b):
        return a * (1 - share) + b * share
    return a + (b - a) * share if share < 0.5 else b - (b - a) * (1 - share)


def quantile(ordered, q, method="linear"):
    h = (len(ordered) - 1) * Fraction(q)
    low = h.numerator // h.denominator
    rest = h - low
    if rest == 0:
        return ordered[low]
    a, b = ordered[low], ordered[low + 1]
    if method == "lower":
        return a
    if method == "higher":
        return b
    if method == "nearest":
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2 == 1)
        return b if up else a
    share = Fraction(1, 2) if method == "midpoint" else rest
    if isinstance(a, float) or isinstance(b, float):
        return lerp(to_double(a), to_double(b), float(share))
    return Fraction(a) * (1 - share) + Fraction(b) * share


def statistic(kind, numbers):
    """Exact where the values are; doubles stay doubles, rounded once."""
    if kind == "stddev":
        return deviation(numbers)
    real = any(isinstance(value, float) for value in numbers)
    if kind == "sum":
        value = exact_sum(numbers)
    elif kind == "mean":
        value = exact_sum(numbers)
        value = value if is_inf(value) or is_nan(value) else value / len(numbers)
    elif kind == "min":
        value = min(numbers)
    elif kind == "max":
        value = max(numbers)
    else:
        value = quantile(sorted(numbers), Fraction(1, 2))
    return to_double(value) if real else value


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
def heavy_edges(numbers, bins):
    """Quantile edges; a value on which several fall is a bin of its own, the rest is cut again."""
    edges, rest, left = set(), sorted(numbers), bins
    while rest:
        count = max(left, 2)
        cut = []
        for i in range(1, count):
            edge = quantile(rest, Fraction(i, count))
            cut.append(quantile(rest, Fraction(i, count), "higher") if is_nan(edge) else edge)
        heavy = {a for a, b in zip(cut, cut[1:]) if a == b}
        if not heavy:
            edges.update(cut)
            break
        for value in heavy:
            edges.update({value, math.nextafter(value, math.inf)})
        rest = [value for value in rest if value not in heavy]
        left -= len(heavy)
    return sorted(edges)


def width_edges(numbers, bins):
    finite = [value for value in numbers if not is_inf(value)]
    if not finite:
        return []
    low, high = min(finite), max(finite)
    if low == high:
        return [low, math.nextafter(low, math.inf)]
    return sorted({lerp(low, high, i / bins) for i in range(1, bins)})


def bin_counts(values, edges, nulls):
    counts = [0] * (len(edges) + 1)
    for value in values:
        if value is None:
            continue
        if is_nan(value):
            counts[-1] += 1
            continue
        counts[sum(1 for edge in edges if edge <= value)] += 1
    if nulls:
        counts.append(sum(1 for value in values if value is None))
    return counts


def text_bins(past, now, nulls):
    seen = {}
    for value in past:
        if value is not None:
            seen[value] = seen.get(value, 0) + 1
    frequent = sorted(seen, key=lambda text: (-seen[text], text.encode()))[:100]
    place = {text: i for i, text in enumerate(frequent)}

    def counts(values):
        found = [0] * (len(frequent) + 1)
        for value in values:
            if value is not None:
                found[place.get(value, len(frequent))] += 1
        if nulls:
            found.append(sum(1 for value in values if value is None))
        return found
    return counts(past), counts(now)


def smoothed(counts):
    total = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / total for count in counts]


def psi(past, now):
    return sum((q - p) * math.log(q / p) for p, q in zip(smoothed(past), smoothed(now)))


def kl(past, now):
    return sum(q * math.log(q / p) for p, q in zip(smoothed(past), smoothed(now)))


def js(past, now):
    total = 0.0
    for a, b in zip(past, now):
        p, q = a / sum(past), b / sum(now)
        middle = (p + q) / 2
        total += (p / 2 * math.log2(p / middle) if p else 0) + (q / 2 * math.log2(q / middle) if q else 0)
    return min(max(total, 0.0), 1.0)


def chi2_tail(x, degrees):
    """P(chi² of `degrees` > x), by the closed forms of half-integer gamma functions."""
    half = x / 2
    if x <= 0:
        return 1.0
    if degrees % 2 == 0:
        term, total = 1.0, 1.0
        for k in range(1, degrees // 2):
            term *= half / k
            total += term
        return math.exp(-half) * total
    total = math.erfc(math.sqrt(half))
    term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
    for k in range((degrees - 1) // 2):
        total += term
        term *= half / (k + 1.5)
    return total


def fisher(past_in, now_in, past_all, now_all):
    marked = past_in + now_in

    def ways(x):
        return math.comb(now_all, x) * math.comb(past_all, marked - x)
    mine = ways(now_in)
    low, high = max(0, marked - past_all), min(marked, now_all)
    total = sum(ways(x) for x in range(low, high + 1) if ways(x) <= mine * (1 + Fraction(1, 10**7)))
    return float(Fraction(total, math.comb(past_all + now_all, marked)))


def chi2(past, now):
    """Statistic and p of two samples."""
    n_p, n_q = sum(past), sum(now)
    share = Fraction(min(n_p, n_q), n_p + n_q)
    cells = [(a, b) for a, b in zip(past, now) if (a + b) * share >= 5]
    few = [(a, b) for a, b in zip(past, now) if (a + b) * share < 5]
    few = (sum(a for a, _ in few), sum(b for _, b in few))
    if sum(few) > 0:
        if sum(few) * share < 1 and len(cells) >= 2:
            least = min(range(len(cells)), key=lambda i: sum(cells[i]))
            cells[least] = (cells[least][0] + few[0], cells[least][1] + few[1])
        else:
            cells.append(few)
    if len(cells) < 2:
        return 0.0, 1.0
    value = Fraction(0)
    for a, b in cells:
        for count, size in ((a, n_p), (b, n_q)):
            expected = Fraction((a + b) * size, n_p + n_q)
            value += (count - expected) ** 2 / expected
    if len(cells) == 2 and min(sum(cell) for cell in cells) * share < 5:
        a, b = min(cells, key=sum)
        return float(value), fisher(a, b, n_p, n_q)
    return float(value), chi2_tail(float(value), len(cells) - 1)


def steps(values):
    found = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


def walk(past, now):
    p, q = steps(past), steps(now)
    below_p = below_q = 0
    for value in sorted(set(p) | set(q)):
        below_p += p.get(value, 0)
        below_q += q.get(value, 0)
        yield value, Fraction(below_p, len(past)), Fraction(below_q, len(now))


def ks(past, now):
    """NaN is the greatest number."""
    def numbers(values):
        return [(1, 0.0) if is_nan(value) else (0, value) for value in values if value is not None]
    past, now = numbers(past), numbers(now)
    distance = max(abs(a - b) for _, a, b in walk(past, now))
    n = math.sqrt(len(past) * len(now) / (len(past) + len(now)))
    scaled = (n + 0.12 + 0.11 / n) * float(distance)
    if scaled < 0.2:
        return float(distance), 1.0
    p = 2 * sum((-1) ** (j - 1) * math.exp(-2.0 * j * j * scaled * scaled) for j in range(1, 101))
    return float(distance), min(max(p, 0.0), 1.0)


def wasserstein(past, now):
    total, last, gap = Fraction(0), None, Fraction(0)
    for value, a, b in walk(past, now):
        if last is not None:
            total += gap * (Fraction(value) - Fraction(last))
        last, gap = value, abs(a - b)
    return to_double(total)


def drift_statistic(check, past, now):
    """(statistic, p, why it cannot see)."""
    test = check["test"]
    if test == "ks":
        value, p = ks(past, now)
        return value, p, False
    if test == "wasserstein":
        finite = [value for value in numbers_of(past) if not is_inf(value)]
        if not finite:
            return None, None, True
        present = [value for value in now if value is not None]
        if any(is_nan(value) or is_inf(value) for value in present):
            return math.inf, 0, False
        value = wasserstein(finite, present)
        if check.get("scale") == "sd" and value != 0:
            value = value / check["spread"] if check["spread"] else math.inf
        return value, None, False
    nulls = check.get("nulls", "bin") == "bin"
    texts = any(isinstance(value, str) for value in list(past) + list(now) if value is not None)
    blind = False
    if texts:
        bins = text_bins(past, now, nulls)
        counted = bins[0][:-1] if nulls else bins[0]
        blind = counted[-1] * 100 > 90 * sum(counted)
    else:
        numbers = [to_double(value) for value in numbers_of(past)]
        if "edges" in check:
            edges = check["edges"]
        elif "width" in check:
            edges = width_edges(numbers, check["width"])
        else:
            edges = heavy_edges(numbers, check.get("bins", 10))
        doubles = [[value if value is None else to_double(value) for value in side] for side in (past, now)]
        bins = tuple(bin_counts(side, edges, nulls) for side in doubles)
        counted = bins[0][:-1] if nulls else bins[0]
        if "edges" not in check:
            blind = not numbers and sum(counted) > 0
        if "width" in check and len(set(numbers)) != 1:
            blind = blind or max(counted) * 100 > 90 * sum(counted)
    if test == "chi2":
        return (*chi2(*bins), blind)
    value = {"psi": psi, "kl": kl, "js": js, "js_distance": lambda a, b: math.sqrt(js(a, b))}[test](*bins)
    return value, None, blind


def spread_of(values):
    finite = [value for value in numbers_of(values) if not is_inf(value)]
    return deviation(finite) if len(finite) > 1 else 0


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
