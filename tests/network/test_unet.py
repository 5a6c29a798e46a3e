"""The network's input forgets what a wave image does not tell; patches keep the label right."""

import math

import numpy as np
import pytest
import torch

from dime.network import augment
from dime.network.scale_free import normalise, normalise_locally
from dime.network.training import laplace_loss
from dime.network.unet import UNet, frozen


def example(generator, patches=2, side=32):
    waves = torch.randn((patches, 2, side, side), generator=generator)
    masks = (torch.rand((patches, 1, side, side), generator=generator) > 0.3).float()
    return waves, masks


def test_gain_and_offset_of_each_channel_change_nothing():
    waves, masks = example(torch.Generator().manual_seed(0))
    gain = torch.tensor([1e-5, 4e2]).view(1, 2, 1, 1)
    offset = torch.tensor([0.5, -3.0]).view(1, 2, 1, 1)
    np.testing.assert_allclose(normalise(gain * (waves + offset), masks), normalise(waves, masks), atol=2e-4)


def test_what_lies_outside_the_mask_changes_nothing():
    waves, masks = example(torch.Generator().manual_seed(0))
    polluted = waves + 1e3 * (1 - masks)
    np.testing.assert_allclose(normalise(polluted, masks), normalise(waves, masks), atol=1e-4)


def test_a_decaying_wave_is_as_large_everywhere_once_divided_by_its_amplitude_nearby():
    """A wave that decays by e^4 over the patch, on a slow background: locally both are gone."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    decay, phase = torch.exp(-x / 16), 2 * math.pi * x / 12
    waves = torch.stack([decay * torch.cos(phase) + 0.02 * y, decay * torch.sin(phase)])[None]
    masks = torch.ones(1, 1, 64, 64)
    local = normalise_locally(normalise(waves, masks), masks)
    rms = (local**2).mean(dim=(1, 2))[0, 8:56].sqrt()
    assert rms.min() > 0.5 and rms.max() < 1.5


def test_output_has_the_input_size_and_bounded_scale():
    network = UNet((4, 8, 8, 8)).eval()
    mean, log_scale = network(torch.randn(2, 2, 30, 50), torch.ones(2, 1, 30, 50))
    assert mean.shape == log_scale.shape == (2, 30, 50)
    assert log_scale.min() >= -5 and log_scale.max() <= 2


def test_laplace_loss_is_least_at_the_true_median_and_scale():
    """For Laplace errors of scale b the expected loss over (mean, scale) is least at (median, b)."""
    errors = torch.from_numpy(np.random.default_rng(0).laplace(1.0, 0.3, (1, 200, 200))).float()
    mask = torch.ones_like(errors)

    def loss(mean, scale):
        return laplace_loss(
            torch.tensor(mean), torch.tensor(math.log(scale)).expand_as(errors), errors, mask
        ).item()

    assert loss(1.0, 0.3) < min(loss(0.9, 0.3), loss(1.1, 0.3), loss(1.0, 0.25), loss(1.0, 0.36))


def plane_wave_image(side=160, wavelength=20.0):
    """One image: a plane wave of known wavelength [pixels] in a disc, its label, and its mask."""
    y, x = torch.meshgrid(torch.arange(side) - side / 2, torch.arange(side) - side / 2, indexing="ij")
    mask = (torch.hypot(x, y) < 0.45 * side).float()
    phase = 2 * math.pi * x / wavelength
    label = torch.full_like(x, 2 * math.log(wavelength))
    return torch.stack([torch.cos(phase), torch.sin(phase), mask, label])[None]


def test_magnified_and_turned_patches_carry_their_own_wavelength():
    """The label of a patch is the log of the squared wavelength that its own gradient shows.

    |grad(u)| = k |u| for a plane wave, whatever the direction; central differences of a wave of k = 2 pi / L
    give sin(k), and bilinear sampling costs a little more.
    """
    images = plane_wave_image()
    waves, masks, targets = augment.random_patches(
        images, torch.zeros(16, dtype=torch.long), 64, torch.Generator().manual_seed(3)
    )
    spread = []
    for wave, mask, target in zip(waves, masks[:, 0], targets, strict=True):
        u = (wave[0] + 1j * wave[1]).numpy()
        inside = mask.numpy() > 0
        dy, dx = np.gradient(u)
        core = (
            inside
            & np.roll(inside, 1, 0)
            & np.roll(inside, -1, 0)
            & np.roll(inside, 1, 1)
            & np.roll(inside, -1, 1)
        )
        core[[0, -1]] = core[:, [0, -1]] = False
        slope = np.sqrt(
            np.mean(np.abs(dx[core]) ** 2 + np.abs(dy[core]) ** 2) / np.mean(np.abs(u[core]) ** 2)
        )
        wavelength = 2 * np.pi / slope
        assert math.exp(target[inside].mean() / 2) == pytest.approx(wavelength, rel=0.05)
        spread.append(wavelength)
    assert max(spread) / min(spread) > 1.5, "patches are magnified differently"


def test_patches_are_centred_on_every_pixel_of_tissue_alike():
    """Patches of one pixel, whose label says which: each of 12 in 6000 draws 500 times, within five sigma."""
    labels = torch.arange(30.0).reshape(5, 6)
    mask = (labels % 5 > 2).float()
    images = torch.stack([mask, mask, mask, labels])[None]
    rows = torch.zeros(6000, dtype=torch.long)
    _, masks, targets = augment.random_patches(images, rows, 1, torch.Generator().manual_seed(5), zoom=1.0)
    assert masks.all()
    drawn, counts = targets.flatten().round().unique(return_counts=True)
    assert drawn.tolist() == labels[mask > 0].tolist()
    assert ((counts - 500).abs() < 5 * math.sqrt(500)).all()


def test_disturbing_keeps_the_wave_inside_a_part_of_its_mask():
    generator = torch.Generator().manual_seed(1)
    images = plane_wave_image()
    waves, masks, _ = augment.random_patches(images, torch.zeros(32, dtype=torch.long), 64, generator)
    disturbed, kept = augment.disturb(waves, masks, generator)
    assert (kept <= masks).all() and kept.sum() < masks.sum()
    assert not disturbed[(kept == 0).expand_as(disturbed)].any()
    assert torch.isfinite(disturbed).all() and not torch.allclose(disturbed, waves)


def test_edge_motion_decays_inwards_as_its_equation_says():
    """lap b = b / d^2 wherever there is tissue; peak 1, at the edge; none in a patch that is all tissue."""
    generator, reach = torch.Generator().manual_seed(4), 8.0
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    masks = ((x - 20) ** 2 + (y - 24) ** 2 < 28**2).float().expand(16, 1, 64, 64)
    motion = augment.edge_motion(masks, generator, reach_pixels=(reach, reach))
    deep = ((x - 20) ** 2 + (y - 24) ** 2 < 24**2) & (x > 1) & (y > 1)
    laplacian = sum(motion.roll(step, axis) for step in (-1, 1) for axis in (2, 3)) - 4 * motion
    misfit = (laplacian - motion / reach**2)[..., deep].square().mean().sqrt()
    assert misfit < 0.02 * (motion / reach**2)[..., deep].square().mean().sqrt()
    inside = motion.abs() * masks
    assert torch.allclose(inside.amax(dim=(2, 3)), torch.ones(16, 2))
    assert (inside[..., deep].amax(dim=-1) < 1).all()
    assert not augment.edge_motion(torch.ones(1, 1, 64, 64), generator).any()


def test_a_frozen_network_says_the_same(monkeypatch):
    """In float32 to rounding, with running statistics far from 0 and 1; the network stays as it was."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    torch.manual_seed(6)
    network = UNet((8, 12, 16)).eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(part.weight)
            torch.nn.init.normal_(part.bias)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    waves, masks = torch.randn(2, 2, 40, 52), torch.ones(2, 1, 40, 52)
    with torch.no_grad():
        for expected, found in zip(network(waves, masks), frozen(network)(waves, masks), strict=True):
            assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
            assert expected.std() > 0.1
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
