"""What a wave shows of a stiffness that is known, given a truth that is wrong in a known way."""

import numpy as np
import pytest
from scipy.special import iv, jv

from dime.authors import allowed_waves, wave_checks
from dime.fem import drivers, forward
from dime.phantoms.phantom import from_maps
from dime.physics import axis_m
from dime.studies import verification

SPACING_M = 2e-3
AXIS = axis_m(48, SPACING_M)
X, Y = np.meshgrid(AXIS, AXIS)
RADIUS = np.hypot(X, Y)
MASK = RADIUS < 44e-3


def bessel_wave(stiffness_pa, loss_tangent):
    """J_0(kr) + 2i J_3(kr) cos 3 theta at 60 Hz in a disc of 92 mm on pixels of 1 mm, and the disc."""
    k = verification.wavenumber(stiffness_pa, loss_tangent)
    axis = axis_m(96, 1e-3)
    x, y = np.meshgrid(axis, axis)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    return jv(0, k * radius) + 2j * jv(3, k * radius) * np.cos(3 * angle), radius < 46e-3


def test_the_level_of_a_bessel_wave_among_motion_of_the_edge():
    """J_0 and J_3 of 3 kPa with loss 0.2, said to be 2 kPa: s (2 / 2.5) = 3 / 2.5, exponent 1. Each channel
    has a gain and an offset of its own and motion that decays from the edge, as large as the wave."""
    k = 2 * np.pi * 60 * np.sqrt(1000 / (3e3 * (1 + 0.2j) / abs(1 + 0.2j)))
    angle = np.arctan2(Y, X)
    wave = (jv(0, k * RADIUS) + 2j * jv(3, k * RADIUS) * np.cos(3 * angle)) / np.abs(jv(0, k * 44e-3))
    edge = iv(2, RADIUS / 8e-3) * np.sin(2 * angle) / iv(2, 44 / 8)
    channels = 5 * (wave.real + 2 * edge) + 7 + 1j * (0.3 * (wave.imag - 3 * edge) - 2)
    found = wave_checks.apparent(np.full(MASK.shape, 2e3), channels, MASK, SPACING_M, 60.0)
    assert found.exponent == 1 and found.exponent_error == 0
    assert found.stiffness(2e3) == pytest.approx(3e3, rel=0.005)
    assert found.loss_tangent == pytest.approx(0.2, rel=0.05)
    assert found.unexplained < 0.001 < 0.002 < found.unexplained_by_truth


@pytest.mark.parametrize("backward", [False, True])
def test_the_sign_of_time_and_the_part_that_varies_through_the_slice(backward):
    """J_0(kr) + 0.1 J_2(qr) cos 2 theta, q^2 = k^2 - kappa^2, in tissue of 1.2 kPa at 90 Hz; kappa of one
    wavelength in 21 mm. The map alone leaves the second part, and less at the wave's own sign of time."""
    length, axis = wave_checks.THROUGH_PLANE_M[1], axis_m(100, 1e-3)
    x, y = np.meshgrid(axis, axis)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    mask = radius < 48e-3
    k = 2 * np.pi * 90 * np.sqrt(1000 / (1.2e3 * (1 + 0.1j) / abs(1 + 0.1j)))
    q = np.sqrt(k**2 - (2 * np.pi / length) ** 2)
    even, uneven = jv(0, k * radius), jv(2, q * radius) * np.cos(2 * angle)
    wave = even / np.abs(even[mask]).max() + 0.1 * uneven / np.abs(uneven[mask]).max()
    wave = 3 * wave.real - 1 + 2j * wave.imag
    wave = wave.conj() if backward else wave
    found = wave_checks.apparent(np.full(mask.shape, 1.2e3), wave, mask, 1e-3, 90.0)
    assert found.through_plane_m == length
    assert 5 * found.unexplained_uneven < found.unexplained
    signs = found.unexplained_forward, found.unexplained_backward
    right, wrong = signs[::-1] if backward else signs
    assert right < wrong / 2


def test_the_contrast_of_a_wave_whose_truth_has_too_much():
    """Waves of a map u, said to be of t with u = m (t / m)^0.8: p = 0.8, s = 1; told the map itself, p = 1.
    Noise of a hundredth leaves the exponent within its standard error's reach."""
    stiffness = 2.5e3 * np.exp(0.5 * np.sin(X / 15e-3) * np.cos(Y / 18e-3))
    phantom = from_maps(MASK, stiffness, 0.1, SPACING_M)
    driver = drivers.Driver(0.0, 0.3, 1.0, "smooth")
    wave = forward.solve(phantom, driver, 60.0, boundary="impedance").sample(AXIS, AXIS)
    mask = MASK & np.isfinite(wave)
    truth = allowed_waves.PIVOT_PA * (stiffness / allowed_waves.PIVOT_PA) ** 1.25
    found = wave_checks.apparent(truth, wave, mask, SPACING_M, 60.0)
    assert found.exponent == pytest.approx(0.8, abs=0.01)
    assert found.scale == pytest.approx(1, abs=0.01)
    assert 2 * found.unexplained < found.unexplained_by_truth
    np.testing.assert_allclose(found.stiffness(truth[mask]), stiffness[mask], rtol=0.02)
    right = wave_checks.apparent(stiffness, wave, mask, SPACING_M, 60.0)
    assert right.exponent == pytest.approx(1, abs=0.01)
    rng = np.random.default_rng(0)
    noise = 0.01 * wave[mask].std() * (rng.normal(size=wave.shape) + 1j * rng.normal(size=wave.shape))
    noisy = wave_checks.apparent(truth, wave + noise, mask, SPACING_M, 60.0)
    assert 0.02 < noisy.exponent_error < 0.2
    assert abs(noisy.exponent - 0.8) < 4 * noisy.exponent_error + 0.01


def test_a_truth_that_is_no_stiffness_is_refused():
    wave = np.cos(X / 5e-3) + 1j * np.sin(X / 5e-3)
    with pytest.raises(ValueError, match="stiffness: expected positive values"):
        wave_checks.apparent(np.where(X > 0, 2e3, 0), wave, MASK, SPACING_M, 60.0)


def test_shear_alone_tells_the_level_of_a_wave():
    """Of maps of 0.9, 1.2 and 1.6 kPa the right one leaves next to nothing of a wave of 1.2 kPa."""
    wave, mask = bessel_wave(1.2e3, 0.2)
    truth = np.full(mask.shape, 1.2e3)
    even, _ = wave_checks.unexplained_by_level(truth, wave, mask, 1e-3, 60.0, (0.75, 1.0, 4 / 3)).T
    assert 5 * even[1] < min(even[0], even[2])
