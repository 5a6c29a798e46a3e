"""A mesh is taken as it is or refused by name; the lattice is the original's."""

import numpy as np
import pytest
from skfem import MeshTet

from dime.diffusion.grid import lattice, make_grid, signed_volumes

POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.0]])
PAIR = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])


def box(*cells):
    mesh = MeshTet.init_tensor(*(np.linspace(0, 1, count + 1) for count in cells))
    return mesh.p.T, mesh.t.T


def test_the_lattice_of_the_original_has_its_counts():
    grid = lattice(4)
    assert (len(grid.tetrahedra), len(grid.faces), len(grid.outer_faces)) == (576, 1008, 288)
    assert len(grid.points_um) == 189 - 8, "no tetrahedron has the eight corners of the cube"
    assert np.ptp(grid.points_um, 0) == pytest.approx([80 / 3] * 3)
    assert grid.points_um.mean(0) == pytest.approx([0, 0, 0], abs=1e-12)


@pytest.mark.parametrize("cells", [2, 3, 5])
def test_tetrahedra_of_the_lattice_are_equal(cells):
    grid = lattice(cells, spacing_um=2.0)
    assert len(grid.tetrahedra) == 12 * cells**2 * (cells - 1)
    assert grid.volumes_um3 == pytest.approx(np.full(len(grid.tetrahedra), 2 / 3))
    assert 2 * len(grid.faces) + len(grid.outer_faces) == 4 * len(grid.tetrahedra)


def test_a_face_lies_between_its_two_tetrahedra():
    grid = make_grid(*box(2, 3, 2))
    for face, sides in zip(grid.faces, grid.sides, strict=True):
        assert all(set(face) < set(grid.tetrahedra[side]) for side in sides)
    for face, side in zip(grid.outer_faces, grid.outer_sides, strict=True):
        assert set(face) < set(grid.tetrahedra[side])
        assert np.isin(grid.points_um[face], (0, 1)).all(0).any()
    assert grid.volumes_um3.sum() == pytest.approx(1)


def test_the_order_of_vertices_is_put_right():
    points, tetrahedra = box(2, 2, 2)
    tetrahedra[::2] = tetrahedra[::2, [1, 0, 2, 3]]
    grid = make_grid(points, tetrahedra)
    assert (signed_volumes(grid.points_um, grid.tetrahedra) > 0).all()
    assert len(grid.faces) == len(make_grid(*box(2, 2, 2)).faces)


def hanging():
    """One square, halved below and left whole above: the middle of an edge hangs."""
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [1, 0, 0], [0.5, 0.5, -1], [0.5, 0.5, 1.0]])
    return points, [[0, 1, 2, 5], [0, 3, 2, 4], [3, 1, 2, 4]]


def crossed():
    """Two pyramids whose common square is cut by different diagonals."""
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1], [0.5, 0.5, -1.0]])
    return points, [[0, 1, 2, 4], [0, 2, 3, 4], [0, 1, 3, 5], [1, 2, 3, 5]]


@pytest.mark.parametrize(
    ("points", "tetrahedra", "message"),
    [
        (POINTS[:, :2], PAIR, "points: expected (point, 3), found shape (5, 2)"),
        (np.where(POINTS == 1, np.nan, POINTS), PAIR, "points: expected finite numbers"),
        (POINTS, PAIR[:, :3], "tetrahedra: expected (tetrahedron, 4), found shape (2, 3)"),
        (POINTS, np.zeros((0, 4), int), "tetrahedra: expected (tetrahedron, 4), found shape (0, 4)"),
        (POINTS, PAIR + 1, "tetrahedra: expected points 0 to 4, found 5"),
        (POINTS, PAIR - 1, "tetrahedra: expected points 0 to 4, found"),
        (POINTS, [[0, 1, 2, 2]], "tetrahedra: expected volume, found number 0 flat"),
        (POINTS * [1, 1, 1e-10], [[0, 1, 2, 3]], "tetrahedra: expected volume, found number 0 flat"),
        (np.vstack([POINTS, [[2, 2, 2]]]), [*PAIR, [1, 2, 3, 5]], "one or two tetrahedra at a face, found 3"),
        (
            np.vstack([POINTS, [[0.1, 0.1, 0.1]]]),
            [PAIR[0], [1, 2, 3, 5]],
            "found 0 and 1 on one side of a face",
        ),
        (*hanging(), "mesh: expected a conforming mesh"),
        (*crossed(), "mesh: expected a conforming mesh"),
        (np.vstack([POINTS, POINTS + 5]), [[0, 1, 2, 3], [5, 6, 7, 8]], "mesh: expected one piece, found 2"),
    ],
)
def test_what_is_no_mesh_is_refused_in_one_line(points, tetrahedra, message):
    with pytest.raises(ValueError) as found:
        make_grid(points, tetrahedra)
    assert message in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize("pair", [(1, 1.0), (3, 0.0), (3, -1.0), (3, np.nan)])
def test_a_lattice_without_cells_or_spacing_is_refused(pair):
    with pytest.raises(ValueError, match="lattice: expected 2 cells or more"):
        lattice(*pair)
