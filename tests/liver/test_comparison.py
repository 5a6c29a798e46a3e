"""Readings by every combination of mask and map: what the figures of merit mean, by hand."""

import numpy as np
import pandas as pd
import pytest

from dime.liver import comparison


def table(kpa, same=None, truth=None, stages=None):
    count = len(kpa)
    return pd.DataFrame(
        {
            "exam": range(count),
            "kpa": kpa,
            "same_kpa": kpa if same is None else same,
            "truth_kpa": kpa if truth is None else truth,
            "stage": stages or ["F0"] * count,
        }
    )


def test_deviation_is_relative_to_the_reference_and_counts_what_is_absent():
    """2.2 against 2, 1.8 against 2, 3 against 4, and one examination without a value."""
    reference = pd.Series([2.0, 2.0, 4.0, 3.0])
    found = comparison.deviation(table([2.2, 1.8, 3.0, np.nan]), reference)
    assert found["median"]["median"] == pytest.approx(10.0)
    assert found["mean"]["mean"] == pytest.approx(15.0)
    assert found["bias"]["mean"] == pytest.approx(-25 / 3)
    assert (found["n"], found["absent"]) == (3, 1)


def test_interval_of_the_median_holds_it_and_few_values_have_none():
    values = np.random.default_rng(0).exponential(5.0, 200)
    reference = pd.Series(np.full(200, 2.0))
    found = comparison.deviation(table(2.0 * (1 + values / 100)), reference)["median"]
    assert found["low"] < found["median"] < found["high"]
    assert found["low"] < 5.0 * np.log(2) < found["high"]
    assert comparison.deviation(table([2.1]), reference)["median"]["low"] is None


def test_an_error_is_split_into_that_of_the_map_and_that_of_the_mask():
    """A true map over another region is off by the mask alone, a wrong map over the true region by itself."""
    found = comparison.parts(table([2.0, 2.0], same=[2.0, 2.0], truth=[1.5, 2.5]))
    assert found["map"]["mean"] == 0 and found["mask"]["mean"] == pytest.approx(0.5)
    found = comparison.parts(table([2.4, 1.6], same=[2.0, 2.0], truth=[2.0, 2.0]))
    assert found["map"]["mean"] == pytest.approx(0.4) and found["mask"]["mean"] == 0


def test_readings_in_the_order_of_the_stages_separate_them():
    stages = ["F0", "F1", "F2", "F3", "F4"] * 2
    found = comparison.staging(table([2.0, 3.0, 3.4, 4.0, 6.0] * 2, stages=stages))
    assert all(found[name]["auc"] == 1 for name in ("F2", "F3", "F4"))
    assert found["kappa"]["kappa"] == pytest.approx(1.0)
