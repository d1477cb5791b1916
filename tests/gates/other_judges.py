"""NumPy and SciPy as judges of the statistics they have, beside the model."""
import math
import warnings
from fractions import Fraction

import numpy
import scipy.stats

import exact
import model

# They say so where they lose digits: by how much is seen below.
warnings.filterwarnings("ignore", category=RuntimeWarning)


def doubles(values):
    return numpy.array([exact.to_double(value) for value in values], dtype=float)


def past_of(check, batch, history):
    runs, short = model.history_of(check, batch, history, max(check.get("warmup", 0), 1))
    return None if short else [value for run in runs for value in run.column(check["column"])]


def drift(check, batch, history):
    """(statistic, p) as SciPy has them, or None."""
    past = past_of(check, batch, history)
    now = batch.column(check["column"])
    if past is None or check["test"] not in ("ks", "wasserstein"):
        return None
    past, now = ([value for value in side if value is not None] for side in (past, now))
    odd = [value for value in past + now if isinstance(value, float) and not math.isfinite(value)]
    if odd or not past or not now or "scale" in check:
        return None
    if check["test"] == "ks":
        return float(scipy.stats.ks_2samp(doubles(past), doubles(now), method="asymp").statistic)
    value = float(scipy.stats.wasserstein_distance(doubles(past), doubles(now)))
    return value if math.isfinite(value) else None


def quantiles(check, numbers):
    if not numbers or any(math.isinf(exact.to_double(value)) for value in numbers):
        return None
    method = {"nearest": "nearest"}.get(check.get("method", "linear"), check.get("method", "linear"))
    q = 0.5 if check["kind"] == "median" else float(Fraction(check["q"]))
    with numpy.errstate(all="ignore"):
        value = float(numpy.quantile(doubles(numbers), q, method=method))
    return value if math.isfinite(value) else None


def statistic(check, numbers):
    if check["kind"] in ("quantile", "median"):
        return quantiles(check, numbers)
    values = doubles(numbers)
    if not len(values) or not numpy.isfinite(values).all() or numpy.abs(values).max() > 1e150:
        return None
    if check["kind"] == "stddev":
        return float(scipy.stats.tstd(values)) if len(values) > 1 else None
    return float({"mean": numpy.mean, "sum": math.fsum, "min": numpy.min, "max": numpy.max}[check["kind"]](values))


def by_scipy(tally, check, batch, history, shown, what):
    observed = shown["observed"]
    if isinstance(observed, (dict, str)) or observed is None or check["kind"] == "row_count_change":
        return
    if check["kind"] == "distribution":
        value = drift(check, batch, history)
    elif check["kind"] in ("mean", "sum", "min", "max", "median", "stddev", "quantile"):
        value = statistic(check, exact.numbers_of(batch.column(check["column"])))
    else:
        return
    if value is None:
        return
    tally.with_judges += 1
    # Both round on the way: to nine digits of the greatest value they add up.
    size = max([1e-9] + [abs(exact.to_double(number)) for number in exact.numbers_of(batch.column(check["column"]))
                         if not exact.is_inf(number)])
    if abs(value - float(observed)) > 1e-9 * max(abs(value), abs(float(observed)), size):
        tally.unexplained.append(f"{what}: observed {observed}, NumPy/SciPy {value}")
