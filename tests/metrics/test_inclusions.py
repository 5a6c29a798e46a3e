"""Figures of merit of inclusions on maps whose edges, contrasts and spreads are known."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr

from dime.metrics import inclusions
from dime.physics import axis_m, shear_wavelength

SPACING_M = 1e-3
AXIS = axis_m(121, SPACING_M)
X, Y = np.meshgrid(AXIS, AXIS)
R = np.hypot(X, Y)
MASK = R < 0.055
BACKGROUND, RADIUS = 2e3, 0.018


def disc(contrast, edge_m=0.0, x_m=0.0):
    """Truth with one disc, and its label."""
    r = np.hypot(X - x_m, Y)
    weight = r < RADIUS if edge_m == 0 else 0.5 * (1 + np.tanh((RADIUS - r) / edge_m))
    label = {"x_m": x_m, "y_m": 0.0, "reach_m": RADIUS, "edge_m": edge_m}
    label["stiffness_pa"] = BACKGROUND * contrast
    return BACKGROUND * contrast**weight, label


def only(truth, label):
    (found,) = inclusions.find(truth, MASK, [label], (AXIS, AXIS), 60.0)
    return found


@pytest.mark.parametrize("contrast", [2.0, 0.5])
def test_truth_recovers_itself(contrast):
    """Recovered contrast 1, Dice 1, infinite CNR, an edge under a pixel; the diameter is the disc's."""
    truth, label = disc(contrast)
    found = only(truth, label)
    judged = inclusions.judge(truth, truth, found)
    assert judged["recovered_contrast"] == pytest.approx(100)
    assert judged["dice"] == 1
    assert judged["cnr"] == np.inf
    assert judged["edge_width_mm"] < 1e3 * SPACING_M
    assert found.contrast == pytest.approx(contrast)
    assert found.diameter_m == pytest.approx(2 * RADIUS, rel=0.02)
    wavelength = shear_wavelength(BACKGROUND, 60.0)
    assert found.diameter_wavelengths == pytest.approx(2 * RADIUS / wavelength, rel=0.02)


@pytest.mark.parametrize("width_m", [4e-3, 10e-3])
@pytest.mark.parametrize("sign", [1, -1])
def test_blurred_edge_has_its_known_width(width_m, sign):
    """An error-function edge of known 10-90 % distance, stiff or soft side in, at half the contrast."""
    truth, label = disc(2.0 if sign > 0 else 0.5)
    found = only(truth, label)
    step = sign * 500.0
    blurred = BACKGROUND + step * ndtr(found.depth_m / (width_m / inclusions.TENTHS))
    assert inclusions.edge_width(blurred, truth, found) == pytest.approx(width_m, rel=0.02)


def test_displaced_edge_is_no_wider():
    """The same edge 2 mm too far out: the fitted shift takes it up."""
    truth, label = disc(2.0)
    found = only(truth, label)
    blurred = BACKGROUND * (1 + ndtr((found.depth_m + 2e-3) / (6e-3 / inclusions.TENTHS)))
    assert inclusions.edge_width(blurred, truth, found) == pytest.approx(6e-3, rel=0.02)


def test_a_flat_or_inverted_map_has_no_edge_and_no_contrast():
    truth, label = disc(2.0)
    found = only(truth, label)
    noise = np.random.default_rng(1).normal(0, 10, truth.shape)
    flat = inclusions.judge(BACKGROUND + noise, truth, found)
    assert abs(flat["recovered_contrast"]) < 1 and flat["dice"] == 0
    assert np.isnan(flat["edge_width_mm"]) and flat["edge_seen"] == 0
    inverted = inclusions.judge(2 * BACKGROUND - truth, truth, found)
    assert inverted["recovered_contrast"] == pytest.approx(-100) and inverted["edge_seen"] == 0


def test_dice_of_a_smaller_disc_and_cnr_of_known_noise():
    """Half the area: Dice = 2 (1/2) / (1 + 1/2) = 2/3. Noise of sd 100 on a step of 2000: CNR 20."""
    truth, label = disc(2.0)
    found = only(truth, label)
    smaller = np.where(R < RADIUS / np.sqrt(2), 2 * BACKGROUND, BACKGROUND)
    assert inclusions.dice(smaller, truth, found) == pytest.approx(2 / 3, rel=0.03)
    noisy = truth + np.random.default_rng(2).normal(0, 100, truth.shape)
    assert inclusions.contrast_to_noise(noisy, found) == pytest.approx(20, rel=0.05)


def test_neighbours_and_faint_inclusions_are_left_out():
    """Two discs 6 mm apart: neither's ring holds the other. At contrast 1.1 there is nothing to judge."""
    left, label_left = disc(2.0, x_m=-0.021)
    right, label_right = disc(3.0, x_m=0.021)
    truth = left * right / BACKGROUND
    found = inclusions.find(truth, MASK, [label_left, label_right], (AXIS, AXIS), 60.0)
    assert [round(one.contrast, 6) for one in found] == [2, 3]
    assert all(np.ptp(truth[one.around]) == 0 for one in found)
    assert all(inclusions.recovered_contrast(truth, truth, one) == pytest.approx(1) for one in found)
    assert inclusions.find(*disc(1.1)[:1], MASK, [disc(1.1)[1]], (AXIS, AXIS), 60.0) == []


def test_soft_edges_are_judged_clear_of_their_own_width():
    """tanh edge of 2 mm: w from 10-90 % is 2 * 2 mm * atanh(0.8); core and ring hold > 90 % of the step."""
    truth, label = disc(1.5, edge_m=0.002)
    found = only(truth, label)
    assert truth[found.core].min() > 0.95 * 1.5 * BACKGROUND
    assert truth[found.around].max() < 1.05 * BACKGROUND
    assert inclusions.edge_width(truth, truth, found) == pytest.approx(4e-3 * np.arctanh(0.8), rel=0.15)


def test_variation_is_measured_where_the_truth_is_even():
    """5 % noise on both sides of a sharp edge: 5 %, for the edge belongs to neither; none on a slope."""
    truth, _ = disc(2.0)
    noisy = truth * (1 + 0.05 * np.random.default_rng(3).normal(size=truth.shape))
    assert inclusions.variation(noisy, truth, MASK) == pytest.approx(5, rel=0.05)
    assert inclusions.variation(truth, truth, MASK) == 0
    assert np.isnan(inclusions.variation(noisy, truth + 1e5 * X, MASK))


def test_a_study_is_judged_row_by_row_and_summarised_by_case():
    """Three phantoms: a disc, none, a disc. An estimate with half the step recovers 50 % in both."""
    truth, label = disc(2.0)
    flat = np.full(truth.shape, BACKGROUND)
    labels = [json.dumps(one) for one in ({"lesions": [label]}, {}, {"lesions": [label]})]
    maps = np.stack([truth, flat, truth])
    study = xr.Dataset(
        {
            "stiffness": (("phantom", "y", "x"), maps),
            "mask": (("phantom", "y", "x"), np.stack([MASK] * 3)),
            "label": ("phantom", labels),
        },
        {"y": AXIS, "x": AXIS},
        {"frequency_hz": 60.0},
    )
    table = inclusions.judge_study({"dime": (maps + BACKGROUND) / 2, "truth": maps}, study)
    assert table["case"].tolist() == [1, 1, 3, 3]
    found = inclusions.summarise_inclusions(table, ("dime", "truth"))
    assert found["dime"]["recovered_contrast"]["mean"] == pytest.approx(50)
    assert found["dime"]["recovered_contrast"]["n"] == 2
    assert found["truth"]["cnr"]["mean"] is None  # infinite
    empty = inclusions.judge_study({"dime": maps}, study.isel(phantom=[1]))
    assert len(empty) == 0
    assert inclusions.summarise_inclusions(empty, ("dime",))["dime"]["dice"]["n"] == 0
