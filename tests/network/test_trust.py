"""Which values of a network are believed: wavelengths that it has learnt, and small uncertainties."""

import math

import numpy as np
import pytest

from dime.network import augment, trust
from dime.phantoms import families
from dime.phantoms.phantom import render
from dime.physics import WORKING_PIXEL_M_PER_S, axis_m
from dime.simulation import examination


def test_the_trusted_wavelengths_are_those_of_the_training_patches():
    """1-99 % of log mu / (rho (f dx)^2) over the pixels of the mixed family, each patch zoomed at random."""
    rng, axis, logs = np.random.default_rng(0), axis_m(40, 6e-3), []
    for index in range(240):
        phantom = families.draw(examination.MIXED_FAMILIES[index % 3], np.random.default_rng([1, index]))
        maps = render(phantom, axis, axis)
        inside = rng.choice(maps["stiffness"].values[maps["mask"].values], 100)
        zoom = augment.ZOOM ** rng.uniform(-1, 1, inside.size)
        logs.append(np.log(inside / (1000 * WORKING_PIXEL_M_PER_S**2)) + 2 * np.log(zoom))
    np.testing.assert_allclose(np.percentile(logs, [1, 99]), trust.LOG_RANGE, atol=0.2)


def test_where_the_network_doubts_it_is_not_believed():
    """90 % of a Laplace law lie within b log 10: a factor 1.5 either way is b = log 1.5 / log 10 = 0.176."""
    assert trust.believed(np.array([3e3, 3e3]), np.array([0.175, 0.177])).tolist() == [True, False]


def test_stiffness_of_a_wavelength_never_learnt_is_not_believed():
    """8 to 49 pixels, exp(4.2) (f dx)^2 rho = 375 Pa to 13.7 kPa; 0 lies outside the mask."""
    found = trust.believed(np.array([0.0, 340.0, 400.0, 13e3, 15e3]), 0.02)
    assert found.tolist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("frequency_hz", "expected"),
    [(60, True), (30, True), (120, True), (6, False), (200, False), (377, False)],
)
def test_a_wave_that_the_network_would_see_too_long_or_too_short_is_not_trained(frequency_hz, expected):
    """14.4 pixels of 2 mm are 14.4 f dx / 0.075 of the network's: 23 at 60 Hz, 145 at 377 Hz."""
    assert trust.trained(14.4, 2e-3, frequency_hz) == expected
    assert math.isclose(14.4 * 2e-3 * 60 / 0.075, 23, rel_tol=0.01)
