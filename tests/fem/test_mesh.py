"""Meshes that follow curves: area, edges on the curves, angles, sizes; and places found on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skfem import MeshTri

from dime.fem.locate import arc_fraction, locate_on_grid, point_at
from dime.fem.mesh import mean_edge_length, mesh_region


def smallest_angle_deg(mesh):
    """Smallest angle of each triangle [degrees], shape (element,)."""
    vertex = mesh.p[:, mesh.t]
    a, b = np.roll(vertex, 1, axis=1) - vertex, np.roll(vertex, -1, axis=1) - vertex
    cosine = (a * b).sum(0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).min(0)


def ellipse(a, b, n=400, centre=(0.0, 0.0)):
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + a * np.cos(t), centre[1] + b * np.sin(t)], 1)


def area(mesh):
    vertex = mesh.p[:, mesh.t]
    (ax, ay), (bx, by) = vertex[:, 1] - vertex[:, 0], vertex[:, 2] - vertex[:, 0]
    return np.abs(ax * by - ay * bx) / 2


def uniform(h):
    return lambda x, y: np.full(np.shape(x), h)


def test_area_is_the_curves_own():
    """Chords alone would lose h^2/12R of a disc's radius; the mesh keeps the area to far better than that."""
    R, h = 0.05, 0.005
    mesh = mesh_region(ellipse(R, R, 4000), uniform(h))
    lost = 1 - area(mesh).sum() / (np.pi * R**2)
    assert abs(lost) < 0.02 * h**2 / (6 * R**2)


def test_edges_follow_an_interface():
    """Every element is inside or outside the inclusion, and its part of the area is the ellipse's."""
    inclusion = ellipse(0.02, 0.01, centre=(0.01, 0.005))
    mesh = mesh_region(ellipse(0.06, 0.05), uniform(0.004), [inclusion])
    scaled = (mesh.p - [[0.01], [0.005]]) / [[0.02], [0.01]]
    level = np.linalg.norm(scaled, axis=0)[mesh.t] - 1  # (corner, element), 0 on the interface
    assert not ((level.min(0) < -0.02) & (level.max(0) > 0.02)).any()
    assert area(mesh)[level.mean(0) < 0].sum() == pytest.approx(np.pi * 0.02 * 0.01, rel=2e-3)


def test_edges_are_graded():
    """A fine core in a coarse disc: each gets its edge, or up to sqrt(3) finer, with good angles between."""

    def size(x, y):
        return np.where(np.hypot(x, y) < 0.01, 0.001, 0.005)

    mesh = mesh_region(ellipse(0.06, 0.06), size, breaks=(0.2, 0.7))
    r = np.linalg.norm(mesh.p[:, mesh.t].mean(1), axis=0)
    edges = mean_edge_length(mesh)
    assert 0.001 / np.sqrt(3) * 0.85 < np.median(edges[r < 0.009]) < 0.001 * 1.15
    rim = (r > 0.03) & (r < 0.05)
    assert 0.005 / np.sqrt(3) * 0.85 < np.median(edges[rim]) < 0.005 * 1.15
    assert smallest_angle_deg(mesh).min() > 15
    ends = point_at(ellipse(0.06, 0.06), (0.2, 0.7))
    nearest = np.linalg.norm(mesh.p.T[:, None] - ends, axis=2).min(0)
    assert nearest.max() < 2e-5


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1, 1), min_size=8, max_size=8), st.floats(0.002, 0.006))
def test_any_smooth_outline(harmonics, h):
    """A random smooth outline is covered, edge by edge, by well-shaped triangles."""
    t = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    r = 0.05 * (1 + sum(0.15 * c / (k + 2) * np.cos((k // 2 + 2) * t + k) for k, c in enumerate(harmonics)))
    r = r + 1e-3 * np.cos(23 * t)  # folds whose tops a straight line all but touches
    outline = np.stack([r * np.cos(t), r * np.sin(t)], 1)
    mesh = mesh_region(outline, uniform(h))
    x, y = outline.T
    polygon = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
    assert area(mesh).sum() == pytest.approx(polygon, rel=2e-3)
    assert smallest_angle_deg(mesh).min() > 10
    facets = mesh.facets[:, mesh.boundary_facets()]
    assert np.array_equal(np.bincount(facets.ravel())[np.unique(facets)], np.full(len(np.unique(facets)), 2))


def test_bad_outlines():
    """One line that names the curve."""
    with pytest.raises(ValueError, match="outline: expected an"):
        mesh_region(np.zeros((2, 2)), uniform(0.01))
    with pytest.raises(ValueError, match="interface: expected finite"):
        mesh_region(ellipse(0.05, 0.05), uniform(0.01), [np.full((5, 2), np.nan)])


def test_every_grid_point_is_found_once():
    """On a mesh of the unit square each pixel is the combination of its element's corners."""
    mesh = MeshTri().refined(3)
    x, y = np.linspace(-0.2, 1.2, 57), np.linspace(0, 1, 33)  # points on vertices and edges too
    row, column, element, local = locate_on_grid(mesh, x, y)
    inside = (x > -1e-9) & (x < 1 + 1e-9)
    assert len(row) == inside.sum() * len(y) == len(np.unique(row * len(x) + column))
    corner = mesh.p[:, mesh.t[:, element]]
    at = corner[:, 0] + local[0] * (corner[:, 1] - corner[:, 0]) + local[1] * (corner[:, 2] - corner[:, 0])
    np.testing.assert_allclose(at, [x[column], y[row]], atol=1e-12)


def test_arc_fraction_inverts_point_at():
    """A point at a fraction of the arc length is found at that fraction."""
    fraction = np.linspace(0, 1, 40, endpoint=False)
    outline = ellipse(0.08, 0.03, 50)
    np.testing.assert_allclose(arc_fraction(outline, point_at(outline, fraction).T), fraction, atol=1e-9)
