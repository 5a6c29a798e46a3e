"""The original's tables: many independent estimates on known geometries, in parallel, resumable, scored.

Every case is kept in a file of its own as soon as it is done, and reread as long as neither its settings nor
the source code has changed.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dime.diffusion import faces, labels
from dime.diffusion.acquisition import acquire
from dime.diffusion.geometries import KINDS, draw, draw_two, read_reference, reference_folder
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import pgse
from dime.diffusion.shape_scores import agreement, surface_scores
from dime.files.sources import code_digest
from dime.files.whole import whole
from dime.metrics.statistics import bootstrap_mean
from dime.processes import run_all

PRIORS = {"none": (0.0, 0.0), "continuity": (2.0, 0.0), "manifold": (0.0, 2.0), "both": (2.0, 2.0)}
"""Name -> weights of continuity and manifold. Source: the original's settings and its ablation."""

WEAK = {"both, weak": (0.4, 2.0)}
"""A fifth of the weight of continuity: what it would be with torch's smooth_l1_loss(beta=5) for Huber's."""

TIMINGS_MS = (10.0, 60.0), (10.0, 20.0)
"""Of every case. Source: the original's settings."""

NOMINAL_NOISE = 5e-3
"""By which misfits of data without noise are divided to give chi."""

TRUTH = (
    "faces between tetrahedra that are membranes; in bad_edges and chamfer_closed_um2 also the faces on the "
    "outside that close the cells; of truth and mirror image the nearer counts"
)
"""Which faces count."""


_BUILT = {}
"""Dictionaries that a process has built, by grid, directions and settings."""


@dataclass(frozen=True)
class Case:
    """One estimate.

    geometry : str
        "ring 3", any kind of `KINDS` with a seed; "two 3"; or the name of one of the original's files.
    method : "faces", or "labels" of `dime.diffusion.labels`
    prior : key of `PRIORS` or `WEAK`; schedule : "staged" or "joint": of the faces alone
    noise : float, 1 / SNR
    seed : int, of start and noise
    directions, iterations : int
    shapes : int, of the dictionary of labels
    cells : int, of the lattice that own shapes are drawn on
    """

    geometry: str
    method: str = "faces"
    prior: str = "both"
    schedule: str = "staged"
    noise: float = 0.0
    seed: int = 0
    directions: int = 30
    iterations: int = 400
    shapes: int = 200
    cells: int = 4


def geometry_of(name, cells=4):
    """The geometry that a case names.

    Raises
    ------
    ValueError
        A name that is no kind with a seed and no file of the original's.
    """
    kind, _, seed = name.rpartition(" ")
    if kind in KINDS:
        return draw(kind, lattice(cells), int(seed))
    if kind == "two":
        return draw_two(lattice(cells), int(seed))
    folder = reference_folder()
    if folder is None or not (folder / f"{name}.npz").is_file():
        raise ValueError(f"geometry: expected a kind and a seed or one of the original's files, found {name}")
    return read_reference(folder / f"{name}.npz")


def reference_names():
    """Names of the original's geometries that are at hand, perhaps none."""
    folder = reference_folder()
    return sorted(path.stem for path in folder.glob("*.npz")) if folder else []


def fit_all(cases, folder, workers=2):
    """Estimate every case, or reread it.

    Parameters
    ----------
    cases : sequence of Case
    folder : path
        Keeps a file for every case that is done.
    workers : int
        Processes of one thread each; any number gives the same results.

    Returns
    -------
    DataFrame
        A row a case, in their order: its settings; `chamfer_um2`, `chamfer_closed_um2`, `bad_edges`,
        `bad_edges_inner`, `precision`, `recall`, `membranes`, `chi`, `seconds`; `curve`, a list of
        {"iteration", "chi", "chamfer_um2", "bad_edges"}.
    """
    folder = Path(folder)
    groups = {}
    for case in dict.fromkeys(cases):
        if not _path(case, folder).is_file():
            groups.setdefault((case.geometry, case.directions, case.cells), []).append(case)
    run_all([partial(_fit_group, group, folder) for group in groups.values()], workers, "geometries")
    return pd.DataFrame([asdict(case) | json.loads(str(_read(case, folder)["row"])) for case in cases])


def found_faces(case, folder, iteration=None):
    """Faces that a case found, those on the outside that close it among them.

    Parameters
    ----------
    case : Case
    folder : path, of `fit_all`
    iteration : int, optional
        One of the curve's; default: the last.

    Returns
    -------
    points_um : (point, 3); faces : (face, 3) int
    """
    kept = _read(case, folder)
    grid = geometry_of(case.geometry, case.cells).grid
    row = -1 if iteration is None else int(np.flatnonzero(kept["iterations"] == iteration)[0])
    membrane, outer = kept["membranes"][row], kept["outer_membranes"][row]
    return grid.points_um, np.concatenate([grid.faces[membrane], grid.outer_faces[outer]])


def true_faces(case):
    """Faces of the true geometry of a case, as `found_faces`."""
    geometry = geometry_of(case.geometry, case.cells)
    grid = geometry.grid
    closing = grid.outer_faces[geometry.outer_membrane]
    return grid.points_um, np.concatenate([grid.faces[geometry.membrane], closing])


def summary(table, by, scores):
    """Means over geometries with bootstrap intervals of 95 %.

    Parameters
    ----------
    table : DataFrame
        From `fit_all`.
    by : list of str, columns that name a group
    scores : list of str

    Returns
    -------
    list of dict
        Group, score, those of `dime.metrics.statistics.bootstrap_mean`, and `missing`, cases without a
        surface.
    """
    rows = []
    for names, part in table.groupby(by, sort=False):
        for score in scores:
            values = part[score].to_numpy(float)
            entry = dict(zip(by, names, strict=True)) | {"score": score} | bootstrap_mean(values)
            rows.append(entry | {"missing": int((~np.isfinite(values)).sum())})
    return rows


def scores_of(geometry, membrane, outer_membrane):
    """All scores of a surface as plain numbers; see `dime.diffusion.shape_scores`."""
    found = surface_scores(geometry, membrane, outer_membrane) | agreement(geometry, membrane)
    return {name: float(value) for name, value in found.items()} | {"membranes": int(np.sum(membrane))}


def _path(case, folder):
    """File of a case: its name is the digest of its settings and of the source code."""
    code = [code_digest(__name__), code_digest(f"dime.diffusion.{case.method}")]
    identity = json.dumps([asdict(case), code])
    return Path(folder) / f"{hashlib.sha256(identity.encode()).hexdigest()[:20]}.npz"


def _read(case, folder):
    with np.load(_path(case, folder)) as file:
        return dict(file)


def _fit_group(cases, folder):
    """Estimate cases of one geometry and sequence, one file each."""
    case = cases[0]
    geometry = geometry_of(case.geometry, case.cells)
    operators = assemble(geometry.grid)
    blocks = pgse(*TIMINGS_MS, directions=case.directions)
    clean = acquire(geometry, blocks, operators=operators)
    for case in cases:
        noise = np.random.default_rng(case.seed).standard_normal(clean.shape)
        arrays = _fit(case, geometry, operators, blocks, clean + case.noise * noise)
        with whole(_path(case, folder)) as aside:
            np.savez_compressed(aside, **arrays)


def _shapes(operators, blocks, settings):
    """The dictionary of a grid and sequence; geometries on one grid share it within a process."""
    grid = operators.grid
    key = grid.points_um.tobytes(), grid.tetrahedra.tobytes(), len(blocks[0].directions), settings
    if key not in _BUILT:
        _BUILT[key] = labels.dictionary_for(operators, blocks, settings)
    return _BUILT[key]


def _fit(case, geometry, operators, blocks, measured):
    """One estimate: its row as JSON, and its membranes at every step of its curve."""
    begin, states = time.perf_counter(), []
    noise = case.noise or NOMINAL_NOISE
    if case.method == "faces":
        continuity, manifold = (PRIORS | WEAK)[case.prior]
        stages = faces.joint(blocks) if case.schedule == "joint" else None
        choice = {"continuity": continuity, "manifold": manifold, "stages": stages, "seed": case.seed}
        settings = faces.Settings(case.iterations, **choice)
        fit = faces.estimate(operators, blocks, measured, noise, settings, on_step=states.append)
        iterations = [state["iteration"] for state in states]
        found = [faces.membranes(geometry.grid, faces.permeability(state["parameters"])) for state in states]
    else:
        rounds = min(labels.Settings().polishing, case.iterations)
        settings = labels.Settings(shapes=case.shapes, iterations=case.iterations, polishing=rounds)
        shapes = _shapes(operators, blocks, settings)
        fit = labels.estimate(operators, blocks, measured, noise, settings, seed=case.seed, dictionary=shapes)
        iterations, found = [len(fit.trace)], [(fit.membrane, fit.outer_membrane)]
    seconds = time.perf_counter() - begin
    curve = []
    for iteration, both in zip(iterations, found, strict=True):
        misfit = fit.trace[min(iteration, len(fit.trace) - 1)]["chi"] if fit.trace else fit.chi
        entry = {"iteration": iteration, "chi": misfit}
        scores = scores_of(geometry, *both)
        curve.append(entry | {name: scores[name] for name in ("chamfer_um2", "bad_edges", "membranes")})
    row = scores_of(geometry, fit.membrane, fit.outer_membrane)
    row |= {"true_membranes": int(geometry.membrane.sum()), "chi": float(fit.chi), "seconds": seconds}
    arrays = {"row": json.dumps(row | {"curve": curve}), "iterations": np.array(iterations)}
    inner, outer = (np.stack(side) for side in zip(*found, strict=True))
    return arrays | {"membranes": inner, "outer_membranes": outer}
