"""Plotters share scales, show intervals, say when there is nothing to draw, and write figures to size."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

from dime.metrics import agreement
from dime.plotting import maps, paper_conditions, paper_simulated, paper_subjects, scatter, style


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


def test_a_figure_is_written_in_the_size_it_is_printed_in(tmp_path):
    """A page-wide figure of two inch: its PDF measures 6.9 x 2 inch of 72 points, letters 7 or 8 points."""
    style.use_print_style()
    figure, axes = style.panels(1, "simulated", height=2)
    axes[0, 0].set(xlabel="x [mm]", ylabel="a label that is much longer than the panel is high [kPa]")
    style.save(figure, tmp_path, "one")
    assert b"/MediaBox [ 0 0 496.8 144 ]" in (tmp_path / "one.pdf").read_bytes()
    sizes = {text.get_fontsize() for text in figure.findobj(plt.Text) if text.get_text()}
    assert sizes == {7, 8}


def test_both_networks_differ_in_grey_and_from_every_other_method():
    def grey(method):
        return np.dot([0.299, 0.587, 0.114], to_rgb(style.METHOD_COLOURS[method]))

    assert grey("dime") - grey("pretrained") > 0.4
    assert len(set(style.METHOD_COLOURS.values())) == len(style.METHOD_COLOURS)


def test_an_interval_stands_at_its_point_over_the_single_cases():
    """Three entries: one complete, one without an interval, one without anything."""
    ax = plt.figure().add_subplot()
    complete = {"mean": 2.0, "low": 1.0, "high": 4.0, "values": [1.0, 3.0]}
    nothing = {"mean": None, "low": None, "high": None}
    style.intervals(ax, [0, 1, 2], [complete, nothing | {"mean": 5.0}, nothing], color="black", marker="o")
    drawn = [list(line.get_ydata()) for line in ax.lines if len(line.get_ydata())]
    assert drawn[:2] == [[1, 3], [1, 4]] and drawn[-1][:2] == [2, 5] and np.isnan(drawn[-1][2])
    assert len(drawn) == 3
    assert list(style.dodge(3, 0.2)) == pytest.approx([-0.2, 0, 0.2])


def slices(dim, **more):
    """Two discs of 3 and 12 kPa: one method right, one 20 % high, one that trusts only its left half."""
    y, x = np.mgrid[:40, :40]
    mask = np.stack([np.hypot(x - 20, y - 20) < radius for radius in (8, 15)])
    truth = np.where(mask, np.array([3e3, 12e3])[:, None, None], 0)
    variables = {"mask": mask, "wave": np.exp(0.5j * x) * mask, "stiffness": truth, "dime": truth}
    variables |= {"pretrained": 1.2 * truth, "mmdi": truth, "clinical_stiffness": truth}
    variables |= {"trusted": mask, "trusted_pretrained": mask, "trusted_mmdi": mask & (x < 20)}
    axis = np.arange(40) * 1e-3
    return xr.Dataset({n: ((dim, "y", "x"), v) for n, v in variables.items()}, {"y": axis, "x": axis, **more})


def test_errors_are_in_percent_on_one_scale_and_stiffness_on_a_scale_of_its_row():
    studies = {"homogeneous": slices("phantom")}
    figure = paper_simulated.study_maps(studies, [("homogeneous", 0), ("homogeneous", 1)])
    rows = np.array(figure.axes[:16]).reshape(2, 8)
    for row, top in zip(rows, (4, 14.5), strict=True):
        shown = [ax.images[0] for ax in row]
        assert {image.get_clim() for image in shown[1:5]} == {(0, top)}
        assert {image.get_clim() for image in shown[5:]} == {(-50, 50)}
        assert np.nanmax(np.abs(shown[5].get_array())) == 0
        assert np.ma.filled(shown[6].get_array(), np.nan)[20, 20] == pytest.approx(20)
    assert np.ptp(rows[0, 1].get_xlim()) == pytest.approx(15 + 6)  # mm: the disc and three pixels around it


def test_a_measured_map_is_grey_where_the_method_does_not_trust_it():
    data = slices("slice", slice=[51, 52])
    figure = paper_subjects.measured_maps(data, style.MAIN)
    rows = np.array(figure.axes[:10]).reshape(5, 2).T
    for row, mask in zip(rows, data["mask"].values, strict=True):
        for ax, name in zip(row[1:4], paper_subjects.TRUSTED.values(), strict=True):
            grey, own = (np.ma.getmaskarray(np.ma.masked_invalid(im.get_array())) for im in ax.images)
            trusted = data[name].values[list(rows[:, 0]).index(row[0])]
            assert np.array_equal(~grey, mask & ~trusted) and np.array_equal(~own, mask & trusted)
    assert "Measured" in figure.get_suptitle() and rows[1, 0].get_title() == "slice 52"


def test_pixels_are_counted_on_one_scale_in_every_panel():
    pair = {"agreement": agreement.bland_altman([3.0, 12], [3.0, 12])}
    by_slice = {"mean": [3.0, 12], "truth_mean": [3.0, 12]}
    content = {"per_slice": {m: by_slice for m in style.MAIN}, "methods": {m: pair for m in style.MAIN}}
    data = slices("phantom")
    figure = paper_simulated.study_agreement(
        {"homogeneous": data, "liver": data.isel(phantom=[0])}, {"homogeneous": content, "liver": content}
    )
    scales = {ax.collections[0].get_clim() for ax in np.array(figure.axes[:8]).reshape(2, 4)[:, :3].flat}
    assert scales == {(1, data["mask"].values[1].sum())}


def test_transfer_numbers_the_own_condition_and_twice_its_error():
    """The network of 40 Hz errs by 10 % there, 15 % and 25 % elsewhere; MMDI has no condition of its own."""
    errors = {"low_frequency": (25, 10, 15), "mmdi": (90, 90, 90)}
    tests = ("antiplane", "low_frequency", "high_frequency")
    table = {row: {t: {"mean": e} for t, e in zip(tests, es, strict=True)} for row, es in errors.items()}
    titles = {name: name for name in (*tests, *errors)}
    figure = paper_conditions.transfer({"mape": table, "titles": titles, "rows": titles})
    assert [text.get_text() for text in figure.axes[0].texts] == ["25.0", "10.0"]
