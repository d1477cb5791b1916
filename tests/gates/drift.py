"""What docs/reference/gate.md calls drift: bins of a baseline and the distance of a batch from it."""
import math
from fractions import Fraction

from exact import deviation, is_inf, is_nan, lerp, numbers_of, quantile, to_double


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
