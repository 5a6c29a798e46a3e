"""Measured slices through the chain: what is formed from a wave, and agreement by hand."""

import numpy as np
import pytest
import xarray as xr

from dime.liver import measured
from dime.mri.elastography import first_harmonic, wrap


def plane_wave(side=64, wavelength_px=16):
    """A decaying plane wave; exp(-i k x) travels to +x under exp(+i omega t)."""
    x = np.arange(side)
    wave = np.exp(-2j * np.pi * x / wavelength_px - x / 80)
    return np.tile(wave, (side, 1)).astype(complex)


@pytest.mark.parametrize("count", [3, 8])
def test_first_harmonic_of_the_formed_offsets_is_the_wave_up_to_its_scale(count):
    wave = 700 * plane_wave()
    phase = measured.offsets_of(wave, count)
    found = first_harmonic(phase)
    assert np.allclose(found / np.abs(found).max(), wave / np.abs(wave).max(), atol=1e-6)
    assert np.abs(found).max() == pytest.approx(measured.LARGEST_RAD, rel=1e-6)


def test_formed_offsets_do_not_wrap_and_no_motion_gives_none():
    phase = measured.offsets_of(plane_wave(wavelength_px=4) * 1e4)
    assert np.allclose(wrap(np.diff(phase, axis=2)), np.diff(phase, axis=2), atol=1e-6)
    assert not measured.offsets_of(np.zeros((4, 4), complex)).any()


def waves_of(slices):
    mask = np.zeros((slices, 64, 64), bool)
    mask[:, 4:60, 4:60] = True
    wave = np.broadcast_to(plane_wave(), mask.shape) * mask
    dims = ("slice", "y", "x")
    attrs = {"spacing_m": 1.5e-3, "frequency_hz": 60.0}
    return xr.Dataset({"wave": (dims, wave), "mask": (dims, mask)}, attrs=attrs)


def test_a_slice_is_read_at_the_stiffness_of_its_wavelength(tmp_path):
    """rho (f lambda)^2 = 1000 (60 x 0.024)^2 = 2.07 kPa; two equal slices read alike; none read as none."""
    maps, readings = measured.examine_slices(waves_of(2), "mmdi", tmp_path)
    assert readings[0]["mean_kpa"] == pytest.approx(2.07, rel=0.1)
    assert readings[0]["mean_kpa"] == readings[1]["mean_kpa"]
    assert not (maps["reportable"] & ~maps["trusted"]).any()
    maps, readings = measured.examine_slices(waves_of(0), "mmdi", tmp_path)
    assert maps["stiffness"].shape == (0, 64, 64) and readings == []


def maps_of(slices, seed=0):
    return (
        np.random.default_rng(seed).uniform(1e3, 4e3, (slices, 20, 20))
        + 500 * np.arange(slices)[:, None, None]
    )


def test_equal_maps_agree_and_a_constant_shows_as_bias():
    theirs = maps_of(6)
    inside = np.ones(theirs.shape, bool)
    same = measured.agreement(theirs, theirs, inside, inside)
    assert same["enough"] == same["slices"] == 6 and same["r_least"] == pytest.approx(1)
    assert same["bias_kpa"]["mean"] == 0 and same["share"] == 1
    shifted = measured.agreement(theirs + 300 + maps_of(6, 1) / 100, theirs, inside, inside)
    assert shifted["difference_kpa"] == pytest.approx([0.32] * 6, abs=0.05)
    assert shifted["holds"] == {"pixels": "yes", "means": "yes", "bias": "no"}


def test_a_slice_without_a_region_is_left_out_and_none_at_all_is_undecided():
    theirs = maps_of(9)
    inside = np.ones(theirs.shape, bool)
    inside[2] = False
    found = measured.agreement(theirs + maps_of(9, 1) / 100, theirs, inside, np.ones_like(inside))
    assert found["slices"] == 8 and np.isnan(found["r"][2]) and found["means"]["n"] == 8
    nothing = measured.agreement(theirs, theirs, np.zeros_like(inside), np.ones_like(inside))
    assert set(nothing["holds"].values()) == {"undecided"} and nothing["r_median"] is None
    empty = measured.agreement(theirs[:0], theirs[:0], inside[:0], inside[:0])
    assert empty["slices"] == 0 and empty["r"] == []


def test_the_clinics_mean_is_taken_where_its_map_has_a_value():
    theirs = np.array([[[2e3, 4e3], [0, 0]]])
    region = np.array([[[True, True], [True, True]]])
    reading = {"mean_kpa": 3.1, "interval_kpa": [2.9, 3.3]}
    row = measured.read_beside([reading], region, theirs)[0]
    assert row["clinical_kpa"] == 3 and row["inside"] and row["covered"] == 0.5
    nothing = {"mean_kpa": None, "interval_kpa": None}
    assert measured.read_beside([nothing], region, theirs)[0]["kpa"] is None
