"""How much an outline bends: circles, ellipses and ripples whose curvature is known."""

import numpy as np
import pytest
import torch
import xarray as xr

from dime.records import surface
from dime.records.frame import SURFACE_PIXELS, SURFACE_SPACING_M

GRID = np.stack(
    np.meshgrid(*[(np.arange(SURFACE_PIXELS) - (SURFACE_PIXELS - 1) / 2) * SURFACE_SPACING_M] * 2)
)


def organ(a_m, b_m=None, ripple_m=0.0, wave_m=0.03):
    """Probability (y, x) that a pixel is inside an ellipse whose outline ripples; it falls over a pixel."""
    x, y = GRID
    b_m = b_m or a_m
    angle = np.arctan2(y / b_m, x / a_m)
    waves = round(2 * np.pi * np.sqrt(a_m * b_m) / wave_m)
    r, level = np.hypot(x, y), np.hypot(x / a_m, y / b_m)
    inside = r / np.maximum(level, 1e-9) - r + ripple_m * np.cos(waves * angle)
    return np.clip(0.5 + inside / SURFACE_SPACING_M, 0, 1)


def circle(radius_m, ripple_m=0.0, waves=0):
    """A closed line of points about 1 mm apart."""
    count = round(2 * np.pi * radius_m / surface.POINT_M)
    t = 2 * np.pi * np.arange(count) / count
    r = radius_m + ripple_m * np.cos(waves * t)
    return np.column_stack([r * np.cos(t), r * np.sin(t)])


@pytest.mark.parametrize("radius_m", [0.05, 0.08])
@pytest.mark.parametrize("smooth_m", [surface.FINE_M, 1e-3])
def test_a_circle_has_the_curvature_of_its_radius(radius_m, smooth_m):
    """1 / R within 2 %; smoothing shrinks a circle by exp(-(s / R)^2 / 2), which is 0.5 % at most here."""
    found = surface.curvature(circle(radius_m), smooth_m)
    np.testing.assert_allclose(np.abs(found), 1 / radius_m, rtol=0.02)


def test_an_ellipse_has_the_curvature_of_its_ends():
    """At the ends of the long axis a / b^2, at those of the short one b / a^2 (a = 8 cm, b = 5 cm)."""
    t = np.linspace(0, 2 * np.pi, 20001)
    curve = np.column_stack([0.08 * np.cos(t), 0.05 * np.sin(t)])
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(curve, axis=0).T))]
    at = np.arange(0, along[-1], surface.POINT_M)
    line = np.column_stack([np.interp(at, along, curve[:, k]) for k in (0, 1)])
    found = np.abs(surface.curvature(line, 2e-3))
    assert found[0] == pytest.approx(0.08 / 0.05**2, rel=0.03)
    assert found[len(found) // 4] == pytest.approx(0.05 / 0.08**2, rel=0.03)


def passed(wave_m):
    """Amplitude that the two Gaussians of `roughness` leave of a ripple of the curvature, k^2 a for a."""
    k = 2 * np.pi / wave_m
    return np.exp(-((k * surface.FINE_M) ** 2) / 2) - np.exp(-((k * surface.COARSE_M) ** 2) / 2)


@pytest.mark.parametrize("waves", [8, 16])
def test_a_ripple_bends_the_line_by_the_square_of_its_wave_number(waves):
    """A ripple a cos(k s) of a nearly straight line (R = 8 cm) has the curvature a k^2 cos(k s), times what
    the band between 5 and 15 mm leaves of it. a = 0.2 mm, waves of 63 and 31 mm."""
    radius_m, ripple_m = 0.08, 0.2e-3
    line, smooth = circle(radius_m, ripple_m, waves), circle(radius_m)
    bend, plain = (
        surface.curvature(one, surface.FINE_M) - surface.curvature(one, surface.COARSE_M)
        for one in (line, smooth)
    )
    found = np.sqrt(2 * np.mean((bend - plain) ** 2))
    k = waves / radius_m
    assert found == pytest.approx(ripple_m * k**2 * passed(2 * np.pi / k), rel=0.06)


def test_roughness_grows_with_ripples_in_proportion():
    """In images of an ellipse of 7 x 5.5 cm: without ripples the organ's shape alone bends, hardly. Ripples
    of 30 mm raise it in proportion to their height, and to the quantile of |cos|, sin(0.4 pi / 2)."""
    heights_m = np.array([1e-3, 1.5e-3, 2e-3])
    smooth = surface.roughness(organ(0.07, 0.055))
    rippled = np.array([surface.roughness(organ(0.07, 0.055, height)) for height in heights_m])
    assert smooth < 0.25 * rippled[0]
    np.testing.assert_allclose(rippled / heights_m, rippled[0] / heights_m[0], rtol=0.15)
    expected = (2 * np.pi / 0.03) ** 2 * passed(0.03) * np.sin(surface.QUANTILE * np.pi / 2)
    assert rippled[0] / heights_m[0] == pytest.approx(expected, rel=0.25)


def test_small_pieces_and_vessels_do_not_count():
    """Holes inside the organ and a speck beside it leave the outline as it is."""
    whole = organ(0.06, ripple_m=1e-3)
    spotted = whole.copy()
    spotted[60:66, 60:66] = 0
    spotted[2:7, 2:7] = 1
    assert surface.roughness(spotted) == pytest.approx(surface.roughness(whole))


def test_no_outline_has_no_roughness():
    """Nothing found, an organ of 1 cm, and one whose outline lies at the border of the slice: NaN."""
    for probability in (np.zeros_like(GRID[0]), organ(0.005), np.ones_like(GRID[0])):
        assert np.isnan(surface.roughness(probability))


class Known(torch.nn.Module):
    """An outliner that takes the slice itself for the log odds."""

    def forward(self, surface):
        return surface.float()


def test_a_missing_slice_has_no_roughness_and_changes_no_other():
    """Of 70 slices the last and the third are missing; the others' numbers are those of one slice alone."""
    odds = np.repeat(20 * (organ(0.06, ripple_m=1e-3)[None] - 0.5), 70, axis=0).astype(np.float16)
    odds[[2, 69]] = np.nan
    found = surface.roughness_of(Known(), odds)
    known = np.isfinite(odds[:, 0, 0])
    assert np.isnan(found[~known]).all() and len(set(found[known])) == 1 and found[0] > 0
    assert np.isnan(surface.roughness_of(surface.Outliner().eval(), odds[[2, 69]])).all()


def test_an_outliner_learns_where_bright_is(tmp_path):
    """Discs of other size and place, a tenth of the image, bright in noise: after twelve steps the Dice
    coefficient is above 0.7 (0.2 if all were liver), and the network is kept with what it scored."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.03, 0.03, (40, 2, 1, 1))
    liver = np.hypot(*np.moveaxis(GRID - places, 1, 0)) < rng.uniform(0.02, 0.05, (40, 1, 1))
    image = (liver + 0.2 * rng.standard_normal(liver.shape)).astype(np.float16)
    bodies = xr.Dataset({"surface": (("body", "v", "u"), image), "liver": (("body", "v", "u"), liver)})
    schedule = surface.OutlineSchedule(epochs=3, batch=8, learning_rate=1e-2)
    history = surface.train_outliner(bodies, schedule, 8, tmp_path, report=str)
    assert history[-1]["validation_dice"] > 0.7 and history[-1]["loss"] < history[0]["loss"]
    outliner, card = surface.load_outliner(tmp_path)
    best = min(history, key=lambda row: row["validation_loss"])
    assert card["dice"] == best["validation_dice"]
    with torch.no_grad():
        found = outliner(torch.from_numpy(image[-8:])) > 0
    assert (found.numpy() == liver[-8:]).mean() > 0.93
