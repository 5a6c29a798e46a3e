"""The bound: it is the error of the free estimate, of any B1; a choice by it is better, and in time."""

from itertools import permutations

import numpy as np
import pytest
import torch
from brain_maps import fields_of, synthetic

from dime.brain import bound, convex
from dime.brain.scanner import acquire, add_noise, reference_signal
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.uncertainty import uncertainty

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["T1"]


@pytest.fixture(scope="module")
def case():
    fractions, mask = synthetic(32)
    return fractions, mask, fields_of(fractions)


def test_error_without_constraints_is_the_bound_and_with_them_less(case):
    fractions, mask, fields = case
    reference = reference_signal(CONTRASTS, TRAIN)
    images = acquire(fractions, CONTRASTS, TRAIN, fields=fields)
    said = bound.deviation(CONTRASTS, TRAIN, reference / 100, fields, mask)[:, mask].square().mean(1).sqrt()
    free, bounded = [], []
    for seed in range(3):
        noisy = add_noise(images, 100, reference, np.random.default_rng(seed))
        found = convex.estimate(noisy, CONTRASTS, TRAIN, fields, mask=mask)
        sure = uncertainty(noisy, found, CONTRASTS, TRAIN, fields, mask=mask)
        free.append((sure.free - fractions)[:, mask].square().mean(1))
        bounded.append((found.fractions - fractions)[:, mask].square().mean(1))
    free, bounded = (torch.stack(one).mean(0).sqrt() for one in (free, bounded))
    assert (free / said).tolist() == pytest.approx([1, 1, 1], abs=0.1)
    assert (bounded < 0.7 * said).all()


@pytest.mark.parametrize("order", ["centric", "linear"])
def test_bound_by_frequency_is_that_of_the_whole_matrix(order):
    train = Train(lines=16, order=order)
    whole = bound.deviation(CONTRASTS, train, 1e-3)
    by_frequency = bound.even_deviation(CONTRASTS, train, 1e-3)
    assert whole[:, 3, 5].tolist() == pytest.approx(by_frequency.tolist(), rel=1e-2)
    assert whole[:, 12, 0].tolist() == pytest.approx(by_frequency.tolist(), rel=1e-2)


def test_full_voxels_are_easier():
    free = bound.even_deviation(CONTRASTS, TRAIN, 1e-3)
    assert (bound.even_deviation(CONTRASTS, TRAIN, 1e-3, full=True) < free).all()


def test_magnitudes_tell_no_more_than_complex_images(case):
    fractions, mask, fields = case
    kept = bound.deviation(CONTRASTS, TRAIN, 1e-3, fields, mask)
    lost = bound.deviation(CONTRASTS, TRAIN, 1e-3, fields, mask, fractions=fractions)
    assert (lost[:, mask] >= 0.999 * kept[:, mask]).all()
    assert lost[:, mask].mean() < 1.3 * kept[:, mask].mean()


def test_choice_is_the_best_of_a_small_pool():
    """All orders of all choices of three of five contrasts, one by one."""
    pool = [*COMBINATIONS["T1"], Contrast(t2_preparation_s=0.1)]
    found = bound.choose(pool, TRAIN, 1e-3, count=3)
    errors = {
        order: np.sqrt((bound.even_deviation(order, TRAIN, 1e-3) ** 2).mean())
        for order in permutations(pool, 3)
    }
    assert found.error == pytest.approx(min(errors.values()))
    assert found.contrasts == min(errors, key=errors.get)


def test_choice_of_the_pool_beats_the_originals_and_keeps_the_time():
    assert len(bound.POOL) == 29
    usual = np.sqrt((bound.even_deviation(CONTRASTS, TRAIN, 1e-3) ** 2).mean())
    free = bound.choose(bound.POOL, TRAIN, 1e-3)
    assert free.error < usual / 2
    short = bound.choose(bound.POOL, TRAIN, 1e-3, longest_s=42.0)
    assert short.scan_s <= 42.0 < free.scan_s
    assert short.error > free.error
    with pytest.raises(ValueError, match="longest_s"):
        bound.choose(bound.POOL, TRAIN, 1e-3, longest_s=30.0)


def test_lost_signs_count_where_magnitudes_agree():
    """With one inversion time, two mixtures whose signals are s and -s cannot be told apart; with a second
    contrast of the same sign everywhere they can."""
    null = (Contrast(inversion_s=0.75),)
    both = (*null, Contrast(t2_preparation_s=0.1))
    assert bound.sign_error(null, TRAIN, 1e-3) > 0.1
    assert bound.sign_error(both, TRAIN, 1e-3) < 0.5 * bound.sign_error(null, TRAIN, 1e-3)
    assert bound.sign_error((Contrast(t2_preparation_s=0.1),), TRAIN, 1e-3) == 0
    with pytest.raises(ValueError, match="signs"):
        bound.choose(bound.POOL, TRAIN, 1e-3, signs="any")


def test_contrasts_that_separate_no_tissues_are_named():
    bound.check_separable(CONTRASTS, TRAIN, 1e-3)
    for contrasts, noise in ((CONTRASTS[:1], 1e-3), (CONTRASTS, 0.1)):
        with pytest.raises(ValueError, match="sequences: no contrast separates the tissues"):
            bound.check_separable(contrasts, TRAIN, noise)
