"""Fields of known direction: they obey the Helmholtz equation; methods of known error are judged rightly."""

import numpy as np
import pytest

from dime.inversion import mmdi
from dime.simulation import plain_waves
from dime.studies import direction

SPACING_M, WAVELENGTH_M = 1.5e-3, 30e-3


@pytest.mark.parametrize("kind", plain_waves.KINDS)
def test_fields_obey_the_helmholtz_equation(kind):
    """lap(u) = -k^2 u: the five-point Laplacian's residual falls with the pixel's square."""
    k, residuals = 2 * np.pi / WAVELENGTH_M, []
    for spacing in (SPACING_M, SPACING_M / 2):
        axis = np.arange(-0.03, 0.03, spacing)
        y, x = np.meshgrid(axis, axis, indexing="ij")
        u = plain_waves.field(kind, y, x, WAVELENGTH_M, np.random.default_rng(1))
        laplacian = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        residuals.append(np.abs(laplacian / spacing**2 + k**2 * u[1:-1, 1:-1]).mean() / k**2)
    assert np.log2(residuals[0] / residuals[1]) == pytest.approx(2, abs=0.1)


def test_opposite_waves_stand_as_their_ratio_says():
    """|u| runs from 1 - ratio to 1 + ratio; nodes of a standing wave are half a wavelength apart."""
    x = np.arange(0, 0.12, 1e-5)
    for ratio in (0.0, 0.4, 1.0):
        u = plain_waves.opposite_waves(np.zeros_like(x), x, WAVELENGTH_M, ratio, 0.0, 0.7)
        assert np.abs(u).max() == pytest.approx(1 + ratio, abs=1e-5)
        assert np.abs(u).min() == pytest.approx(1 - ratio, abs=2e-3)
    amplitude = np.abs(u)
    nodes = x[1:-1][(amplitude[1:-1] < amplitude[2:]) & (amplitude[1:-1] < amplitude[:-2])]
    assert np.diff(nodes) == pytest.approx(WAVELENGTH_M / 2, abs=2e-5)


def test_crossing_waves_make_stripes_of_the_known_distance():
    """Two waves an angle a apart interfere with period lambda / (2 sin(a / 2)) across their bisector."""
    apart = np.radians(60)
    s = np.arange(0, 0.12, 1e-5)
    # Across the bisector of the directions 0 and 60 degrees: towards 120 degrees.
    y, x = s * np.sin(np.radians(120)), s * np.cos(np.radians(120))
    amplitude = np.abs(plain_waves.crossing_waves(y, x, WAVELENGTH_M, apart, 0.0, 0.3))
    nodes = s[1:-1][(amplitude[1:-1] < amplitude[2:]) & (amplitude[1:-1] < amplitude[:-2])]
    assert np.diff(nodes) == pytest.approx(WAVELENGTH_M / (2 * np.sin(apart / 2)), abs=2e-5)


def test_constant_method_has_its_known_bias_and_no_swing():
    """A method that says 4 kPa of tissue of 3 kPa is 1 kPa off in every field; a crooked one swings."""
    constant = {"constant": lambda wave, mask, *_: 4e3 * mask}
    table = direction.by_angle([3e3], [0.0, 0.5], SPACING_M, constant)
    assert table["bias"].to_numpy() == pytest.approx(1) and table["rim_error"].to_numpy() == pytest.approx(1)
    assert direction.swing(table, "angle_deg").to_numpy() == pytest.approx(0)
    table["bias"] = table["angle_deg"]
    assert direction.swing(table, "angle_deg").to_numpy() == pytest.approx(np.degrees(0.5))


def test_wavelength_of_known_stiffness():
    """3.24 kPa at 60 Hz: c = 1.8 m/s, 30 mm."""
    assert plain_waves.wavelength_of(3.24e3) == pytest.approx(0.03)


def test_mmdi_with_and_without_filters_finds_the_stiffness_of_every_clean_field():
    """Away from the outline, without noise, MMDI's error is its fit's, 3 %, whichever way the waves run."""
    methods = direction.with_unfiltered({"mmdi": lambda *place: mmdi.invert(*place).stiffness})
    table = direction.by_kind([3.24e3], 1, 20.0, SPACING_M, 0, methods)
    assert (table[np.isinf(table["snr"])]["error"] < 0.03 * 3.24).all()
    assert set(table["method"]) == {"mmdi", "mmdi_unfiltered"}
    assert len(table) == 2 * 2 * len(plain_waves.KINDS)


def test_same_tissue_shaken_from_several_sides():
    """The truth stays and the waves differ; scatter is 0 for a method that ignores the wave, and for one that
    adds the number of the drive, in kPa, the standard deviation of 0, 1, 2."""
    calls = {"count": -1}

    def counting(wave, mask, *_):
        calls["count"] += 1
        return 1e3 * calls["count"] * mask

    methods = {"constant": lambda wave, mask, *_: 3e3 * mask, "counting": counting}
    case = direction.by_drive("heterogeneous", 24, 0, 3, 3e-3, methods, 0.01)
    constant, counted = case["rows"]
    assert constant["scatter"] < 1e-12 and counted["scatter"] == pytest.approx(np.std([0, 1, 2]))
    off = (3e3 - case["truth"][case["inner"]]) / 1e3
    assert constant["error"] == pytest.approx(np.sqrt(np.mean(off**2)))
    first, second = case["wave"][:2, case["mask"]]
    assert abs(np.vdot(first, second)) < 0.5 * np.linalg.norm(first) * np.linalg.norm(second)
