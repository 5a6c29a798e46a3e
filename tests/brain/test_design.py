"""The linear model: the scanner's lines, an adjoint, and the Gram matrix of the Jacobian."""

import pytest
import torch
from brain_maps import fields_of, synthetic

from dime.brain.design import Design, by_column, by_tissue, strips
from dime.brain.scanner import acquire
from dime.brain.sequences import COMBINATIONS, Train

TRAIN = Train(lines=16)
CONTRASTS = COMBINATIONS["+ T2*"][3:10]


@pytest.fixture(scope="module")
def case():
    fractions, mask = synthetic(16)
    fields = fields_of(fractions)
    return fractions, mask, fields, Design(CONTRASTS, TRAIN, fields, simulator="epg", mask=mask)


def test_images_are_the_scanners(case):
    fractions, _, fields, design = case
    known = acquire(fractions, CONTRASTS, TRAIN, fields=fields, simulator="epg")
    assert torch.allclose(design.images(fractions), known, atol=1e-6 * float(known.abs().max()))


def test_adjoint_has_the_same_inner_product(case):
    fractions, _, _, design = case
    lines = torch.randn(len(CONTRASTS), 16, 16, dtype=torch.complex64)
    forward = (design.lines(fractions).conj() * lines).real.sum()
    assert forward == pytest.approx(float((fractions * design.adjoint(lines)).sum()), rel=1e-4)


def unit_maps(column):
    """Maps (unknown, tissue, y, x) of one voxel of a column each, in the order of a flattened (tissue, y)."""
    maps = torch.zeros(3 * 16, 3, 16, 16)
    maps[torch.arange(3 * 16), torch.arange(3).repeat_interleave(16), torch.arange(16).repeat(3), column] = 1
    return maps


def test_gram_matrix_is_that_of_the_jacobian(case):
    _, mask, _, design = case
    grams = design.gram()
    for column in (4, 9):
        responses = torch.stack([design.lines(one) for one in unit_maps(column)])
        assert not responses[..., [place for place in range(16) if place != column]].any()
        matrix = torch.view_as_real(responses).flatten(1).double()
        assert torch.allclose(grams[column], matrix @ matrix.T, atol=1e-6)
    assert not grams[by_column((~mask).expand(3, -1, -1))].any()


def test_gram_matrix_in_phase_is_that_of_the_magnitudes(case):
    fractions, _, _, design = case
    images = design.images(fractions)
    phases = torch.polar(torch.ones_like(images.real), images.angle())
    jacobian = torch.autograd.functional.jacobian(lambda p: design.images(p).abs()[:, :, 9], fractions)
    matrix = jacobian[..., 9].reshape(-1, 3 * 16).double()
    assert torch.allclose(design.gram(phases)[9], matrix.T @ matrix, atol=1e-6)


def test_vectors_and_maps_are_each_others_inverse():
    maps = torch.rand(3, 4, 5)
    assert torch.equal(by_tissue(by_column(maps)), maps)


def test_strips_cover_every_column_once():
    widths = [len(range(300)[one]) for one in strips(Train(lines=256), 300)]
    assert sum(widths) == 300
    assert len(widths) > 1
