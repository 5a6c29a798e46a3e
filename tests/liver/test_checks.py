"""Rules on drawn bodies: each planted fault breaks its own rule, and a clean examination breaks none."""

import numpy as np
import pytest
import xarray as xr

from dime.liver import checks, quality
from dime.liver.maps import WEIGHTS
from dime.liver.segmentation import Segmentation, load_segmenter, segment
from dime.mri.elastography import first_harmonic, wrap
from dime.physics import wavenumber

SPACING_M, SIDE = 3e-3, 128


def body(rng, offsets=4):
    """Magnitude and phase (slice, offset, y, x) of an ellipse of 0.34 x 0.24 m, and the liver on its left."""
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * SPACING_M
    y, x = np.meshgrid(axis, axis, indexing="ij")
    inside = np.hypot(x / 0.17, y / 0.12) < 1
    liver = np.hypot((x + 0.07) / 0.07, y / 0.08) < 1
    noise = 0.03 * rng.standard_normal((2, offsets, SIDE, SIDE))
    magnitude = np.hypot(inside * (1 + 0.3 * liver) + noise[0], noise[1])[None]
    wave = 1.5 * np.exp(-1j * wavenumber(2000.0, 0.0, 60.0) * (0.6 * x + 0.8 * y + 0.18))
    turns = np.exp(2j * np.pi * np.arange(offsets) / offsets)[:, None, None]
    phase = wrap((wave * turns).real + np.where(inside, 0.05, 2) * rng.standard_normal((offsets, SIDE, SIDE)))
    return magnitude, phase[None], liver[None]


def examination(magnitude, phase, liver):
    wave = np.where(liver, first_harmonic(phase[0])[None], 0)
    dims = ("slice", "y", "x")
    waves = xr.Dataset(
        {"phase": (("slice", "offset", "y", "x"), phase), "wave": (dims, wave), "mask": (dims, liver)},
        attrs={"frequency_hz": 60.0},
    )
    return Segmentation(liver, liver, liver.astype(float), np.zeros((1, 4))), waves


def test_a_clean_examination_breaks_no_rule():
    magnitude, phase, liver = body(np.random.default_rng(0))
    found, waves = examination(magnitude, phase, liver)
    assert checks.flags(found, magnitude, waves, 2500.0, SPACING_M) == []


def test_the_body_has_its_area():
    """An ellipse of 0.34 x 0.24 m has the area of a circle of sqrt(0.34 x 0.24) m."""
    magnitude, *_ = body(np.random.default_rng(0))
    bodies = np.stack([checks.body_of(image) for image in magnitude.mean(axis=1)])
    assert checks.diameter(bodies, SPACING_M) == pytest.approx(np.sqrt(0.34 * 0.24), rel=0.05)


def test_each_fault_breaks_its_rule():
    rng = np.random.default_rng(0)
    magnitude, phase, liver = body(rng)
    found, waves = examination(magnitude, phase, liver)
    assert checks.flags(found, magnitude, waves, 2500.0, 2 * SPACING_M) == ["size", "scale"]
    assert checks.flags(found, magnitude, waves, 700.0, SPACING_M) == ["scale"]
    assert "no magnitude" in checks.flags(found, np.ones_like(magnitude), waves, 2500.0, SPACING_M)
    assert "no magnitude" in checks.flags(found, 0 * magnitude, waves, 2500.0, SPACING_M)
    rest = (magnitude, waves, 2500.0, SPACING_M)
    assert checks.flags(found, *rest, numbers={"moving": 0.1}) == ["no motion"]
    empty, _ = examination(magnitude, phase, np.zeros_like(liver))
    assert checks.flags(empty, magnitude, None, np.nan, SPACING_M) == ["no liver", "no region"]


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2), (2, 3)])
def test_a_repeated_offset_is_noticed(first, second):
    magnitude, phase, liver = body(np.random.default_rng(0))
    phase[:, second] = phase[:, first]
    found, waves = examination(magnitude, phase, liver)
    assert "offsets" in checks.flags(found, magnitude, waves, 2500.0, SPACING_M)


def test_a_body_that_moves_between_offsets_is_noticed():
    """The second half of the offsets is shifted by 45 mm."""
    magnitude, phase, liver = body(np.random.default_rng(0))
    magnitude[:, 2:] = np.roll(magnitude[:, 2:], 15, axis=-2)
    found, waves = examination(magnitude, phase, liver)
    assert "drift" in checks.flags(found, magnitude, waves, 2500.0, SPACING_M)


def test_loops_of_noise_are_open_and_loops_of_a_smooth_phase_closed():
    """A third of the loops of uniform noise is open; a smooth phase, wrapped, closes everywhere."""
    rng = np.random.default_rng(0)
    mask = np.ones((1, 64, 64), bool)
    assert checks.open_loops(rng.uniform(-np.pi, np.pi, (1, 4, 64, 64)), mask) == pytest.approx(
        1 / 3, abs=0.02
    )
    smooth = wrap(np.arange(64)[:, None] * 0.8 + np.arange(64) * 0.5)
    assert checks.open_loops(np.tile(smooth, (1, 4, 1, 1)), mask) < 1e-9


def test_orientation_and_strangeness_follow_from_distances():
    """Slices at the origin were learnt; the given images lie far from it, and one turned view near."""
    rng = np.random.default_rng(0)
    density = quality.fit_density(rng.standard_normal((200, 4)), rng.standard_normal((50, 4)))
    magnitude, phase, liver = body(rng)
    found, waves = examination(magnitude, phase, liver)
    away, near = np.full((1, 4), 30.0), np.full((1, 4), 0.5)
    strange = found._replace(bottleneck=away)
    rest = (magnitude, waves, 2500.0, SPACING_M, density)
    assert checks.flags(strange, *rest, np.stack([away, near, away])) == ["orientation", "unlike training"]
    assert checks.flags(found._replace(bottleneck=near), *rest, np.stack([away, away, away])) == []


def test_the_wave_in_the_wall_tells_its_stiffness_and_a_wrong_frequency():
    """The wave around the liver is one of 2 kPa; at 1.5 times the frequency it reads 2.25 times as stiff."""
    magnitude, phase, liver = body(np.random.default_rng(0))
    wall = checks.body_of(magnitude[0].mean(axis=0))[None] & ~liver
    found = checks.wall_stiffness(phase, wall, SPACING_M, 60.0)
    assert found == pytest.approx(2000, rel=0.4)
    assert checks.wall_stiffness(phase, wall, SPACING_M, 90.0) == pytest.approx(2.25 * found)
    assert np.isnan(checks.wall_stiffness(phase, 0 < wall - 1.0, SPACING_M, 60.0))


def test_views_are_their_own_inverses():
    image = np.arange(12).reshape(1, 3, 4)
    for place, view in enumerate(checks.views(image)):
        assert not np.array_equal(view, image)
        assert np.array_equal(checks.views(view)[place], image)


def test_turned_images_are_seen_as_if_the_examination_had_been_turned():
    """Features turn with their images, so they are computed once."""
    rng = np.random.default_rng(5)
    magnitude, phase = rng.random((2, 4, 96, 128)).astype(np.float32), rng.uniform(-1, 1, (2, 4, 96, 128))
    network = load_segmenter(WEIGHTS / "segment-unet")[0]
    found = checks.turned_bottlenecks(network, magnitude, phase, SPACING_M)
    pairs = zip(checks.views(magnitude), checks.views(phase), strict=True)
    for seen, (one, other) in zip(found, pairs, strict=True):
        expected = segment(network, one.copy(), other.copy(), SPACING_M).bottleneck
        np.testing.assert_allclose(seen, expected, atol=2e-3 * np.abs(expected).max())
