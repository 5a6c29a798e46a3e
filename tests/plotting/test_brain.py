"""Brain maps share scales and are cut to the tissue."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from dime.plotting import brain


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fractions(value=0.5):
    maps = np.zeros((3, 32, 32))
    maps[:, 8:20, 10:16] = value
    return maps


def test_fractions_have_one_scale_and_are_cut_to_the_tissue():
    axes = brain.tissue_maps({"a": fractions(), "b": fractions(0.1)}).axes[:6]
    assert {ax.images[0].get_clim() for ax in axes} == {(0, 1)}
    assert {ax.images[0].get_array().shape for ax in axes} == {(14, 8)}
    assert [ax.get_title() for ax in axes[:3]] == ["CSF", "grey matter", "white matter"]


def test_errors_are_estimate_less_truth_on_a_symmetric_scale():
    axes = np.array(brain.tissue_maps({"estimate": fractions(0.6)}, fractions(), error_limit=0.3).axes[:12])
    errors = axes.reshape(2, 6)[1, 3:]
    for ax in errors:
        assert ax.images[0].get_clim() == (-0.3, 0.3)
        assert ax.images[0].get_array().max() == pytest.approx(0.1)
    assert not any(ax.get_visible() for ax in axes.reshape(2, 6)[0, 3:])


def test_an_empty_map_is_drawn_whole():
    assert brain.tissue_maps({"empty": fractions(0)}).axes[0].images[0].get_array().shape == (32, 32)


def test_contrasts_share_a_scale():
    images = {
        "signal": {"one": np.eye(8), "two": 3 * np.eye(8)},
        "property": {"one": np.eye(8), "two": np.eye(8)},
    }
    assert {ax.images[0].get_clim() for ax in brain.contrast_images(images).axes[:4]} == {(0, 3)}
    assert brain.contrast_images(images, 2, symmetric=True).axes[0].images[0].get_clim() == (-2, 2)


def test_tissues_have_their_colours_in_every_line():
    axes = plt.subplots(2, 1)[1]
    lines = {"csf": np.ones(4), "gm": np.zeros(4)}
    brain.by_line(axes, {"closed": lines, "epg": lines}, {"difference": lines})
    assert [line.get_color() for line in axes[0].lines] == [brain.TISSUE_COLOURS[one] for one in lines] * 2
    assert axes[1].get_yscale() == "log" and axes[1].lines[1].get_ydata().min() > 0
