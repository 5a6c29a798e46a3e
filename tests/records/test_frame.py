"""The frame takes out what belongs to the scanner: gain, place, pixel; it keeps the tissue."""

import numpy as np
import pytest

from dime.records import frame, images
from dime.records.scans import Image

SPACING_M = (0.020, 1.5e-3, 1.5e-3)


def phantom(pixel_m=1.5e-3, noise=True):
    """An ellipse of 30 x 22 cm of signal 1 with a disc of signal 2 on the patient's right, in air of 0.004.

    T2w is as T1w; DWI decays with 1e-3 mm2/s in the ellipse and 2e-3 mm2/s in the disc, b = 0 and 700.
    """
    half = [round(0.15 / pixel_m), round(0.192 / pixel_m)]
    y, x = np.meshgrid(*((np.arange(2 * n) - n + 0.5) * pixel_m for n in half), indexing="ij")
    body = (x / 0.15) ** 2 + (y / 0.11) ** 2 < 1
    disc = np.hypot(x + 0.06, y) < 0.045
    air = 0.004 * np.random.default_rng(0).random((8, *body.shape)) if noise else 0.004
    first = np.where(body, 1.0 + disc, air)
    decayed = first * np.where(body, np.exp(-700 * np.where(disc, 2e-3, 1e-3)), 1)
    spacing_m = (0.020, pixel_m, pixel_m)
    first, decayed = (np.broadcast_to(part, (8, *body.shape)).astype(np.float32) for part in (first, decayed))
    dwi = Image(np.stack([first, decayed]), spacing_m, (0.0, 700.0))
    return {"t1w": Image(first, spacing_m), "t2w": Image(first.copy(), spacing_m), "dwi": dwi}


def changed(made, change):
    return {name: one._replace(values=change(one.values).astype(np.float32)) for name, one in made.items()}


def assert_same(found, expected, atol):
    for name in ("volume", "surface"):
        one, two = (getattr(part, name).astype(float) for part in (found, expected))
        np.testing.assert_allclose(one, two, atol=atol, err_msg=name)


def at(values, x_m, y_m=0.0, spacing_m=frame.SPACING_M[1]):
    """The pixel of an image (..., y, x) about its middle that holds a place [m]."""
    rows, columns = values.shape[-2:]
    return values[..., int(y_m / spacing_m + rows / 2), int(x_m / spacing_m + columns / 2)]


def test_signals_are_relative_to_the_body_and_diffusion_is_in_mm2_per_s():
    """The body is log 1 = 0, the disc log 2, air the darkest; the coefficients are those put in, 0 in air."""
    found = frame.framed(phantom()).volume.astype(float)
    assert found.shape == (3, *frame.SHAPE)
    for channel in (0, 1):
        assert at(found[channel], 0.06) == pytest.approx(np.zeros(8), abs=1e-3)
        assert at(found[channel], -0.06) == pytest.approx(np.full(8, np.log(2)), abs=1e-3)
        assert at(found[channel], 0.17, 0.11) == pytest.approx(np.full(8, np.log(frame.DARKEST)), abs=1e-2)
    assert at(found[2], 0.06) == pytest.approx(np.full(8, 1.0), abs=2e-3)
    assert at(found[2], -0.06) == pytest.approx(np.full(8, 2.0), abs=2e-3)
    assert at(found[2], 0.17, 0.11) == pytest.approx(np.zeros(8))


def test_the_surface_slice_begins_beside_the_right_edge_of_the_body():
    """5 mm of air, then the body's edge at its middle row; 15 cm - 6 cm further the middle of the disc."""
    found = frame.framed(phantom()).surface.astype(float)
    assert found.shape == (frame.SURFACE_PIXELS,) * 2
    row = found[frame.SURFACE_PIXELS // 2]
    edge = np.flatnonzero(row > np.log(0.5))[0] * frame.SURFACE_SPACING_M
    assert edge == pytest.approx(frame.MARGIN_M, abs=frame.SURFACE_SPACING_M)
    bright = np.flatnonzero(row > np.log(1.5)) * frame.SURFACE_SPACING_M
    assert bright.mean() == pytest.approx(frame.MARGIN_M + 0.09, abs=frame.SURFACE_SPACING_M)
    assert np.ptp(bright) == pytest.approx(0.09, abs=2 * frame.SURFACE_SPACING_M)


def test_the_gain_of_the_scanner_is_taken_out():
    assert_same(frame.framed(changed(phantom(), lambda v: 731 * v)), frame.framed(phantom()), atol=2e-3)


@pytest.mark.parametrize("pixels", [(7, 0), (0, -11), (-5, 8)])
def test_a_body_that_lies_elsewhere_gives_the_same_frame(pixels):
    """Shifted by whole pixels, the body is brought back to the middle."""
    moved = changed(phantom(noise=False), lambda v: np.roll(v, pixels, axis=(-2, -1)))
    assert_same(frame.framed(moved), frame.framed(phantom(noise=False)), atol=5e-3)


def test_each_sequence_has_a_place_of_its_own():
    """T2w breathed in 12 mm further back: it shows the same, and the others do not change."""
    made = phantom(noise=False)
    moved = made | changed({"t2w": made["t2w"]}, lambda v: np.roll(v, 8, axis=-2))
    assert_same(frame.framed(moved), frame.framed(made), atol=5e-3)


@pytest.mark.parametrize("pixel_m", [1.2e-3, 1.8e-3])
def test_another_pixel_shows_the_same_body(pixel_m):
    """Away from edges within 1 %, and in the mean over the body within 3 %."""
    found, expected = (
        frame.framed(phantom(size)).volume[:2].astype(float) for size in (pixel_m, SPACING_M[1])
    )
    assert at(found, -0.06) == pytest.approx(at(expected, -0.06), abs=0.01)
    body = expected > np.log(0.5)
    assert np.abs(np.exp(found[body]) - np.exp(expected[body])).mean() < 0.03


def test_an_absent_sequence_is_nan_and_changes_no_other():
    """Without T1w there is no surface either, even where the liver is known; without all there is nothing."""
    made = phantom()
    full = frame.framed(made)
    for lost, channel in (("t1w", 0), ("t2w", 1), ("dwi", 2)):
        found = frame.framed({name: one for name, one in made.items() if name != lost})
        assert np.isnan(found.volume[channel]).all()
        rest = [k for k in range(3) if k != channel]
        np.testing.assert_array_equal(found.volume[rest], full.volume[rest])
        assert np.isnan(found.surface).all() == (lost == "t1w")
    nothing = frame.framed({})
    assert np.isnan(nothing.volume).all() and np.isnan(nothing.surface).all() and nothing.liver is None


def test_where_the_liver_is_lies_over_the_surface():
    """The share of liver is resampled as the slice is: the disc, taken for the liver, is the bright part."""
    made = phantom()
    disc = (made["t1w"].values > 1.5).astype(np.float32)
    found = frame.framed(made | {"liver": Image(disc, SPACING_M)})
    np.testing.assert_array_equal(found.liver, found.surface > np.log(1.5))


def test_the_surface_is_the_slice_that_is_painted_finely():
    """Slices brighter by a tenth each: the surface shows that one which `images`, counting from the head,
    paints on fine pixels."""
    made = phantom(noise=False)["t1w"]
    bright = made._replace(values=made.values * (1 + 0.1 * np.arange(8, dtype=np.float32))[:, None, None])
    found = frame.framed({"t1w": bright})
    row, column = frame.SURFACE_PIXELS // 2, round((frame.MARGIN_M + 0.03) / frame.SURFACE_SPACING_M)
    expected = at(found.volume[0].astype(float), -0.12)[images.LEVELS - 1 - images.FINE_LEVEL]
    assert found.surface[row, column] == pytest.approx(expected, abs=2e-3)


def test_more_and_thinner_slices_are_brought_to_the_same_stack():
    """32 slices of 5 mm in place of 8 of 20 mm, each four alike: the volume is the same."""
    made = phantom(noise=False)
    ramp = np.linspace(1, 2, 8, dtype=np.float32)[:, None, None]
    coarse = {"t1w": made["t1w"]._replace(values=ramp * made["t1w"].values)}
    thin = {"t1w": Image(np.repeat(coarse["t1w"].values, 4, axis=0), (0.005, *SPACING_M[1:]))}
    one, two = (frame.framed(part).volume[0].astype(float) for part in (coarse, thin))
    np.testing.assert_allclose(one, two, atol=5e-3)
