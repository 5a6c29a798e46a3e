"""Readings inside drawn outlines whose pixels and statistics are known."""

import numpy as np
import pytest

from dime.metrics import outlined

SPACING_M = 2e-3


def test_pixels_of_a_rectangle_are_those_whose_centre_it_holds():
    """From column 2 to 4 and row 1 to 2, a little further than the centres; corners (x, y) [m]."""
    corners = SPACING_M * np.array([[1.9, 0.9], [4.1, 0.9], [4.1, 2.1], [1.9, 2.1]])
    expected = np.zeros((5, 7), bool)
    expected[1:3, 2:5] = True
    assert (outlined.inside(corners, (5, 7), SPACING_M) == expected).all()
    assert (outlined.inside(corners[::-1], (5, 7), SPACING_M) == expected).all()


@pytest.mark.parametrize("corners", [[], [[0, 0]], [[0, 0], [1, 1]]])
def test_fewer_than_three_corners_enclose_nothing(corners):
    assert not outlined.inside(corners, (5, 7), SPACING_M).any()


def test_an_ellipse_has_its_area():
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    corners = SPACING_M * (np.array([100, 90]) + np.stack([80 * np.cos(turn), 50 * np.sin(turn)], axis=1))
    assert outlined.inside(corners, (180, 200), SPACING_M).sum() == pytest.approx(np.pi * 80 * 50, rel=0.01)


def test_a_table_is_in_kpa_and_cm2_and_what_was_not_inverted_counts_in_the_area_alone():
    """Pixels of 1, 2 and 6 kPa, three of four trusted; a fourth of the region is 0, a fifth lies outside."""
    stiffness = np.array([[1000.0, 2000.0, 6000.0, 0.0, 9000.0]])
    trusted = np.array([[True, True, False, True, True]])
    region = np.array([[True, True, True, True, False]])
    table = outlined.readings({"MMDI": (stiffness, trusted)}, region, SPACING_M)
    expected = 2.0, 3.0, np.sqrt(14 / 3), 4 * 0.04, 75
    assert list(table.columns) == list(outlined.COLUMNS)
    assert list(table.loc["MMDI"]) == pytest.approx(expected)


def test_an_empty_region_has_no_statistics_and_no_area():
    table = outlined.readings(
        {"MMDI": (np.ones((2, 2)), np.ones((2, 2), bool))}, np.zeros((2, 2), bool), 1e-3
    )
    assert table.loc["MMDI", "area [cm²]"] == 0
    assert table.drop(columns="area [cm²]").isna().all(axis=None)
