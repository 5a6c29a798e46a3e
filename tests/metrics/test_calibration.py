"""Coverage and rejection where the law of the error is known."""

import numpy as np
import pytest

from dime.metrics import calibration

LEVELS = (0.1, 0.5, 0.9, 0.99)
SHAPE = (4, 100, 100)


def laplace_study(factor=1.0, seed=1):
    """Log errors drawn from the Laplace law whose scale is told, times a factor; no stiffness is constant."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1e3, 8e3, SHAPE)
    scale = rng.uniform(0.01, 0.2, SHAPE)
    estimate = truth * np.exp(rng.laplace(0, factor * scale))
    return estimate, scale, truth, np.ones(SHAPE, bool)


def test_coverage_is_nominal_for_the_law_itself():
    """10^4 pixels a slice: the coverage of each level lies within 4 standard errors of it."""
    estimate, scale, truth, mask = laplace_study()
    for one in zip(estimate, scale, truth, mask, strict=True):
        found = calibration.coverage(*one, LEVELS)
        for level, share in zip(LEVELS, found, strict=True):
            assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / mask[0].size))


def test_errors_twice_as_large_as_told_are_covered_less():
    """P(|x| < b log 10) for a scale of 2 b is 1 - 10^(-1/2) = 0.684: too narrow, and said so."""
    estimate, scale, truth, mask = laplace_study(factor=2.0)
    found = calibration.study(estimate, scale, mask, truth, mask, LEVELS, (0.0, 0.1))
    assert found["coverage_90"]["mean"] == pytest.approx(1 - 10**-0.5, abs=0.01)
    assert found["verdicts"][LEVELS.index(0.9)] == "too narrow"
    estimate, scale, truth, mask = laplace_study()
    right = calibration.study(estimate, scale, mask, truth, mask, LEVELS, (0.0, 0.1))
    assert calibration.verdict({"low": 0.88, "high": 0.93}, 0.9) == "as promised"
    assert calibration.verdict({"low": 0.91, "high": 0.93}, 0.9) == "too wide"
    assert [row["mean"] for row in right["coverage"]] == pytest.approx(LEVELS, abs=0.01)


def test_rejection_by_the_error_itself_is_the_oracle_and_by_chance_gains_nothing():
    """Errors 1 to 100: without the largest tenth their mean falls from 50.5 to 45.5."""
    error = np.random.default_rng(2).permutation(np.arange(1.0, 101.0))
    found = calibration.rejection(error, error, (0.0, 0.1, 0.5))
    assert found["oracle"] == pytest.approx([50.5, 45.5, 25.5])
    assert found["model"] == pytest.approx(found["oracle"])
    assert found["random"] == pytest.approx([50.5] * 3)
    big = np.random.default_rng(3).exponential(1, 20_000)
    chance = calibration.rejection(big, np.random.default_rng(4).random(20_000), (0.0, 0.5))
    assert chance["model"][1] == pytest.approx(chance["random"][1], rel=0.03)


def test_rejecting_a_tenth_of_a_study_lowers_its_error_less_than_the_oracle():
    estimate, scale, truth, mask = laplace_study()
    found = calibration.study(estimate, scale, mask, truth, mask, LEVELS, (0.0, 0.1))["reject_10"]
    reduction = found["before"]["mean"] - found["after"]["mean"]
    assert found["reduction"]["mean"] == pytest.approx(reduction) and reduction > 0
    assert 0 < found["oracle_share"] < 1
    assert found["p"] is None  # four slices are too few for a test


def test_what_is_not_trusted_is_counted_and_its_error_told_apart():
    """A quarter of each slice is wrong by 50 % and not trusted, the rest by 10 %; all trusted: absent."""
    truth, mask = np.full(SHAPE, 2e3), np.ones(SHAPE, bool)
    trusted = mask.copy()
    trusted[:, :25] = False
    estimate = np.where(trusted, 1.1, 1.5) * truth
    args = truth, mask, LEVELS, (0.0, 0.1)
    found = calibration.study(estimate, np.full(SHAPE, 0.1), trusted, *args)["untrusted"]
    assert found["share"]["mean"] == pytest.approx(25)
    assert found["mape"]["mean"] == pytest.approx(50) and found["mape_trusted"]["mean"] == pytest.approx(10)
    everything = calibration.study(estimate, np.full(SHAPE, 0.1), mask, *args)["untrusted"]
    assert everything["share"]["mean"] == 0 and everything["mape"]["mean"] is None
