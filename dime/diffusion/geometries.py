"""Membranes of known shape on a grid: own shapes from a seed, and the original's files where they are."""

import os
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dime.diffusion.grid import Grid, make_grid

MEMBRANE_UM_PER_MS = 0.01
"""Permeability of a membrane. Source: the original's settings (1e-5 um/us)."""

OPEN_UM_PER_MS = 100.0
"""Permeability of every other face (0.1 um/us there)."""

KINDS = ("ball", "tube", "bent tube", "ring")


class Geometry(NamedTuple):
    """Tissue on a grid: two or more compartments and the membranes between them.

    name : str
    grid : Grid
    labels : (tetrahedron,) int, compartment of each; 0 is the largest, outside the cells
    membrane : (face,) bool, faces between tetrahedra that are membranes
    outer_membrane : (outer face,) bool, faces on the outside that close a cell
    """

    name: str
    grid: Grid
    labels: np.ndarray
    membrane: np.ndarray
    outer_membrane: np.ndarray

    @property
    def permeability_um_per_ms(self):
        """kappa of each face (face,) [um/ms]: `MEMBRANE_UM_PER_MS` or `OPEN_UM_PER_MS`."""
        return np.where(self.membrane, MEMBRANE_UM_PER_MS, OPEN_UM_PER_MS)


def from_labels(name, grid, labels):
    """The geometry whose membranes are the faces between unlike labels; cells end at the outside.

    Parameters
    ----------
    name : str
    grid : Grid
    labels : (tetrahedron,) int array, 0 outside the cells

    Returns
    -------
    Geometry
    """
    labels = np.asarray(labels)
    left, right = labels[grid.sides].T
    return Geometry(name, grid, labels, left != right, labels[grid.outer_sides] > 0)


def inside(kind, points_um, centre_um, axis, sizes_um):
    """Whether points lie in a shape.

    Parameters
    ----------
    kind : one of `KINDS`
    points_um : (point, 3) array
    centre_um : (3,) array
    axis : (3,) unit vector, of a tube or of the ring's hole
    sizes_um : tuple
        Ball: (radius,). Tube: (radius, half length). Bent tube: (radius, half length, sag), whose middle line
        is a parabola that leaves the axis by the sag at its ends. Ring: (radius of the tube, of the ring).

    Returns
    -------
    (point,) bool array
    """
    away = points_um - centre_um
    along = away @ axis
    across = away - along[:, None] * axis
    if kind == "ball":
        return np.linalg.norm(away, axis=1) < sizes_um[0]
    if kind == "ring":
        return np.hypot(np.linalg.norm(across, axis=1) - sizes_um[1], along) < sizes_um[0]
    if kind == "bent tube":
        side = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
        side /= np.linalg.norm(side)
        across = across - sizes_um[2] * (along[:, None] / sizes_um[1]) ** 2 * side
    return (np.linalg.norm(across, axis=1) < sizes_um[0]) & (np.abs(along) < sizes_um[1])


def draw(kind, grid, seed):
    """One cell of a kind at a random place, direction and size.

    Parameters
    ----------
    kind : one of `KINDS`
    grid : Grid
    seed : int

    Returns
    -------
    Geometry
        Its cell fills 5 to 45 % of the tetrahedra. It and what surrounds it are one piece each: what a shape
        cuts off at the outside is counted to the other side.

    Raises
    ------
    ValueError
        A grid too coarse for the shape: none of 1000 draws fits.

    Assumption: sizes are shares of the grid's half width, those of the original's shapes at 4 cells per side.
    """
    rng = np.random.default_rng([KINDS.index(kind), seed])
    middle = (grid.points_um.min(0) + grid.points_um.max(0)) / 2
    half = np.ptp(grid.points_um, 0).min() / 2
    for _ in range(1000):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        centre = middle + rng.uniform(-0.2, 0.2, 3) * half
        radius = rng.uniform(0.33, 0.5) * half
        sizes = {
            "ball": (radius * 1.4,),
            "tube": (radius, rng.uniform(0.7, 1.6) * half),
            "bent tube": (radius, 2 * half, rng.uniform(0.5, 1.2) * half),
            "ring": (0.7 * radius, rng.uniform(0.5, 0.6) * half),
        }[kind]
        cell = inside(kind, grid.centres_um, centre, axis, sizes)
        cell = _one_piece(grid, _one_piece(grid, cell), False)
        if 0.05 <= cell.mean() <= 0.45:
            return from_labels(f"{kind} {seed}", grid, cell.astype(int))
    raise ValueError(f"grid: expected cells small enough for a {kind}, found {len(cell)} tetrahedra")


def _one_piece(grid, cell, value=True):
    """The same cell (tetrahedron,) bool, where only the largest piece of a value keeps it."""
    left, right = cell[grid.sides].T
    numbers = compartments(grid, left != right)
    chosen = numbers[cell == value]
    small = (cell == value) & (numbers != (np.bincount(chosen).argmax() if len(chosen) else -1))
    return cell ^ small


def draw_two(grid, seed):
    """Two bent tubes that do not touch, at random places, directions and sizes.

    Parameters
    ----------
    grid : Grid
    seed : int

    Returns
    -------
    Geometry
        Labels 0, 1 and 2. Each cell fills at least 4 % of the tetrahedra; they share no point of the grid,
        and both and what surrounds them are one piece each.

    Raises
    ------
    ValueError
        A grid too coarse: none of 3000 draws fits.

    Assumption: sizes are chosen like those of `draw`, thinner and side by side, as nothing is known of the
    original's meshes of two axons but that they are axons.
    """
    rng = np.random.default_rng([len(KINDS), seed])
    half = np.ptp(grid.points_um, 0).min() / 2
    for _ in range(3000):
        labels = np.zeros(len(grid.tetrahedra), int)
        apart = rng.normal(size=3)
        apart /= np.linalg.norm(apart)
        for cell, sign in ((1, -1), (2, 1)):
            axis = rng.normal(size=3)
            axis -= (axis @ apart) * apart * rng.uniform(0.5, 1)
            axis /= np.linalg.norm(axis)
            centre = sign * rng.uniform(0.4, 0.65) * half * apart
            sizes = rng.uniform(0.25, 0.42) * half, 2 * half, rng.uniform(0.1, 0.8) * half
            labels[inside("bent tube", grid.centres_um, centre, axis, sizes)] = cell
        first, second = (np.unique(grid.tetrahedra[labels == cell]) for cell in (1, 2))
        if min(np.mean(labels == 1), np.mean(labels == 2)) < 0.04 or np.isin(first, second).any():
            continue
        geometry = from_labels(f"two {seed}", grid, labels)
        if compartments(grid, geometry.membrane).max() == 2:
            return geometry
    raise ValueError(f"grid: expected cells small enough for two tubes, found {len(labels)} tetrahedra")


def compartments(grid, membrane):
    """Number the pieces that membranes divide a grid into.

    Parameters
    ----------
    grid : Grid
    membrane : (face,) bool array

    Returns
    -------
    (tetrahedron,) int array
        0 for the largest piece, then by size.
    """
    size = len(grid.tetrahedra)
    links = grid.sides[~membrane]
    graph = coo_array((np.ones(len(links)), tuple(links.T)), shape=(size, size))
    numbers = connected_components(graph, directed=False)[1]
    order = np.argsort(-np.bincount(numbers), kind="stable")
    return np.argsort(order)[numbers]


def reference_folder():
    """Folder `microstructure` in or beside $DIME_REFERENCE with the original's geometries, or None."""
    place = os.environ.get("DIME_REFERENCE")
    for folder in [Path(place) / "microstructure", Path(place).parent / "microstructure"] if place else []:
        if any(folder.glob("*.npz")):
            return folder
    return None


def read_reference(path):
    """One of the original's geometries.

    Parameters
    ----------
    path : path
        NumPy file with `points_um`, `tetrahedra` and `interface_faces` (face, 3).

    Returns
    -------
    Geometry
        Labels are the pieces between its membranes, the largest 0.

    Raises
    ------
    ValueError
        One line that names the file and what is missing or wrong.

    Source: github.com/BioMedAI-UCSC/spinverse (MIT), exp/spinverse_ablation/meshes.
    """
    try:
        with np.load(path) as file:
            content = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        raise ValueError(f"{path}: expected a NumPy file of arrays, found a broken or another one") from None
    try:
        return _from_arrays(Path(path).stem, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_arrays(name, content):
    """The geometry of the arrays of a file."""
    missing = {"points_um", "tetrahedra", "interface_faces"} - set(content)
    if missing:
        raise ValueError(f"expected points_um, tetrahedra and interface_faces, found no {min(missing)}")
    grid = make_grid(content["points_um"], content["tetrahedra"])
    chosen = np.asarray(content["interface_faces"])
    if chosen.ndim != 2 or chosen.shape[1] != 3:
        raise ValueError(f"interface_faces: expected (face, 3), found shape {chosen.shape}")
    chosen = np.sort(chosen, 1)
    wanted = {tuple(face) for face in chosen.tolist()}
    membrane = np.array([tuple(face) in wanted for face in grid.faces.tolist()])
    outer = np.array([tuple(face) in wanted for face in grid.outer_faces.tolist()])
    if membrane.sum() + outer.sum() != len(wanted):
        raise ValueError("interface_faces: expected faces of the mesh, found others")
    return Geometry(name, grid, compartments(grid, membrane), membrane, outer)
