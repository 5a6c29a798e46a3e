"""Overlap of shapes whose Dice, surface distance and volume follow from a drawing."""

import numpy as np
import pytest

from dime.metrics import overlap


def square(left, side=10, top=10, shape=(40, 40)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_two_shifted_squares():
    """Squares of 10 pixels, 4 apart along x: 60 of 100 pixels are shared, Dice = 120 / 200 = 0.6.

    Each surface has 36 pixels. In each, the 10 pixels of the side that the other square does not reach are 4
    away, more than 5 % of all, and no pixel is farther: the 95th percentile is 4.
    """
    first, second = square(10), square(14)
    assert overlap.dice(first, second) == pytest.approx(0.6)
    distances = overlap.surface_distances(first, second, 2e-3)
    assert distances.size == 2 * 36
    assert np.sort(distances)[-20:] == pytest.approx(8e-3)
    assert overlap.hd95(first, second, 2e-3) == pytest.approx(8e-3)
    assert overlap.volume_error(first, second) == 0


def test_spacing_counts_along_its_axis():
    """The same squares on pixels of 3 x 2 mm: shifted by 4 pixels of 2 mm along x, or of 3 mm along y."""
    assert overlap.hd95(square(10), square(14), (3e-3, 2e-3)) == pytest.approx(8e-3)
    low, lower = square(10), square(10, top=14)
    assert overlap.hd95(low, lower, (3e-3, 2e-3)) == pytest.approx(12e-3)


def test_a_square_in_a_larger_one():
    """Sides 10 and 14 about one centre: Dice = 2 x 100 / 296, volume -96 / 196, and surfaces 2 pixels apart.

    The corners of the larger one are 2 sqrt(2) away: 4 of 88 distances, fewer than 5 %.
    """
    inner, outer = square(10), square(8, 14, 8)
    assert overlap.dice(inner, outer) == pytest.approx(200 / 296)
    assert overlap.volume_error(inner, outer) == pytest.approx(100 / 196 - 1)
    assert overlap.surface_distances(inner, outer, 1.0).max() == pytest.approx(2 * np.sqrt(2))
    assert 2.0 <= overlap.hd95(inner, outer, 1.0) < 2.5


def test_equal_and_empty_masks():
    """Equal masks: 1, 0, 0. An empty mask has no surface; two empty ones agree."""
    mask, empty = square(10), np.zeros((40, 40), bool)
    assert overlap.dice(mask, mask) == 1
    assert overlap.hd95(mask, mask, 1e-3) == 0 and overlap.volume_error(mask, mask) == 0
    assert overlap.dice(mask, empty) == 0 and overlap.dice(empty, empty) == 1
    assert np.isnan(overlap.hd95(mask, empty, 1e-3)) and np.isnan(overlap.hd95(empty, mask, 1e-3))
    assert overlap.volume_error(empty, mask) == -1 and np.isnan(overlap.volume_error(mask, empty))


def test_three_dimensions():
    """Cubes one slice of 10 mm apart: half of two slices is shared, and caps lie one slice away."""
    first, second = np.zeros((4, 40, 40), bool), np.zeros((4, 40, 40), bool)
    first[:2, 10:20, 10:20] = second[1:3, 10:20, 10:20] = True
    assert overlap.dice(first, second) == 0.5
    assert overlap.hd95(first, second, (10e-3, 2e-3, 2e-3)) == pytest.approx(10e-3)


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="expected the shape of the truth"):
        overlap.dice(square(1), square(1)[1:])
