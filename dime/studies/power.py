"""How many subjects a comparison of methods needs: the chance that a study of a given size finds it.

Studies are drawn with replacement from a population of simulated subjects, which is taken as all there is.
"""

import numpy as np
from scipy import stats

from dime.metrics import agreement, diagnosis

SIGNIFICANT = 0.05
"""Two-sided p-value below which a study calls a difference found."""


def parted(study):
    """Whether a study's `x` tells healthy from diseased: Mann-Whitney's test."""
    sick = study["diseased"]
    if np.ptp(study["x"]) == 0:
        return False
    return stats.mannwhitneyu(study["x"][sick], study["x"][~sick]).pvalue < SIGNIFICANT


def areas_differ(study):
    """Whether the ROC areas of `x` and `y` differ: DeLong's test."""
    p = diagnosis.compare_areas(study["x"], study["y"], study["diseased"])["p"]
    return p is not None and p < SIGNIFICANT


def agreements_differ(study, swaps=199):
    """Whether ICC(A,1) with `truth` differs between `x` and `y`: a permutation test.

    If the methods were alike, exchanging their readings of some subjects would change nothing: p is the share
    of random exchanges whose difference of the two ICC is at least as large as the one found. A bootstrap
    interval instead raises false alarms in studies as small as fifteen subjects.
    """
    n = len(study["truth"])
    exchanged = np.random.default_rng(n).random((swaps, n)) < 0.5
    exchanged[0] = False  # as found
    x = np.where(exchanged, study["y"], study["x"])
    y = np.where(exchanged, study["x"], study["y"])
    truth = np.broadcast_to(study["truth"], x.shape)
    values = [agreement.icc_values(np.stack([readings, truth], axis=-1)) for readings in (x, y)]
    difference = np.abs(values[0] - values[1])
    return bool(np.mean(difference >= difference[0] - 1e-12) < SIGNIFICANT)


def curve(test, population, sizes, diseased_share, studies, seed):
    """Share of studies of each size in which a test finds what it looks for.

    Parameters
    ----------
    test : callable
        One of the above.
    population : dict of (subject,) arrays
        `diseased`, bool, and the columns that the test reads.
    sizes : sequence of int
        Subjects of a study.
    diseased_share : float
        Of every study's subjects; at least one of each group.
    studies : int
        Drawn for each size.
    seed : int

    Returns
    -------
    list of float, or None where the population has nobody in one of the groups
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
    """Smallest study that reaches a power, linear in the logarithm of its size between those tried.

    Returns
    -------
    int, or None where the largest does not reach it; the smallest size tried where that reaches it already
    """
    reached = np.flatnonzero(np.asarray(shares if shares is not None else []) >= power)
    if reached.size == 0:
        return None
    at = reached[0]
    if at == 0:
        return int(sizes[0])
    logs = np.log(sizes[at - 1 : at + 1])
    return int(np.ceil(np.exp(np.interp(power, shares[at - 1 : at + 1], logs)) - 1e-9))
