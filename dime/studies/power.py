"""Statistical power of studies by number of subjects, and the number that a comparison of methods needs.

Studies are drawn with replacement from simulated subjects, who are taken as the whole population.
"""

import numpy as np
from scipy import stats

from dime.metrics import agreement, diagnosis

SIGNIFICANT = 0.05
"""Two-sided p-value below which a study reports a difference."""


def parted(study):
    """Whether `x` differs between the healthy and the diseased of a study: Mann-Whitney's test."""
    sick = study["diseased"]
    if np.ptp(study["x"]) == 0:
        return False
    return stats.mannwhitneyu(study["x"][sick], study["x"][~sick]).pvalue < SIGNIFICANT


def areas_differ(study):
    """Whether the ROC areas of `x` and `y` differ in a study: DeLong's test."""
    p = diagnosis.compare_areas(study["x"], study["y"], study["diseased"])["p"]
    return p is not None and p < SIGNIFICANT


def agreements_differ(study, swaps=199):
    """Whether ICC(A,1) with `truth` differs between `x` and `y` in a study: a permutation test.

    If the methods were equal, exchanging their readings of some subjects would change nothing. Hence p is the
    share of `swaps` random exchanges whose difference of the two ICC is at least as large as the one found. A
    bootstrap interval gives too many false positives in studies as small as fifteen subjects.
    """
    n = len(study["truth"])
    exchanged = np.random.default_rng(n).random((swaps, n)) < 0.5
    exchanged[0] = False  # the readings as they are
    x = np.where(exchanged, study["y"], study["x"])
    y = np.where(exchanged, study["x"], study["y"])
    truth = np.broadcast_to(study["truth"], x.shape)
    values = [agreement.icc_values(np.stack([readings, truth], axis=-1)) for readings in (x, y)]
    difference = np.abs(values[0] - values[1])
    return bool(np.mean(difference >= difference[0] - 1e-12) < SIGNIFICANT)


def curve(test, population, sizes, diseased_share, studies, seed):
    """Power: the share of studies of each size in which a test finds a difference.

    Parameters
    ----------
    test : callable
        `parted`, `areas_differ` or `agreements_differ`.
    population : dict of (subject,) arrays
        `diseased`, bool, and the columns that the test reads.
    sizes : sequence of int
        Numbers of subjects per study.
    diseased_share : float
        Share of diseased subjects in every study; each group has at least one.
    studies : int
        Number of studies drawn for each size.
    seed : int

    Returns
    -------
    list of float, one per size, or None where one of the groups is empty
    """
    sick, healthy = (np.flatnonzero(population["diseased"] == group) for group in (True, False))
    if not (sick.size and healthy.size):
        return None
    shares = []
    for size in sizes:
        rng = np.random.default_rng([seed, size])
        many = min(max(1, round(diseased_share * size)), size - 1)
        found = 0
        for _ in range(studies):
            rows = np.r_[rng.choice(sick, many), rng.choice(healthy, size - many)]
            found += bool(test({name: values[rows] for name, values in population.items()}))
        shares.append(found / studies)
    return shares


def subjects_needed(sizes, shares, power=0.8):
    """Smallest number of subjects that reaches a power, interpolated linearly in the logarithm of the size.

    Returns
    -------
    int, or None where the largest size does not reach the power; the smallest size if that reaches it already
    """
    reached = np.flatnonzero(np.asarray(shares if shares is not None else []) >= power)
    if reached.size == 0:
        return None
    at = reached[0]
    if at == 0:
        return int(sizes[0])
    logs = np.log(sizes[at - 1 : at + 1])
    return int(np.ceil(np.exp(np.interp(power, shares[at - 1 : at + 1], logs)) - 1e-9))
