"""Whether the share of fits that hold a face or a tetrahedron is the probability that it is so.

    inclusion_f = share of an ensemble's fits that have face f
    calibrated: of the faces with inclusion p, a share p is true

A symmetric echo has the same signal for a shape and its mirror image through a point, so the fits of an
ensemble fall on both. Each is first turned to the side of the best fit, and then the truth too, since which
of the two it is cannot be known from the data.
"""

import numpy as np
from scipy.stats import binomtest

from dime.diffusion.grid import lattice
from dime.diffusion.shape_scores import mirror

BINS = 10
"""Equal intervals of inclusion, 0 to 1."""


def overlap(first, second):
    """Dice coefficient 2 |A and B| / (|A| + |B|) of two bool arrays; 1 where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def aligned(members, best, images):
    """Members of an ensemble, each as it is or as its mirror image, whichever overlaps more with the best.

    Parameters
    ----------
    members : (member, place) bool array, of faces or of tetrahedra; the truth may be one of them
    best : (place,) bool array
    images : (place,) int array or None
        The place that each becomes in the mirror image: one of the two of
        `dime.diffusion.shape_scores.mirror`. None, of a grid that is not its own mirror image, turns nothing.

    Returns
    -------
    (member, place) bool array
    """
    members = np.asarray(members, bool)
    if images is None:
        return members
    mirrored = members[:, images]
    turn = [overlap(image, best) > overlap(own, best) for own, image in zip(members, mirrored, strict=True)]
    return np.where(np.array(turn, bool)[:, None], mirrored, members)


def ensemble(grid, labels, chi, true_labels):
    """Inclusion of every tetrahedron and face by the fits of one target, and the truth on the same side.

    Tetrahedra decide which side a fit lies on, and its faces follow.

    Parameters
    ----------
    grid : Grid
    labels : (fit, tetrahedron) int array, 0 outside the cells
    chi : (fit,) array; the least is the best
    true_labels : (tetrahedron,) int array

    Returns
    -------
    dict of (place,) arrays
        `cells`, `faces`: inclusion; `true_cells`, `true_faces`: bool.
    """
    cells = np.concatenate([np.asarray(labels), np.asarray(true_labels)[None]]) > 0
    cells = aligned(cells, cells[int(np.argmin(chi))], mirror(grid)[1])
    left, right = cells[:, grid.sides.T].transpose(1, 0, 2)
    faces = left != right
    return {
        "cells": inclusion(cells[:-1]),
        "faces": inclusion(faces[:-1]),
        "true_cells": cells[-1],
        "true_faces": faces[-1],
    }


def ensembles(data):
    """The `ensemble` of each target of a dataset of fits.

    Parameters
    ----------
    data : xarray.Dataset
        `labels` (target, fit, tetrahedron), `chi` (target, fit) and `true_labels` (target, tetrahedron) on
        `lattice(cells, spacing_um)` of its attributes; coordinate `target` of names.

    Returns
    -------
    grid : Grid
    found : dict
        Target -> see `ensemble`.
    """
    grid = lattice(int(data.attrs["cells"]), float(data.attrs["spacing_um"]))
    found = {}
    for name in data["target"].values:
        one = data.sel(target=name)
        found[str(name)] = ensemble(grid, one["labels"].values, one["chi"].values, one["true_labels"].values)
    return grid, found


def inclusion(members):
    """Share of the members of an ensemble that hold each place (place,), of (member, place) bool."""
    return np.asarray(members, float).mean(0)


def reliability(inclusion, truth, bins=BINS):
    """How often places of each inclusion are true.

    Parameters
    ----------
    inclusion : (place,) array, 0 to 1
    truth : (place,) bool array
    bins : int

    Returns
    -------
    list of dict
        One a bin that is not empty: `low_edge`, `high_edge`, `promised` (mean inclusion), `found` (share that
        is true), `low`, `high` (its 95 % interval, Wilson) and `count`. Neighbouring places do not err
        independently, so that the interval is too narrow.

    Raises
    ------
    ValueError
        Arrays of unlike shapes, or an inclusion outside 0 to 1.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.
    """
    inclusion, truth = np.asarray(inclusion, float), np.asarray(truth, bool)
    if inclusion.shape != truth.shape:
        raise ValueError(f"truth: expected {inclusion.size} places, found {truth.size}")
    if not ((inclusion >= 0) & (inclusion <= 1)).all():
        raise ValueError("inclusion: expected shares from 0 to 1, found others")
    number = np.minimum((inclusion * bins).astype(int), bins - 1)
    rows = []
    for one in np.unique(number):
        chosen = number == one
        count, hits = int(chosen.sum()), int(truth[chosen].sum())
        interval = binomtest(hits, count).proportion_ci(method="wilson")
        row = {"low_edge": float(one / bins), "high_edge": float((one + 1) / bins), "count": count}
        row |= {"promised": float(inclusion[chosen].mean()), "found": hits / count}
        rows.append(row | {"low": float(interval.low), "high": float(interval.high)})
    return rows


def calibration(inclusion, truth, bins=BINS):
    """Reliability of inclusions and its summary.

    Parameters
    ----------
    inclusion : (place,) array, 0 to 1
    truth : (place,) bool array
    bins : int

    Returns
    -------
    dict
        `bins` : see `reliability`
        `error` : expected calibration error, the mean of |found - promised| over places
        `brier` : mean of (inclusion - truth)^2
        `brier_constant` : that of a guess that gives every place the true share of all, the best constant
    """
    rows = reliability(inclusion, truth, bins)
    truth = np.asarray(truth, float)
    weight = sum(row["count"] for row in rows)
    return {
        "bins": rows,
        "error": sum(row["count"] * abs(row["found"] - row["promised"]) for row in rows) / weight,
        "brier": float(np.mean((np.asarray(inclusion) - truth) ** 2)),
        "brier_constant": float(truth.mean() * (1 - truth.mean())),
    }
