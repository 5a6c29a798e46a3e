"""Distances of known clouds, edges of known surfaces, mirror images, faces and volumes that agree."""

import numpy as np
import pytest

from dime.diffusion.geometries import draw, from_labels, inside
from dime.diffusion.grid import lattice, make_grid
from dime.diffusion.shape_scores import agreement, bad_edges, chamfer, cloud, mirror, surface_scores

GRID = lattice(4)
TETRAHEDRON = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])


def test_a_cloud_has_ten_even_places_a_face():
    points = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0]], float)
    found = cloud(points, np.array([[0, 1, 2]]))
    known = [(x, y, 0) for x in range(4) for y in range(4 - x)]
    assert sorted(map(tuple, found.round(9).tolist())) == [tuple(map(float, one)) for one in known]


def test_a_surface_is_at_no_distance_from_itself_wherever_it_lies():
    """Clouds are centred, so that shifts do not count; nor does reflection through a point."""
    points = np.random.default_rng(100).normal(size=(4, 3))
    both = np.concatenate([points, points + np.array([5, -2, 1]), -points])
    for shift in (4, 8):
        assert chamfer(both, TETRAHEDRON, TETRAHEDRON + shift) == pytest.approx(0, abs=1e-20)


def test_the_distance_of_a_scaled_triangle():
    """Every place of the small one and its nearest of the large one, both ways, by hand of brute force."""
    small = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0]], float)
    points = np.concatenate([small, 2 * small])
    ours, theirs = (cloud(points, np.array([one])) for one in ([0, 1, 2], [3, 4, 5]))
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    known = []
    for other in (theirs, -theirs):
        squares = ((ours[:, None] - other) ** 2).sum(2)
        known.append(squares.min(1).mean() + squares.min(0).mean())
    found = chamfer(points, np.array([[0, 1, 2]]), np.array([[3, 4, 5]]))
    assert found == pytest.approx(min(known))
    assert found > 0


def test_two_parallel_squares_of_one_plane_each():
    """Concentric cubes' faces are one distance apart: the mean square of a shift that centring keeps."""
    points = np.array([[x, y, z] for z in (-1, 1, -3, 3) for x in (0, 1) for y in (0, 1)], float)
    near = np.array([[0, 1, 2], [1, 2, 3], [4, 5, 6], [5, 6, 7]])
    assert chamfer(points, near, near + 8) == pytest.approx(2 * 2**2)


def test_nothing_found_is_infinitely_far():
    none = np.zeros((0, 3), int)
    points = np.eye(4, 3)
    assert chamfer(points, none, TETRAHEDRON) == chamfer(points, TETRAHEDRON, none) == np.inf


def test_edges_of_a_closed_an_open_and_a_branching_surface():
    assert bad_edges(TETRAHEDRON) == 0
    assert bad_edges(TETRAHEDRON[:3]) == 0.5  # three of six edges end it
    fin = np.concatenate([TETRAHEDRON, [[0, 1, 4]]])
    assert bad_edges(fin) == pytest.approx(3 / 8)  # one edge of three faces, two of one
    touching = np.concatenate([TETRAHEDRON, [[0, 1, 4], [0, 1, 5], [0, 4, 5], [1, 4, 5]]])
    assert bad_edges(touching) == pytest.approx(1 / 11)  # four faces at the edge that two bodies share
    assert np.isnan(bad_edges(np.zeros((0, 3), int)))
    assert bad_edges(TETRAHEDRON[:, ::-1]) == 0


def test_a_lattice_is_its_own_mirror_image():
    faces, tetrahedra = mirror(GRID)
    np.testing.assert_array_equal(faces[faces], np.arange(len(faces)))
    np.testing.assert_allclose(GRID.centres_um[tetrahedra], -GRID.centres_um, atol=1e-9)
    centres = GRID.points_um[GRID.faces].mean(1)
    np.testing.assert_allclose(centres[faces], -centres, atol=1e-9)


def test_a_lopsided_grid_has_no_mirror_image():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 2]], float)
    assert mirror(make_grid(points, [[0, 1, 2, 3], [1, 2, 3, 4]])) == (None, None)


@pytest.mark.parametrize("kind", ["tube", "ring"])
def test_truth_and_its_mirror_image_are_perfect(kind):
    geometry = draw(kind, GRID, 101)
    faces, tetrahedra = mirror(GRID)
    perfect = {"precision": 1.0, "recall": 1.0, "dice": 1.0}
    assert agreement(geometry, geometry.membrane, geometry.labels) == perfect
    image = geometry.labels[tetrahedra]
    assert agreement(geometry, geometry.membrane[faces], image) == perfect
    mirrored = from_labels("image", GRID, image)
    scores = surface_scores(geometry, mirrored.membrane, mirrored.outer_membrane)
    assert scores["chamfer_um2"] == pytest.approx(0, abs=1e-12)
    assert scores["chamfer_closed_um2"] == pytest.approx(0, abs=1e-12)


def test_agreement_counts_hits():
    geometry = draw("ball", GRID, 102)
    rows = np.flatnonzero(geometry.membrane)
    found = geometry.membrane.copy()
    found[rows[: len(rows) // 2]] = False
    extra = np.flatnonzero(~geometry.membrane)[:10]
    found[extra] = True
    hits = len(rows) - len(rows) // 2
    scores = agreement(geometry, found)
    assert scores == {"precision": hits / (hits + 10), "recall": hits / len(rows)}
    nothing = agreement(geometry, np.zeros_like(found))
    assert np.isnan(nothing["precision"]) and nothing["recall"] == 0


def test_dice_of_half_a_cell():
    geometry = draw("ball", GRID, 102)
    labels = geometry.labels.copy()
    cell = np.flatnonzero(labels)
    labels[cell[: len(cell) // 2]] = 0
    kept = (labels > 0).sum()
    scores = agreement(geometry, from_labels("half", GRID, labels).membrane, labels)
    assert scores["dice"] == pytest.approx(2 * kept / (kept + len(cell)))


def test_scores_say_which_faces_count():
    """A tube that ends at the outside is open without the faces there, and closed with them."""
    geometry = from_labels(
        "tube", GRID, inside("tube", GRID.centres_um, np.zeros(3), np.eye(3)[2], (6.0, 40.0)).astype(int)
    )
    scores = surface_scores(geometry, geometry.membrane, geometry.outer_membrane)
    assert scores["chamfer_um2"] == scores["chamfer_closed_um2"] == 0
    assert scores["bad_edges_inner"] > 0
    edges = np.concatenate([GRID.faces[geometry.membrane], GRID.outer_faces[geometry.outer_membrane]])
    assert scores["bad_edges"] == bad_edges(edges) < scores["bad_edges_inner"]
