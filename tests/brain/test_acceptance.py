"""Estimates of the labelled slice: each case within a margin of what a prototype measured.

Images are of extended phase graphs, with noise whose deviation is a part of the largest signal of a tissue in
the first line. They are read by the closed form.
"""

import numpy as np
import pytest
import torch
from brain_maps import fields_of, labelled, psnr

from dime.brain import bound, convex, magnitude
from dime.brain.scanner import Fields, acquire, add_noise, reference_signal
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.tissues import AT_3T
from dime.brain.uncertainty import coverage, partial, uncertainty

TRAIN = Train()
FOUR, TWELVE = COMBINATIONS["T1"], COMBINATIONS["+ T2*"]
CHOSEN = (*(Contrast(inversion_s=time) for time in (0.8, 1.0, 3.5)), Contrast(t2_preparation_s=0.3))

RIGHT = {"tissues": AT_3T, "b1": torch.ones(64, 64)}

SIGNS = {"csf": 1, "gm": -1, "wm": 1}
OFF = {
    "tissues": {
        name: one._replace(t1_s=one.t1_s * (1 + 0.05 * SIGNS[name]), t2_s=one.t2_s * (1 - 0.05 * SIGNS[name]))
        for name, one in AT_3T.items()
    },
    "b1": torch.linspace(0.95, 1.05, 64).expand(64, 64),
}
"""T1 and T2 of every tissue wrong by 5 %, in turn up and down, and B1 by -5 to 5 % along x."""


@pytest.fixture(scope="module")
def slice_():
    fractions, mask = labelled()
    return fractions, mask, fields_of(fractions)


def images_of(slice_, contrasts, snr, seed=0):
    fractions, _, fields = slice_
    clean = acquire(fractions, contrasts, TRAIN, fields=fields, simulator="epg")
    return add_noise(clean, snr, reference_signal(contrasts, TRAIN), np.random.default_rng(seed))


def assumed(slice_, model):
    return Fields(slice_[2].b1 * model["b1"], slice_[2].b0_hz), model["tissues"]


@pytest.mark.parametrize(
    "contrasts, snr, model, least",
    [
        (FOUR, 100, RIGHT, (37, 30, 33)),
        (FOUR, 100 / 3, RIGHT, (29, 22, 25)),
        (TWELVE, 100, RIGHT, (45, 36, 37)),
        (TWELVE, 100, OFF, (41, 33, 33)),
        (CHOSEN, 100, RIGHT, (44, 34, 36)),
    ],
    ids=["four", "four-noisy", "twelve", "twelve-off", "chosen"],
)
def test_complex_images(slice_, contrasts, snr, model, least):
    fractions, mask, _ = slice_
    images, (fields, tissues) = images_of(slice_, contrasts, snr), assumed(slice_, model)
    found = convex.estimate(images, contrasts, TRAIN, fields, tissues, mask)
    assert found.distance <= 1e-3
    assert all(np.array(psnr(found.fractions, fractions)) >= least)


@pytest.mark.parametrize(
    "contrasts, least", [(FOUR, (36, 29, 32)), (CHOSEN, (43, 33, 35))], ids=["four", "chosen"]
)
def test_magnitude_images(slice_, contrasts, least):
    """Also the chosen contrasts, with which a start that knows nothing of signs ends at 9 dB."""
    fractions, mask, fields = slice_
    magnitudes = images_of(slice_, contrasts, 100).abs()
    found = magnitude.estimate(magnitudes, contrasts, TRAIN, fields, mask=mask)
    assert all(np.array(psnr(found.fractions, fractions)) >= least)


def test_two_starts_agree(slice_):
    fractions, mask, fields = slice_
    images = images_of(slice_, FOUR, 100)
    starts = (None, torch.full_like(fractions, 1 / 3))
    one, other = (
        convex.estimate(images, FOUR, TRAIN, fields, mask=mask, start=start).fractions for start in starts
    )
    assert (one - other).abs().max() <= 1e-3


def test_bound_is_the_free_error_and_intervals_are_calibrated(slice_):
    fractions, mask, fields = slice_
    images = images_of(slice_, FOUR, 100)
    found = convex.estimate(images, FOUR, TRAIN, fields, mask=mask, simulator="epg")
    sure = uncertainty(images, found, FOUR, TRAIN, fields, mask=mask, simulator="epg")
    said = bound.deviation(FOUR, TRAIN, reference_signal(FOUR, TRAIN) / 100, fields, mask, simulator="epg")
    ratio = (sure.free - fractions)[:, mask].square().mean(1) / said[:, mask].square().mean(1)
    assert ratio.sqrt().tolist() == pytest.approx([1, 1, 1], abs=0.1)
    shares = coverage(sure, fractions, partial(fractions, mask), (0.5, 0.9))
    assert shares.tolist() == pytest.approx([0.5, 0.9], abs=0.03)


def test_the_wrong_mixing_costs_ten_decibels(slice_):
    fractions, mask, fields = slice_
    costs = []
    for mixing in ("signal", "property"):
        images = acquire(fractions, TWELVE, TRAIN, fields=fields, mixing=mixing)
        images = add_noise(images, 100, reference_signal(TWELVE, TRAIN), np.random.default_rng(0))
        found = convex.estimate(images, TWELVE, TRAIN, fields, mask=mask)
        costs.append(np.array(psnr(found.fractions, fractions)))
    assert (costs[0] - costs[1] > 10).all()
