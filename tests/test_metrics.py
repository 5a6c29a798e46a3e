"""Figures of merit on data whose figures are known."""

import numpy as np
import pytest
from scipy import stats

from dime import metrics


def test_scaled_map_has_known_figures():
    """estimate = 1.1 truth: bias = MAPE = 10 %, r = 1, RMSE = 0.1 rms(truth)."""
    truth = np.linspace(2e3, 6e3, 400).reshape(20, 20)
    mask = np.ones_like(truth, bool)
    found = metrics.slice_figures(1.1 * truth, truth, mask)
    assert found["bias"] == pytest.approx(10)
    assert found["mape"] == pytest.approx(10)
    assert found["r"] == pytest.approx(1)
    assert found["rmse"] == pytest.approx(0.1 * np.sqrt(np.mean(truth**2)) / 1e3)
    assert found["r2"] == pytest.approx(1 - np.sum((0.1 * truth) ** 2) / np.sum((truth - truth.mean()) ** 2))
    assert found["truth_mean"] == pytest.approx(4.0)


def test_homogeneous_truth_has_no_correlation():
    truth = np.full((8, 8), 3e3)
    found = metrics.slice_figures(truth + np.arange(64).reshape(8, 8), truth, truth > 0)
    assert np.isnan(found["r"]) and np.isnan(found["r2"])
    assert found["mape"] == pytest.approx(100 * np.arange(64).mean() / 3e3)


def test_missing_stiffness_and_empty_masks_are_refused_with_a_count():
    truth = np.full((4, 4), 3e3)
    estimate = truth.copy()
    estimate[0, :2] = np.nan
    with pytest.raises(ValueError, match="2 of 16 mask pixels are not finite"):
        metrics.slice_figures(estimate, truth, truth > 0)
    with pytest.raises(ValueError, match="at least one pixel"):
        metrics.slice_figures(truth, truth, truth < 0)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    """200 samples of 15 normal values with mean 1: the intervals hold it as often as they say (4 sigma)."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = metrics.bootstrap_mean(rng.normal(1, 1, 15))
        hits += found["low"] <= 1 <= found["high"]
    # BCa at n = 15 covers about 92 %.
    assert 0.92 - 4 * np.sqrt(0.92 * 0.08 / 200) < hits / 200 < 1


def test_too_few_cases_give_an_absent_statistic():
    assert metrics.bootstrap_mean([1.0, 2.0])["low"] is None
    assert metrics.bootstrap_mean([np.nan])["mean"] is None
    assert metrics.bootstrap_correlation([1, 2, 3], [1, 2, 3])["r"] is None
    assert metrics.bland_altman([], [])["bias"] is None
    assert metrics.separation([1.0, 2.0], [True, True]) is None


def test_bland_altman_of_known_differences():
    """Differences -1, 0, 1 about a bias of 2: sd = 1, limits 2 -+ 1.96."""
    found = metrics.bland_altman([3, 4, 5], [2, 2, 2])
    assert found["bias"] == pytest.approx(2)
    assert (found["lower"], found["upper"]) == pytest.approx((0.04, 3.96))


def test_separation_is_the_area_under_the_roc_curve():
    """Of the six pairs, five are ordered: AUC = 5/6."""
    assert metrics.separation([1, 2, 3, 2.5, 4], [False, False, False, True, True]) == pytest.approx(5 / 6)


def test_correlation_agrees_with_scipy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    found = metrics.bootstrap_correlation(x, y)
    assert found["r"] == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found["low"] < found["r"] < found["high"]


def test_interior_leaves_out_the_rim_and_keeps_a_core():
    """A disc of radius 20 without a rim of 5 is a disc of radius 15; a disc of radius 4 keeps something."""
    y, x = np.mgrid[-32:32, -32:32]
    discs = np.stack([np.hypot(x, y) < 20, np.hypot(x, y) < 4])
    inner = metrics.interior(discs, 5)
    assert inner[0].sum() == pytest.approx(np.pi * 15**2, rel=0.05)
    assert inner[1].any() and (inner <= discs).all()
