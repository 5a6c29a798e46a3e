"""Intervals hold the truth as often as they say, and noise is read off the residual."""

import numpy as np
import pytest
import torch
from brain_maps import fields_of, synthetic

from dime.brain import convex, magnitude
from dime.brain.scanner import acquire, add_noise, reference_signal
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.uncertainty import coverage, interval, noise_of, partial, uncertainty

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["T1"]
SNR = 100


@pytest.fixture(scope="module")
def case():
    fractions, mask = synthetic(32)
    fields = fields_of(fractions)
    images = acquire(fractions, CONTRASTS, TRAIN, fields=fields)
    return fractions, mask, fields, images, reference_signal(CONTRASTS, TRAIN)


def of(case, seed, lost=False):
    _, mask, fields, images, reference = case
    noisy = add_noise(images, SNR, reference, np.random.default_rng(seed))
    noisy = noisy.abs() if lost else noisy
    found = (magnitude if lost else convex).estimate(noisy, CONTRASTS, TRAIN, fields, mask=mask)
    return uncertainty(noisy, found, CONTRASTS, TRAIN, fields, mask=mask), found


@pytest.fixture(scope="module")
def repeats(case):
    return [of(case, seed)[0] for seed in range(6)]


def test_intervals_of_the_free_estimate_are_calibrated(case, repeats):
    fractions, mask, *_ = case
    shares = torch.stack([coverage(one, fractions, partial(fractions, mask), (0.5, 0.9)) for one in repeats])
    assert shares.mean(0).tolist() == pytest.approx([0.5, 0.9], abs=0.025)


def test_intervals_at_active_constraints_promise_too_much(case, repeats):
    fractions, mask, *_ = case
    within = partial(fractions, mask)
    shares = torch.stack([coverage(one, fractions, within, (0.9,), "active") for one in repeats])
    assert shares.mean() < 0.87
    low, high = interval(repeats[0], 0.9, "active")
    free_low, free_high = interval(repeats[0], 0.9)
    assert (high - low)[within].mean() < 0.8 * (free_high - free_low)[within].mean()


def test_scatter_over_repeats_is_the_standard_deviation(case, repeats):
    _, mask, *_ = case
    scatter = torch.stack([one.free for one in repeats]).var(0)[:, mask].mean(1)
    said = repeats[0].free_sd.square()[:, mask].mean(1)
    assert (scatter / said).tolist() == pytest.approx([1, 1, 1], abs=0.1)


def test_noise_is_read_off_the_residual(case, repeats):
    assert repeats[0].noise == pytest.approx(case[4] / SNR, rel=0.04)


def test_magnitudes_have_the_same_uncertainty(case, repeats):
    fractions, mask, *_ = case
    lost, _ = of(case, 0, lost=True)
    assert lost.noise == pytest.approx(repeats[0].noise, rel=0.1)
    share = coverage(lost, fractions, partial(fractions, mask), (0.9,))
    assert float(share) == pytest.approx(0.9, abs=0.05)


def test_active_constraints_hold(case):
    """Where one fraction is 1 and the others are 0 nothing can move; sd is that of a vertex, 0."""
    uncertain, found = of(case, 0)
    vertex = (found.fractions > 1 - 1e-6).any(0) & ((found.fractions < 1e-6).sum(0) == 2)
    assert vertex.sum() > 10
    assert uncertain.active_sd[:, vertex].max() < 0.01 * uncertain.free_sd[:, vertex].min()


def test_too_few_contrasts_tell_no_noise(case):
    fractions, mask, fields, *_ = case
    one = COMBINATIONS["T1 x 1"]
    found = convex.estimate(acquire(fractions, one, TRAIN, fields=fields), one, TRAIN, fields, mask=mask)
    found = found._replace(fractions=torch.full_like(fractions, 0.3))
    with pytest.raises(ValueError, match="noise: expected"):
        noise_of(found, mask)


@pytest.mark.parametrize("level, kind", [(1.0, "free"), (0.5, "other")])
def test_unknown_levels_and_kinds_are_named(repeats, level, kind):
    with pytest.raises(ValueError, match="interval: expected"):
        interval(repeats[0], level, kind)
