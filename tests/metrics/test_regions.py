"""Scores by region: which pixels count, and differences on the same slices."""

import numpy as np
import pytest

from dime.metrics import errors, regions

MASK = np.ones((3, 20, 20), bool)
TRUTH = np.linspace(2e3, 6e3, 1200).reshape(3, 20, 20)


def half(first):
    """The left or the right half of each slice."""
    found = np.zeros_like(MASK)
    found[:, :, :10] = first
    found[:, :, 10:] = not first
    return found


def test_own_pixels_are_each_methods_and_common_ones_all_methods():
    trusted = {"a": half(True), "b": MASK}
    found = regions.regions_of(MASK, MASK, trusted)
    assert (found["a"]["own"] == half(True)).all() and (found["b"]["own"] == MASK).all()
    assert (found["a"]["common"] == half(True)).all() and (found["b"]["common"] == half(True)).all()


def test_a_method_that_errs_only_where_it_does_not_trust_itself_scores_zero_there():
    """Ten per cent too stiff in the right half: 5 % over all, 0 % in the left half, half of the tissue."""
    estimate = np.where(half(False), 1.1, 1.0) * TRUTH
    whole, _ = regions.score(estimate, TRUTH, MASK, MASK)
    own, table = regions.score(estimate, TRUTH, half(True), MASK)
    assert whole["mape"]["mean"] == pytest.approx(5) and own["mape"]["mean"] == pytest.approx(0)
    assert own["share"] == pytest.approx(0.5) and own["slices"] == 3 and len(table) == 3
    assert own["mean_error_kpa"]["mean"] == pytest.approx(0)


def test_slices_without_a_region_are_left_out_and_differences_are_paired():
    """The first slice has no region for method a; the difference is over the other two, 10 - 20 points."""
    some = MASK.copy()
    some[0] = False
    _, a = regions.score(1.1 * TRUTH, TRUTH, some, MASK)
    _, b = regions.score(1.2 * TRUTH, TRUTH, MASK, MASK)
    difference = regions.paired(a, b, "mape")
    assert difference["n"] == 2 and difference["mean"] == pytest.approx(-10)
    nothing, table = regions.score(TRUTH, TRUTH, ~MASK, MASK)
    assert nothing["slices"] == 0 and table is None
    assert regions.paired(table, b, "mape")["mean"] is None


def test_difference_of_correlations_is_zero_for_equal_maps_and_paired_by_slice():
    rng = np.random.default_rng(0)
    noisy = TRUTH + 300 * rng.standard_normal(TRUTH.shape)
    same = errors.bootstrap_r_difference(noisy, noisy, TRUTH, MASK)
    assert (same["mean"], same["low"], same["high"]) == (0, 0, 0)
    better = errors.bootstrap_r_difference(TRUTH, noisy, TRUTH, MASK)
    assert 0 < better["low"] <= better["mean"] <= better["high"]
    assert better["mean"] == pytest.approx(1 - np.corrcoef(noisy.ravel(), TRUTH.ravel())[0, 1])
    assert errors.bootstrap_r_difference(TRUTH[:2], noisy[:2], TRUTH[:2], MASK[:2])["mean"] is None
