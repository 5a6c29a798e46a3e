"""Examples for the networks of faces: signals of drawn cells, turned as the lattice allows; and training.

A cube has 24 rotations. The signal of a turned cell along a direction is that of the cell along the direction
turned back, so that one set of slow modes gives 24 examples, which are 24 cells for a protocol of directions
that no rotation maps onto itself.
"""

import hashlib
import json
from dataclasses import asdict
from functools import partial
from itertools import permutations, product
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from dime.diffusion.basis import slow_basis
from dime.diffusion.face_network import FaceTask
from dime.diffusion.geometries import draw, draw_two
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.pulses import prepare, signal
from dime.diffusion.sequence import Block
from dime.files.sources import code_digest
from dime.files.whole import whole
from dime.learning import checkpoints, loop
from dime.processes import run_all

CHUNK = 5
"""Cells in a file."""


def rotations():
    """The 24 rotations of a cube (24, 3, 3)."""
    found = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return np.array(found)


def turned_faces(grid, rotation):
    """The face that each face becomes when its grid is turned (face,).

    Raises
    ------
    ValueError
        A grid that is not its own image.
    """
    distance, image = cKDTree(grid.points_um).query(grid.points_um @ rotation.T)
    number = {tuple(face): row for row, face in enumerate(grid.faces.tolist())}
    images = [number.get(tuple(face)) for face in np.sort(image[grid.faces], 1).tolist()]
    if distance.max() > 1e-6 * np.ptp(grid.points_um) or None in images:
        raise ValueError("grid: expected a lattice that a rotation maps onto itself, found another")
    return np.array(images)


def examples_of(geometry, operators, blocks, modes=60, steps=8):
    """Signals and membranes of a geometry in all rotations.

    Parameters
    ----------
    geometry : Geometry on a lattice
    operators : Operators of its grid
    blocks : tuple of Block
    modes, steps : int
        Coarser than measurements are made with (`dime.diffusion.acquisition`).

    Returns
    -------
    signals : (24, measurement) float32; membranes : (24, face) bool
    """
    reduced = slow_basis(operators, geometry.permeability_um_per_ms, modes)
    turns, kappa = rotations(), torch.as_tensor(geometry.permeability_um_per_ms)
    wide = [
        Block(*block[:3], (block.directions @ turns).reshape(-1, 3)) for block in blocks
    ]  # row vectors times R: R^T g
    parts = [signal(reduced, kappa, prepare(reduced, [block], steps)) for block in wide]
    signals = torch.cat([part.reshape(len(turns), -1) for part in parts], 1)
    membranes = np.zeros((len(turns), len(geometry.membrane)), bool)
    for row, turn in enumerate(turns):
        membranes[row, turned_faces(geometry.grid, turn)] = geometry.membrane
    return signals.numpy().astype(np.float32), membranes


def simulate(count, blocks, folder, seed, cells=4, modes=60, steps=8, workers=2):
    """Examples of one cell and of two, by turns, kept in files and reread.

    Parameters
    ----------
    count : int
        Cells to draw, half of them bent tubes and half pairs of them; each gives 24 examples.
    blocks : tuple of Block
    folder : path
        Keeps finished chunks, which an interrupted run goes on from.
    seed : int
        Of the first cell; the others follow.
    cells : int, of the lattice
    modes, steps : see `examples_of`
    workers : int
        Processes; any number gives the same examples.

    Returns
    -------
    signals : (24 count, measurement) float tensor; membranes : (24 count, face) float tensor
    """
    protocol = [[one.tolist() if isinstance(one, np.ndarray) else one for one in block] for block in blocks]
    identity = json.dumps([protocol, seed, cells, modes, steps, code_digest(__name__)])
    folder = Path(folder) / hashlib.sha256(identity.encode()).hexdigest()[:20]
    starts = range(0, count, CHUNK)
    tasks = [
        (start, min(CHUNK, count - start), blocks, folder / f"{start}-{min(CHUNK, count - start)}.npz")
        for start in starts
    ]
    missing = [task for task in tasks if not task[3].is_file()]
    setting = seed, cells, modes, steps
    run_all([partial(_simulate_chunk, *task, *setting) for task in missing], workers, "signals")
    signals, membranes = [], []
    for task in tasks:
        with np.load(task[3]) as file:
            signals.append(file["signals"])
            membranes.append(np.unpackbits(file["membranes"], axis=1, count=int(file["faces"])))
    return (torch.as_tensor(np.concatenate(one).astype(np.float32)) for one in (signals, membranes))


def _simulate_chunk(start, count, blocks, path, seed, cells, modes, steps):
    """A file of examples: even numbers are one bent tube, odd ones two."""
    grid = lattice(cells)
    operators = assemble(grid)
    found = []
    for number in range(start, start + count):
        geometry = draw_two(grid, seed + number) if number % 2 else draw("bent tube", grid, seed + number)
        found.append(examples_of(geometry, operators, blocks, modes, steps))
    signals, membranes = (np.concatenate(one) for one in zip(*found, strict=True))
    with whole(path) as aside:
        packed = np.packbits(membranes, axis=1)
        np.savez_compressed(aside, signals=signals, membranes=packed, faces=membranes.shape[1])


def train(signals, membranes, grid, schedule, folder, report=loop.REPORT):
    """Train a network to the end of a schedule and save it, resuming where a killed run stopped.

    Parameters
    ----------
    signals : (example, measurement) float tensor; membranes : (example, face) float tensor
        The first tenth chooses the epoch and the threshold.
    grid : Grid
    schedule : Schedule
    folder : path
        Receives weights, card and `history.csv`.
    report : callable
        Called with one line per epoch.

    Returns
    -------
    FaceNetwork
        In evaluation mode.

    Raises
    ------
    ValueError
        Signals that do not belong to membranes of the grid, or a loss that is not finite.
    """
    if len(signals) != len(membranes) or membranes.shape[1:] != (len(grid.faces),) or len(signals) < 2:
        raise ValueError(
            f"examples: expected signals and membranes of {len(grid.faces)} faces, found "
            f"{tuple(signals.shape)} and {tuple(membranes.shape)}"
        )
    network, history = loop.train(FaceTask(signals, membranes, grid, schedule), folder, report=report)
    best = min(row["validation_loss"] for row in history)
    card = {"schedule": asdict(schedule), "validation_loss": best, "examples": len(signals)}
    checkpoints.save_model(network, card, folder)
    return network
