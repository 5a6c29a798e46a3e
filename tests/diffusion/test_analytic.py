"""Closed solutions agree with other closed solutions where two are known."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import spherical_jn

from dime.diffusion import analytic
from dime.diffusion.sequence import DIFFUSIVITY_UM2_PER_MS, pgse

B = [0.05, 0.5, 2, 5]
(BLOCK,) = pgse((10, 20), b_ms_per_um2=B)
(SHORT,) = pgse((1e-3, 20), b_ms_per_um2=B)


def slab_of_short_pulses(width_um, block, terms=200):
    """Signals (b,) between reflecting walls for gradients of no duration, area p = strength times duration.

    S = 2 (1 - cos p a) / (p a)^2 + 4 (p a)^2 sum over n > 0 of
    e^{-D Delta (pi n / a)^2} (1 - (-1)^n cos p a) / ((p a)^2 - (pi n)^2)^2

    Source: Tanner and Stejskal, J. Chem. Phys. 49 (1968), 1768-1777.
    """
    turn = (block.strengths * block.duration_ms * width_um)[:, None]
    n = np.arange(1, terms)
    decay = np.exp(-DIFFUSIVITY_UM2_PER_MS * block.separation_ms * (np.pi * n / width_um) ** 2)
    sums = (decay * (1 - (-1.0) ** n * np.cos(turn)) / (turn**2 - (np.pi * n) ** 2) ** 2).sum(1)
    turn = turn[:, 0]
    return 2 * (1 - np.cos(turn)) / turn**2 + 4 * turn**2 * sums


def sphere_of_normal_phases(radius_um, block, terms=40):
    """Signals (b,) of a reflecting sphere if phases were normally distributed, which holds for small b.

    Source: Murday and Cotts, J. Chem. Phys. 48 (1968), 4938-4945.
    """
    angle = np.linspace(1e-3, np.pi * (terms + 1), 200 * terms)
    slope = spherical_jn(1, angle, derivative=True)
    places = np.flatnonzero(slope[:-1] * slope[1:] < 0)
    roots = np.array(
        [brentq(lambda a: spherical_jn(1, a, derivative=True), angle[p], angle[p + 1]) for p in places]
    )
    rate = DIFFUSIVITY_UM2_PER_MS * (roots / radius_um) ** 2
    short, long = block.duration_ms, block.separation_ms
    decays = 2 + np.exp(-rate * (long - short)) - 2 * np.exp(-rate * short) - 2 * np.exp(-rate * long)
    inner = 2 * short - (decays + np.exp(-rate * (long + short))) / rate
    weights = (radius_um / roots) ** 2 / (roots**2 - 2) / rate
    return np.exp(-2 * block.strengths**2 * (weights * inner).sum())


def test_short_pulses_between_walls():
    found = analytic.echo(analytic.slab(10), SHORT)
    assert found == pytest.approx(slab_of_short_pulses(10, SHORT), rel=3e-4)


def test_the_mean_square_of_the_coordinate_of_each_shape():
    """X^2 of the resting state: width^2 / 3 from one wall, radius^2 / 5 along an axis."""
    for shape, known in (
        (analytic.slab(9.0), 27.0),
        (analytic.two_slabs(4.0, 0.3), 16 / 3),
        (analytic.sphere(5.0), 5.0),
    ):
        assert np.square(shape.moments_um @ shape.start).sum() == pytest.approx(known, rel=3e-4)
        assert shape.start == pytest.approx(np.eye(len(shape.start))[0], abs=1e-10)


def test_phases_in_a_sphere_are_normal_for_small_b():
    (block,) = pgse((10, 20), b_ms_per_um2=[0.01, 0.1])
    found, normal = (f(4.0) for f in (analytic.sphere, lambda r: r))
    found, normal = analytic.echo(found, block), sphere_of_normal_phases(normal, block)
    errors = np.log(found) / np.log(normal) - 1
    assert np.abs(errors).max() < 1e-3
    assert errors[1] / errors[0] == pytest.approx(10, rel=0.05), "the error is of the next order in b"


def test_a_membrane_is_a_wall_or_nothing_at_its_ends():
    closed, away = (analytic.echo(analytic.two_slabs(5, kappa), BLOCK) for kappa in (1e-9, 1e9))
    assert closed == pytest.approx(analytic.echo(analytic.slab(5), BLOCK), abs=1e-7)
    assert away == pytest.approx(analytic.echo(analytic.slab(10), BLOCK), abs=1e-7)


def test_the_slowest_rate_across_a_membrane_of_little_permeability():
    """Two well-stirred slabs exchange at 2 kappa / width."""
    assert analytic.two_slabs(5, 1e-4).rates_per_ms[1] == pytest.approx(2e-4 / 5, rel=1e-3)


def test_a_slab_far_wider_than_the_way_of_a_spin_is_nearly_free():
    (block,) = pgse((5, 6), b_ms_per_um2=[0.5, 1.0])
    ratio = [
        np.log(analytic.echo(analytic.slab(width, modes=width), block)) / np.log(analytic.free(block)) - 1
        for width in (100, 200)
    ]
    assert np.abs(ratio[1]).max() < 0.06 and ratio[0] / ratio[1] == pytest.approx([2, 2], rel=0.1)


@pytest.mark.parametrize("shape", [analytic.slab, analytic.sphere])
def test_more_modes_change_nothing(shape):
    few, many = (analytic.echo(shape(6, modes=modes), BLOCK) for modes in (60, 90))
    assert few == pytest.approx(many, abs=1e-6)
