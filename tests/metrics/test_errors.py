"""Figures of merit on data whose figures are known."""

import numpy as np
import pytest
from scipy import stats

from dime.metrics import agreement, diagnosis, errors, statistics


def test_scaled_map_has_known_figures():
    """estimate = 1.1 truth: bias = MAPE = 10 %, r = 1, RMSE = 0.1 rms(truth)."""
    truth = np.linspace(2e3, 6e3, 400).reshape(20, 20)
    mask = np.ones_like(truth, bool)
    found = errors.slice_figures(1.1 * truth, truth, mask)
    assert found["bias"] == pytest.approx(10)
    assert found["mape"] == pytest.approx(10)
    assert found["r"] == pytest.approx(1)
    assert found["rmse"] == pytest.approx(0.1 * np.sqrt(np.mean(truth**2)) / 1e3)
    assert found["r2"] == pytest.approx(1 - np.sum((0.1 * truth) ** 2) / np.sum((truth - truth.mean()) ** 2))
    assert found["truth_mean"] == pytest.approx(4.0)


def test_homogeneous_truth_has_no_correlation():
    truth = np.full((8, 8), 3e3)
    found = errors.slice_figures(truth + np.arange(64).reshape(8, 8), truth, truth > 0)
    assert np.isnan(found["r"]) and np.isnan(found["r2"])
    assert found["mape"] == pytest.approx(100 * np.arange(64).mean() / 3e3)


def test_missing_stiffness_and_empty_masks_are_refused_with_a_count():
    truth = np.full((4, 4), 3e3)
    estimate = truth.copy()
    estimate[0, :2] = np.nan
    with pytest.raises(ValueError, match="2 of 16 mask pixels are not finite"):
        errors.slice_figures(estimate, truth, truth > 0)
    with pytest.raises(ValueError, match="at least one pixel"):
        errors.slice_figures(truth, truth, truth < 0)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    """200 samples of 15 normal values with mean 1: the intervals hold it as often as they say (4 sigma)."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = statistics.bootstrap_mean(rng.normal(1, 1, 15))
        hits += found["low"] <= 1 <= found["high"]
    # BCa at n = 15 covers about 92 %.
    assert 0.92 - 4 * np.sqrt(0.92 * 0.08 / 200) < hits / 200 < 1


def test_too_few_cases_give_an_absent_statistic():
    assert statistics.bootstrap_mean([1.0, 2.0])["low"] is None
    assert statistics.bootstrap_mean([np.nan])["mean"] is None
    assert statistics.bootstrap_correlation([1, 2, 3], [1, 2, 3])["r"] is None
    assert agreement.bland_altman([], [])["bias"] is None
    assert diagnosis.separation([1.0, 2.0], [True, True]) is None


def test_bland_altman_of_known_differences():
    """Differences -1, 0, 1 about a bias of 2: sd = 1, limits 2 -+ 1.96."""
    found = agreement.bland_altman([3, 4, 5], [2, 2, 2])
    assert found["bias"] == pytest.approx(2)
    assert (found["lower"], found["upper"]) == pytest.approx((0.04, 3.96))


def test_separation_is_the_area_under_the_roc_curve():
    """Of the six pairs, five are ordered: AUC = 5/6."""
    assert diagnosis.separation([1, 2, 3, 2.5, 4], [False, False, False, True, True]) == pytest.approx(5 / 6)


def test_correlation_agrees_with_scipy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    found = statistics.bootstrap_correlation(x, y)
    assert found["r"] == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found["low"] < found["r"] < found["high"]


def test_interior_leaves_out_the_rim_and_keeps_a_core():
    """A disc of radius 20 without a rim of 5 is a disc of radius 15; a disc of radius 4 keeps something."""
    y, x = np.mgrid[-32:32, -32:32]
    discs = np.stack([np.hypot(x, y) < 20, np.hypot(x, y) < 4])
    inner = errors.without_rim(discs, 5)
    assert inner[0].sum() == pytest.approx(np.pi * 15**2, rel=0.05)
    assert inner[1].any() and (inner <= discs).all()


def test_pooled_bootstrap_gives_the_pooled_figures_and_an_interval_around_them():
    """The values are r and R2 of the pooled pixels and of the means; one bad slice widens the interval."""
    rng = np.random.default_rng(4)
    truth = rng.uniform(1e3, 8e3, (8, 12, 12))
    estimate = truth + rng.normal(0, 300, truth.shape)
    mask = rng.random(truth.shape) < 0.8
    found = errors.bootstrap_pooled(estimate, truth, mask)
    means = [[m[keep].mean() for m, keep in zip(maps, mask, strict=True)] for maps in (estimate, truth)]
    pairs = {"pixel": (estimate[mask], truth[mask]), "slice": np.array(means)}
    known = {f"{unit}_r": np.corrcoef(x, t)[0, 1] for unit, (x, t) in pairs.items()}
    known |= {f"{unit}_r2": 1 - np.mean((x - t) ** 2) / np.var(t) for unit, (x, t) in pairs.items()}
    for name, value in known.items():
        assert found[name]["value"] == pytest.approx(value)
        assert found[name]["low"] <= value <= found[name]["high"]
    estimate[0] = 8e3
    worse = errors.bootstrap_pooled(estimate, truth, mask)
    width = {key: f["pixel_r"]["high"] - f["pixel_r"]["low"] for key, f in (("even", found), ("bad", worse))}
    assert width["bad"] > 10 * width["even"]


def test_pooled_bootstrap_is_absent_where_it_means_nothing():
    """Two slices have no interval and no slice r; one constant stiffness has no r at all."""
    truth = np.stack([np.full((6, 6), 2e3), np.full((6, 6), 4e3)])
    estimate = truth + np.arange(72).reshape(truth.shape)
    two = errors.bootstrap_pooled(estimate, truth, truth > 0)
    assert two["pixel_r"]["value"] == pytest.approx(np.corrcoef(estimate.ravel(), truth.ravel())[0, 1])
    assert two["pixel_r"]["low"] is None and two["slice_r"]["value"] is None
    assert errors.bootstrap_pooled(estimate[:1], truth[:1], truth[:1] > 0)["pixel_r2"]["value"] is None


def test_correlation_of_sums_is_that_of_the_pixels():
    """r and R2 from per-slice sums equal those of all pixels together; no seed, no interval."""
    rng = np.random.default_rng(0)
    truth = [rng.uniform(1, 5, size) for size in (50, 80, 20, 60)]
    estimate = [t * rng.normal(1, 0.1, t.size) for t in truth]
    sums = [errors.correlation_sums(x, t) for x, t in zip(estimate, truth, strict=True)]
    found = errors.pooled(sums, seed=0)
    x, t = np.concatenate(estimate), np.concatenate(truth)
    for name, expected in (("r", np.corrcoef(x, t)[0, 1]), ("r2", 1 - np.mean((x - t) ** 2) / np.var(t))):
        assert found[name]["value"] == pytest.approx(expected, rel=1e-12)
        assert found[name]["low"] < expected < found[name]["high"]
        assert errors.pooled(sums)[name] == found[name] | {"low": None, "high": None}
    assert errors.pooled(sums[:2], seed=0)["r"]["low"] is None
    constant = errors.correlation_sums(estimate[0], np.full(50, 3.0))
    assert errors.pooled([constant])["r"]["value"] is None


def test_holm_by_hand():
    """0.01, 0.04, 0.03 of three: 0.01 * 3; 0.03 * 2 = 0.06; max(0.06, 0.04 * 1) = 0.06."""
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


def test_paired_test_of_a_method_that_is_always_better():
    """All of 8 differences negative: the exact two-sided p is 2 / 2^8. Five cases are too few for any p."""
    rng = np.random.default_rng(5)
    reference = rng.uniform(20, 40, 8)
    values = {
        "mmdi": reference,
        "dime": reference - rng.uniform(5, 10, 8),
        "ahi": reference + rng.normal(0, 1, 8),
    }
    found = statistics.paired_tests(values, "mmdi")
    assert set(found) == {"dime", "ahi"}
    assert found["dime"]["p"] == pytest.approx(2 / 2**8)
    assert found["dime"]["p_holm"] == pytest.approx(2 * found["dime"]["p"])
    assert found["dime"]["difference"]["mean"] == pytest.approx(np.mean(values["dime"] - reference))
    few = statistics.paired_tests({name: v[:5] for name, v in values.items()}, "mmdi")
    assert few["dime"]["p"] is None and few["dime"]["p_holm"] is None
