"""Magnitudes: the search finds the signs, and the alternation the optimum that complex images have."""

import numpy as np
import pytest
import torch
from brain_maps import fields_of, psnr, synthetic

from dime.brain import convex, magnitude
from dime.brain.design import Design
from dime.brain.scanner import acquire, add_noise, reference_signal
from dime.brain.sequences import COMBINATIONS, Contrast, Train

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["T1"]


@pytest.fixture(scope="module")
def case():
    fractions, mask = synthetic(32)
    fields = fields_of(fractions)
    return fractions, mask, fields, acquire(fractions, CONTRASTS, TRAIN, fields=fields)


def test_magnitudes_without_noise_give_their_fractions_back(case):
    fractions, mask, fields, images = case
    found = magnitude.estimate(images.abs(), CONTRASTS, TRAIN, fields, mask=mask)
    assert min(psnr(found.fractions, fractions)) > 38
    assert found.residual.abs().max() < 0.01 * images.abs().max()


def test_with_noise_they_are_as_good_as_complex_images(case):
    fractions, mask, fields, images = case
    noisy = add_noise(images, 100, reference_signal(CONTRASTS, TRAIN), np.random.default_rng(0))
    with_phase = convex.estimate(noisy, CONTRASTS, TRAIN, fields, mask=mask)
    without = magnitude.estimate(noisy.abs(), CONTRASTS, TRAIN, fields, mask=mask)
    for one, other in zip(
        psnr(without.fractions, fractions), psnr(with_phase.fractions, fractions), strict=True
    ):
        assert one > other - 1.0


def test_the_signs_of_a_sparse_choice_are_found_by_the_search_and_not_from_a_flat_start(case):
    """Contrasts that the bound chooses leave the sign of white matter to chance, unless it is searched."""
    fractions, mask, fields, _ = case
    contrasts = (*(Contrast(inversion_s=time) for time in (0.8, 1.0, 3.5)), Contrast(t2_preparation_s=0.3))
    magnitudes = acquire(fractions, contrasts, TRAIN, fields=fields).abs()
    searched = magnitude.estimate(magnitudes, contrasts, TRAIN, fields, mask=mask)
    flat = torch.full((3, 32, 32), 1 / 3) * mask
    fallen = magnitude.estimate(magnitudes, contrasts, TRAIN, fields, mask=mask, start=flat)
    assert min(psnr(searched.fractions, fractions)) > 40
    assert min(psnr(fallen.fractions, fractions)) < 20
    assert searched.residual.norm() < 0.1 * fallen.residual.norm()


def test_gradient_descent_from_a_flat_start_ends_elsewhere(case):
    fractions, mask, fields, images = case
    fallen = magnitude.flat_descent(images.abs(), CONTRASTS, TRAIN, fields, mask, steps=100)
    searched = magnitude.estimate(images.abs(), CONTRASTS, TRAIN, fields, mask=mask)
    assert min(psnr(fallen, fractions)) < min(psnr(searched.fractions, fractions)) - 10


def test_search_is_exact_for_mixtures_of_the_grid_that_do_not_vary():
    """Fractions that are the same everywhere are not blurred beyond the first line's share."""
    truth = torch.tensor([0.1, 0.55, 0.35])
    train = Train(lines=8)
    fractions = truth[:, None, None].expand(3, 8, 8)
    design = Design(COMBINATIONS["+ T2"], train, fields_of(fractions))
    magnitudes = acquire(fractions, COMBINATIONS["+ T2"], train, fields=fields_of(fractions)).abs()
    found = magnitude.search(magnitudes, design)[:, 2:6, 2:6]
    assert (found - truth[:, None, None]).abs().max() <= 1.5 / magnitude.PARTS


def test_mixtures_are_all_that_fit():
    grid = magnitude.mixtures(4)
    assert len(grid) == 35  # (4 + 3 choose 3)
    assert len(grid.unique(dim=0)) == 35
    assert grid.min() == 0
    assert grid.sum(1).max() == 1


def test_gain_is_found(case):
    _, mask, fields, images = case
    found = magnitude.gain(0.02 * images.abs(), CONTRASTS, TRAIN, fields, mask=mask)
    assert found == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize(
    "change, words", [(lambda one: one, "found complex"), (lambda one: -one.abs(), "found negative")]
)
def test_what_is_no_magnitude_is_named(case, change, words):
    *_, images = case
    with pytest.raises(ValueError, match=words):
        magnitude.estimate(change(images), CONTRASTS, TRAIN)
