"""Scores against maps whose scores are known."""

import numpy as np
import pytest

from dime.brain.scores import labels_of, scores


@pytest.fixture
def truth():
    maps = np.zeros((3, 16, 16))
    maps[0, :4, :], maps[1, 4:8, :], maps[2, 8:12, :] = 1, 1, 1
    return maps


def test_equal_maps_are_perfect(truth):
    for row in scores(truth, truth):
        assert (row["dice"], row["psnr_db"], row["ssim"]) == (1, np.inf, 1)


def test_a_constant_error_has_its_psnr(truth):
    """An error of 0.1 everywhere in one map is 20 dB; the other maps stay perfect."""
    wrong = truth.copy()
    wrong[1] = np.where(truth[1] > 0.5, 0.9, 0.1)
    rows = {row["tissue"]: row for row in scores(wrong, truth)}
    assert rows["gm"]["psnr_db"] == pytest.approx(20)
    assert rows["csf"]["psnr_db"] == np.inf


def test_fractions_are_cut_before_they_are_compared(truth):
    assert all(row["psnr_db"] == np.inf for row in scores(3 * truth - 1, truth))


def test_dice_takes_the_largest_fraction_and_none_below_the_limit(truth):
    """Half of grey given to white matter: Dice 2 x 2 / (2 + 4) of grey, 2 x 4 / (6 + 4) of white."""
    moved = truth.copy()
    moved[1, 6:8], moved[2, 6:8] = 0.45, 0.5
    rows = {row["tissue"]: row["dice"] for row in scores(moved, truth)}
    assert rows["gm"] == pytest.approx(2 / 3) and rows["wm"] == pytest.approx(0.8) and rows["csf"] == 1
    assert labels_of(np.full((3, 1, 1), 0.34)).item() == 0
    assert labels_of(np.full((3, 1, 1), 0.35)).item() == 1


def test_maps_of_another_shape_are_refused(truth):
    with pytest.raises(ValueError, match="shape"):
        scores(truth[:, :8], truth)
