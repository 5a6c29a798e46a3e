"""Pictures, outlines and the playing wave of an examination hold what they were made of."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from dime.plotting import examination as drawing

RING = np.zeros((9, 12), bool)
RING[2:7, 3:9] = True
RING[4, 5] = False


def opened(address):
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))


def test_a_picture_has_the_colours_of_the_scale_and_is_clear_outside_the_mask():
    values = np.where(np.arange(12) < 6, 2.0, 100.0) * np.ones((9, 1))
    shown = np.asarray(opened(drawing.picture(values, RING, "viridis", 0.0, 8.0)).convert("RGBA"))
    np.testing.assert_array_equal(shown[..., 3] == 255, RING)
    np.testing.assert_array_equal(shown[3, 3, :3], drawing.palette("viridis")[round(254 * 2 / 8)])
    np.testing.assert_array_equal(shown[3, 8, :3], drawing.palette("viridis")[-1])


def test_values_that_are_not_finite_do_not_stop_a_picture():
    assert opened(drawing.picture(np.full((4, 5), np.nan), np.ones((4, 5), bool), "gray", 0, 1)).size == (
        5,
        4,
    )


def test_the_outline_is_as_long_as_the_region_and_its_hole_are_round():
    path = drawing.outline_path(RING)
    assert sum(map(int, re.findall(r"[hv](\d+)", path))) == 2 * (5 + 6) + 4
    assert "M3 2h6" in path and "M5 4h1" in path and "M3 2v5" in path


def test_the_area_path_covers_each_pixel_once():
    covered = np.zeros(RING.shape, int)
    for start, row, length, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", drawing.area_path(RING)):
        assert length == back
        covered[int(row), int(start) : int(start) + int(length)] += 1
    np.testing.assert_array_equal(covered, RING)


def test_a_playing_wave_is_the_wave_at_every_moment():
    rng = np.random.default_rng(3)
    wave = rng.normal(size=RING.shape) + 1j * rng.normal(size=RING.shape)
    end = drawing.wave_end(wave, RING)
    sent = drawing.playing_wave(wave, RING, end)
    places = [
        n
        for start, length in zip(*[iter(sent["runs"])] * 2, strict=True)
        for n in range(start, start + length)
    ]
    np.testing.assert_array_equal(np.flatnonzero(RING), places)
    real, imaginary = (np.frombuffer(base64.b64decode(sent[name]), np.int8) for name in ("real", "imaginary"))
    sent_wave = (real + 1j * imaginary) / 127 * drawing.WAVE_ROOM * end
    for phase in (0.0, 1.0, 4.0):
        expected = (wave[RING] * np.exp(1j * phase)).real
        assert (sent_wave * np.exp(1j * phase)).real == pytest.approx(expected, abs=0.02 * end)


def test_a_wave_beyond_the_scale_keeps_its_phase():
    wave = np.full(RING.shape, 1 + 0j)
    wave[2, 3] = 30 * np.exp(1j)
    sent = drawing.playing_wave(wave, RING, 1.0)
    first = [np.frombuffer(base64.b64decode(sent[name]), np.int8)[0] for name in ("real", "imaginary")]
    assert np.arctan2(first[1], first[0]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("kpa", "end"), [(3.0, 8.0), (12.0, 20.0)])
def test_the_scale_of_stiffness_is_one_of_two(kpa, end):
    assert drawing.stiffness_end_kpa(np.full((1, 4, 4), kpa), np.ones((1, 4, 4), bool)) == end
    assert drawing.stiffness_end_kpa(np.full((1, 4, 4), kpa), np.zeros((1, 4, 4), bool)) == 8.0


def test_the_window_holds_the_tissue_of_all_slices():
    mask = np.zeros((2, 50, 60), bool)
    mask[0, 10, 20], mask[1, 40, 57] = True, True
    rows, columns = drawing.window(mask)
    assert (rows.start, rows.stop) == (6, 45) and columns.start == 16
    assert mask[:, rows, columns].sum() == 2
