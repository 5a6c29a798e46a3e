"""The Cramer-Rao bound against closed forms and the whole Fisher matrix, and a likelihood that reaches it."""

import numpy as np
import pytest
from scipy import special

from dime.physics import DENSITY_KG_M3, wavenumber
from dime.simulation import examination
from dime.studies import limits

SPACING_M, FREQUENCY_HZ = 1.5e-3, 60.0


def disc_pixels(radius_m, spacing_m=SPACING_M):
    """y, x (pixel,) [m] of a disc."""
    axis = np.arange(-radius_m, radius_m + spacing_m / 2, spacing_m)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    inside = np.hypot(y, x) < radius_m
    return y[inside], x[inside]


def crossing_waves(y, x, k):
    """A plane wave, a weaker one across it and a standing wave: all obey the Helmholtz equation."""
    return np.exp(-1j * k * x) + 0.5j * np.exp(-1j * k * y) + 0.4 * special.jv(0, k * np.hypot(x, y))


def test_plane_wave_of_known_direction_has_the_bound_of_a_sampled_sinusoid():
    """u = A e^{-ikx} on N pixels, A unknown: var(k) = 12 (sigma / A)^2 / (dx^2 N (N^2 - 1)); mu ~ k^-2.

    Source: Rife and Boorstyn 1974, equation 18, amplitude and phase unknown, sigma per channel.
    """
    k, amplitude, sigma, n = 200.0, 3.0, 0.2, 41
    x = np.arange(n) * SPACING_M
    wave = amplitude * np.exp(0.7j) * np.exp(-1j * k * x)
    value = np.exp(-1j * k * x)[:, None]
    var_k = 12 * (sigma / amplitude) ** 2 / (SPACING_M**2 * n * (n**2 - 1))
    found = limits.deviation_bound(value, -1j * x[:, None] * value, wave, k, sigma)
    assert found == pytest.approx(2 * np.sqrt(var_k) / k, rel=1e-9)


def test_bound_is_that_of_the_whole_fisher_matrix():
    """Real Fisher matrix of (log |G*|, loss angle, all amplitudes) by differences, inverted: same number.

    Its row of the loss angle shows that not knowing the loss costs nothing.
    """
    y, x = disc_pixels(0.02)
    mu, loss, sigma, order = 3e3, 0.25, 0.05, 9
    k = wavenumber(mu, loss, FREQUENCY_HZ)
    values, derivative = limits.free_waves(y, x, k, order)
    wave = crossing_waves(y, x, k)
    amplitudes = np.linalg.lstsq(values, wave, rcond=None)[0]
    size = np.abs(special.jv(np.arange(-order, order + 1)[None], k * np.hypot(x, y)[:, None]))
    size = np.linalg.norm(size, axis=0)

    def model(log_mu, angle):
        modulus = np.exp(log_mu + 1j * angle)
        at = 2 * np.pi * FREQUENCY_HZ * np.sqrt(DENSITY_KG_M3 / modulus)
        n = np.arange(-order, order + 1)
        bessel = special.jv(n, at * np.hypot(x, y)[:, None])
        return bessel * np.exp(1j * np.arctan2(y, x))[:, None] ** n / size @ amplitudes

    step, place = 1e-5, np.array([np.log(mu), np.arctan(loss)])
    columns = [(model(*(place + s)) - model(*(place - s))) / (2 * step) for s in step * np.eye(2)]
    columns = np.column_stack([*columns, values, 1j * values])
    fisher = (columns.conj().T @ columns).real / sigma**2
    bound = limits.deviation_bound(values, derivative, wave, k, sigma)
    assert np.sqrt(np.linalg.inv(fisher)[0, 0]) == pytest.approx(bound, rel=1e-5)
    without_loss = np.delete(np.delete(fisher, 1, 0), 1, 1)
    assert np.sqrt(np.linalg.inv(without_loss)[0, 0]) == pytest.approx(bound, rel=1e-5)


def test_maximum_likelihood_reaches_the_bound():
    """Three crossing waves, 80 realisations at SNR 10: no bias, standard deviation 1 +- 0.25 of the bound."""
    y, x = disc_pixels(0.018)
    k = wavenumber(2.5e3, 0.2, FREQUENCY_HZ)
    wave, rng = crossing_waves(y, x, k), np.random.default_rng(3)
    sigma = np.sqrt(np.mean(np.abs(wave) ** 2)) / 10
    order = limits.least_order(y, x, wave, k)
    logs = []
    for _ in range(80):
        noise = rng.standard_normal((2, y.size))
        found = limits.maximum_likelihood(wave + sigma * (noise[0] + 1j * noise[1]), y, x, 1.03 * k, order)
        logs.append(-2 * np.log(np.abs(found / k)))
    bound = limits.deviation_bound(*limits.free_waves(y, x, k, order), wave, k, sigma)
    assert np.std(logs) == pytest.approx(bound, rel=0.25)
    assert abs(np.mean(logs)) < 4 * bound / np.sqrt(80)


def test_bound_falls_with_noise_pixels_and_fewer_unknowns():
    """Proportional to the noise; half the pixel, so half the bound; unknown amplitudes only raise it."""
    k = wavenumber(3e3, 0.1, FREQUENCY_HZ)

    def bound(sigma=0.1, spacing_m=SPACING_M, order=12):
        y, x = disc_pixels(0.03, spacing_m)
        wave = crossing_waves(y, x, k)
        return limits.deviation_bound(*limits.free_waves(y, x, k, order), wave, k, sigma)

    assert bound(sigma=0.2) == pytest.approx(2 * bound(), rel=1e-9)
    assert bound(spacing_m=SPACING_M / 2) == pytest.approx(bound() / 2, rel=0.05)
    assert bound(order=11) <= bound(order=12) <= bound(order=14)


def test_two_moduli_are_no_homogeneous_disc():
    """Left and right of x = 0 the wavenumber differs by 30 %: no sum of free waves explains that."""
    y, x = disc_pixels(0.025)
    k = wavenumber(3e3, 0.1, FREQUENCY_HZ)
    wave = np.where(x < 0, np.exp(-1j * k * x), np.exp(-1.3j * k * x))
    with pytest.raises(ValueError, match="one modulus"):
        limits.least_order(y, x, wave, k)


def test_simulated_discs_hold_the_modulus_that_they_were_made_of():
    """The likelihood of a finite-element wave, without noise, peaks within 0.1 % of the phantom's |G*|."""
    recipe = examination.Recipe("homogeneous", 2, 20)
    for disc in limits.discs(recipe, 0.03):
        inside = disc["mask"]
        y, x, wave = (disc[name][inside] for name in ("y", "x", "wave"))
        order = limits.least_order(y, x, wave, disc["k"])
        found = limits.maximum_likelihood(wave, y, x, disc["k"], order)
        modulus = DENSITY_KG_M3 * (2 * np.pi * recipe.frequency_hz / np.abs(found)) ** 2
        assert modulus == pytest.approx(disc["stiffness"], rel=1e-3)


def test_scatter_of_a_method_that_is_always_a_tenth_too_stiff():
    """bias log 1.1, no scatter; the likelihood's error is near the bound."""
    (disc,) = limits.discs(examination.Recipe("homogeneous", 1, 20), 0.03)
    fixed = {"fixed": lambda wave, mask, *_: 1.1 * disc["stiffness"] * mask}
    rngs = [np.random.default_rng(seed) for seed in range(4)]
    fixed, likelihood = limits.scatter(disc, 20, fixed, 0.02, SPACING_M, FREQUENCY_HZ, rngs)
    assert fixed["bias"] == pytest.approx(np.log(1.1)) and fixed["error"] == pytest.approx(np.log(1.1))
    assert fixed["sd"] < 1e-12 and fixed["pixel_sd"] < 1e-12
    bound = limits.window_bounds(disc, [0.03], limits.noise_of(disc, 20))[0]
    assert 0.4 * bound < likelihood["error"] < 2 * bound and likelihood["pixel_sd"] is None
