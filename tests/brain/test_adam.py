"""Adam through mixed properties: it finds what made the images, subject by subject as in a batch."""

import pytest
import torch
from brain_maps import fields_of, psnr, synthetic

from dime.brain import adam
from dime.brain.scanner import Fields, acquire
from dime.brain.sequences import COMBINATIONS, Train

TRAIN = Train(lines=16)
CONTRASTS = COMBINATIONS["+ T2"]


@pytest.fixture(scope="module")
def case():
    maps = torch.stack([synthetic(16, seed)[0] for seed in (0, 1)])
    fields = fields_of(maps[0])
    images = [acquire(one, CONTRASTS, TRAIN, fields=fields, mixing="property").abs() for one in maps]
    return maps, fields, torch.stack(images)


def test_fractions_near_the_start_are_found(case):
    maps, fields, magnitudes = case
    start = (maps + 0.15 * torch.rand(maps.shape)) * (maps.sum(1, keepdim=True) > 0)
    found = adam.estimate(magnitudes, start, CONTRASTS, TRAIN, fields, steps=250)
    for before, after, truth in zip(start, found.fractions, maps, strict=True):
        gains = torch.tensor(psnr(after, truth)) - torch.tensor(psnr(before, truth))
        assert (gains > 5).all()
    assert (found.losses[-1] < 1e-2 * found.losses[0]).all()


def test_the_truth_is_where_it_stays(case):
    maps, fields, magnitudes = case
    found = adam.estimate(magnitudes, maps, CONTRASTS, TRAIN, fields, steps=1, rate=1e-6)
    assert (found.fractions - maps).abs().max() < 1e-5
    assert found.losses.max() < 1e-12


def test_a_batch_is_its_subjects_with_fields_of_their_own(case):
    maps, fields, magnitudes = case
    start = maps.mean(0)
    both = Fields(*(torch.stack([one, one]) for one in fields))
    batch = adam.estimate(magnitudes, start, CONTRASTS, TRAIN, both, steps=20)
    alone = adam.estimate(magnitudes[1:], start, CONTRASTS, TRAIN, fields, steps=20)
    assert torch.allclose(batch.fractions[1], alone.fractions[0], atol=1e-4)
    assert batch.losses.shape == (20, 2)


def test_fractions_are_cut_and_empty_voxels_stay_empty(case):
    maps, fields, magnitudes = case
    found = adam.estimate(5 * magnitudes, maps, CONTRASTS, TRAIN, fields, steps=100, rate=0.1)
    assert found.fractions.min() >= 0
    assert found.fractions.max() <= 1
    assert not found.fractions[maps.sum(1, keepdim=True).expand_as(maps) == 0].any()


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda magnitudes, start: (magnitudes[0], start), "magnitudes: expected 8 contrasts"),
        (lambda magnitudes, start: (-magnitudes, start), "magnitudes: expected finite numbers of at least 0"),
        (lambda magnitudes, start: (magnitudes, start[:, :2]), "start: expected"),
    ],
)
def test_what_does_not_fit_is_named(case, change, words):
    maps, _, magnitudes = case
    magnitudes, start = change(magnitudes, maps)
    with pytest.raises(ValueError, match=words):
        adam.estimate(magnitudes, start, CONTRASTS, TRAIN)
