"""Image of voxel properties: equal to the sum over all lines, differentiable, fast."""

import numpy as np
import pytest
import torch

from dime.brain.encoding import fourier, phase_of, to_images
from dime.brain.render import property_image, told_by_few
from dime.brain.scanner import Fields
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.signal import closed_form
from dime.brain.tissues import Properties, mixed

TRAIN = Train()
ALL = COMBINATIONS["+ DWI"]


def voxels(*shape, seed=0, dtype=torch.float32):
    """Properties of voxels that are filled at random, some of them nearly empty."""
    rng = np.random.default_rng(seed)
    fractions = rng.dirichlet((0.5, 0.5, 0.5, 0.3), shape)[..., :3]
    return mixed(torch.tensor(np.moveaxis(fractions, -1, 0), dtype=torch.float32)), rng


def fields_of(shape, rng):
    """Any B1 and B0."""
    return Fields(
        torch.tensor(rng.uniform(0.6, 1.3, shape), dtype=torch.float32),
        torch.tensor(rng.uniform(-60, 60, shape), dtype=torch.float32),
    )


def summed(properties, contrasts, train, fields):
    """The image by the sum over y of every line."""
    signal = closed_form(properties, contrasts, train, fields.b1)
    signal = signal * phase_of(fields.b0_hz, contrasts, train)[:, None]
    return to_images(torch.einsum("ny,cnyx->cnx", fourier(train), signal), train)


@pytest.mark.parametrize("order", ["centric", "linear"])
def test_few_excitations_give_the_image_of_all(order):
    train = Train(order=order)
    properties, rng = voxels(64, 20)
    fields = fields_of((64, 20), rng)
    expected = summed(properties, ALL, train, fields)
    found = property_image(properties, ALL, train, fields)
    assert found.shape == (24, 64, 20) and found.dtype == torch.complex64
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("lines", [1, 7, 64, 128])
def test_decays_of_every_rate_follow_from_few_excitations(lines):
    excitations, shares = told_by_few(lines)
    rates = -np.random.default_rng(1).exponential(np.geomspace(1e-4, 10, 500))
    decays = np.exp(np.outer(rates, np.arange(lines)))
    assert len(excitations) <= 16
    assert np.abs(decays[:, excitations] @ shares - decays).max() < 2e-5


def test_a_batch_is_rendered_as_each_of_its_subjects():
    properties, rng = voxels(3, 64, 8)
    fields = fields_of((64, 8), rng)
    batch = property_image(properties, ALL[:5], TRAIN, fields)
    assert batch.shape == (5, 3, 64, 8)
    for subject in range(3):
        alone = property_image(Properties(*(one[subject] for one in properties)), ALL[:5], TRAIN, fields)
        torch.testing.assert_close(batch[:, subject], alone)


def test_without_fields_b1_is_one_and_b0_nothing():
    properties, _ = voxels(64, 6)
    plain = Fields(torch.ones(64, 6), torch.zeros(64, 6))
    found = property_image(properties, ALL[:4], TRAIN)
    torch.testing.assert_close(found, property_image(properties, ALL[:4], TRAIN, plain))


def test_gradients_are_those_of_central_differences():
    train = Train(lines=4)
    contrasts = (Contrast(inversion_s=0.5), Contrast(t2_preparation_s=0.05, echo_delay_s=0.01))
    contrasts += (Contrast(diffusion_s=0.01, b_s_per_m2=1e9),)
    rng = np.random.default_rng(2)
    scales = (1.0, 1.5, 0.1, 0.2, 1.0)  # D in 1e-9 m^2/s, so that one step suits all
    values = [torch.tensor(s * rng.uniform(0.5, 1.5, (4, 2)), requires_grad=True) for s in scales]
    b1, b0_hz = torch.tensor(rng.uniform(0.7, 1.2, (4, 2))), torch.tensor(rng.uniform(-50, 50, (4, 2)))

    def image(density, t1, t2, t2_prime, diffusion, b1, b0_hz):
        properties = Properties(density, t1, t2, t2_prime, diffusion * 1e-9)
        return property_image(properties, contrasts, train, Fields(b1, b0_hz))

    inputs = (*values, b1.requires_grad_(), b0_hz.requires_grad_())
    assert torch.autograd.gradcheck(image, inputs, eps=1e-6, atol=1e-6)


def test_empty_and_slightly_negative_voxels_have_finite_gradients():
    fractions = torch.zeros(3, 64, 4)
    fractions[0, :, 1], fractions[1, :, 2], fractions[2, :, 3] = 1e-6, -0.01, -0.5
    fractions.requires_grad_()
    property_image(mixed(fractions), ALL, TRAIN).abs().sum().backward()
    assert torch.isfinite(fractions.grad).all()


def test_another_number_of_rows_is_refused():
    properties, _ = voxels(32, 32)
    with pytest.raises(ValueError, match="expected 64 rows, one a line, found 32"):
        property_image(properties, ALL, TRAIN)
