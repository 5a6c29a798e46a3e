"""What a wave shows of a stiffness that is known, given a truth that is wrong in a known way."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import iv, jv

from dime import allowed, apparent, fem, phantoms
from dime.recomputed import recomputed

SPACING_M = 2e-3
AXIS = (np.arange(48) - 23.5) * SPACING_M
X, Y = np.meshgrid(AXIS, AXIS)
RADIUS = np.hypot(X, Y)
MASK = RADIUS < 44e-3


def bessel_wave(stiffness_pa, loss_tangent, frequency_hz):
    """J_0(kr) + 2i J_3(kr) cos 3 theta in a disc of 92 mm on pixels of 1 mm, and the disc."""
    k = (
        2
        * np.pi
        * frequency_hz
        * np.sqrt(1000 * abs(1 + 1j * loss_tangent) / (stiffness_pa * (1 + 1j * loss_tangent)))
    )
    axis = (np.arange(96) - 47.5) * 1e-3
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
    found = apparent.apparent(np.full(MASK.shape, 2e3), channels, MASK, SPACING_M, 60.0)
    assert found.exponent == 1 and found.exponent_error == 0
    assert found.stiffness(2e3) == pytest.approx(3e3, rel=0.005)
    assert found.loss_tangent == pytest.approx(0.2, rel=0.05)
    assert found.unexplained < 0.001 < 0.002 < found.unexplained_by_truth


@pytest.mark.parametrize("backward", [False, True])
def test_the_sign_of_time(backward):
    """Tissue of 2 kPa at 80 Hz: less is left at the wave's own sign of time."""
    wave, mask = bessel_wave(2e3, 0.1, 80.0)
    wave = 3 * wave.real - 1 + 2j * wave.imag
    wave = wave.conj() if backward else wave
    found = apparent.apparent(np.full(mask.shape, 2e3), wave, mask, 1e-3, 80.0)
    signs = found.unexplained_forward, found.unexplained_backward
    right, wrong = signs[::-1] if backward else signs
    assert right < wrong / 2


def test_the_contrast_of_a_wave_whose_truth_has_too_much():
    """Waves of a map u, said to be of t with u = m (t / m)^0.8: p = 0.8, s = 1; told the map itself, p = 1.
    Noise of a hundredth leaves the exponent within its standard error's reach."""
    stiffness = 2.5e3 * np.exp(0.5 * np.sin(X / 15e-3) * np.cos(Y / 18e-3))
    phantom = phantoms.from_maps(MASK, stiffness, 0.1, SPACING_M)
    driver = fem.Driver(0.0, 0.3, 1.0, "smooth")
    wave = fem.solve(phantom, driver, 60.0, boundary="impedance").sample(AXIS, AXIS)
    mask = MASK & np.isfinite(wave)
    truth = allowed.PIVOT_PA * (stiffness / allowed.PIVOT_PA) ** 1.25
    found = apparent.apparent(truth, wave, mask, SPACING_M, 60.0)
    assert found.exponent == pytest.approx(0.8, abs=0.01)
    assert found.scale == pytest.approx(1, abs=0.01)
    assert 2 * found.unexplained < found.unexplained_by_truth
    np.testing.assert_allclose(found.stiffness(truth[mask]), stiffness[mask], rtol=0.02)
    right = apparent.apparent(stiffness, wave, mask, SPACING_M, 60.0)
    assert right.exponent == pytest.approx(1, abs=0.01)
    rng = np.random.default_rng(0)
    noise = 0.01 * wave[mask].std() * (rng.normal(size=wave.shape) + 1j * rng.normal(size=wave.shape))
    noisy = apparent.apparent(truth, wave + noise, mask, SPACING_M, 60.0)
    assert 0.02 < noisy.exponent_error < 0.2
    assert abs(noisy.exponent - 0.8) < 4 * noisy.exponent_error + 0.01


def test_a_truth_that_is_no_stiffness_is_refused():
    wave = np.cos(X / 5e-3) + 1j * np.sin(X / 5e-3)
    with pytest.raises(ValueError, match="stiffness: expected positive values"):
        apparent.apparent(np.where(X > 0, 2e3, 0), wave, MASK, SPACING_M, 60.0)


def test_shear_alone_tells_the_level_of_a_wave():
    """Of maps of 1.5, 2 and 2.67 kPa the right one leaves next to nothing of a wave of 2 kPa at 80 Hz."""
    wave, mask = bessel_wave(2e3, 0.2, 80.0)
    truth = np.full(mask.shape, 2e3)
    even, _ = apparent.unexplained_by_level(truth, wave, mask, 1e-3, 80.0, (0.75, 1.0, 4 / 3)).T
    assert 5 * even[1] < min(even[0], even[2])


def test_the_mesh_that_a_wave_was_computed_on():
    """A wave of 2 kPa at 80 Hz, 18 mm long, that was computed with edges of 10 mm: such triangles leave next
    to nothing of it, finer and coarser ones more. Of the exact wave the finest leave least."""
    exact, mask = bessel_wave(2e3, 0.1, 80.0)
    truth, edges = np.full(mask.shape, 2e3), (4e-3, 10e-3, 14e-3)
    coarse = recomputed(truth, exact, mask, 1e-3, 80.0, 4e-3, [10e-3])[0]
    left = apparent.unexplained_by_mesh(truth, coarse, mask, 1e-3, 80.0, edges)
    assert left[1] < 0.01 < 0.05 < min(left[0], left[2])
    assert (np.diff(apparent.unexplained_by_mesh(truth, exact, mask, 1e-3, 80.0, edges)) > 0).all()


def test_a_recomputed_wave_is_the_wave_where_its_mesh_resolves_it_and_converges_to_it():
    """Channels with gains, offsets and noise, of a known wave: on a fine mesh its shape comes back; on
    meshes of halved edges, driven alike, the error falls as the fourth power at least."""
    exact, mask = bessel_wave(2e3, 0.1, 80.0)
    truth = np.full(mask.shape, 2e3)
    rng = np.random.default_rng(0)
    noise = 0.02 * exact[mask].std() * (rng.normal(size=mask.shape) + 1j * rng.normal(size=mask.shape))
    given = 4 * exact.real + 3 + 2.5j * exact.imag + noise
    edges = [8e-3, 4e-3, None]
    waves = recomputed(truth, given, mask, 1e-3, 80.0, None, edges)
    inside = ndimage.binary_erosion(mask, iterations=5)
    assert (waves[:, ~mask] == 0).all() and (waves[:, mask] != 0).all()
    for part, like in ((waves[-1].real, exact.real), (waves[-1].imag, exact.imag)):
        assert np.corrcoef(part[inside], like[inside])[0, 1] > 0.99
    coarse, fine = (np.abs(wave - waves[-1])[inside].max() for wave in waves[:2])
    assert fine < coarse / 12
