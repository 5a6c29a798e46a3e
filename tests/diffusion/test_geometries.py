"""Own shapes keep what they promise, and the original's files are read as what they are."""

import numpy as np
import pytest
from skfem import MeshTet

from dime.diffusion import geometries
from dime.diffusion.geometries import KINDS, compartments, draw, draw_two, from_labels, inside
from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.shape_scores import bad_edges

GRID = lattice(4)
FOLDER = geometries.reference_folder()
FILES = sorted(FOLDER.glob("*.npz")) if FOLDER else []
needs_reference = pytest.mark.skipif(not FILES, reason="DIME_REFERENCE holds no geometries of the original")


def test_membranes_are_the_faces_between_unlike_labels():
    labels = (GRID.centres_um[:, 0] > 0).astype(int)
    geometry = from_labels("halves", GRID, labels)
    centres = GRID.points_um[GRID.faces].mean(1)
    for face in np.flatnonzero(geometry.membrane):
        assert labels[GRID.sides[face]].tolist() in ([0, 1], [1, 0])
        assert abs(centres[face, 0]) < 4
    np.testing.assert_array_equal(geometry.outer_membrane, labels[GRID.outer_sides] == 1)
    kappa = geometry.permeability_um_per_ms
    assert set(kappa[geometry.membrane]) == {0.01} and set(kappa[~geometry.membrane]) == {100.0}


@pytest.mark.parametrize(
    ("kind", "sizes", "within", "without"),
    [
        ("ball", (2.0,), [[1.9, 0, 0], [0, 0, -1.9]], [[2.1, 0, 0], [1.5, 1.5, 0]]),
        ("tube", (1.0, 3.0), [[0, 0, 2.9], [0.9, 0, -2.9]], [[0, 0, 3.1], [1.1, 0, 0]]),
        ("ring", (1.0, 4.0), [[4.9, 0, 0], [0, -3.1, 0], [4, 0, 0.9]], [[0, 0, 0], [5.1, 0, 0], [4, 0, 1.1]]),
    ],
)
def test_points_in_shapes_along_z(kind, sizes, within, without):
    points, axis = np.array(within + without, float), np.eye(3)[2]
    found = inside(kind, points + 7, np.full(3, 7.0), axis, sizes)
    np.testing.assert_array_equal(found, [True] * len(within) + [False] * len(without))


def test_a_bent_tube_follows_its_parabola():
    axis, sizes = np.eye(3)[2], (1.0, 4.0, 2.0)
    along = np.linspace(-3.9, 3.9, 9)
    side = np.cross(axis, np.eye(3)[0])
    middle = along[:, None] * axis + 2.0 * (along[:, None] / 4) ** 2 * side
    assert inside("bent tube", middle, np.zeros(3), axis, sizes).all()
    assert not inside("bent tube", middle + 1.1 * side, np.zeros(3), axis, sizes).any()
    assert not inside("bent tube", np.array([[0, 0, 4.1]]) + 2 * side, np.zeros(3), axis, sizes).any()


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_cells_are_one_piece_of_the_promised_size(kind):
    for seed in range(100, 112):
        geometry = draw(kind, GRID, seed)
        assert 0.05 <= geometry.labels.mean() <= 0.45
        pieces = compartments(GRID, geometry.membrane)
        np.testing.assert_array_equal(pieces > 0, geometry.labels > 0)
        assert geometry.name == f"{kind} {seed}"
    again = draw(kind, GRID, seed)
    np.testing.assert_array_equal(again.labels, geometry.labels)
    assert (draw(kind, GRID, seed + 1).labels != geometry.labels).any()


def test_a_ring_has_a_hole():
    """Euler's number of a closed surface without and with one hole: points - edges + faces."""
    for seed in range(100, 106):
        geometry = draw("ring", GRID, seed)
        faces = GRID.faces[geometry.membrane]
        faces = np.concatenate([faces, GRID.outer_faces[geometry.outer_membrane]])
        edges = np.unique(np.sort(faces[:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2), 1), axis=0)
        if bad_edges(faces) == 0:
            assert len(np.unique(faces)) - len(edges) + len(faces) == 0


def test_two_cells_do_not_touch():
    for seed in range(100, 103):
        geometry = draw_two(GRID, seed)
        assert set(geometry.labels) == {0, 1, 2}
        first, second = (set(GRID.tetrahedra[geometry.labels == cell].ravel()) for cell in (1, 2))
        assert not first & second
        assert compartments(GRID, geometry.membrane).max() == 2
        assert min((geometry.labels == cell).mean() for cell in (1, 2)) >= 0.04
    np.testing.assert_array_equal(draw_two(GRID, seed).labels, geometry.labels)


def test_a_grid_too_coarse_or_too_long_is_refused():
    mesh = MeshTet.init_tensor(np.linspace(0, 4, 3), np.linspace(0, 4, 3), np.linspace(0, 40, 21))
    with pytest.raises(ValueError, match=r"^grid: expected cells small enough for a ball, found 480 tetra"):
        draw("ball", make_grid(mesh.p.T, mesh.t.T), 100)
    with pytest.raises(ValueError, match=r"^grid: expected cells small enough for two tubes, found 48 tetra"):
        draw_two(lattice(2), 100)


def test_compartments_are_numbered_by_size():
    x = GRID.centres_um[:, 0]
    labels = np.where(x < -6, 5, np.where(x < -3, 0, 7))
    found = compartments(GRID, from_labels("slabs", GRID, labels).membrane)
    sizes = np.bincount(found)
    assert len(sizes) == 3 and (np.diff(sizes) <= 0).all()
    for label in (5, 0, 7):
        assert len(set(found[labels == label])) == 1
    assert compartments(GRID, np.zeros(len(GRID.faces), bool)).max() == 0
    assert compartments(GRID, np.ones(len(GRID.faces), bool)).max() == len(GRID.tetrahedra) - 1


def write(path, geometry, **changed):
    grid = geometry.grid
    faces = np.concatenate([grid.faces[geometry.membrane], grid.outer_faces[geometry.outer_membrane]])
    content = {"points_um": grid.points_um, "tetrahedra": grid.tetrahedra, "interface_faces": faces}
    np.savez(path, **{name: value for name, value in (content | changed).items() if value is not None})
    return path


def test_a_file_gives_its_geometry_back(tmp_path):
    geometry = draw("tube", GRID, 103)
    found = geometries.read_reference(write(tmp_path / "tube.npz", geometry))
    assert found.name == "tube"
    np.testing.assert_array_equal(found.membrane, geometry.membrane)
    np.testing.assert_array_equal(found.outer_membrane, geometry.outer_membrane)
    np.testing.assert_array_equal(found.labels, geometry.labels)


def test_a_file_that_is_none_is_refused(tmp_path):
    geometry = draw("tube", GRID, 103)
    path = write(tmp_path / "short.npz", geometry, tetrahedra=None)
    with pytest.raises(ValueError, match=r"short.npz: expected points_um.*found no tetrahedra$"):
        geometries.read_reference(path)
    path = write(tmp_path / "other.npz", geometry, interface_faces=np.array([[0, 1, 188]]))
    with pytest.raises(ValueError, match=r"other.npz: interface_faces: expected faces of the mesh"):
        geometries.read_reference(path)


def test_the_folder_is_found_in_or_beside_the_reference(tmp_path, monkeypatch):
    monkeypatch.setenv("DIME_REFERENCE", str(tmp_path / "released"))
    assert geometries.reference_folder() is None
    folder = tmp_path / "microstructure"
    folder.mkdir()
    assert geometries.reference_folder() is None  # nothing in it
    write(folder / "tube.npz", draw("tube", GRID, 103))
    assert geometries.reference_folder() == folder
    monkeypatch.setenv("DIME_REFERENCE", str(tmp_path))
    assert geometries.reference_folder() == folder
    monkeypatch.delenv("DIME_REFERENCE")
    assert geometries.reference_folder() is None


@needs_reference
def test_the_originals_grid_is_the_lattice_of_four_cells():
    """Its file holds eight corners more, which no tetrahedron uses."""
    found = geometries.read_reference(FILES[0]).grid
    centres = [grid.centres_um.round(3) + 0.0 for grid in (found, GRID)]
    centres = [one[np.lexsort(one.T)] for one in centres]
    np.testing.assert_allclose(*centres, atol=2e-3)
    assert len(np.unique(found.tetrahedra)) == len(GRID.points_um) == len(found.points_um) - 8


@needs_reference
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:14])
def test_surfaces_of_the_original_are_closed_with_the_faces_outside(path):
    geometry = geometries.read_reference(path)
    grid = geometry.grid
    inner = grid.faces[geometry.membrane]
    closed = np.concatenate([inner, grid.outer_faces[geometry.outer_membrane]])
    assert bad_edges(closed) == 0
    assert (bad_edges(inner) > 0) == geometry.outer_membrane.any()
    left, right = geometry.labels[grid.sides].T
    np.testing.assert_array_equal(left != right, geometry.membrane)
