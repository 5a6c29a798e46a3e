"""Motion in k-space: each displacement has an image that is known in closed form."""

import numpy as np
import pytest
from scipy.special import jv

from dime.mri.breathing import breathe, drift
from dime.mri.kspace import band_limited

SPACING = 1.5e-3
SHAPE = (32, 24)
RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((4, *SHAPE)) + 1j * RNG.standard_normal((4, *SHAPE))


def constant(shift_m, lines=SHAPE[0]):
    """The same displacement [m] at every offset and line."""
    return np.broadcast_to(shift_m, (4, lines, 2))


def test_no_displacement_changes_nothing():
    assert np.allclose(breathe(IMAGES, SPACING, constant((0, 0))), IMAGES)


def test_a_whole_pixel_rolls_the_image():
    """Two pixels along x and minus three along y: the image of `np.roll`, for each offset its own."""
    moved = breathe(IMAGES, SPACING, constant((2 * SPACING, -3 * SPACING)))
    assert np.allclose(moved, np.roll(IMAGES, (-3, 2), axis=(1, 2)))
    steps = np.arange(4)[:, None, None] * np.broadcast_to((SPACING, 0), (4, SHAPE[0], 2))
    moved = breathe(IMAGES, SPACING, steps)
    assert all(np.allclose(moved[j], np.roll(IMAGES[j], j, axis=1)) for j in range(4))


def test_a_part_of_a_pixel_moves_a_band_limited_image():
    """f(x - dx, y - dy) in closed form, for f a sum of harmonics of the field of view."""
    y, x = np.meshgrid(*(np.arange(n) * SPACING for n in SHAPE), indexing="ij")
    height, width = (n * SPACING for n in SHAPE)

    def wave(x, y):
        return np.exp(2j * np.pi * (3 * x / width - 5 * y / height)) + 0.4 * np.cos(
            2 * np.pi * 7 * y / height
        )

    dx, dy = 0.31 * SPACING, -1.27 * SPACING
    moved = breathe(np.stack([wave(x, y)] * 4), SPACING, constant((dx, dy)))
    assert np.allclose(moved, wave(x - dx, y - dy))


@pytest.mark.parametrize("lines", [12, 13])
def test_lines_that_are_not_acquired_are_zero(lines):
    """At rest, fewer lines than rows leave the image that the central block of k-space holds."""
    seen = breathe(IMAGES, SPACING, constant((0, 0), lines))
    assert np.allclose(seen[1], band_limited(IMAGES[1], (lines, SHAPE[1])))


def test_periodic_motion_puts_ghosts_at_a_known_distance():
    """A period of 8 among 32 lines puts ghosts every 4 rows, |J_m(2 pi kx d)| bright (Jacobi and Anger).

    The object is one row with the harmonic kx = 3 / width, displaced along x by d sin(2 pi line / 8).
    """
    rows, columns = SHAPE
    kx = 3 / (columns * SPACING)
    image = np.zeros((1, *SHAPE), dtype=complex)
    image[0, 16] = np.exp(2j * np.pi * kx * np.arange(columns) * SPACING)
    d = 2e-3
    motion = np.zeros((1, rows, 2))
    motion[0, :, 0] = d * np.sin(2 * np.pi * np.arange(rows) / 8)
    brightness = np.abs(breathe(image, SPACING, motion)[0]).mean(axis=1)
    ghosts = np.arange(16 % 4, rows, 4)
    assert np.allclose(np.delete(brightness, ghosts), 0, atol=1e-12)
    for order in (0, 1, 2):
        expected = abs(jv(order, 2 * np.pi * kx * d))
        assert np.allclose(brightness[[16 - 4 * order, 16 + 4 * order]], expected, atol=1e-3)


def test_motion_keeps_the_energy_of_the_image():
    """A phase in k-space moves no energy (Parseval), so ghosts are paid for by the body's own brightness."""
    moved = breathe(IMAGES, SPACING, drift(4, SHAPE[0], 4e-3, np.random.default_rng(1)))
    assert np.isclose(np.sum(np.abs(moved) ** 2), np.sum(np.abs(IMAGES) ** 2))
    assert not np.allclose(np.abs(moved), np.abs(IMAGES), atol=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_a_drawn_drift_starts_at_rest_and_reaches_its_largest_distance(seed):
    """0 at the first line, 4 mm at most, mostly along y, and continuous from one offset to the next."""
    motion = drift(4, 64, 4e-3, np.random.default_rng(seed))
    distance = np.linalg.norm(motion, axis=-1).ravel()
    assert motion.shape == (4, 64, 2)
    assert distance[0] == 0
    assert np.isclose(distance.max(), 4e-3)
    assert np.abs(np.diff(distance)).max() < 0.05 * 4e-3
    assert np.abs(motion[..., 1]).max() > np.abs(motion[..., 0]).max()
    assert np.array_equal(motion, drift(4, 64, 4e-3, np.random.default_rng(seed)))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: breathe(IMAGES[0], SPACING, constant((0, 0))), "images"),
        (lambda: breathe(IMAGES, SPACING, constant((0, 0), 33)), "displacement_m"),
        (lambda: breathe(IMAGES, SPACING, constant((0, np.nan))), "displacement_m"),
        (lambda: breathe(IMAGES, 0.0, constant((0, 0))), "spacing_m"),
        (lambda: drift(0, 64, 1e-3, RNG), "offsets"),
        (lambda: drift(4, 64, -1e-3, RNG), "largest_m"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
