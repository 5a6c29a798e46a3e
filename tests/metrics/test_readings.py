"""Readings of a map whose stiffness, regions and areas are known."""

import numpy as np
import pytest

from dime.metrics import readings

SPACING_M = 2e-3


def examination():
    """Two slices of 40 x 40 pixels of 2 mm: a square of 30 pixels, left half 2 kPa and right half 6 kPa.

    In the first slice the left half is trusted, in the second nothing is."""
    mask = np.zeros((2, 40, 40), bool)
    mask[:, 5:35, 5:35] = True
    stiffness_pa = np.where(np.arange(40) < 20, 2000.0, 6000.0) * mask
    trusted = np.zeros_like(mask)
    trusted[0, :, :20] = True  # beyond the tissue too, which must not count
    return stiffness_pa, mask, trusted


def test_regions_are_tissue_what_is_trusted_of_it_and_what_lies_10_mm_from_its_outline():
    _, mask, trusted = examination()
    found = readings.regions(mask, trusted, SPACING_M)
    assert found["tissue"].sum() == 2 * 30 * 30
    assert found["trusted"].sum() == 15 * 30
    # centres of the outermost pixels lie 1 mm inside the outline, so the first at 10 mm or more is the sixth
    inner = np.zeros_like(mask)
    inner[:, 10:30, 10:30] = True
    np.testing.assert_array_equal(found["interior"], inner)


def test_the_edge_of_the_image_is_an_outline():
    whole = np.ones((1, 20, 20), bool)
    assert readings.regions(whole, whole, SPACING_M)["interior"].sum() == 10 * 10


def test_medians_quartiles_shares_and_areas_of_a_known_map():
    found = readings.readings(*examination(), SPACING_M)
    tissue, trusted = found["tissue"], found["trusted"]
    assert tissue["all"]["area_cm2"] == pytest.approx(2 * 900 * 0.04)
    assert tissue["all"]["mean_kpa"] == pytest.approx(4.0)
    assert (tissue["all"]["low_kpa"], tissue["all"]["high_kpa"]) == (2.0, 6.0)
    assert tissue["all"]["trusted_share"] == pytest.approx(0.25)
    assert trusted["all"]["median_kpa"] == trusted["all"]["mean_kpa"] == 2.0
    assert trusted["all"]["area_cm2"] == pytest.approx(450 * 0.04)
    assert [one["trusted_share"] for one in tissue["slices"]] == [0.5, 0.0]


def test_a_region_without_pixels_has_an_area_and_no_stiffness():
    found = readings.readings(*examination(), SPACING_M)["trusted"]
    assert found["slices"][1] == {
        "low_kpa": None,
        "median_kpa": None,
        "high_kpa": None,
        "mean_kpa": None,
        "sd_kpa": None,
        "trusted_share": None,
        "area_cm2": 0.0,
    }
    assert found["slice_medians_kpa"] == (2.0, 2.0)


def test_a_slice_that_could_not_be_inverted_counts_in_the_area_alone():
    stiffness, mask, trusted = examination()
    stiffness[1] = 0
    found = readings.readings(stiffness, mask, trusted, SPACING_M)["tissue"]
    assert found["all"]["mean_kpa"] == pytest.approx(4.0)
    assert found["all"]["area_cm2"] == pytest.approx(72.0) and found["all"]["trusted_share"] == 0.25
    assert found["slices"][1]["median_kpa"] is None and found["slices"][1]["trusted_share"] == 0


def test_medians_of_slices_reach_from_the_softest_to_the_stiffest():
    stiffness, mask, _ = examination()
    stiffness[0], stiffness[1] = 3000.0 * mask[0], 5000.0 * mask[1]
    assert readings.readings(stiffness, mask, mask, SPACING_M)["interior"]["slice_medians_kpa"] == (3.0, 5.0)
