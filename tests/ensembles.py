"""A dataset of fits of known geometries with errors that are put in, for tests of what reads one."""

import numpy as np
import xarray as xr

from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.shape_scores import agreement, mirror

SPACING_UM = 20 / 3


def ensemble_dataset(cells=4, targets=(("ball", 101), ("bent tube", 102), ("ring", 103)), fits=8, seed=0):
    """Fits that are the truth or its mirror image with some wrong tetrahedra, whose share chi follows."""
    rng = np.random.default_rng(seed)
    grid = lattice(cells, SPACING_UM)
    images = mirror(grid)[1]
    truths = [draw(kind, grid, number) for kind, number in targets]
    labels = np.empty((len(truths), fits, len(grid.tetrahedra)), np.int8)
    chi, dice = np.empty(labels.shape[:2]), np.empty(labels.shape[:2])
    for target, truth in enumerate(truths):
        for fit in range(fits):
            wrong = rng.random(labels.shape[2]) < rng.uniform(0.01, 0.1)
            own = (truth.labels > 0) ^ wrong
            own = own[images] if rng.random() < 0.5 else own
            left, right = own[grid.sides].T
            labels[target, fit] = own
            dice[target, fit] = agreement(truth, left != right, own.astype(int))["dice"]
            chi[target, fit] = 1 + 5 * wrong.mean()
    variables = {
        "labels": (("target", "fit", "tetrahedron"), labels),
        "chi": (("target", "fit"), chi),
        "dice": (("target", "fit"), dice),
        "chi_truth": ("target", np.full(len(truths), 0.95)),
        "true_labels": (("target", "tetrahedron"), np.array([one.labels for one in truths], np.int8)),
    }
    names = [one.name for one in truths]
    return xr.Dataset(
        variables, {"target": np.array(names, object)}, {"cells": cells, "spacing_um": SPACING_UM}
    )
