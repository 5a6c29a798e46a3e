"""Does the uncertainty mean what it says: coverage of its intervals, gain of rejecting the uncertain."""

import numpy as np

from dime.metrics import statistics

TARGET_90 = (0.87, 0.93)
"""Where the coverage of a calibrated 90 % interval should lie."""


def half_width(uncertainty, level):
    """Half width of the interval of log stiffness: b log(1 / (1 - p)), of a Laplace law of scale b."""
    return uncertainty * np.log(1 / (1 - level))


def coverage(estimate, uncertainty, truth, mask, levels):
    """Share of a slice's pixels whose truth lies in the interval, one for each nominal level.

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


def rejection(error, uncertainty, fractions):
    """Mean error of the pixels that are kept when the least certain are rejected.

    Parameters
    ----------
    error, uncertainty : (pixel,) array
    fractions : sequence of float
        Rejected shares, 0 to less than 1.

    Returns
    -------
    dict of (fraction,) arrays
        model : the most uncertain rejected first; oracle : the most wrong first, which nobody can know;
        random : any, so that the mean stays.
    """
    kept = [max(1, round(error.size * (1 - fraction))) for fraction in fractions]
    sums = {
        name: np.cumsum(error[np.argsort(by, kind="stable")])
        for name, by in (("model", uncertainty), ("oracle", error))
    }
    curves = {name: np.array([total[count - 1] / count for count in kept]) for name, total in sums.items()}
    return curves | {"random": np.full(len(kept), error.mean())}


def study(estimates, uncertainties, trusted, truths, masks, levels, fractions):
    """Reliability of one network over the slices of a study.

    Intervals are bootstrapped over slices; the error is the absolute relative one in percent, MAPE.

    Parameters
    ----------
    estimates, uncertainties, truths : (slice, y, x) array
    trusted, masks : (slice, y, x) bool array
    levels : sequence of float
        Nominal coverages.
    fractions : sequence of float
        Rejected shares; 0 and 0.1 among them.

    Returns
    -------
    dict
        coverage (list by level), coverage_90, coverage_90_met; rejection (curves, means over slices);
        reject_10 (before, after, reduction, p, oracle_share); untrusted (share [%], mape, mape_trusted).
    """
    slices = list(zip(estimates, uncertainties, truths, masks, strict=True))
    covered = np.array([coverage(*one, levels) for one in slices])
    ninety = statistics.bootstrap_mean([coverage(*one, [0.9])[0] for one in slices])
    errors = [100 * np.abs(e[m] / t[m] - 1) for e, _, t, m in slices]
    curves = [rejection(x, u[m], fractions) for x, (_, u, _, m) in zip(errors, slices, strict=True)]
    means = {name: np.mean([curve[name] for curve in curves], axis=0) for name in curves[0]}
    first, tenth = list(fractions).index(0.0), list(fractions).index(0.1)
    before, after = (np.array([curve["model"][k] for curve in curves]) for k in (first, tenth))
    test = statistics.paired_tests({"before": before, "after": after}, "before")["after"]
    gain = {name: means[name][first] - means[name][tenth] for name in ("model", "oracle")}
    trust = [t[m] for t, m in zip(trusted, masks, strict=True)]
    return {
        "coverage": [statistics.bootstrap_mean(column) for column in covered.T],
        "coverage_90": ninety,
        "coverage_90_met": bool(TARGET_90[0] <= ninety["mean"] <= TARGET_90[1]),
        "rejection": {"fractions": list(fractions)}
        | {name: list(map(float, v)) for name, v in means.items()},
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
