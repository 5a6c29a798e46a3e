"""The convex estimate finds what made the images, in strips or whole, and refuses what does not fit."""

import numpy as np
import pytest
import torch
from brain_maps import fields_of, psnr, synthetic

from dime.brain import convex, design
from dime.brain.scanner import Fields, acquire, add_noise, reference_signal
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import AT_3T

TRAIN = Train(lines=32)
CONTRASTS = COMBINATIONS["+ T2"]


@pytest.fixture(scope="module")
def case():
    fractions, mask = synthetic(32)
    fields = fields_of(fractions)
    return fractions, mask, fields, acquire(fractions, CONTRASTS, TRAIN, fields=fields)


def test_images_without_noise_give_their_fractions_back(case):
    fractions, mask, fields, images = case
    found = convex.estimate(images, CONTRASTS, TRAIN, fields, mask=mask)
    assert (found.fractions - fractions).abs().max() < 1e-3
    assert found.distance <= 1e-3
    assert found.residual.abs().max() < 1e-5


def test_no_fraction_beats_the_estimate(case):
    """With noise, the misfit of the truth and of every smaller step from the estimate to it is larger."""
    fractions, mask, fields, images = case
    noise = reference_signal(CONTRASTS, TRAIN)
    noisy = add_noise(images, 30, noise, np.random.default_rng(1))
    found = convex.estimate(noisy, CONTRASTS, TRAIN, fields, mask=mask)
    best = found.residual.abs().double().square().sum()
    for part in (0.02, 0.3, 1.0):
        other = found.fractions + part * (fractions - found.fractions)
        residual = noisy - acquire(other, CONTRASTS, TRAIN, fields=fields)
        assert residual.abs().double().square().sum() > best
    assert (found.fractions >= 0).all()
    assert found.fractions.sum(0).max() < 1 + 1e-5
    assert not found.fractions[:, ~mask].any()


def test_strips_change_nothing(case, monkeypatch):
    _, mask, fields, images = case
    whole = convex.estimate(images, CONTRASTS, TRAIN, fields, mask=mask)
    monkeypatch.setattr(design, "STRIP_FLOATS", 5 * (3 * 32) ** 2)
    parts = convex.estimate(images, CONTRASTS, TRAIN, fields, mask=mask)
    assert (whole.fractions - parts.fractions).abs().max() < 1e-3
    assert parts.residual.shape == images.shape


def test_fields_matter_and_default_to_a_perfect_scanner(case):
    fractions, mask, _, _ = case
    images = acquire(fractions, CONTRASTS, TRAIN)
    without = convex.estimate(images, CONTRASTS, TRAIN, mask=mask)
    assert min(psnr(without.fractions, fractions)) > 60
    wrong = Fields(torch.full((32, 32), 0.9), torch.zeros(32, 32))
    off = convex.estimate(images, CONTRASTS, TRAIN, wrong, mask=mask)
    assert max(psnr(off.fractions, fractions)) < 40


@pytest.mark.parametrize("known", [True, False])
def test_gain_is_found(case, known):
    _, mask, fields, images = case
    found = convex.gain(3.7 * images, CONTRASTS, TRAIN, fields, mask=mask if known else None)
    assert found == pytest.approx(3.7, rel=0.01)


def test_area_averages_are_those_of_a_finer_grid():
    """Along one axis at a time, the image of a fine object times the window is that of its averages, but for
    what folds back; a single frequency folds nothing back."""
    train = Train(lines=32)
    wave = 0.5 + 0.4 * torch.cos(2 * torch.pi * 10 * (torch.arange(256) + 0.5) / 256)
    fine = torch.zeros(3, 256, 256)
    fine[1] = wave[:, None]
    coarse = fine.view(3, 32, 8, 32, 8).mean((2, 4))
    contrasts = COMBINATIONS["T1 x 1"]
    sharp, known = (acquire(one, contrasts, train) for one in (fine, coarse))
    assert (sharp - known).abs().max() > 0.02 * known.abs().max()
    assert torch.allclose(convex.area_averages(sharp), known, atol=3e-3 * float(known.abs().max()))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda images, mask, fields: (images[:3], mask, fields), "images: expected 8 contrasts of 32 rows"),
        (lambda images, mask, fields: (images[:, :30], mask, fields), "images: expected 8 contrasts of 32"),
        (lambda images, mask, fields: (images * torch.nan, mask, fields), "images: expected finite"),
        (lambda images, mask, fields: (images.abs(), mask, fields), "images: expected complex"),
        (lambda images, mask, fields: (images, mask[1:], fields), "mask: expected the images' grid"),
        (
            lambda images, mask, fields: (images, mask, Fields(mask[:9], mask)),
            "b1: expected the images' grid",
        ),
    ],
)
def test_what_does_not_fit_is_named(case, change, words):
    _, mask, fields, images = case
    images, mask, fields = change(images, mask, fields)
    with pytest.raises(ValueError, match=words):
        convex.estimate(images, CONTRASTS, TRAIN, fields, AT_3T, mask)


def test_no_signal_has_no_gain(case):
    _, mask, _, images = case
    with pytest.raises(ValueError, match="expected a signal"):
        convex.gain(0 * images, CONTRASTS, TRAIN, mask=mask)
