"""The direct inversions beside MMDI: closed solutions, order of convergence, noise, what each cannot do."""

import numpy as np
import pytest

from dime.inversion import direct
from dime.physics import DENSITY_KG_M3, axis_m

FREQUENCY_HZ = 60.0
METHODS = (direct.ahi, direct.mdev, direct.kmdev, direct.lfe)
WAVENUMBER_METHODS = (direct.kmdev, direct.lfe)


def wavenumber(stiffness_pa, loss_tangent):
    """k = omega sqrt(rho / G*), G* = |G*| e^{i delta}: a plane wave e^{-i k.x} obeys Helmholtz."""
    modulus = stiffness_pa * np.exp(1j * np.arctan(loss_tangent))
    return 2 * np.pi * FREQUENCY_HZ * np.sqrt(DENSITY_KG_M3 / modulus)


def plane_wave(stiffness_pa, loss_tangent, spacing_m=1.0e-3, width_m=0.2):
    """Wave along 37 degrees, disc mask of 45 % of the width, and the inner disc of 30 %."""
    size = round(width_m / spacing_m)
    axis = axis_m(size, spacing_m)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    wave = np.exp(-1j * wavenumber(stiffness_pa, loss_tangent) * (0.8 * x + 0.6 * y))
    radius = np.hypot(x, y)
    return wave, radius < 0.45 * width_m, radius < 0.3 * width_m


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stiffness_pa", [2000.0, 4000.0])
def test_lossless_plane_wave_gives_its_stiffness(method, stiffness_pa):
    """Away from the outline every method is right to 2 % (median) without noise or loss."""
    wave, mask, inner = plane_wave(stiffness_pa, 0.0)
    found = method(wave, mask, 1.0e-3, FREQUENCY_HZ)
    assert np.median(found.stiffness[inner]) == pytest.approx(stiffness_pa, rel=0.02)
    assert np.median(found.confidence[inner]) > 0.99
    assert np.all(found.stiffness[~mask] == 0)
    assert np.all(found.confidence[~mask] == 0)


@pytest.mark.parametrize("method", METHODS)
def test_damped_plane_wave(method):
    """tan(delta) = 0.4, 3 kPa: AHI and MDEV see |G*| without being told the loss. k-MDEV and LFE see
    rho c^2 = 2 |G*| / (1 + cos delta), 3.7 % more, and |G*| once told. All to 3 %, but for LFE: damping
    spreads the wave over frequencies, which its average over scales reads up to 10 % too stiff."""
    wave, mask, inner = plane_wave(3000, 0.4)
    if method in WAVENUMBER_METHODS:
        told = method(wave, mask, 1.0e-3, FREQUENCY_HZ, loss_tangent=0.4).stiffness[inner]
        blind = method(wave, mask, 1.0e-3, FREQUENCY_HZ).stiffness[inner]
        cos_delta = np.cos(np.arctan(0.4))
        np.testing.assert_allclose(blind / told, 2 / (1 + cos_delta), rtol=1e-12)
        assert 2 / (1 + cos_delta) == pytest.approx(1.037, abs=0.001)
    else:
        told = method(wave, mask, 1.0e-3, FREQUENCY_HZ).stiffness[inner]
    assert np.median(told) == pytest.approx(3000, rel=0.10 if method is direct.lfe else 0.03)


@pytest.mark.parametrize("direction", ["axis", "diagonal"])
def test_ahi_converges_with_order_two(direction):
    """A periodic plane wave, no smoothing: the five-point Laplacian's eigenvalue is known, so AHI's bias is
    (k dx)^2 / 12 along an axis and half that along a diagonal, to leading order; the order is 2."""
    turn = {"axis": (0.0, 1.0), "diagonal": (0.5**0.5, 0.5**0.5)}[direction]
    k = wavenumber(3000, 0.0).real
    biases, spacings = [], (2.0e-3, 1.0e-3, 0.5e-3)
    for spacing_m in spacings:
        size = round(0.2 / spacing_m)
        axis = axis_m(size, spacing_m)
        y, x = np.meshgrid(axis, axis, indexing="ij")
        wave = np.exp(-1j * k * (turn[0] * y + turn[1] * x))
        lap = direct._laplacian(wave, spacing_m)[size // 2, size // 2]
        biases.append(abs(k**2 * wave[size // 2, size // 2] / lap) - 1)
    assert np.log2(biases[0] / biases[1]) == pytest.approx(2, abs=0.05)
    assert np.log2(biases[1] / biases[2]) == pytest.approx(2, abs=0.02)
    share = {"axis": 12, "diagonal": 24}[direction]
    assert biases[-1] == pytest.approx((k * spacings[-1]) ** 2 / share, rel=0.01)


def test_lfe_is_exact_for_one_frequency():
    """The ratio of neighbouring log-normal filters of relative bandwidth 2 sqrt 2 is f / sqrt(f_i f_{i+1})
    for one frequency f, so waves of 60, 40, 24 and 16 mm give rho (f_hz lambda)^2; 2 % are allowed in the
    middle of the image for the extension past its border."""
    axis = np.arange(240) * 1.0e-3
    y, x = np.meshgrid(axis, axis, indexing="ij")
    for wavelength_m in (0.060, 0.040, 0.024, 0.016):
        wave = np.exp(-2j * np.pi * x / wavelength_m) + 0 * y
        found = direct.lfe(wave, np.ones(wave.shape, bool), 1.0e-3, FREQUENCY_HZ).stiffness[90:150, 90:150]
        truth = DENSITY_KG_M3 * (FREQUENCY_HZ * wavelength_m) ** 2
        assert np.median(found) == pytest.approx(truth, rel=0.02)


def test_noise_hurts_second_derivatives_most():
    """3 kPa, complex noise of 0.1 of the amplitude per part: first-order k-MDEV spreads less than a third of
    AHI; MDEV's third derivatives bias it soft by more than AHI's second; confidence falls for all."""
    rng = np.random.default_rng(0)
    wave, mask, inner = plane_wave(3000, 0.0)
    noisy = wave + 0.1 * (rng.standard_normal(wave.shape) + 1j * rng.standard_normal(wave.shape))
    spread, bias = {}, {}
    for method in METHODS:
        clean = method(wave, mask, 1.0e-3, FREQUENCY_HZ)
        found = method(noisy, mask, 1.0e-3, FREQUENCY_HZ)
        spread[method] = found.stiffness[inner].std() / 3000
        bias[method] = np.median(found.stiffness[inner]) / 3000 - 1
        assert np.median(found.confidence[inner]) < np.median(clean.confidence[inner])
    assert spread[direct.kmdev] < spread[direct.ahi] / 3
    assert bias[direct.mdev] < bias[direct.ahi] < 0.02
    assert abs(bias[direct.kmdev]) < 0.02


def test_summing_before_dividing_survives_nodes():
    """Standing wave cos(kx) cos(ky) of 3 kPa with 2 % noise: AHI divides near zero by near zero along the
    nodal lines and has outliers beyond twice the truth; MDEV's sum over two derivatives has fewer."""
    rng = np.random.default_rng(1)
    axis = axis_m(200, 1.0e-3)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    k = wavenumber(3000, 0.0).real / np.sqrt(2)
    wave = np.cos(k * x) * np.cos(k * y) + 0.02 * (rng.standard_normal((200, 200)) + 0j)
    mask, inner = np.hypot(x, y) < 0.09, np.hypot(x, y) < 0.06
    beyond = {m: np.mean(m(wave, mask, 1.0e-3, FREQUENCY_HZ).stiffness[inner] > 6000) for m in METHODS[:2]}
    assert beyond[direct.ahi] > 0.002
    assert beyond[direct.mdev] < beyond[direct.ahi] / 2


@pytest.mark.parametrize("method", METHODS)
def test_scale_offset_and_outside_change_nothing(method):
    """Gain, a constant (bulk motion) and NaN outside the mask leave the maps as they are."""
    wave, mask, _ = plane_wave(3000, 0.2, width_m=0.12)
    plain = method(wave, mask, 1.0e-3, FREQUENCY_HZ)
    other = method(np.where(mask, 1e-6j * wave + 3e-6, np.nan), mask, 1.0e-3, FREQUENCY_HZ)
    np.testing.assert_allclose(other.stiffness, plain.stiffness, rtol=1e-6)
    np.testing.assert_allclose(other.confidence, plain.confidence, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bad_input_is_named(method):
    """Each mistake gets one line that names the field."""
    wave, mask, _ = plane_wave(3000, 0.0, width_m=0.06)
    with pytest.raises(ValueError, match="wave: field of view too small, expected at least 5 x 5"):
        method(wave[28:32, 28:32], mask[28:32, 28:32], 1.0e-3, FREQUENCY_HZ)
    with pytest.raises(ValueError, match="wave: expected a vibration, found zero"):
        method(0 * wave, mask, 1.0e-3, FREQUENCY_HZ)
    single = np.zeros_like(mask)
    single[30, 30] = True
    with pytest.raises(ValueError, match="mask: expected a region, found 1 pixel"):
        method(wave, single, 1.0e-3, FREQUENCY_HZ)
    holed = wave.copy()
    holed[30, 30:34] = np.inf
    with pytest.raises(ValueError, match="found 4 pixels that are not"):
        method(holed, mask, 1.0e-3, FREQUENCY_HZ)
    if method in WAVENUMBER_METHODS:
        with pytest.raises(ValueError, match=r"loss_tangent: expected 0 or more, found -0\.1"):
            method(wave, mask, 1.0e-3, FREQUENCY_HZ, loss_tangent=-0.1)


def test_lfe_needs_two_scales():
    wave, mask, _ = plane_wave(3000, 0.0, width_m=0.06)
    with pytest.raises(ValueError, match="scales: expected at least 2, found 1"):
        direct.lfe(wave, mask, 1.0e-3, FREQUENCY_HZ, scales=1)
