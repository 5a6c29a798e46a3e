"""Figures of estimates show the numbers that they are given."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dime.plotting import brain_estimates


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_lines_are_means_over_brains_in_the_order_of_their_names():
    rows = [
        {"tissue": tissue, "case": case, "snr": snr, "psnr_db": snr + shift}
        for tissue in ("csf", "gm", "wm")
        for case in ("a", "b")
        for snr in (20, 10)
        for shift in (-1, 3)
    ]
    axes = plt.subplots(1, 3)[1]
    brain_estimates.by_condition(axes, pd.DataFrame(rows), "snr", names={"b": "second", "a": "first"})
    lines = axes[1].get_lines()
    assert [line.get_label() for line in lines] == ["second", "first"]
    assert lines[0].get_xydata().tolist() == [[10, 11], [20, 21]]


def test_reliability_is_the_mean_over_repeats():
    ax = plt.subplots()[1]
    brain_estimates.reliability(ax, [0.5, 0.9], {"free": np.array([[0.4, 0.8], [0.6, 1.0]])})
    assert ax.get_lines()[1].get_ydata() == pytest.approx([0.5, 0.9])


def test_misfits_have_a_panel_each_and_the_truth():
    axes = plt.subplots(1, 2)[1]
    misfits = {"one": {"kept": [0, 1], "lost": [2, 3]}, "two": {"kept": [4, 5], "lost": [6, 7]}}
    brain_estimates.minima(axes, [0, 1], misfits, 0.3)
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert axes[1].get_lines()[1].get_ydata() == pytest.approx([6, 7])
    assert axes[0].get_lines()[2].get_xdata() == pytest.approx([0.3, 0.3])


def test_errors_lie_against_their_bounds():
    ax = plt.subplots()[1]
    table = pd.DataFrame({"tissue": ["csf", "gm"], "error": [0.1, 0.2], "free": [0.3, 0.4]})
    brain_estimates.against_bound(ax, table, "free")
    assert [line.get_xydata().tolist() for line in ax.get_lines()[:2]] == [[[0.3, 0.1]], [[0.4, 0.2]]]
