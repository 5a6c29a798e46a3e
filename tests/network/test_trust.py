"""Where a map is to be believed: motion against noise and quiet, wavelengths against the training's."""

import math

import numpy as np
import pytest
import xarray as xr

from dime.inversion import methods
from dime.network import augment, trust
from dime.phantoms import families
from dime.phantoms.phantom import render
from dime.physics import WORKING_PIXEL_M_PER_S, axis_m
from dime.simulation import examination

SURE = 0.02  # scale of log stiffness, as in tissue full of waves


def test_tissue_without_motion_or_with_a_wavelength_never_learnt_is_not_trusted():
    """The right half hardly moves; one corner is too stiff and one too soft for a wavelength of 8 to 49
    pixels, exp(4.2) (f dx)^2 rho = 375 Pa to 13.7 kPa; nodes of a standing wave are trusted."""
    x = np.arange(160) * np.ones((120, 1))
    mask = np.ones(x.shape, bool)
    wave = np.cos(2 * np.pi * x / 20) * np.where(x < 80, 1.0, 1e-3) + 0j
    stiffness = np.full(x.shape, 3e3)
    stiffness[:20, :20], stiffness[100:, :20] = 15e3, 340.0
    found = trust.trusted(wave, mask, stiffness, SURE, 1.5e-3, 60.0)
    assert not found[:, 110:].any()
    assert not found[:20, :20].any() and not found[100:, :20].any()
    assert found[20:100, :60].all()


@pytest.mark.parametrize("snr", [5, 20, 100])
def test_tissue_where_the_wave_has_drowned_in_noise_is_not_trusted(snr):
    """A wave that decays to the right, its rms `snr` times the noise of a channel: trusted until its
    amplitude e^{-x / 30} is the noise's rms or a twentieth of the slice's."""
    rng = np.random.default_rng(1)
    x = np.arange(320) * np.ones((120, 1))
    mask = np.ones(x.shape, bool)
    wave = np.exp(-x / 30 + 2j * np.pi * x / 20)
    sigma = np.sqrt(np.mean(np.abs(wave) ** 2)) / snr
    noise = sigma * (rng.standard_normal(x.shape) + 1j * rng.standard_normal(x.shape))
    found = trust.trusted(wave + noise, mask, np.full(x.shape, 3e3), SURE, 1.5e-3, 60.0).mean(axis=0)
    drowned, faint = (-30 * math.log(level) for level in (math.sqrt(2) * sigma, 0.05 * snr * sigma))
    edge = min(drowned, faint)
    assert (found[: int(edge) - 15] == 1).all() and (found[int(edge) + 15 :] == 0).all()


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


def test_nothing_outside_the_mask_is_trusted():
    y, x = np.mgrid[:96, :96]
    mask = ((x - 47.5) / 40) ** 2 + ((y - 47.5) / 30) ** 2 < 1
    wave = np.where(mask, np.exp(0.3j * (x + 2 * y)), 0)
    found = trust.trusted(wave, mask, np.where(mask, 3e3, 0), SURE, 1.5e-3, 60.0)
    assert not found[~mask].any() and found[mask].mean() > 0.95


def test_where_the_network_doubts_it_is_not_trusted():
    """90 % of a Laplace law lie within b log 10: a factor 1.5 either way is b = log 1.5 / log 10 = 0.176."""
    x = np.arange(96) * np.ones((96, 1))
    wave, mask = np.cos(2 * np.pi * x / 20) + 0j, np.ones(x.shape, bool)
    found = trust.trusted(wave, mask, np.full(x.shape, 3e3), np.where(x < 48, 0.175, 0.177), 1.5e-3, 60.0)
    assert found[:, :48].all() and not found[:, 48:].any()


@pytest.mark.parametrize("radius_m", [3e-3, 5e-3])
def test_tissue_too_small_for_a_wave_is_not_trusted(radius_m):
    """A disc of a fifth of a wavelength or less: next to nothing of the wave is in it."""
    axis = axis_m(64, 1.5e-3)
    x, y = np.meshgrid(axis, axis)
    mask = np.hypot(x, y) < radius_m
    waves = {"wave": (("y", "x"), np.exp(2j * np.pi * x / 0.05)), "mask": (("y", "x"), mask)}
    attrs = {"spacing_m": 1.5e-3, "frequency_hz": 60.0}
    found = methods.invert(xr.Dataset(waves, attrs=attrs), "dime")
    assert found["trusted"].values[mask].mean() < 0.2
