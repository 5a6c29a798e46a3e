"""Calibration of the predicted uncertainty: coverage of its intervals, and error after rejecting pixels."""

import numpy as np

from dime.metrics import statistics


def half_width(uncertainty, level):
    """Half width b log(1 / (1 - p)) of the interval of log stiffness at level p; b is the Laplace scale."""
    return uncertainty * np.log(1 / (1 - level))


def coverage(estimate, uncertainty, truth, mask, levels):
    """Share of a slice's pixels whose truth lies inside the predicted interval, for each nominal level.

    Parameters
    ----------
    estimate, truth : (y, x) array [Pa]
    uncertainty : (y, x) array
        Laplace scale of log stiffness.
    mask : (y, x) bool array
    levels : sequence of float
        Nominal coverages, 0 to 1.

    Returns
    -------
    (level,) array
    """
    error = np.abs(np.log(estimate[mask] / truth[mask]))
    return np.array([np.mean(error <= half_width(uncertainty[mask], level)) for level in levels])


def verdict(share, level):
    """Whether intervals are "too wide" or "too narrow" at a level, or "as promised" as far as the cases tell.

    Parameters
    ----------
    share : dict
        Coverage found, from `statistics.bootstrap_mean` over slices.
    level : float
        Coverage promised.

    Returns
    -------
    str
        "as promised" if the interval of the share holds the level; "not tested" without an interval.
    """
    words = {1: "too wide", -1: "too narrow", 0: "as promised", None: "not tested"}
    return words[statistics.side(share, level)]


def rejection(error, uncertainty, fractions):
    """Mean error of the remaining pixels when the least certain are rejected.

    Parameters
    ----------
    error, uncertainty : (pixel,) array
        Any unit; the curves have the unit of the error.
    fractions : sequence of float
        Rejected shares, 0 to less than 1.

    Returns
    -------
    dict of (fraction,) arrays
        model : largest uncertainty rejected first; oracle : largest error rejected first, the best possible
        order, which needs the truth; random : pixels in any order, which leaves the mean as it is.
    """
    kept = [max(1, round(error.size * (1 - fraction))) for fraction in fractions]
    sums = {
        name: np.cumsum(error[np.argsort(by, kind="stable")])
        for name, by in (("model", uncertainty), ("oracle", error))
    }
    curves = {name: np.array([total[count - 1] / count for count in kept]) for name, total in sums.items()}
    return curves | {"random": np.full(len(kept), error.mean())}


def study(estimates, uncertainties, trusted, truths, masks, levels, fractions):
    """Coverage, rejection curves and share of untrusted pixels of one network over the slices of a study.

    Intervals are bootstrapped over slices. The error is the absolute relative error in percent (MAPE).

    Parameters
    ----------
    estimates, uncertainties, truths : (slice, y, x) array
        Stiffness [Pa], and the Laplace scale of log stiffness.
    trusted, masks : (slice, y, x) bool array
    levels : sequence of float
        Nominal coverages.
    fractions : sequence of float
        Rejected shares; 0 and 0.1 must be among them.

    Returns
    -------
    dict
        coverage and verdicts (lists by level), coverage_90; rejection (curves, means over slices, and
        intervals of the curve "model"); reject_10, of rejecting the least certain tenth (MAPE before and
        after, reduction [% points], p of Wilcoxon's test, oracle_share: reduction over that of the oracle);
        untrusted (share [%], mape, mape_trusted).
    """
    slices = list(zip(estimates, uncertainties, truths, masks, strict=True))
    covered = np.array([coverage(*one, levels) for one in slices])
    ninety = statistics.bootstrap_mean([coverage(*one, [0.9])[0] for one in slices])
    errors = [100 * np.abs(e[m] / t[m] - 1) for e, _, t, m in slices]
    curves = [rejection(x, u[m], fractions) for x, (_, u, _, m) in zip(errors, slices, strict=True)]
    means = {name: np.mean([curve[name] for curve in curves], axis=0) for name in curves[0]}
    kept = np.array([curve["model"] for curve in curves])
    first, tenth = list(fractions).index(0.0), list(fractions).index(0.1)
    before, after = (np.array([curve["model"][k] for curve in curves]) for k in (first, tenth))
    test = statistics.paired_tests({"before": before, "after": after}, "before")["after"]
    gain = {name: means[name][first] - means[name][tenth] for name in ("model", "oracle")}
    trust = [t[m] for t, m in zip(trusted, masks, strict=True)]
    by_level = [statistics.bootstrap_mean(column) for column in covered.T]
    return {
        "coverage": by_level,
        "verdicts": [verdict(*pair) for pair in zip(by_level, levels, strict=True)],
        "coverage_90": ninety,
        "rejection": {"fractions": list(fractions)}
        | {name: list(map(float, v)) for name, v in means.items()}
        | {"intervals": [statistics.bootstrap_mean(column) for column in kept.T]},
        "reject_10": {
            "before": statistics.bootstrap_mean(before),
            "after": statistics.bootstrap_mean(after),
            "reduction": statistics.bootstrap_mean(before - after),
            "p": test["p"],
            "oracle_share": float(gain["model"] / gain["oracle"]) if gain["oracle"] > 0 else None,
        },
        "untrusted": {
            "share": statistics.bootstrap_mean([100 * np.mean(~t) for t in trust]),
            "mape": statistics.bootstrap_mean([_mean(x[~t]) for x, t in zip(errors, trust, strict=True)]),
            "mape_trusted": statistics.bootstrap_mean(
                [_mean(x[t]) for x, t in zip(errors, trust, strict=True)]
            ),
        },
    }


def _mean(values):
    return values.mean() if values.size else np.nan
