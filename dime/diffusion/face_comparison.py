"""The learned baselines on cells that they never saw, and what frequencies alone would say."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dime.diffusion.acquisition import acquire
from dime.diffusion.face_network import FaceNetwork, Schedule, best_threshold
from dime.diffusion.face_training import simulate, train
from dime.diffusion.faces import membranes
from dime.diffusion.geometries import MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS
from dime.diffusion.grid import lattice
from dime.diffusion.sequence import pgse
from dime.diffusion.tables import TIMINGS_MS, geometry_of, scores_of

NAMES = {"direct": "network, direct", "shared": "network, shared"}
"""Kind of network -> name in tables."""

WIDTHS = {"direct": 128, "shared": 48}
"""Width of the hidden layers: the shared network works through every face."""

TRAINING_SEED = 100_000
"""Seed of the first cell that networks learn from: far above those of cells that are scored."""


@dataclass(frozen=True)
class Protocol:
    """What networks learn from.

    directions : int, of the two timings of `dime.diffusion.tables`
    learned_cells : int, cells that are drawn; epochs : int, of training
    cells : int, of the lattice
    """

    directions: int = 15
    learned_cells: int = 200
    epochs: int = 30
    cells: int = 4


class Networks(NamedTuple):
    """Trained networks, and how often each face was a membrane.

    trained : dict, kind -> FaceNetwork
    frequent : (face,) bool array, faces that are called membranes whatever the signal
    """

    trained: dict[str, FaceNetwork]
    frequent: np.ndarray


def networks(protocol, folder, workers=2):
    """Simulate examples and train both networks, going on from what the folder holds.

    Parameters
    ----------
    protocol : Protocol
    folder : path
    workers : int, processes of the simulation

    Returns
    -------
    Networks
    """
    grid, blocks = lattice(protocol.cells), pgse(*TIMINGS_MS, directions=protocol.directions)
    folder = Path(folder) / "learned"
    setting = {"cells": protocol.cells, "workers": workers}
    signals, truth = simulate(protocol.learned_cells, blocks, folder, TRAINING_SEED, **setting)
    trained = {}
    for kind in NAMES:
        schedule = Schedule(kind, WIDTHS[kind], protocol.epochs)
        trained[kind] = train(signals, truth, grid, schedule, folder / kind)
    shares = truth.mean(0)
    threshold = best_threshold(shares.expand_as(truth), truth, trained["direct"].images)
    return Networks(trained, (shares > threshold).numpy())


def compare(networks, cases):
    """Scores of the networks, and of the most frequent faces, for the cases' geometries and noise.

    Parameters
    ----------
    networks : Networks
    cases : sequence of `dime.diffusion.tables.Case`, whose method is not used

    Returns
    -------
    DataFrame
        A row a case and method: geometry, method, noise, and the scores of `tables.scores_of`.
    """
    rows = []
    for case in cases:
        geometry = geometry_of(case.geometry, case.cells)
        measured = acquire(geometry, pgse(*TIMINGS_MS, directions=case.directions), case.noise, case.seed)
        found = {NAMES[kind]: one.membranes(measured)[0] for kind, one in networks.trained.items()}
        for method, membrane in (found | {"flat": networks.frequent}).items():
            kappa = np.where(membrane, MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS)
            scores = scores_of(geometry, *membranes(geometry.grid, kappa))
            rows.append({"geometry": case.geometry, "method": method, "noise": case.noise} | scores)
    return pd.DataFrame(rows)
