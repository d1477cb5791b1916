"""Statistics of numbers by exact fractions; of doubles, rounded once."""
import math
from fractions import Fraction


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
