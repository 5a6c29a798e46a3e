"""Many fits of geometries that are known: how near each comes, and how unlike those are that fit alike.

Fits are independent. They run in several processes, and each is kept in a file of its own as long as neither
its settings nor the source code has changed, so that a stopped run goes on with those that are missing.
"""

import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from dime.diffusion import labels, search
from dime.diffusion.acquisition import acquire
from dime.diffusion.dictionary import Dictionary
from dime.diffusion.fit import chi
from dime.diffusion.flips import faces_of
from dime.diffusion.geometries import MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS, draw, from_labels
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse
from dime.diffusion.shape_scores import agreement, surface_scores
from dime.files.sources import code_digest
from dime.files.whole import whole
from dime.processes import run_all


class Target(NamedTuple):
    """A geometry to be found, and how it is measured.

    kind, seed : of `dime.diffusion.geometries.draw`; the seed is that of the noise too
    cells : int, of the lattice
    noise : float
    timings_ms : tuple of pairs; directions : int
    """

    kind: str
    seed: int
    cells: int
    noise: float
    timings_ms: tuple = ((10.0, 20.0), (10.0, 60.0))
    directions: int = 15

    @property
    def name(self):
        return f"{self.kind} {self.seed}, noise {self.noise:g}"


@lru_cache(maxsize=4)
def _operators(cells):
    return assemble(lattice(cells))


def blocks_of(target):
    """The sequence of a target."""
    return pgse(*target.timings_ms, directions=target.directions)


def measure(target):
    """The geometry of a target and its measured signals (measurement,)."""
    operators = _operators(target.cells)
    geometry = draw(target.kind, operators.grid, target.seed)
    return geometry, acquire(geometry, blocks_of(target), target.noise, target.seed, operators)


def fit_all(targets, fits, settings, folder, workers):
    """Fit every target several times, those that the folder holds excepted.

    Parameters
    ----------
    targets : list of Target
    fits : int
        Of each target, with seeds 0, 1, ... of `dime.diffusion.labels.estimate`.
    settings : labels.Settings
    folder : path
        Keeps a NumPy file for each fit.
    workers : int
        Processes, with one thread each.

    Returns
    -------
    xarray.Dataset
        `labels` (target, fit, tetrahedron); `chi`, `dice`, `precision`, `recall`, `chamfer_um2`,
        `bad_edges`, `closed`, `open` (target, fit) [um/ms]; `chi_truth` (target,), of the true
        labels and permeabilities under the settings of the fits; `true_labels` (target, tetrahedron);
        `nearest_labels` (target, tetrahedron), of the dictionary, and its scores `nearest_dice`,
        `nearest_chamfer_um2`, `nearest_chi`; `trace` (target, fit, iteration), chi, NaN after the last. All
        targets have one number of cells. Attrs: cells, spacing_um.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sequences = {(one.cells, one.timings_ms, one.directions): one for one in targets}
    dictionaries = [partial(_dictionary, one, settings, folder) for one in sequences.values()]
    run_all(dictionaries, workers, "dictionaries")
    tasks = [partial(_fit, one, fit, settings, folder) for one in targets for fit in range(fits)]
    done = run_all(tasks, workers, "fits")
    found = [done[start : start + fits] for start in range(0, len(done), fits)]
    truths = [_truth(one, settings, folder) for one in targets]
    return _dataset(targets, found, truths)


def _kept(folder, identity, compute):
    """What the file of an identity holds, or what is computed and then kept there: dict of arrays."""
    digest = hashlib.sha256(repr((identity, code_digest(__name__))).encode()).hexdigest()
    path = folder / f"{digest[:20]}.npz"
    if not path.exists():
        with whole(path) as aside, open(aside, "wb") as file:
            np.savez(file, **compute())
    with np.load(path) as file:
        return dict(file)


def _dictionary(target, settings, folder):
    """The dictionary of a target's grid and sequence."""

    def compute():
        return labels.dictionary_for(_operators(target.cells), blocks_of(target), settings)._asdict()

    identity = "shapes", target.cells, target.directions, target.timings_ms, settings
    return Dictionary(**_kept(folder, identity, compute))


def _fit(target, fit, settings, folder):
    """One fit of one target and its scores: dict of arrays and numbers."""

    def compute():
        geometry, measured = measure(target)
        operators = _operators(target.cells)
        dictionary = _dictionary(target, settings, folder)
        found = labels.estimate(
            operators,
            blocks_of(target),
            measured,
            target.noise,
            settings,
            seed=fit,
            dictionary=dictionary,
        )
        kappa = found.permeability_um_per_ms
        return {
            "labels": found.labels.astype(np.int8),
            "chi": found.chi,
            "closed": kappa[found.membrane].min(),
            "open": kappa[~found.membrane].max(),
            "trace": np.array([one["chi"] for one in found.trace]),
            **_scores(geometry, found.labels),
        }

    return _kept(folder, (target, fit, settings), compute)


def _scores(geometry, found):
    """Scores of labels: dict of numbers."""
    own = from_labels("found", geometry.grid, found)
    surface = surface_scores(geometry, own.membrane, own.outer_membrane)
    kept = {name: surface[name] for name in ("chamfer_um2", "bad_edges")}
    return agreement(geometry, own.membrane, found) | kept


def _truth(target, settings, folder):
    """What is known of a target: true labels, their chi, and the nearest shape of the dictionary."""
    geometry, measured = measure(target)
    operators = _operators(target.cells)
    modes = min(settings.modes, len(operators.start))
    problem = search.Problem(
        operators,
        blocks_of(target),
        measured,
        target.noise,
        faces_of(operators.grid),
        settings.price,
        modes,
        settings.steps,
    )
    state = search.evaluate(problem, geometry.labels, (MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS))
    dictionary = _dictionary(target, settings, folder)
    nearest = ((dictionary.signals - measured) ** 2).sum(1).argmin()
    scores = _scores(geometry, dictionary.labels[nearest].astype(int))
    return {
        "chi_truth": chi(state.signal, measured, target.noise),
        "true_labels": geometry.labels.astype(np.int8),
        "nearest_labels": dictionary.labels[nearest],
        "nearest_chi": chi(dictionary.signals[nearest], measured, target.noise),
        "nearest_dice": scores["dice"],
        "nearest_chamfer_um2": scores["chamfer_um2"],
    }


def _dataset(targets, found, truths):
    """Fits and truths as one dataset, see `fit_all`."""
    longest = max(len(one["trace"]) for row in found for one in row)
    for row in found:
        for one in row:
            one["trace"] = np.pad(one["trace"], (0, longest - len(one["trace"])), constant_values=np.nan)
    data = {}
    for name in found[0][0]:
        last = {"labels": ("tetrahedron",), "trace": ("iteration",)}.get(name, ())
        data[name] = (("target", "fit", *last), np.array([[one[name] for one in row] for row in found]))
    for name in truths[0]:
        last = ("tetrahedron",) if name.endswith("labels") else ()
        data[name] = (("target", *last), np.array([one[name] for one in truths]))
    names = np.array([one.name for one in targets], object)
    spacing = float(np.ptp(_operators(targets[0].cells).grid.points_um[:, 0]) / targets[0].cells)
    return xr.Dataset(data, {"target": names}, {"cells": targets[0].cells, "spacing_um": spacing})
