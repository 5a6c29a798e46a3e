"""Plotters share scales, say when there is nothing to draw, and write equal bytes for equal figures."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from dime.metrics import agreement
from dime.plotting import maps, scatter, style


@pytest.fixture(autouse=True)
def close_figures():
    style.use_house_style()
    yield
    plt.close("all")


def grid(rows):
    y, x = np.mgrid[:40, :40]
    masks = np.stack([np.hypot(x - 20, y - 20) < radius for radius in (8, 15)])[:rows]
    columns = {
        "wave": np.exp(0.5j * x) * np.ones((rows, 1, 1)),
        "truth": np.full((rows, 40, 40), 3.0),
        "estimate": np.full((rows, 40, 40), 9.0),
        "difference": np.full((rows, 40, 40), 6.0),
    }
    axis = np.arange(40) * 1e-3
    return maps.comparison_grid(columns, masks, (axis, axis), list("ab")[:rows], (0, 8), ("difference",))


def test_compared_maps_share_colour_and_length_scales():
    """Two discs of different size: every map has one stiffness scale, and the small disc is drawn smaller."""
    axes = np.array(grid(2).axes[:8]).reshape(2, 4)
    for row in axes:
        assert row[1].images[0].get_clim() == row[2].images[0].get_clim() == (0, 8)
        low, high = row[3].images[0].get_clim()
        assert low == -high
        low, high = row[0].images[0].get_clim()
        assert low == pytest.approx(-high)
    assert np.ptp(axes[0, 0].get_xlim()) == pytest.approx(np.ptp(axes[1, 0].get_xlim()))


def test_rows_point_down_as_in_the_array():
    """Row 0 of the array is at the top: the y axis falls from bottom to top."""
    ax = plt.figure().add_subplot()
    axis = np.arange(20) * 1e-3
    maps.map_image(ax, np.ones((20, 20)), np.ones((20, 20), bool), (axis, axis))
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_absent_data_are_a_figure_that_says_so():
    texts = [text.get_text() for text in grid(0).axes[0].texts]
    assert texts == [style.ABSENT]
    _, axes = plt.subplots(1, 2)
    nothing = np.array([])
    scatter.identity_scatter(axes[0], nothing, {"dime": nothing})
    scatter.bland_altman(
        axes[1], nothing, nothing, agreement.bland_altman([], []), "black", "difference [kPa]"
    )
    assert all(style.ABSENT in [text.get_text() for text in ax.texts] for ax in axes)


def test_limits_of_agreement_are_drawn_where_they_are():
    ax = plt.figure().add_subplot()
    x, y = np.array([3.0, 4, 5]), np.array([2.0, 2, 2])
    scatter.bland_altman(ax, x, y, agreement.bland_altman(x, y), "black", "difference [kPa]")
    heights = sorted(line.get_ydata()[0] for line in ax.lines)
    assert heights == pytest.approx([0, 0.04, 2, 3.96])


def test_equal_figures_are_equal_bytes(tmp_path):
    for folder in ("a", "b"):
        style.save(grid(1), tmp_path / folder, "maps")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"a/maps.{suffix}").read_bytes() == (tmp_path / f"b/maps.{suffix}").read_bytes()
