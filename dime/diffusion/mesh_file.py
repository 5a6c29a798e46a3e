"""Read the tetrahedra that membranes are sought on: any mesh that meshio reads, or the built-in lattice."""

import contextlib
import io
from pathlib import Path

import meshio
import numpy as np

from dime.diffusion.grid import Grid, lattice, make_grid

EDGES_UM = (0.1, 1000.0)
"""Edges that are accepted [um]. Assumption: cells have 1 to 100 um; in mm, m or nm edges fall out of this."""

MOST_CELLS = 8
"""Cells per side of the largest lattice: 5376 tetrahedra, see `dime.diffusion.estimate.MOST_TETRAHEDRA`."""

BESIDE = ("vertex", "line", "line3", "triangle", "triangle6", "quad")
"""Cells that may stand in a file beside tetrahedra, as boundaries do; they are left out."""


def read_mesh(source):
    """Read and check a mesh.

    Parameters
    ----------
    source : path, str or Grid
        A file in any format of meshio (VTU, VTK, Gmsh and others) or a NumPy file with `points_um` and
        `tetrahedra`; coordinates in um. Or "lattice:CELLS" or "lattice:CELLS:SPACING_UM", see
        `dime.diffusion.grid.lattice`.

    Returns
    -------
    Grid
        Tetrahedra in the file's order; points that belong to none are left out.

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, what was expected and what was found: no mesh, or a broken one; cells
        other than tetrahedra of four points; edges out of `EDGES_UM`; a mesh that is flat, tangled, not
        conforming or in pieces (`dime.diffusion.grid.make_grid`).
    """
    if isinstance(source, Grid):
        return source
    if str(source).startswith("lattice:"):
        return _lattice(str(source))
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    points_um, tetrahedra = _read_numpy(path) if path.suffix == ".npz" else _read_meshio(path)
    try:
        grid = make_grid(*_used(points_um, tetrahedra))
        _check_size(grid)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return grid


def _lattice(name):
    """The grid of "lattice:CELLS" or "lattice:CELLS:SPACING_UM"."""
    words = name.split(":")[1:]
    try:
        cells, spacing = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        cells, spacing = 0, []
    low, high = EDGES_UM
    if not 2 <= cells <= MOST_CELLS or len(words) > 2 or not all(low <= one <= high for one in spacing):
        raise ValueError(
            f"{name}: expected lattice:CELLS or lattice:CELLS:SPACING_UM, with 2 to {MOST_CELLS} cells per "
            f"side and a spacing of {low:g} to {high:g} um"
        )
    return lattice(cells, *spacing)


def _read_numpy(path):
    """Points (point, 3) and tetrahedra (tetrahedron, 4) of a NumPy file."""
    try:
        with np.load(path) as file:
            missing = {"points_um", "tetrahedra"} - set(file.files)
            if missing:
                raise ValueError(f"{path}: expected points_um and tetrahedra, found no {min(missing)}")
            found = file["points_um"], file["tetrahedra"]
    except Exception as error:  # NumPy's reader meets a broken file with many kinds of error
        if str(error).startswith(f"{path}: "):
            raise
        raise ValueError(f"{path}: expected a NumPy file of arrays, found a broken or another one") from None
    if found[0].dtype.kind not in "iuf" or found[1].dtype.kind not in "iu":
        raise ValueError(f"{path}: expected points_um as numbers and tetrahedra as whole numbers")
    return found


def _read_meshio(path):
    """Points (point, 3) and tetrahedra (tetrahedron, 4) of a file that meshio reads."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh = meshio.read(path)
    except (Exception, SystemExit):  # its readers meet a broken file with many kinds of error, or an exit
        if not _known(path):
            raise ValueError(
                f"{path}: expected a mesh, such as .vtu, .vtk, .msh or .npz, by its name"
            ) from None
        raise ValueError(f"{path}: expected a whole mesh, found a broken or another file") from None
    others = sorted({block.type for block in mesh.cells} - {"tetra", *BESIDE})
    if others:
        raise ValueError(f"{path}: expected tetrahedra of four points alone, found {others[0]}")
    blocks = [block.data for block in mesh.cells if block.type == "tetra"]
    if not sum(map(len, blocks)):
        raise ValueError(f"{path}: expected tetrahedra, found none")
    return mesh.points, np.concatenate(blocks)


def _known(path):
    """Whether meshio knows a file's ending."""
    return any(path.name.lower().endswith(ending) for ending in meshio.extension_to_filetypes)


def _used(points_um, tetrahedra):
    """Points that belong to a tetrahedron, and tetrahedra by their new numbers."""
    points_um, tetrahedra = np.asarray(points_um), np.asarray(tetrahedra)
    fine = tetrahedra.ndim == 2 and tetrahedra.size and points_um.ndim == 2
    if not fine or tetrahedra.min() < 0 or tetrahedra.max() >= len(points_um):
        return points_um, tetrahedra  # `make_grid` says what is wrong
    used, renumbered = np.unique(tetrahedra, return_inverse=True)
    return points_um[used], renumbered.reshape(tetrahedra.shape)


def _check_size(grid):
    """Refuse edges that no mesh of cells in um has."""
    pairs = grid.tetrahedra[:, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]]
    edges_um = np.linalg.norm(grid.points_um[pairs[..., 0]] - grid.points_um[pairs[..., 1]], axis=-1)
    low, high = EDGES_UM
    for found in (edges_um.min(), edges_um.max()):
        if not low <= found <= high:
            raise ValueError(f"points: expected um, edges of {low:g} to {high:g}, found {found:.3g}")
