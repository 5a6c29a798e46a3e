"""The viewer without a browser: what its state gives, what its controls change, what stays without them."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from waves import travelling

import dime
from dime.metrics import outlined
from dime.plotting.viewer_panels import Panels, edges, pointed_at
from dime.plotting.viewer_state import Shown

SOFT_PA, STIFF_PA, SPACING_M = 2000.0, 5000.0, 3e-3


@pytest.fixture(scope="module")
def scan():
    """Three slices: no tissue, 2 kPa and 5 kPa."""
    waves, disc = zip(
        *(travelling(64, SPACING_M, stiffness_pa=pa) for pa in (SOFT_PA, SOFT_PA, STIFF_PA)), strict=True
    )
    mask = np.array(disc)
    mask[0] = False
    wave = np.where(mask, np.array(waves), 0)
    images = {"wave": wave, "mask": mask, "magnitude": 1.0 + mask}
    attrs = {"spacing_m": SPACING_M, "frequency_hz": 60.0}
    return xr.Dataset({name: (("z", "y", "x"), one) for name, one in images.items()}, attrs=attrs)


@pytest.fixture(scope="module")
def mmdi(scan):
    return dime.invert(scan, "mmdi")


@pytest.fixture
def viewer(scan, mmdi):
    pytest.importorskip("ipympl")
    return dime.view(scan, mmdi)


def square(first, last):
    """An outline [m] from one pixel to another, on both axes."""
    low, high = (first - 0.1) * SPACING_M, (last + 0.1) * SPACING_M
    return np.array([[low, low], [high, low], [high, high], [low, high]])


def test_a_frame_is_the_wave_at_its_phase(scan, mmdi):
    shown = Shown(scan, {"mmdi": mmdi})
    shown.index = 2
    wave = scan["wave"].values[2]
    for phase_deg, expected in ((0, wave.real), (90, -wave.imag), (180, -wave.real)):
        shown.phase_deg = phase_deg
        assert np.allclose(shown.frame(), expected)


def test_a_wave_of_the_other_sign_of_time_is_played_forwards_too(scan, mmdi):
    backwards = scan.assign(wave=scan["wave"].conj())
    shown, other = Shown(scan, {"mmdi": mmdi}), Shown(backwards, {"mmdi": dime.invert(backwards, "mmdi")})
    shown.phase_deg = other.phase_deg = 75
    assert np.allclose(shown.frame(), other.frame())


def test_the_table_reads_the_region_of_the_slice_that_is_shown(scan, mmdi):
    shown = Shown(scan, {"mmdi": mmdi})
    assert shown.index == 2  # the middle one of those with tissue
    shown.outline_m = square(24, 39)
    assert shown.region().sum() == 16**2
    stiff = shown.table().loc["MMDI"]
    shown.index = 1
    soft = shown.table().loc["MMDI"]
    assert stiff["median [kPa]"] == pytest.approx(STIFF_PA / 1e3, rel=0.1)
    assert soft["median [kPa]"] == pytest.approx(SOFT_PA / 1e3, rel=0.1)
    assert stiff["area [cm²]"] == pytest.approx(16**2 * 0.3**2)
    one = tuple(mmdi[name].values[1] for name in ("stiffness", "trusted"))
    pd.testing.assert_frame_equal(outlined.readings({"MMDI": one}, shown.region(), 3e-3), soft.to_frame().T)


@pytest.mark.parametrize("outline", [[], square(0, 2)])
def test_an_outline_without_tissue_reads_the_whole_tissue(scan, mmdi, outline):
    shown = Shown(scan, {"mmdi": mmdi})
    shown.outline_m = outline
    assert shown.whole() and (shown.region() == scan["mask"].values[2]).all()


def test_a_slice_without_tissue_is_drawn_and_has_no_statistics(scan, mmdi):
    shown = Shown(scan, {"mmdi": mmdi})
    panels = Panels(shown)
    shown.index = 0
    panels.draw_slice()
    assert panels.png().startswith(b"\x89PNG")
    assert np.isnan(shown.table().loc["MMDI", "median [kPa]"])


def test_maps_of_another_shape_are_refused(scan, mmdi):
    with pytest.raises(
        ValueError, match=r"maps: expected the wave's shape \(3, 64, 64\), found \(2, 64, 64\)"
    ):
        dime.view(scan, mmdi.isel(z=slice(2)))


def test_edges_of_a_mask_go_round_it():
    """Two pixels side by side, (row 1, columns 1 and 2): a rectangle of circumference 6."""
    mask = np.zeros((3, 4), bool)
    mask[1, 1:3] = True
    found = edges(mask, 1.0)
    assert np.linalg.norm(found[:, 1] - found[:, 0], axis=1).sum() == 6
    assert found[..., 0].min() == 0.5 and found[..., 0].max() == 2.5  # x
    assert found[..., 1].min() == 0.5 and found[..., 1].max() == 1.5  # y
    assert len(edges(~mask, 1.0)) == 6 + 2 * (3 + 4)  # the edge of the image counts


def test_controls_change_what_is_shown(viewer, mmdi):
    images = viewer.panels.images
    assert np.median(images["stiffness"].get_array().compressed()) == pytest.approx(STIFF_PA / 1e3, rel=0.1)
    viewer.slice.value = 2
    tissue = viewer.shown.mask
    shown = images["stiffness"].get_array()[tissue]
    assert np.allclose(shown, mmdi["stiffness"].values[1][tissue] / 1e3, rtol=1e-6)
    assert "slice 2" in viewer.statistics.value and "whole tissue" in viewer.statistics.value
    before = np.array(images["wave"].get_array()[tissue])
    viewer.canvas.draw()
    viewer.phase.value = 180
    assert np.allclose(images["wave"].get_array()[tissue], -before, atol=1e-6)


def test_what_the_mouse_points_at_is_named_with_its_unit():
    assert pointed_at("stiffness", 3.0712) == "· stiffness 3.07 kPa"
    assert pointed_at("magnitude", 182.0) == "· magnitude 182"
    assert pointed_at("wave", np.ma.masked) == ""


def test_a_computed_method_joins_the_map_that_was_given_and_is_shown(viewer, mmdi):
    assert "ahi" in dict(viewer.further.options).values()
    viewer.further.value = "ahi"
    viewer.compute.click()
    assert set(viewer.maps) == {"mmdi", "ahi"} and viewer.method.value == viewer.shown.method == "ahi"
    assert "ahi" not in dict(viewer.further.options).values()
    viewer.method.value = "mmdi"
    assert viewer.panels.axes["stiffness"].get_title() == "stiffness, MMDI"
    assert list(viewer.table.index) == ["MMDI", "AHI"]
    viewer.method.value = "ahi"  # not the first, to which new options go back
    viewer.further.value = "lfe"
    viewer.compute.click()
    assert viewer.method.value == viewer.shown.method == "lfe"
    assert viewer.panels.axes["stiffness"].get_title() == "stiffness, LFE"


def test_what_a_method_refuses_is_said_and_no_markup_passes(viewer, monkeypatch):
    def refuse(method):
        raise ValueError("slice 1: <b>no wave</b>")

    monkeypatch.setattr(viewer.shown, "compute", refuse)
    viewer.compute.click()
    assert viewer.said.value == "slice 1: &lt;b&gt;no wave&lt;/b&gt;"
    assert set(viewer.maps) == {"mmdi"} and not viewer.compute.disabled


@pytest.mark.parametrize("tool", ["lasso", "ellipse"])
@pytest.mark.parametrize("panel", ["magnitude", "wave", "stiffness"])
def test_a_region_is_drawn_with_the_mouse_in_any_panel(viewer, tool, panel):
    """From pixel 24 to pixel 40 in both directions: a triangle, or the ellipse in that square. No side of the
    triangle passes through the centre of a pixel, which would be in or out by rounding."""
    viewer.tool.value = tool
    viewer.canvas.draw()
    ax = viewer.panels.axes[panel]
    path = [(24.4, 24.2), (40.4, 24.2), (40.4, 40.2)] if tool == "lasso" else [(24, 24), (40, 40)]
    places = [ax.transData.transform(np.multiply(one, 1e3 * SPACING_M)) for one in path]
    pointing(viewer.canvas, "button_press_event", places[0])
    for place in places:
        pointing(viewer.canvas, "motion_notify_event", place)
    pointing(viewer.canvas, "button_release_event", places[-1])
    expected = 16**2 * (0.5 if tool == "lasso" else np.pi / 4)
    assert viewer.region.sum() == pytest.approx(expected, rel=0.1)
    assert "<b>region</b>" in viewer.statistics.value
    viewer.clear.click()
    assert "<b>whole tissue</b>" in viewer.statistics.value


def pointing(canvas, name, place):
    """A mouse event at a place of the canvas [pixel], with the left button down."""
    from matplotlib.backend_bases import MouseButton, MouseEvent

    buttons = (
        {"buttons": {MouseButton.LEFT}} if name == "motion_notify_event" else {"button": MouseButton.LEFT}
    )
    canvas.callbacks.process(name, MouseEvent(name, canvas, *place, **buttons))


def test_without_the_packages_one_line_says_what_to_install_and_a_picture_stays(
    scan, mmdi, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "ipympl", None)
    monkeypatch.setitem(sys.modules, "ipympl.backend_nbagg", None)
    viewer = dime.view(scan, mmdi)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "pip install '.[view]' in a clone" in said
    bundle = viewer._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert Image.open(io.BytesIO(bundle["image/png"])).size[0] > 500
    assert dime.view(scan, mmdi, interactive=False).table.equals(viewer.table)
    assert not capsys.readouterr().out
