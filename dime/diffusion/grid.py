"""Tetrahedra, their faces, and which tetrahedron lies on which side of a face."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

CORNERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
"""Local vertices of the face opposite each vertex of a tetrahedron."""

FLAT = 1e-9
"""Volume over the cube of the longest edge below which a tetrahedron counts as flat."""


class Grid(NamedTuple):
    """A conforming mesh of tetrahedra.

    points_um : (point, 3) float64 [um]
    tetrahedra : (tetrahedron, 4) int, points of each, of positive volume
    faces : (face, 3) int, points of each face between two tetrahedra, in ascending order
    sides : (face, 2) int, the two tetrahedra of each face
    outer_faces : (outer face, 3) int, faces on the outside
    outer_sides : (outer face,) int, the tetrahedron of each
    """

    points_um: np.ndarray
    tetrahedra: np.ndarray
    faces: np.ndarray
    sides: np.ndarray
    outer_faces: np.ndarray
    outer_sides: np.ndarray

    @property
    def volumes_um3(self):
        """Volume of each tetrahedron (tetrahedron,) [um^3]."""
        return np.abs(signed_volumes(self.points_um, self.tetrahedra))

    @property
    def centres_um(self):
        """Centre of each tetrahedron (tetrahedron, 3) [um]."""
        return self.points_um[self.tetrahedra].mean(1)


def signed_volumes(points_um, tetrahedra):
    """Volume of each tetrahedron [um^3], negative where its vertices are a left-handed set."""
    first, *others = np.moveaxis(points_um[tetrahedra], 1, 0)
    return np.linalg.det(np.stack([one - first for one in others], 1)) / 6


def make_grid(points_um, tetrahedra):
    """The faces of tetrahedra, and a check that they form a conforming mesh.

    Parameters
    ----------
    points_um : (point, 3) array [um]
    tetrahedra : (tetrahedron, 4) int array; the order of the four is put right

    Returns
    -------
    Grid

    Raises
    ------
    ValueError
        One line: shapes, indices or numbers that are no mesh; a flat tetrahedron; a face of three or more
        tetrahedra; two tetrahedra on the same side of a face (the mesh is tangled); an outer face that
        holds a point or another face in part (not conforming); pieces that no face connects.
    """
    points_um, tetrahedra = np.asarray(points_um, float), np.array(tetrahedra)
    if points_um.ndim != 2 or points_um.shape[1] != 3:
        raise ValueError(f"points: expected (point, 3), found shape {points_um.shape}")
    if not np.isfinite(points_um).all():
        raise ValueError(f"points: expected finite numbers, found {points_um[~np.isfinite(points_um)][0]}")
    if tetrahedra.ndim != 2 or tetrahedra.shape[1] != 4 or not len(tetrahedra):
        raise ValueError(f"tetrahedra: expected (tetrahedron, 4), found shape {tetrahedra.shape}")
    outside = (tetrahedra < 0) | (tetrahedra >= len(points_um))
    if outside.any():
        found = tetrahedra[outside][0]
        raise ValueError(f"tetrahedra: expected points 0 to {len(points_um) - 1}, found {found}")
    volumes = signed_volumes(points_um, tetrahedra)
    edges = np.ptp(points_um[tetrahedra], 1).max(1)
    flat = np.abs(volumes) <= FLAT * edges**3
    if flat.any():
        raise ValueError(f"tetrahedra: expected volume, found number {flat.argmax()} flat")
    tetrahedra[volumes < 0] = tetrahedra[volumes < 0][:, [0, 1, 3, 2]]
    faces = np.sort(tetrahedra[:, CORNERS].reshape(-1, 3), 1)
    faces, which, count = np.unique(faces, axis=0, return_inverse=True, return_counts=True)
    if count.max() > 2:
        raise ValueError(f"mesh: expected one or two tetrahedra at a face, found {count.max()}")
    order = np.argsort(which.ravel(), kind="stable")
    owners = order // 4
    first = np.cumsum(count) - count
    inner = count == 2
    sides = np.stack([owners[first[inner]], owners[first[inner] + 1]], 1)
    grid = Grid(points_um, tetrahedra, faces[inner], sides, faces[~inner], owners[first[~inner]])
    _check_sides(grid)
    _check_overlaps(grid)
    _check_conforming(grid)
    _check_connected(grid)
    return grid


def _check_sides(grid):
    """Refuse two tetrahedra that lie on the same side of their face: they overlap."""
    base, *others = np.moveaxis(grid.points_um[grid.faces], 1, 0)
    normal = np.cross(*(one - base for one in others))
    heights = [np.einsum("fi,fi->f", grid.centres_um[side] - base, normal) for side in grid.sides.T]
    tangled = heights[0] * heights[1] >= 0
    if tangled.any():
        pair = " and ".join(map(str, grid.sides[tangled.argmax()]))
        raise ValueError(f"mesh: expected tetrahedra that do not overlap, found {pair} on one side of a face")


def _check_overlaps(grid):
    """Refuse a tetrahedron whose centre lies in another one."""
    corners, centres = grid.points_um[grid.tetrahedra], grid.centres_um
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max(1)
    near = cKDTree(centres).query_ball_point(centres, reach)
    owner, place = np.repeat(np.arange(len(near)), [len(some) for some in near]), np.concatenate(near)
    owner, place = owner[owner != place], place[owner != place]
    edges = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
    weights = np.einsum("nij,nj->ni", np.linalg.inv(edges)[owner], centres[place] - corners[owner, 0])
    inside = (weights > 1e-9).all(1) & (weights.sum(1) < 1 - 1e-9)
    if inside.any():
        pair = f"{owner[inside][0]} and {place[inside][0]}"
        raise ValueError(f"mesh: expected tetrahedra that do not overlap, found {pair} within each other")


def _check_conforming(grid):
    """Refuse a corner or centre of an outer face that lies on another one without being a corner of it.

    A centre tells where two tetrahedra divide the square between them by different diagonals.
    """
    corners = grid.points_um[grid.outer_faces]
    used, centres = np.unique(grid.outer_faces), corners.mean(1)
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max(1) * (1 + 1e-6)
    near = cKDTree(np.concatenate([grid.points_um[used], centres])).query_ball_point(centres, reach)
    face = np.repeat(np.arange(len(near)), [len(some) for some in near])
    place = np.concatenate(near).astype(int)
    known = (used[np.minimum(place, len(used) - 1)][:, None] == grid.outer_faces[face]).any(1)
    known = np.where(place < len(used), known, place - len(used) == face)
    face, place = face[~known], place[~known]
    base, across, along = (
        corners[face, 0],
        corners[face, 1] - corners[face, 0],
        corners[face, 2] - corners[face, 0],
    )
    away = np.concatenate([grid.points_um[used], centres])[place] - base
    normal = np.cross(across, along)
    area2 = np.einsum("fi,fi->f", normal, normal)
    first = np.einsum("fi,fi->f", np.cross(away, along), normal) / area2
    second = np.einsum("fi,fi->f", np.cross(across, away), normal) / area2
    height2 = np.einsum("fi,fi->f", away, normal) ** 2 / area2
    inside = (first > -1e-9) & (second > -1e-9) & (first + second < 1 + 1e-9)
    hanging = inside & (height2 < 1e-12 * np.sqrt(area2))
    if hanging.any():
        one = ", ".join(map(str, grid.outer_faces[face[hanging.argmax()]]))
        raise ValueError(f"mesh: expected a conforming mesh, found a point or face on part of the face {one}")


def _check_connected(grid):
    """Refuse a mesh of several pieces: each would hold its own spins."""
    size = len(grid.tetrahedra)
    links = coo_array((np.ones(len(grid.sides)), tuple(grid.sides.T)), shape=(size, size))
    pieces = connected_components(links, directed=False)[0]
    if pieces > 1:
        raise ValueError(f"mesh: expected one piece, found {pieces}")


def lattice(cells, spacing_um=20 / 3):
    """A cube of the body-centred cubic lattice, centred on 0: 12 cells^2 (cells - 1) equal tetrahedra.

    Four tetrahedra lie around each square between two neighbouring cells: the centres of both cells and one
    edge of the square. The pyramids below the cube's outside are left out, as in the original.

    Parameters
    ----------
    cells : int
        Cells per side, at least 2. The original has 4.
    spacing_um : float
        Edge of a cell [um].

    Returns
    -------
    Grid
        All tetrahedra are congruent: volume spacing^3 / 12.

    Raises
    ------
    ValueError
        Fewer than two cells, or no positive spacing.

    Source: the original's meshes (github.com/BioMedAI-UCSC/spinverse), whose lattice this is with cells = 4.
    """
    if cells < 2 or not spacing_um > 0:
        raise ValueError(
            f"lattice: expected 2 cells or more of positive spacing, found {cells}, {spacing_um}"
        )
    corner = np.stack(np.meshgrid(*[np.arange(cells + 1)] * 3, indexing="ij"), -1)
    centre = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1)
    corner_number = np.arange(corner[..., 0].size).reshape(corner.shape[:3])
    centre_number = corner_number.size + np.arange(centre[..., 0].size).reshape(centre.shape[:3])
    tetrahedra = []
    for axis in range(3):
        others = [one for one in range(3) if one != axis]
        before = np.take(centre_number, np.arange(cells - 1), axis)
        after = np.take(centre_number, np.arange(1, cells), axis)
        ring = []
        for shift in ((0, 0), (1, 0), (1, 1), (0, 1)):
            at = [slice(1, cells)] * 3
            for one, by in zip(others, shift, strict=True):
                at[one] = slice(by, cells + by)
            ring.append(corner_number[tuple(at)])
        for number in range(4):
            edge = ring[number], ring[(number + 1) % 4]
            tetrahedra.append(np.stack([before, after, *edge], -1).reshape(-1, 4))
    points = np.concatenate([corner.reshape(-1, 3), centre.reshape(-1, 3) + 0.5])
    tetrahedra = np.concatenate(tetrahedra)
    used, tetrahedra = np.unique(tetrahedra, return_inverse=True)
    return make_grid((points[used] - cells / 2) * spacing_um, tetrahedra.reshape(-1, 4))
