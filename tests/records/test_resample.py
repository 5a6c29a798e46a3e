"""Resampling along an axis: means over cells, with answers known by hand."""

import numpy as np
import pytest

from dime.records.resample import resampling


@pytest.mark.parametrize(
    ("count", "old", "new_count", "new", "shift"),
    [
        (8, 0.02, 8, 0.02, 0.0),
        (200, 1.3e-3, 48, 5e-3, 0.0042),
        (40, 5e-3, 128, 1.5e-3, -0.03),
        (5, 1, 9, 1, 7),
    ],
)
def test_rows_are_weights(count, old, new_count, new, shift):
    """They are not negative and sum to 1, also where the new axis reaches beyond the old one."""
    matrix = resampling(count, old, new_count, new, shift)
    assert matrix.shape == (new_count, count) and matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_the_same_axis_changes_nothing():
    np.testing.assert_allclose(resampling(8, 0.02, 8, 0.02), np.eye(8), atol=1e-6)


def test_cells_of_a_whole_number_of_samples_hold_their_means():
    """Twelve samples in four cells of three: the means of three in a row."""
    values = np.random.default_rng(0).random(12)
    found = resampling(12, 1.5e-3, 4, 4.5e-3) @ values
    np.testing.assert_allclose(found, values.reshape(4, 3).mean(axis=1), rtol=1e-6)


def test_finer_cells_interpolate_a_ramp_and_the_ends_repeat():
    """Samples of f(x) = x [mm] at -4.5 to 4.5: at the new places f is x, but beyond the ends +-4.5."""
    found = resampling(10, 1.0, 31, 0.4) @ (np.arange(10) - 4.5)
    at = (np.arange(31) - 15) * 0.4
    np.testing.assert_allclose(found, np.clip(at, -4.5, 4.5), atol=1e-5)


def test_a_shift_moves_the_new_axis():
    """A new axis whose middle lies two samples to the right of the old one shows what lies there."""
    values = np.random.default_rng(1).random(20)
    np.testing.assert_allclose(resampling(20, 1.0, 6, 1.0, 2.0) @ values, values[9:15], rtol=1e-6)


def test_the_error_falls_with_the_square_of_the_spacing():
    """A cosine of 40 mm at even finer places: halving the samples' distance quarters the largest error."""
    at = (np.arange(101) - 50) * 0.25e-3
    errors = []
    for count in (48, 96, 192, 384):
        spacing_m = 0.096 / count
        samples = np.cos(2 * np.pi * (np.arange(count) - (count - 1) / 2) * spacing_m / 0.040)
        found = resampling(count, spacing_m, len(at), 0.25e-3) @ samples
        errors.append(np.abs(found - np.cos(2 * np.pi * at / 0.040)).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2, atol=0.15)
