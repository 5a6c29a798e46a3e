"""The field of view of the segmenters: what is cut and filled up, and what comes back."""

import numpy as np
import pytest

from dime.liver.frame import FIELD_M, frame, side, unframe
from dime.simulation import abdominal

SPACING_M = abdominal.SPACING_M


def test_the_training_has_the_field_of_view_of_the_frame():
    assert FIELD_M == pytest.approx(abdominal.SPACING_M * abdominal.MATRIX)
    images = np.random.default_rng(0).random((2, 3, abdominal.MATRIX, abdominal.MATRIX))
    np.testing.assert_array_equal(frame(images, SPACING_M), images)


@pytest.mark.parametrize("shape", [(200, 300), (301, 255), (256, 257), (300, 310), (99, 98)])
def test_what_the_frame_holds_comes_back_and_the_rest_is_0(shape):
    images = 1 + np.random.default_rng(1).random((2, 3, *shape))
    framed = frame(images, SPACING_M)
    assert framed.shape == (2, 3, 256, 256) and framed.min() >= 1  # filled up with values of the image
    found = unframe(framed, shape)
    kept = found > 0
    np.testing.assert_array_equal(found[kept], images[kept])
    assert kept.sum() == 6 * min(shape[0], 256) * min(shape[1], 256)


def test_magnitude_and_phase_are_filled_up_alike():
    """An image and three times that image keep this factor, in pixels that are filled up too."""
    image = np.random.default_rng(2).random((1, 1, 100, 120))
    np.testing.assert_allclose(frame(3 * image, SPACING_M), 3 * frame(image, SPACING_M))
    assert side(1.40625e-3) == 273
