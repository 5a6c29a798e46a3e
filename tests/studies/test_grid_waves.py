"""Waves on a regular grid: second order against closed solutions, equal to those of the finite elements."""

import numpy as np
import pytest
from scipy.special import jv, jvp, yv, yvp

from dime.fem import forward
from dime.fem.drivers import Driver
from dime.fem.locate import arc_fraction
from dime.phantoms import outlines
from dime.physics import axis_m, wavenumber
from dime.studies.grid_waves import grid_wave, on_pixels
from dime.studies.verification import Tissue

FREQUENCY_HZ, SOFT, STIFF, LOSS = 60.0, 2000.0, 5000.0, 0.2
K = wavenumber(SOFT, LOSS, FREQUENCY_HZ)
SPACINGS_M = (1.4e-3, 0.7e-3, 0.35e-3)


def modulus(stiffness):
    return stiffness * np.exp(1j * np.arctan(LOSS))


def uniform(x, y):
    return np.full(np.shape(x), modulus(SOFT))


def disc(radius):
    return lambda x, y: np.hypot(x, y) - radius


def shaken(x, y):
    return np.ones(np.shape(x), complex)


def errors(exact, level, drive, modulus=uniform, **options):
    """Relative L2 errors over whole cells, and the orders from one spacing to the next."""
    found = []
    for h in SPACINGS_M:
        axis = axis_m(2 * round(0.068 / h), h)
        u, inside = grid_wave(level, modulus, drive, FREQUENCY_HZ, axis, axis, **options)
        x, y = (place[inside] for place in np.meshgrid(axis, axis))
        found.append(np.linalg.norm(u[inside] - exact(x, y)) / np.linalg.norm(exact(x, y)))
    return np.array(found), np.log2(np.array(found[:-1]) / found[1:])


def test_a_plane_wave_crosses_a_superellipse():
    """u = e^{-ik.x} is imposed on |x/a|^3 + |y/b|^3 = 1."""

    def exact(x, y):
        return np.exp(-1j * K * (x * np.cos(0.4) + y * np.sin(0.4)))

    found, order = errors(
        exact, lambda x, y: np.cbrt(np.abs(x / 0.06) ** 3 + np.abs(y / 0.045) ** 3) - 1, exact
    )
    assert found[-1] < 0.003 and (order > 1.9).all()


def test_a_cylinder_whose_rim_moves_holds_j0():
    """u = J0(kr) / J0(ka)."""
    found, order = errors(lambda x, y: jv(0, K * np.hypot(x, y)) / jv(0, K * 0.06), disc(0.06), shaken)
    assert found[-1] < 0.003 and (order > 1.9).all()


@pytest.mark.parametrize("absorbing", [False, True])
def test_an_outline_without_driver_is_free_or_absorbs(absorbing):
    """A ring driven at its inner rim: u = A J0(kr) + B Y0(kr), u' = 0 or u' = -ik u at the outer rim."""
    inner, middle, outer = 0.02, 0.04, 0.06

    def at_rim(f, slope):
        return K * slope(0, K * outer) + (1j * K * f(0, K * outer) if absorbing else 0)

    rows = [[jv(0, K * inner), yv(0, K * inner)], [at_rim(jv, jvp), at_rim(yv, yvp)]]
    a, b = np.linalg.solve(rows, [1, 0])
    found, order = errors(
        lambda x, y: a * jv(0, K * np.hypot(x, y)) + b * yv(0, K * np.hypot(x, y)),
        lambda x, y: np.abs(np.hypot(x, y) - middle) - (outer - inner) / 2,
        lambda x, y: np.where(np.hypot(x, y) < middle, 1 + 0j, np.nan),
        absorbing=absorbing,
    )
    assert found[-1] < 0.004 and (order > 1.9).all()


def test_a_sharp_round_inclusion_scatters():
    """A J0(k2 r) inside, B J0(kr) + C Y0(kr) around, u and G u' continuous; the border costs an order."""
    c, a, k2 = 0.025, 0.06, wavenumber(STIFF, LOSS, FREQUENCY_HZ)
    inner, around = k2 * modulus(STIFF), K * modulus(SOFT)
    rows = [
        [jv(0, k2 * c), -jv(0, K * c), -yv(0, K * c)],
        [inner * jvp(0, k2 * c), -around * jvp(0, K * c), -around * yvp(0, K * c)],
        [0, jv(0, K * a), yv(0, K * a)],
    ]
    inside, regular, singular = np.linalg.solve(rows, [0, 0, 1])

    def exact(x, y):
        r = np.hypot(x, y)
        outside = regular * jv(0, K * r) + singular * yv(0, K * np.maximum(r, c))
        return np.where(r < c, inside * jv(0, k2 * r), outside)

    found, order = errors(
        exact, disc(a), shaken, lambda x, y: np.where(np.hypot(x, y) < c, modulus(STIFF), modulus(SOFT))
    )
    assert found[-1] < 0.005 and (order > 0.9).all()


@pytest.mark.parametrize("boundary", ["free", "impedance"])
def test_finite_elements_give_the_same_wave(boundary):
    """A superellipse with an inclusion and texture, two drivers: less than 1 % apart on pixels of 1.4 mm."""
    t = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    r = np.cbrt(1 / (np.abs(np.cos(t) / 0.06) ** 3 + np.abs(np.sin(t) / 0.045) ** 3))
    curve = outlines.resample(np.column_stack([r * np.cos(t), r * np.sin(t)]), 1e-3)

    def stiffness(x, y):
        lump = 0.5 * (1 + np.tanh((0.015 - np.hypot(x - 0.02, y + 0.01)) / 0.003))
        return SOFT * np.exp(0.2 * np.sin(90 * x + 40 * y) + lump)

    drivers = [Driver(0.1, 0.35, 1e-5, "smooth"), Driver(0.6, 0.8, 1e-5j, "smooth")]

    def drive(x, y):
        fraction = arc_fraction(curve, np.stack([x, y]))
        first, second = (driver.displacement(fraction) for driver in drivers)
        return np.where(np.isnan(first), second, first)

    field = forward.solve(Tissue(curve, stiffness, LOSS), drivers, FREQUENCY_HZ, boundary=boundary)
    axis = axis_m(4 * 92, 0.35e-3)
    u, inside = grid_wave(
        lambda x, y: np.cbrt(np.abs(x / 0.06) ** 3 + np.abs(y / 0.045) ** 3) - 1,
        lambda x, y: modulus(stiffness(x, y)),
        drive,
        FREQUENCY_HZ,
        axis,
        axis,
        absorbing=boundary == "impedance",
    )
    elements = field.sample(axis, axis)
    both = inside & np.isfinite(elements)
    (wave, mask), (other, _) = (on_pixels(values, both, 4) for values in (u, elements))
    assert mask.sum() > 4000
    assert np.linalg.norm((wave - other)[mask]) < 0.01 * np.linalg.norm(other[mask])


def test_a_grid_without_room_and_an_outline_without_driver_are_refused():
    axis = axis_m(60, 2e-3)
    with pytest.raises(ValueError, match="expected a grid with room around the tissue"):
        grid_wave(disc(0.07), uniform, shaken, FREQUENCY_HZ, axis, axis)
    with pytest.raises(ValueError, match="expected a driver on the outline"):
        grid_wave(disc(0.05), uniform, lambda x, y: np.full(x.shape, np.nan), FREQUENCY_HZ, axis, axis)
