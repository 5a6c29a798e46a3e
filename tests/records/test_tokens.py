"""Patches of images: the lines of equal signal bend as they should, and groups do not mix."""

import numpy as np
import pytest
import torch

from dime.records.frame import SHAPE, SURFACE_PIXELS
from dime.records.tokens import (
    CURVED,
    EDGE,
    GROUPS,
    PATCHES,
    SMOOTH_PX,
    ImagePatches,
    derivatives,
    roughness,
    scales,
)

SIDE = 65
Y, X = torch.meshgrid(*[torch.arange(SIDE) - 32.0] * 2, indexing="ij")
INNER = (slice(8, -8),) * 2
KERNELS = derivatives(SMOOTH_PX, 5)


def rough(image):
    return roughness(image[None, None], KERNELS)[0, 0]


def test_kernels_differentiate_polynomials():
    """Of x^2 + 3 x y + 2 y the Gaussian's derivatives x, y, xx, yy, xy are 2 x + 3 y, 3 x + 2, 2, 0, 3."""
    image = X**2 + 3 * X * Y + 2 * Y
    found = torch.nn.functional.conv2d(image[None, None], KERNELS, padding=5)[0][:, 16:-16, 16:-16]
    x, y = X[16:-16, 16:-16], Y[16:-16, 16:-16]
    expected = [2 * x + 3 * y, 3 * x + 2, 2 + 0 * x, 0 * x, 3 + 0 * x]
    for one, true in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, true, atol=0.03 * image.abs().max() / 32)


@pytest.mark.parametrize("slope", [0.10, 0.15])
def test_a_cone_bends_by_one_over_its_radius(slope):
    """S = slope r + 1: |grad S| = slope, and the lines of equal signal are circles, of curvature 1 / r. The
    product is slope / r within 6 %, less what the 1e-3 beside the square of the slope takes."""
    r = torch.hypot(X, Y)
    ring = (r > 10) & (r < 20)
    reduced = (slope**2 / (slope**2 + 1e-3)) ** 1.5
    np.testing.assert_allclose(rough(slope * r + 1)[ring], reduced * slope / r[ring], rtol=0.06)


def test_straight_lines_and_even_tissue_do_not_bend():
    for image in (0.15 * X - 0.1 * Y, torch.full((SIDE, SIDE), -3.0)):
        assert rough(image)[INNER].abs().max() < 1e-5


def test_what_counts_is_bounded():
    """However steep an edge and however narrow a bend, a pixel counts at most 0.2 x 0.5."""
    noise = 5 * torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert rough(noise).max() <= EDGE * CURVED + 1e-6 and rough(noise).max() > 0.5 * EDGE * CURVED


def test_a_rippled_edge_is_rougher_than_a_smooth_one():
    """Edge of a disc of 20 pixels, rippled by 1.5 pixels: the mean is higher by half or more."""
    r, angle = torch.hypot(X, Y), torch.atan2(Y, X)
    smooth, rippled = (torch.sigmoid(20 + a * torch.cos(12 * angle) - r) for a in (0.0, 1.5))
    assert rough(rippled).mean() > 1.5 * rough(smooth).mean()


@pytest.fixture(scope="module")
def patches():
    torch.manual_seed(0)
    return ImagePatches(16).eval()


def pictures(n=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = (n, 3, *SHAPE), (n, SURFACE_PIXELS, SURFACE_PIXELS)
    return tuple(torch.randn(size, generator=generator) for size in sizes)


@torch.no_grad()
def test_each_group_gives_its_patches(patches):
    found = patches(*pictures())
    assert [tuple(one.shape) for one in found] == [(2, count, 16) for count in PATCHES]
    assert all(torch.isfinite(one).all() for one in found)


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lost", range(4))
def test_groups_do_not_mix(patches, lost, training):
    """One group missing, of one examination or of both: no token of another group changes, in training
    neither, when batches are normalised."""
    volume, surface = pictures()
    torch.manual_seed(1)
    before = patches.train(training)(volume, surface)
    target = volume[:, lost] if lost < 3 else surface
    target[0] = torch.nan
    after = patches(volume, surface)
    patches.eval()
    for group in range(4):
        assert torch.isfinite(after[group]).all()
        assert torch.equal(before[group], after[group]) == (group != lost), GROUPS[group]


@torch.no_grad()
def test_a_patch_sees_its_place(patches):
    """A change in the lower left back corner of the volume reaches the tokens of that corner and of those
    that border on it, by the reach of two convolutions; the opposite corner does not notice."""
    volume, surface = pictures()
    before = patches(volume, surface)[1]
    volume[:, 1, 4:, 40:, :8] += 1
    moved = (patches(volume, surface)[1] != before).any(dim=2).any(dim=0).reshape(2, 3, 3)
    assert moved[1, 2, 0] and not moved[0].any() and not moved[1, :, 1:].any() and not moved[1, 0].any()
    surface[:, :8, :8] += 1
    moved = (patches(volume, surface)[3] != patches(volume, pictures()[1])[3]).any(dim=2).any(dim=0)
    assert moved.reshape(4, 4)[0, 0] and not moved.reshape(4, 4)[2:].any()


def test_scales_are_those_of_known_values():
    """Mean 2 and deviation sqrt 2 of 1, 3 and NaN; nothing known leaves 0 and 1, and finite tokens."""
    mean, deviation = scales(torch.tensor([[1.0, torch.nan, 3.0]]))
    assert (mean, deviation) == (2, pytest.approx(2**0.5))
    assert scales(torch.full((3,), torch.nan)) == (0, 1)
    made = ImagePatches(8)
    volume, surface = pictures()
    made.standardise(volume * 3 + 1, torch.full_like(surface, torch.nan))
    assert made.mean[:3] == pytest.approx(np.ones(3), abs=0.1) and made.mean[3] == 0
    assert made.deviation[:3] == pytest.approx(np.full(3, 3), abs=0.1) and made.deviation[3] == 1
    loss = sum(one.square().mean() for one in made(volume, torch.full_like(surface, torch.nan)))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)
