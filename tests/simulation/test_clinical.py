"""How the clinic shakes a liver: where the pad is, what its waves are made of, what a reader draws."""

import numpy as np
import pytest

from dime.phantoms import outlines
from dime.simulation import clinical
from dime.simulation.examination import Recipe, simulate_phantom

RECIPE = {"spacing_m": 3e-3, "physics": "clinical"}


def test_the_pad_lies_at_the_right_front():
    """On an ellipse the middle of the arc is near 225 degrees: x to the patient's left, y to the back."""
    outline = outlines.ellipse(0.2, 0.14)
    for seed in range(20):
        driver = clinical.pad(outline, 1e-5, np.random.default_rng(seed))
        middle = (driver.start + driver.length / 2) % 1
        x, y = outline[int(middle * len(outline)) % len(outline)]
        assert clinical.PAD[0] <= driver.length <= clinical.PAD[1]
        assert x < 0 and y < 0


def test_a_drawn_mask_is_one_piece_inside_the_organ():
    from scipy.ndimage import label

    y, x = np.indices((80, 80)) * 3e-3
    organ = (x - 0.12) ** 2 + (y - 0.12) ** 2 < 0.1**2
    for seed in range(10):
        mask = clinical.drawn(organ, 3e-3, np.random.default_rng(seed))
        assert label(mask)[1] == 1 and not (mask & ~organ).any()
        assert 0.5 < mask.sum() / organ.sum() < 1


def test_waves_die_on_their_way_and_depend_on_the_seed_alone():
    """The amplitude at the right front exceeds that of the far side, in most phantoms by much."""
    ratios = []
    for index in range(3):
        one = simulate_phantom(Recipe("homogeneous", 4, 8, **RECIPE), index)
        mask, size = one["mask"], np.abs(one["wave"])
        y, x = np.indices(mask.shape)
        along = (x + y)[mask]
        near, far = along <= np.quantile(along, 0.25), along >= np.quantile(along, 0.75)
        ratios.append(np.median(size[mask][near]) / np.median(size[mask][far]))
        assert 0.05 < one["loss_tangent"][mask].mean() < 0.35
    assert np.median(ratios) > 2
    again = simulate_phantom(Recipe("homogeneous", 9, 8, **RECIPE), 2)
    np.testing.assert_array_equal(again["wave"], one["wave"])


def test_noise_of_a_coarse_scan_has_its_level_and_its_grain():
    """SNR 10 at 20 of 80 lines: the noise has a tenth of the wave's rms and no power beyond the lines."""
    quiet, noisy = (
        simulate_phantom(Recipe("homogeneous", 1, 3, snr=snr, acquired=20, **RECIPE), 0)
        for snr in (float("inf"), 10.0)
    )
    mask = quiet["mask"]
    noise = (noisy["wave"] - quiet["wave"])[mask]
    rms = np.sqrt(np.mean(np.abs(quiet["wave"][mask]) ** 2))
    assert np.std(noise.real) == pytest.approx(rms / 10, rel=0.2)
    image = np.where(mask, noisy["wave"] - quiet["wave"], 0)
    neighbours = np.real(image[:, 1:] * image[:, :-1].conj())[mask[:, 1:] & mask[:, :-1]].mean()
    assert neighbours > 0.7 * np.mean(np.abs(noise) ** 2)
