"""Antiplane waves around cavities, against closed solutions."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import jv, yv

from dime.fem import forward
from dime.fem.cavities import solve_around
from dime.fem.drivers import Driver
from dime.phantoms import outlines
from dime.physics import wavenumber

RADIUS_M, HOLE_M, STIFFNESS_PA, LOSS = 0.06, 0.02, 3e3, 0.2


def disc():
    return SimpleNamespace(
        outline=outlines.ellipse(2 * RADIUS_M, 2 * RADIUS_M),
        stiffness=lambda x, y: np.full(np.shape(x), STIFFNESS_PA),
        loss_tangent=lambda x, y: np.full(np.shape(x), LOSS),
        interfaces=(),
    )


def nowhere(x, y):
    return np.zeros(np.shape(x), bool)


def test_without_a_cavity_the_wave_is_that_of_the_solver_of_organs():
    """All tissue is liver: a disc driven on a quarter of its outline, by both solvers."""
    drivers, axis = [Driver(0.1, 0.35, 1e-5, "smooth")], np.linspace(-0.05, 0.05, 41)
    found = solve_around(disc(), nowhere, drivers, 60.0).sample(axis, axis)
    known = forward.solve(disc(), drivers, 60.0).sample(axis, axis)
    inside = np.isfinite(found) & np.isfinite(known)
    assert inside.sum() > 1000
    assert np.linalg.norm((found - known)[inside]) < 0.01 * np.linalg.norm(known[inside])


def annulus(r):
    """u = A J0(kr) + B Y0(kr) with u(R) = 1 and u'(a) = 0."""
    k = wavenumber(STIFFNESS_PA, LOSS, 60.0)
    a, b = yv(1, k * HOLE_M), -jv(1, k * HOLE_M)
    return (a * jv(0, k * r) + b * yv(0, k * r)) / (a * jv(0, k * RADIUS_M) + b * yv(0, k * RADIUS_M))


def test_a_round_cavity_reflects_as_the_closed_solution_says():
    """A disc moved on its whole outline, with a hole in its middle. The wall of the hole follows the edges of
    elements and is off by up to one, so the error falls with the first power of their size."""
    axis = np.linspace(-RADIUS_M, RADIUS_M, 61)
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    compared = (r > 1.5 * HOLE_M) & (r < 0.95 * RADIUS_M)
    errors = []
    for elements in (6, 12, 24):
        field = solve_around(
            disc(), lambda x, y: np.hypot(x, y) < HOLE_M, [Driver()], 60.0, elements_per_wavelength=elements
        )
        image = field.sample(axis, axis) / 1e-5
        assert np.isnan(image[r < 0.5 * HOLE_M]).all()
        known = annulus(r[compared])
        errors.append(np.linalg.norm(image[compared] - known) / np.linalg.norm(known))
    assert errors[-1] < 0.02
    assert np.log2(errors[0] / errors[-1]) / 2 > 0.7


def test_tissue_that_is_moved_inside_keeps_its_displacement():
    """A rod in the middle moves by 7 um while the outline is at rest: the wave is J0 and Y0 outward."""
    moved = lambda x, y: np.where(np.hypot(x, y) < HOLE_M, 7e-6, np.nan)  # noqa: E731
    still = [Driver(0.0, 1.0, 0.0)]
    field = solve_around(disc(), nowhere, still, 60.0, elements_per_wavelength=16, moved=moved)
    axis = np.linspace(0.0, RADIUS_M, 61)
    image = field.sample(axis, axis)[0]  # y = 0
    assert image[:18] == pytest.approx(7e-6, rel=1e-6)
    k = wavenumber(STIFFNESS_PA, LOSS, 60.0)
    a, b = yv(0, k * RADIUS_M), -jv(0, k * RADIUS_M)
    known = a * jv(0, k * axis) + b * yv(0, k * np.maximum(axis, 1e-9))
    known = 7e-6 * known / (a * jv(0, k * HOLE_M) + b * yv(0, k * HOLE_M))
    far = (axis > 1.3 * HOLE_M) & np.isfinite(image)
    assert np.linalg.norm((image - known)[far]) < 0.08 * np.linalg.norm(known[far])
