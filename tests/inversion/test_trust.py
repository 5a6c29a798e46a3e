"""Where a map is to be believed: motion against noise and quiet, wavelengths against the wave's own."""

import math

import numpy as np
import pytest
import xarray as xr
from waves import travelling

from dime.inversion import methods, trust
from dime.inversion.registry import METHODS
from dime.physics import axis_m

SURE = 0.02  # scale of log stiffness, as in tissue full of waves


def test_tissue_without_motion_or_with_a_wavelength_never_learnt_is_not_trusted():
    """The right half hardly moves; one corner is too stiff and one too soft for a wavelength of 8 to 49
    pixels, exp(4.2) (f dx)^2 rho = 375 Pa to 13.7 kPa; nodes of a standing wave are trusted."""
    x = np.arange(160) * np.ones((120, 1))
    mask = np.ones(x.shape, bool)
    wave = np.cos(2 * np.pi * x / 20) * np.where(x < 80, 1.0, 1e-3) + 0j
    stiffness = np.full(x.shape, 3e3)
    stiffness[:20, :20], stiffness[100:, :20] = 15e3, 340.0
    found = trust.trusted(wave, mask, stiffness, SURE, 1.5e-3, 60.0, None)
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
    found = trust.trusted(wave + noise, mask, np.full(x.shape, 3e3), SURE, 1.5e-3, 60.0, None).mean(axis=0)
    drowned, faint = (-30 * math.log(level) for level in (math.sqrt(2) * sigma, 0.05 * snr * sigma))
    edge = min(drowned, faint)
    assert (found[: int(edge) - 15] == 1).all() and (found[int(edge) + 15 :] == 0).all()


def test_nothing_outside_the_mask_is_trusted():
    y, x = np.mgrid[:96, :96]
    mask = ((x - 47.5) / 40) ** 2 + ((y - 47.5) / 30) ** 2 < 1
    wave = np.where(mask, np.exp(0.3j * (x + 2 * y)), 0)
    found = trust.trusted(wave, mask, np.where(mask, 3e3, 0), SURE, 1.5e-3, 60.0, None)
    assert not found[~mask].any() and found[mask].mean() > 0.95


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


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 6.0])
def test_the_wavelength_is_measured_in_pixels(factor):
    """Three damped waves of 14.6 pixels; neither the pixel size nor the frequency enters."""
    wave, mask = travelling(stiffness_pa=3000 * factor)
    expected = math.sqrt(3000 * factor / 1000) / 60 / 2e-3
    assert trust.wavelength_px(wave, mask) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(
    ("mapped", "expected"), [(3e3, True), (3e3 * 6, True), (3e3 * 12, False), (250, False)]
)
def test_a_map_of_another_wavelength_than_the_wave_is_not_trusted(mapped, expected):
    wave, mask = travelling()
    confidence, stiffness = np.ones(mask.shape), np.where(mask, mapped, 0)
    found = trust.trusted(wave, mask, stiffness, confidence, 2e-3, 60.0, 0.95)
    assert found[mask].mean() > 0.9 if expected else not found.any()


@pytest.mark.parametrize("least", [METHODS["mmdi"].least_confidence, METHODS["ahi"].least_confidence])
def test_a_direct_inversion_is_trusted_where_its_fit_is_good(least):
    wave, mask = travelling()
    left = np.arange(96)[:, None] < 48
    confidence = np.where(left, least + 0.01, least - 0.01)
    found = trust.trusted(wave, mask, np.where(mask, 3e3, 0), confidence, 2e-3, 60.0, least)
    assert found[mask & left].mean() > 0.9 and not found[mask & ~left].any()


def test_no_soft_tissue_is_as_stiff_as_that():
    """118 kPa, by 377 Hz given for 60."""
    wave, mask = travelling()
    stiffness = np.where(mask, 118e3, 0)
    assert not trust.trusted(wave, mask, stiffness, np.ones(mask.shape), 2e-3, 377.0, 0.95).any()


def test_a_wave_outside_the_band_pass_is_not_trusted():
    """10 kPa at 30 Hz is a wave of 105 mm; the band-pass ends at 64 mm, and MMDI reads less than half."""
    for frequency_hz, expected in ((60.0, True), (30.0, False)):
        wave, mask = travelling(stiffness_pa=10e3, frequency_hz=frequency_hz)
        waves = {"wave": (("y", "x"), wave), "mask": (("y", "x"), mask)}
        attrs = {"spacing_m": 2e-3, "frequency_hz": frequency_hz}
        maps = methods.invert(xr.Dataset(waves, attrs=attrs), "mmdi")
        assert maps["trusted"].values[mask].mean() > 0.9 if expected else not maps["trusted"].any()
        right = abs(np.median(maps["stiffness"].values[mask]) / 10e3 - 1) < 0.15
        assert right == expected
