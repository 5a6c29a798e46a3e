"""Waves known in closed form, or by another solver, against maps and meshes that are wrong in a known way."""

import numpy as np
import pytest
from scipy import ndimage
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
    """J_0 and J_3 of 3 kPa with loss 0.2, stated to be 2 kPa: s (2 / 2.5) = 3 / 2.5, contrast 1. Each channel
    has its own gain and offset, and motion that decays from the edge, as large as the wave."""
    k = verification.wavenumber(3e3, 0.2)
    angle = np.arctan2(Y, X)
    wave = (jv(0, k * RADIUS) + 2j * jv(3, k * RADIUS) * np.cos(3 * angle)) / np.abs(jv(0, k * 44e-3))
    edge = iv(2, RADIUS / 8e-3) * np.sin(2 * angle) / iv(2, 44 / 8)
    channels = 5 * (wave.real + 2 * edge) + 7 + 1j * (0.3 * (wave.imag - 3 * edge) - 2)
    found = wave_checks.fit_stiffness(np.full(MASK.shape, 2e3), channels, MASK, SPACING_M, 60.0)
    assert found.exponent == 1 and found.exponent_error == 0
    assert found.stiffness(2e3) == pytest.approx(3e3, rel=0.005)
    assert found.loss_tangent == pytest.approx(0.2, rel=0.05)
    assert found.unexplained < 0.001 < 0.002 < found.unexplained_by_truth


def test_the_contrast_of_a_wave_whose_truth_has_too_much():
    """Waves of u = m (t / m)^0.8, stated to be of t: p = 0.8, s = 1; with u itself stated, p = 1.
    Noise of a hundredth moves the contrast by a few of its standard errors at most."""
    stiffness = 2.5e3 * np.exp(0.5 * np.sin(X / 15e-3) * np.cos(Y / 18e-3))
    phantom = from_maps(MASK, stiffness, 0.1, SPACING_M)
    driver = drivers.Driver(0.0, 0.3, 1.0, "smooth")
    wave = forward.solve(phantom, driver, 60.0, boundary="impedance").sample(AXIS, AXIS)
    mask = MASK & np.isfinite(wave)
    truth = allowed_waves.PIVOT_PA * (stiffness / allowed_waves.PIVOT_PA) ** 1.25
    found = wave_checks.fit_stiffness(truth, wave, mask, SPACING_M, 60.0)
    assert found.exponent == pytest.approx(0.8, abs=0.01)
    assert found.scale == pytest.approx(1, abs=0.01)
    assert 2 * found.unexplained < found.unexplained_by_truth
    np.testing.assert_allclose(found.stiffness(truth[mask]), stiffness[mask], rtol=0.02)
    right = wave_checks.fit_stiffness(stiffness, wave, mask, SPACING_M, 60.0)
    assert right.exponent == pytest.approx(1, abs=0.01)
    rng = np.random.default_rng(0)
    noise = 0.01 * wave[mask].std() * (rng.normal(size=wave.shape) + 1j * rng.normal(size=wave.shape))
    noisy = wave_checks.fit_stiffness(truth, wave + noise, mask, SPACING_M, 60.0)
    assert 0.02 < noisy.exponent_error < 0.2
    assert abs(noisy.exponent - 0.8) < 4 * noisy.exponent_error + 0.01


def test_a_truth_that_is_no_stiffness_is_refused():
    wave = np.cos(X / 5e-3) + 1j * np.sin(X / 5e-3)
    with pytest.raises(ValueError, match="stiffness: expected positive values"):
        wave_checks.fit_stiffness(np.where(X > 0, 2e3, 0), wave, MASK, SPACING_M, 60.0)


def test_the_rim_of_a_case_is_not_fitted():
    """A square of 8 pixels, stated over 7 columns: the two outermost pixels of both are left out."""
    mask = np.zeros((1, 12, 12), bool)
    mask[0, 2:10, 2:10] = True
    truth = np.where(mask, 2e3, 0)
    truth[0, :, 2] = 0
    ((_, _, fitted),) = wave_checks.fitted_cases({"stiffness": truth, "wave": truth * 1j, "mask": mask})
    assert fitted[4:8, 5:8].all() and fitted.sum() == 12


def test_the_mesh_that_a_wave_was_computed_on():
    """A wave of 1.2 kPa, 18 mm long, computed with edges of 10 mm: such triangles explain it almost fully,
    finer and coarser ones less. The finest explain the exact wave best."""
    exact, mask = bessel_wave(1.2e3, 0.1)
    truth, edges = np.full(mask.shape, 1.2e3), (4e-3, 10e-3, 14e-3)
    coarse = wave_checks.recomputed(truth, exact, mask, 1e-3, 60.0, 4e-3, [10e-3])[0]
    left = wave_checks.unexplained_by_mesh(truth, coarse, mask, 1e-3, 60.0, edges)
    assert left[1] < 0.01 < 0.05 < min(left[0], left[2])
    assert (np.diff(wave_checks.unexplained_by_mesh(truth, exact, mask, 1e-3, 60.0, edges)) > 0).all()


def test_a_recomputed_wave_is_the_wave_where_its_mesh_resolves_it_and_converges_to_it():
    """Channels with gains, offsets and noise, of a known wave: on a fine mesh its shape comes back; on
    meshes of halved edges, driven alike, the error falls as the fourth power at least."""
    exact, mask = bessel_wave(1.2e3, 0.1)
    truth = np.full(mask.shape, 1.2e3)
    rng = np.random.default_rng(0)
    noise = 0.02 * exact[mask].std() * (rng.normal(size=mask.shape) + 1j * rng.normal(size=mask.shape))
    given = 4 * exact.real + 3 + 2.5j * exact.imag + noise
    edges = [8e-3, 4e-3, None]
    waves = wave_checks.recomputed(truth, given, mask, 1e-3, 60.0, None, edges)
    inside = ndimage.binary_erosion(mask, iterations=5)
    assert (waves[:, ~mask] == 0).all() and (waves[:, mask] != 0).all()
    for part, like in ((waves[-1].real, exact.real), (waves[-1].imag, exact.imag)):
        assert np.corrcoef(part[inside], like[inside])[0, 1] > 0.99
    coarse, fine = (np.abs(wave - waves[-1])[inside].max() for wave in waves[:2])
    assert fine < coarse / 12


@pytest.mark.parametrize("edge_m", [0.0, -1e-2, np.nan, np.inf])
def test_an_edge_that_is_no_length_is_refused(edge_m):
    wave, mask = bessel_wave(1.2e3, 0.1)
    tissue = np.full(mask.shape, 1.2e3), wave, mask, 1e-3, 60.0
    with pytest.raises(ValueError, match="edges_m: expected positive lengths"):
        wave_checks.unexplained_by_mesh(*tissue, [None, edge_m])
    with pytest.raises(ValueError, match="edges_m: expected positive lengths"):
        wave_checks.recomputed(*tissue, None, [edge_m])
