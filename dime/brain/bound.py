"""The least error that contrasts allow in tissue fractions, and the contrasts that allow the least.

With noise of deviation s in each channel, no unbiased estimate of the fractions of a column has a covariance
below s^2 G^-1 (the Cramer-Rao bound; G of `dime.brain.design`). An estimate that knows that fractions are at
least 0 and sum to at most 1 is biased, and may be better.

Where B1 is the same everywhere, G is the same for every shift along y, so that the frequencies of k-space
separate. Every voxel then has the variance

    s^2 / N sum_k [H(k)^-1]_tt,   H(k) = (M(k) + M(-k)) / 2,   M(k)_tt' = sum_c s_{c,n(k),t} s_{c,n(k),t'}

and tr H^-1 = e2(H) / det H with e2 = (tr(H)^2 - tr(H^2)) / 2. That is quick enough to try every choice of
four contrasts of a pool.

Magnitudes tell as much of a small change as complex images do. But a mixture may have the magnitudes of
another one with other signs. Of two mixtures p, p' whose first lines are d apart, the wrong one is nearer to
the data with the probability Q(d / 2s), which adds the error |p - p'|^2 Q(d / 2s) at least.

Source: Kay 1993, Fundamentals of Statistical Signal Processing I, for the bound and the error of a choice of
two; the A-criterion (trace of the covariance) is of the theory of optimal design.
"""

from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import norm

from dime.brain.convex import designs
from dime.brain.descent import Gram
from dime.brain.design import by_tissue
from dime.brain.magnitude import mixtures
from dime.brain.sequences import FAMILIES, Contrast, line_order
from dime.brain.signal import closed_form
from dime.brain.tissues import AT_3T, LABELS, TISSUES, stacked

MORE_INVERSIONS_S = (0.3, 0.8, 1.5, 2.0, 3.5)
"""Inversion times of the pool beside those of the original, by which its gaps are filled."""

POOL = (
    *(one for family in FAMILIES.values() for one in family),
    *(Contrast(inversion_s=time) for time in MORE_INVERSIONS_S),
)
"""29 contrasts to choose from: the original's 24 and five more inversion recoveries."""

LARGEST_ERROR = 1.0
"""Error of a fraction beyond which contrasts do not separate the tissues; fractions lie between 0 and 1."""

FINALISTS = 20
"""Choices of which every order is tried."""

SINGULAR = 1e10
"""Condition of H beyond which it counts as singular."""

FAR = 0.25
"""Distance of two mixtures from which they count as two minima, and not as two points of one."""


def deviation(
    contrasts, train, noise, fields=None, mask=None, tissues=AT_3T, simulator="closed", fractions=None
):
    """Cramer-Rao bound of every fraction.

    Parameters
    ----------
    contrasts, train, fields, mask, tissues, simulator : as for `dime.brain.convex.estimate`
    noise : float
        Standard deviation of each channel, in the unit of proton density.
    fractions : (tissue, y, x) tensor, optional
        True ones. Given, the bound is that of magnitude images with known signs.

    Returns
    -------
    (tissue, y, x) float32 tensor
        Least standard deviation without constraints; 0 outside the mask, inf where nothing is told.
    """
    columns = train.lines if fields is None else fields.b1.shape[1]
    maps = []
    for part, design in designs(contrasts, train, fields, tissues, simulator, mask, columns):
        phases = None
        if fractions is not None:
            images = design.images(fractions[..., part])
            phases = torch.polar(torch.ones_like(images.real), images.angle())
        maps.append(by_tissue(Gram(design.gram(phases)).inverse_diagonal().sqrt()).float())
    return noise * torch.cat(maps, 2)


def even_deviation(contrasts, train, noise, tissues=AT_3T, full=False):
    """Cramer-Rao bound of a voxel where B1 = 1 everywhere and any voxel may hold tissue.

    Parameters
    ----------
    contrasts, train, noise, tissues : as for `deviation`
    full : bool
        Whether every voxel is known to be full, so that its fractions sum to 1.

    Returns
    -------
    (tissue,) float64 array
        inf where the contrasts leave a mixture of tissues untold.
    """
    signals = closed_form(stacked(tissues), contrasts, train)
    information = _information(signals, train).sum(0)
    free = np.linalg.qr(np.c_[np.ones(len(TISSUES)), np.eye(len(TISSUES))[:, 1:]])[0][:, 1:]
    free = free if full else np.eye(len(TISSUES))
    reduced = free.T @ information @ free
    if np.linalg.cond(reduced).max() > SINGULAR:
        return np.full(len(TISSUES), np.inf)
    inverse = free @ np.linalg.inv(reduced) @ free.T
    return noise * np.sqrt(np.diagonal(inverse, axis1=1, axis2=2).mean(0))


def check_separable(contrasts, train, noise, tissues=AT_3T, largest=LARGEST_ERROR):
    """Raise ValueError if the bound of a tissue exceeds `largest`; other arguments as for `deviation`."""
    errors = even_deviation(contrasts, train, noise, tissues)
    worst = int(errors.argmax())
    if errors[worst] > largest:
        found = f"an error of at least {errors[worst]:.1f}" if np.isfinite(errors[worst]) else "any value"
        raise ValueError(
            "sequences: no contrast separates the tissues: at this noise the fraction of "
            f"{LABELS[TISSUES[worst]]} may have {found}, expected an error of at most {largest:g}"
        )


def scan_s(contrasts, train):
    """Time of all contrasts with a recovery before each [s]."""
    return sum(one.duration_s(train) + train.recovery_s for one in contrasts)


class Choice(NamedTuple):
    """Contrasts that allow the least error.

    contrasts : tuple of Contrast, in the order in which they are to be measured
    error : root mean square over tissues of the bound, with the error of wrong signs where they are lost
    scan_s : time [s]
    """

    contrasts: tuple
    error: float
    scan_s: float


def choose(pool, train, noise, count=4, longest_s=np.inf, signs="kept", tissues=AT_3T):
    """Choose contrasts, and their order, by the A-criterion: the least mean variance over tissues.

    All choices of `count` are tried in the pool's order, with the signal of a contrast after each other one,
    and all orders of the best `FINALISTS` choices.

    Parameters
    ----------
    pool : sequence of Contrast
    train : Train
    noise : float
        Standard deviation of each channel, in the unit of proton density.
    count : int
    longest_s : float
        Scan time that must not be exceeded [s], see `scan_s`.
    signs : "kept" or "lost"
        Whether images have a phase; if not, the error by the worst wrong signs is added.
    tissues : dict

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        No choice fits in the time, or signs are unknown.

    Assumption: B1 is 1.
    """
    if signs not in ("kept", "lost"):
        raise ValueError(f"signs: expected kept or lost, found {signs!r}")
    times = np.array([scan_s([one], train) for one in pool])
    picks = np.array(list(combinations(range(len(pool)), count)))
    picks = picks[times[picks].sum(1) <= longest_s]
    if not len(picks):
        raise ValueError(f"longest_s: expected time for {count} contrasts, found {longest_s:g} s")
    first, after = _chained(pool, train, tissues)
    variances = []
    for part in np.array_split(picks, len(picks) // 2000 + 1):
        chain = [after[one, other] for one, other in zip(part.T, part.T[1:], strict=False)]
        variances.append(_mean_variance(first[part[:, 0]] + sum(chain)))
    best = np.argsort(np.concatenate(variances), kind="stable")[:FINALISTS]
    orders = [order for pick in picks[best] for order in permutations([pool[one] for one in pick])]
    errors = []
    for order in orders:
        error = np.sqrt((even_deviation(order, train, noise, tissues) ** 2).mean())
        errors.append(np.hypot(error, sign_error(order, train, noise, tissues) if signs == "lost" else 0))
    chosen = int(np.argmin(errors))
    return Choice(orders[chosen], float(errors[chosen]), scan_s(orders[chosen], train))


def sign_error(contrasts, train, noise, tissues=AT_3T):
    """Root mean square error of a fraction by the worst wrong signs, in magnitudes of full voxels: float.

    The mean is over mixtures p; of each, the worst p' counts that differs in a sign and by more than `FAR`.

    Parameters
    ----------
    contrasts, train, noise, tissues : as for `deviation`
    """
    grid = mixtures(10)
    grid = grid[grid.sum(1) == 1].double().numpy()
    first_lines = closed_form(stacked(tissues), contrasts, train)[:, 0].double().numpy()
    signals = grid @ first_lines.T  # (mixture, contrast)
    apart = np.linalg.norm(np.abs(signals)[:, None] - np.abs(signals), axis=2)
    square = ((grid[:, None] - grid) ** 2).sum(2)
    other = (np.sign(signals)[:, None] != np.sign(signals)).any(2) & (square > FAR**2)
    errors = np.where(other, square * norm.sf(apart / (2 * noise)), 0)
    return float(np.sqrt(errors.max(1).mean() / len(TISSUES)))


def _chained(pool, train, tissues):
    """H(k) of contrasts that come first (contrast, ...), and after each other one (other, contrast, ...)."""
    properties, plain = stacked(tissues), Contrast()
    first = torch.cat([closed_form(properties, (one,), train) for one in pool])
    after = [
        torch.stack([closed_form(properties, (plain, other, one), train)[2] for one in pool])
        for other in pool
    ]
    return _information(first, train), np.stack([_information(one, train) for one in after])


def _information(signals, train):
    """H(k) of signals (contrast, line, tissue): (contrast, frequency, tissue, tissue) array."""
    frequency = np.argsort(line_order(train))
    signals = signals.double().numpy()
    products = signals[..., :, None] * signals[..., None, :]
    opposite = np.argsort((-line_order(train) + train.lines // 2) % train.lines)
    return (products[:, frequency] + products[:, opposite]) / 2


def _mean_variance(information):
    """Mean over frequencies and tissues of H^-1's diagonal: (choice,) of (choice, frequency, 3, 3) arrays."""
    trace = np.trace(information, axis1=2, axis2=3)
    pairs = (trace**2 - (information**2).sum((2, 3))) / 2
    determinants = np.linalg.det(information)
    ratio = np.divide(pairs, determinants, out=np.full(pairs.shape, np.inf), where=determinants > 0)
    return ratio.mean(1) / len(TISSUES)
