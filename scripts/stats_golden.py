#!/usr/bin/env python3
"""Writes fixtures/stats: what scipy, statsmodels, scikit-learn and krippendorff say.

Run by hand when a statistic is added:
    pip install numpy scipy statsmodels scikit-learn krippendorff
    python3 scripts/stats_golden.py
The Rust tests in crates/domain/src/stats/tests.rs must give the same numbers.
"""

import importlib.metadata
import json
import math
import warnings
from pathlib import Path

import krippendorff
import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import optimize, stats
from sklearn import metrics
from statsmodels.stats import contingency_tables, inter_rater, proportion, weightstats

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "stats"
RNG = np.random.default_rng(7)
V, S, U = 0, 1, 2


def vectors(counts):
    truth, given = [], []
    for row, cells in enumerate(counts):
        for column, cell in enumerate(cells):
            truth += [row] * cell
            given += [column] * cell
    return np.array(truth), np.array(given)


def measures(counts):
    """None where undefined; scikit-learn would say 0."""
    truth, given = vectors(counts)
    (tp, miss, un), (fp, tn, un_safe) = counts
    binary = dict(labels=[V], average="micro", zero_division=np.nan)
    none = lambda value: None if math.isnan(value) else float(value)
    found = {
        "accuracy": float(metrics.accuracy_score(truth, given)),
        "precision": none(metrics.precision_score(truth, given, **binary)),
        "recall": none(metrics.recall_score(truth, given, **binary)),
        "f1": float(metrics.f1_score(truth, given, labels=[V], average="micro")) if 2 * tp + fp + miss + un else None,
    }
    # The false positive rate leaves unparsed answers out, as recall on what is left.
    read = given != U
    safe = (truth == S) & read
    found["false_positive_rate"] = float((given[safe] == V).mean()) if safe.any() else None
    if found["false_positive_rate"] is not None:
        specificity = metrics.recall_score(truth[read], given[read], pos_label=S)
        assert abs(1 - specificity - found["false_positive_rate"]) < 1e-12
    found["false_negative_rate"] = None if found["recall"] is None else 1 - found["recall"]
    both = len(set(truth)) == 2
    found["balanced_accuracy"] = float(metrics.balanced_accuracy_score(truth, given)) if both else None
    varied = both and len(set(given)) > 1
    found["mcc"] = float(metrics.matthews_corrcoef(truth, given)) if varied else None
    one = len(set(truth) | set(given)) == 1
    found["kappa"] = None if one else float(metrics.cohen_kappa_score(truth, given, labels=[V, S, U]))
    return found


def wilson(counts):
    (tp, miss, un), (fp, tn, un_safe) = counts
    shares = {
        "accuracy": (tp + tn, tp + miss + un + fp + tn + un_safe),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + miss + un),
        "false_positive_rate": (fp, fp + tn),
        "false_negative_rate": (miss + un, tp + miss + un),
    }
    return {
        name: list(proportion.proportion_confint(k, n, method="wilson"))
        for name, (k, n) in shares.items()
        if n
    }


TABLES = [
    [[18, 3, 1], [2, 15, 1]],
    [[18, 4, 0], [2, 16, 0]],
    [[1, 0, 0], [0, 1, 0]],
    [[0, 5, 0], [0, 7, 0]],
    [[5, 0, 0], [7, 0, 0]],
    [[0, 0, 4], [0, 0, 3]],
    [[9, 1, 0], [0, 0, 0]],
    [[0, 0, 0], [3, 11, 2]],
    [[410, 35, 7], [52, 380, 9]],
    [[49812, 188, 0], [7211, 42789, 0]],
]


def tables():
    return [{"counts": c, "measures": measures(c), "wilson": wilson(c)} for c in TABLES]


MEASURES = ["accuracy", "precision", "recall", "f1", "false_positive_rate", "false_negative_rate", "balanced_accuracy", "mcc", "kappa"]


def table_of(cells):
    counts = [[0, 0, 0], [0, 0, 0]]
    for truth, given in cells:
        counts[truth][given] += 1
    return counts


def quantiles(values, confidence=0.95):
    tail = (1 - confidence) / 2
    return [float(np.quantile(values, tail)), float(np.quantile(values, 1 - tail))]


def bootstrap_same():
    """Intervals over resamples that are written out, for cases with repeats and pairs."""
    cases = []
    for _ in range(24):
        truth = int(RNG.integers(2))
        say = lambda skill: truth if RNG.random() < skill else int(RNG.integers(3))
        cases.append([[(truth, say(0.6)) for _ in range(3)], [(truth, say(0.8)) for _ in range(3)]])
    picks = RNG.integers(len(cases), size=(80, len(cases))).tolist()
    intervals, differences = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        per = []
        for pick in picks:
            before = measures(table_of([c for p in pick for c in cases[p][0]]))
            now = measures(table_of([c for p in pick for c in cases[p][1]]))
            per.append((before, now))
    for name in MEASURES:
        values = [b[name] for b, _ in per]
        assert None not in values
        intervals[name] = quantiles(values)
        differences[name] = quantiles([n[name] - b[name] for b, n in per])
    return {
        "before": [table_of(case[0]) for case in cases],
        "now": [table_of(case[1]) for case in cases],
        "picks": picks,
        "intervals": intervals,
        "differences": differences,
    }


def bootstrap_scipy():
    """Large bootstraps of scipy's own, for our draws to come near."""
    found = []
    for counts in [[[18, 3, 1], [2, 15, 1]], [[410, 35, 7], [52, 380, 9]]]:
        truth, given = vectors(counts)
        codes = truth * 3 + given

        def measure(name):
            def of(sample, axis):
                cells = np.stack([(sample == k).sum(axis=axis) for k in range(6)], axis=-1).astype(float)
                tp, miss, un, fp, tn, us = np.moveaxis(cells, -1, 0)
                n = cells.sum(axis=-1)
                if name == "f1":
                    return 2 * tp / (2 * tp + fp + miss + un)
                if name == "balanced_accuracy":
                    return (tp / (tp + miss + un) + tn / (fp + tn + us)) / 2
                t = [tp + miss + un, fp + tn + us]
                p = [tp + fp, miss + tn, un + us]
                chance = t[0] * p[0] + t[1] * p[1]
                if name == "kappa":
                    return ((tp + tn) / n - chance / n**2) / (1 - chance / n**2)
                spread = (n**2 - sum(x**2 for x in p)) * (n**2 - sum(x**2 for x in t))
                return ((tp + tn) * n - chance) / np.sqrt(spread)

            return of

        intervals = {}
        for name in ["f1", "balanced_accuracy", "mcc", "kappa"]:
            result = stats.bootstrap((codes,), measure(name), n_resamples=100_000, batch=2000, method="percentile", rng=np.random.default_rng(11))
            interval = result.confidence_interval
            intervals[name] = {"low": float(interval.low), "high": float(interval.high), "error": float(result.standard_error)}
        found.append({"counts": counts, "intervals": intervals})
    return found


def mcnemar():
    found = []
    for broken, fixed in [(0, 0), (0, 1), (1, 5), (0, 10), (8, 3), (25, 12), (40, 41), (900, 700)]:
        result = contingency_tables.mcnemar([[50, broken], [fixed, 50]], exact=True)
        found.append({"broken": broken, "fixed": fixed, "p": float(result.pvalue)})
    return found


def tango(n, broken, fixed, bound):
    """The restricted maximum of the likelihood found numerically, not by Tango's formula."""
    both = n - broken - fixed

    def slope(q):  # derivative of the log-likelihood in q = P(broken); P(fixed) = q + bound
        total = 0.0
        if broken:
            total += broken / q
        if fixed:
            total += fixed / (q + bound)
        if both:
            total -= 2 * both / (1 - 2 * q - bound)
        return total

    low, high = max(0.0, -bound), (1 - bound) / 2
    edge = (high - low) * 1e-15
    if slope(low + edge) <= 0:
        q = low
    elif slope(high - edge) >= 0:
        q = high
    else:
        q = optimize.brentq(slope, low + edge, high - edge, xtol=1e-16, rtol=1e-15, maxiter=1000)
    variance = n * (2 * q + bound * (1 - bound))
    return float(stats.norm.sf((fixed - broken - n * bound) / math.sqrt(variance)))


def no_regression():
    found = []
    for n, broken, fixed in [(3, 0, 0), (60, 0, 0), (60, 1, 4), (60, 9, 1), (892, 20, 31), (892, 40, 11), (10, 0, 10), (10, 10, 0), (100000, 812, 790)]:
        for margin in [0.01, 0.02, 0.05]:
            found.append({"cases": n, "broken": broken, "fixed": fixed, "margin": margin, "loss": tango(n, broken, fixed, -margin), "gain": tango(n, fixed, broken, -margin)})
    return found


def repeated():
    found = []
    for n, shift in [(12, 0.0), (40, 0.03), (200, -0.04)]:
        before = RNG.binomial(5, 0.8, size=n)
        now = RNG.binomial(5, 0.8 + shift, size=n)
        p, low, high = weightstats.ttost_paired(now / 5, before / 5, -0.05, 0.05)
        found.append({"before": before.tolist(), "now": now.tolist(), "of": 5, "margin": 0.05, "loss": float(low[1]), "gain": float(high[1]), "equivalent": float(p)})
    return found


def cohen():
    found = []
    for names, n in [("ab", 12), ("abc", 60), ("abcd", 400)]:
        truth = RNG.integers(len(names), size=n)
        other = np.where(RNG.random(n) < 0.7, truth, RNG.integers(len(names), size=n))
        table = np.zeros((len(names), len(names)))
        for a, b in zip(truth, other):
            table[a, b] += 1
        result = inter_rater.cohens_kappa(table)
        assert abs(result.kappa - metrics.cohen_kappa_score(truth, other)) < 1e-12
        found.append({"a": [names[x] for x in truth], "b": [names[x] for x in other], "kappa": float(result.kappa), "low": float(result.kappa_low), "high": float(result.kappa_upp)})
    return found


def alpha():
    found = []
    for raters, names, n, missing in [(2, "ab", 15, 0.0), (3, "abc", 40, 0.2), (5, "abcd", 90, 0.5)]:
        truth = RNG.integers(len(names), size=n)
        rows = []
        for _ in range(raters):
            said = np.where(RNG.random(n) < 0.75, truth, RNG.integers(len(names), size=n)).astype(float)
            said[RNG.random(n) < missing] = np.nan
            rows.append(said)
        value = krippendorff.alpha(reliability_data=np.array(rows), level_of_measurement="nominal")
        units = [[names[int(row[i])] for row in rows if not math.isnan(row[i])] for i in range(n)]
        found.append({"units": units, "alpha": float(value)})
    return found


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = {
            "tables": tables(),
            "bootstrap_same": bootstrap_same(),
            "bootstrap_scipy": bootstrap_scipy(),
            "mcnemar": mcnemar(),
            "no_regression": no_regression(),
            "repeated": repeated(),
            "cohen": cohen(),
            "alpha": alpha(),
        }
    versions = {m.__name__: m.__version__ for m in (np, scipy, sklearn, statsmodels)}
    versions["krippendorff"] = importlib.metadata.version("krippendorff")
    parts = {"versions": versions, **parts}
    for name, part in parts.items():
        (OUT / f"{name}.json").write_text(json.dumps(part) + "\n")


main()
