"""U-Net: shape, loss whose minimum is known, a rule that it learns, resuming, and bad input."""

import pytest
import torch

from dime.brain import unet, unet_training
from dime.brain.unet_training import Schedule


def slices(count, seed):
    """Magnitudes of which each tells one tissue, and the fractions that they tell."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 4, 4, 4, generator=generator)
    fractions = torch.nn.functional.interpolate((6 * coarse).softmax(1), scale_factor=8)
    return 1 - fractions[:, :2], fractions[:, :3]


def test_shape_and_sum():
    network = unet.TissueUNet(contrasts=5, width=2).eval()
    found = unet.estimate(network, torch.rand(3, 5, 40, 52), reference=1.0)
    assert found.shape == (3, 3, 40, 52)
    assert found.min() >= 0
    assert found.sum(1).max() <= 1 + 1e-5


def test_loss_is_least_at_the_fractions():
    _, fractions = slices(2, 0)
    whole = torch.cat([fractions, 1 - fractions.sum(1, keepdim=True)], 1)
    logits = whole.log().requires_grad_()
    loss = unet_training.loss_of(logits, fractions)
    loss.backward()
    assert torch.isclose(loss, -(whole * whole.log()).sum(1).mean())
    assert logits.grad.abs().max() < 1e-6


def test_learns_what_images_tell(tmp_path):
    images, fractions = slices(40, 1)
    schedule = Schedule(width=8, depth=1, epochs=30, batch=4, learning_rate=0.01)
    network = unet_training.train(images, fractions, schedule, tmp_path, report=str)
    images, fractions = slices(4, 2)
    error = (unet.estimate(network, images, 1.0) - fractions).square().mean((0, 2, 3))
    spread = fractions.var((0, 2, 3))
    assert (error[:2] < 0.15 * spread[:2]).all()


def test_saved_network_is_read_back_and_a_second_training_equals_the_first(tmp_path):
    images, fractions = slices(6, 3)
    schedule = Schedule(width=2, depth=2, epochs=1, batch=2)
    first = unet_training.train(images, fractions, schedule, tmp_path / "a", report=str)
    unet_training.train(images, fractions, schedule, tmp_path / "b", report=str)
    again, card = unet.load(tmp_path / "b")
    assert card["slices"] == 6
    assert torch.equal(unet.estimate(again, images, 1.0), unet.estimate(first, images, 1.0))


def test_images_are_divided_by_the_reference():
    network = unet.TissueUNet(contrasts=1, width=2).eval()
    images = torch.rand(1, 1, 16, 16)
    assert torch.equal(unet.estimate(network, 4 * images, 4.0), unet.estimate(network, images, 1.0))


@pytest.mark.parametrize("images", [torch.rand(1, 3, 8, 8), torch.rand(1, 2, 8, 8) * 1j, torch.rand(2, 8, 8)])
def test_bad_images(images):
    with pytest.raises(ValueError, match="2, y, x"):
        unet.estimate(unet.TissueUNet(contrasts=2, width=2).eval(), images, 1.0)


def test_one_slice_is_too_few(tmp_path):
    images, fractions = slices(1, 0)
    with pytest.raises(ValueError, match="two or more"):
        unet_training.train(images, fractions, Schedule(), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_stopped_training_ends_as_an_undisturbed_one(tmp_path):
    """The second epoch begins from the first one's weights, optimisers and rates."""
    images, fractions = slices(9, 4)
    schedule = Schedule(width=2, depth=1, epochs=2, batch=4)

    def stop(line):
        raise KeyboardInterrupt

    whole = unet_training.train(images, fractions, schedule, tmp_path / "whole", report=str)
    with pytest.raises(KeyboardInterrupt):
        unet_training.train(images, fractions, schedule, tmp_path / "stopped", report=stop)
    assert (tmp_path / "stopped" / "checkpoint.pt").is_file()
    resumed = unet_training.train(images, fractions, schedule, tmp_path / "stopped", report=str)
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_every_weight_is_trained_and_moves(tmp_path):
    """Convolutions and all else are divided between two optimisers: none is left out, none is in both."""
    images, fractions = slices(9, 5)
    task = unet_training.FractionTask(images, fractions, Schedule(width=2, depth=1, epochs=1, batch=4))
    torch.manual_seed(0)
    network = task.model()
    optimisers, _ = task.optimisers(network)
    held = [value for one in optimisers for group in one.param_groups for value in group["params"]]
    assert len(held) == len({id(value) for value in held}) == len(list(network.parameters()))
    before = [value.detach().clone() for value in network.parameters()]
    for seed in range(2):
        task.step(network.train(), optimisers, torch.Generator().manual_seed(seed))
    moved = [not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True)]
    assert all(moved)
