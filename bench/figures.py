"""Arithmetic over the figures of several runs: medians, ratios, intervals, targets."""
import math
import statistics
from dataclasses import dataclass

from scenarios import TARGETS

RIVALS = ("nginx", "haproxy", "h2o", "nghttpx")


def median(runs, figure):
    """The median of one figure over the runs of a peer; None where nobody has it."""
    values = [run[figure] for run in runs if figure in run]
    return statistics.median(values) if values else None


def better(results, figure):
    """The name of the best of those that Weir is held against, or None."""
    there = [name for name in RIVALS if median(results.get(name, []), figure) is not None]
    return min(there, key=lambda name: median(results[name], figure), default=None)


def ratio(results, name, figure, against):
    """A peer's figure over that of "better", or of the peer that is named."""
    against = better(results, figure) if against == "better" else against
    own, other = median(results.get(name, []), figure), median(results.get(against, []), figure)
    return own / other if own is not None and other else None


def student_95(degrees):
    """The 97.5 % point of Student's t (Cornish and Fisher: within 2 % from 4 degrees up)."""
    z = statistics.NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4 / degrees
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96 / degrees**2
    return z + first + second


def mean_ratio(ratios):
    """The mean of paired ratios (of their logarithms), and the ends of its 95 % interval."""
    logs = [math.log(value) for value in ratios]
    mean = statistics.fmean(logs)
    if len(logs) < 5:
        return math.exp(mean), math.nan, math.nan
    half = student_95(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


@dataclass
class Verdict:
    target: object
    value: float | None  # None: not measured
    met: bool


def judge(all_results):
    """Weir's figure for each target of the scenarios that were run."""
    verdicts = []
    for target in TARGETS:
        results = all_results.get(target.scenario)
        if results is None or not results.get("weir"):
            continue
        if target.against:
            value = ratio(results, "weir", target.figure, target.against)
        else:
            value = median(results["weir"], target.figure)
        verdicts.append(Verdict(target, value, value is not None and value <= target.limit))
    return verdicts
