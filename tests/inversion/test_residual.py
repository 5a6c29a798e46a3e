"""The true map explains its wave down to mesh and noise; a wrong one does not."""

from functools import cache

import numpy as np
import pytest

from dime.fem import drivers, forward
from dime.inversion.residual import wave_residual
from dime.mri import noise
from dime.phantoms.phantom import Phantom, render
from dime.physics import axis_m

SCALE = SPACING_M, FREQUENCY_HZ = 1.5e-3, 60.0


@cache
def measured():
    """Wave, mask and truth (y, x) of an ellipse of 80 x 68 mm, 3 kPa, with an inclusion of 22 mm, 6 kPa."""
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    outline = 0.04 * np.stack([np.cos(turn), 0.85 * np.sin(turn)], 1)
    inclusion = np.stack([0.012 + 0.011 * np.cos(turn[::4]), 0.011 * np.sin(turn[::4])], 1)
    phantom = Phantom(
        outline,
        lambda x, y: np.where(np.hypot(x - 0.012, y) < 0.011, 6000.0, 3000.0),
        lambda x, y: np.full(np.shape(x), 0.2),
        (inclusion,),
    )
    axis = axis_m(60, SPACING_M)
    maps = render(phantom, axis, axis)
    wave = forward.solve(phantom, drivers.Driver(), FREQUENCY_HZ).sample(axis, axis)
    mask = maps["mask"].values & np.isfinite(wave)
    return np.where(mask, wave, 0), mask, maps["stiffness"].values


def test_true_map_leaves_the_discretisation_and_a_wrong_one_much_more():
    """A wave without noise, from a mesh that follows the inclusion: the true map read off on pixels of 1.5 mm
    leaves under 2 % of it; 20 % too stiff or too soft everywhere leaves ten times that; so does a map that
    misses the inclusion."""
    wave, mask, truth = measured()
    right = wave_residual(truth, 0.2, wave, mask, *SCALE)
    assert right.relative_rms < 0.02
    for wrong in (1.2 * truth, truth / 1.2, np.where(mask, 3000.0, 0)):
        assert wave_residual(wrong, 0.2, wave, mask, *SCALE).relative_rms > 10 * right.relative_rms
    assert right.residual.shape == mask.shape and not right.residual[~mask].any()


def test_true_map_of_a_noisy_wave_leaves_the_noise():
    """Noise of 1/20 of the wave's rms per channel: sqrt(2) / 20 is left, to 15 %."""
    wave, mask, truth = measured()
    noisy = noise.add_noise(wave, mask, 20, np.random.default_rng(1))
    left = wave_residual(truth, 0.2, noisy, mask, *SCALE).relative_rms
    assert left == pytest.approx(np.sqrt(2) / 20, rel=0.15)


def test_unknown_loss_tangent_is_found():
    """tan(delta) = 0.2 everywhere is what leaves least, to 0.03; gain and bulk motion change nothing."""
    wave, mask, truth = measured()
    found = wave_residual(truth, None, wave, mask, *SCALE)
    assert found.loss_tangent == pytest.approx(0.2, abs=0.03)
    rows, columns = np.indices(mask.shape)
    moved = np.where(mask, 3e4 * wave * np.exp(1j) + (2 + 0.1 * rows - 0.05j * columns), 0)
    again = wave_residual(truth, 0.2, moved, mask, *SCALE)
    assert again.relative_rms == pytest.approx(
        wave_residual(truth, 0.2, wave, mask, *SCALE).relative_rms, rel=1e-3
    )


def test_a_map_with_holes_is_refused_with_a_count():
    wave, mask, truth = measured()
    holed = truth.copy()
    holed[tuple(np.argwhere(mask)[0])] = 0
    with pytest.raises(ValueError, match=r"stiffness: expected positive values .* found 1 that"):
        wave_residual(holed, 0.2, wave, mask, *SCALE)
