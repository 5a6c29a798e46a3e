"""Turn the framed images of an examination into patches: of each sequence, and of the fine slice."""

import torch
from torch import nn

from dime.records.columns import SEQUENCES

GROUPS = (*SEQUENCES, "surface")
"""What is cut into patches, each on its own."""

PATCHES = (18, 18, 18, 16)
"""Patches of each group: 2 x 3 x 3 of 4 slices x 16 rows x 24 columns (8 x 8 x 12 cm); 4 x 4 of the fine
slice, of 32 x 32 pixels (4.8 cm)."""

EDGE, CURVED = 0.2, 0.5
"""Largest change of the logarithm per pixel and largest curvature per pixel that count in `roughness`."""

SMOOTH_PX = 1.5
"""Gaussian before outlines are looked at (standard deviation, pixels)."""


def derivatives(sigma, radius):
    """Kernels (5, 1, k, k) of the derivatives x, y, xx, yy, xy of a Gaussian."""
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    g = torch.exp(-0.5 * (at / sigma) ** 2)
    g = g / g.sum()
    first, second = at / sigma**2 * g, (at**2 / sigma**4 - 1 / sigma**2) * g
    second = second - second.sum() * g  # else even tissue would seem to bend
    pairs = ((g, first), (first, g), (g, second), (second, g), (first, first))
    return torch.stack([torch.outer(y, x) for y, x in pairs])[:, None].float()


def roughness(images, kernels):
    """How much the outlines in an image bend: min(|grad S|, .2) min(|k|, .5), k = div(grad S / |grad S|).

    Nodules of a surface and patches of a texture bend the lines of equal signal, smooth organs hardly do. In
    k, |grad S|^2 is raised by 1e-3, so that noise in even tissue counts little.

    images : (n, 1, y, x); kernels : from `derivatives`. Returns (n, 1, y, x).
    """
    radius = kernels.shape[-1] // 2
    padded = nn.functional.pad(images, [radius] * 4, mode="replicate")
    x, y, xx, yy, xy = nn.functional.conv2d(padded, kernels).split(1, dim=1)
    square = x**2 + y**2
    bend = (xx * y**2 - 2 * xy * x * y + yy * x**2) / (square + 1e-3) ** 1.5
    return square.sqrt().clamp(max=EDGE) * bend.abs().clamp(max=CURVED)


def scales(values):
    """Mean and standard deviation of the known values of a tensor; 0 and 1 where none is known."""
    known = values[torch.isfinite(values)].float()
    return (known.mean(), known.std()) if len(known) else (0.0, 1.0)


class ImagePatches(nn.Module):
    """Tokens of images: convolutions of each group's own, then patches; groups do not mix.

    Parameters
    ----------
    width : int
        Length of a token.
    channels : (int, int)
        Of the two convolutions of a sequence.

    Assumption: two strided convolutions before the patches, because a linear map of raw pixels does not see
    how rough a texture is.
    """

    def __init__(self, width, channels=(8, 16)):
        super().__init__()
        first, second = channels
        count = len(SEQUENCES)
        self.second = second
        self.volume = nn.Sequential(
            nn.Conv2d(count, count * first, 3, 2, 1, groups=count),
            nn.BatchNorm2d(count * first),
            nn.GELU(),
            nn.Conv2d(count * first, count * second, 3, 2, 1, groups=count),
            nn.BatchNorm2d(count * second),
            nn.GELU(),
        )
        steps = [nn.BatchNorm2d(2, affine=False)]
        for a, b in ((2, 16), (16, 24), (24, 32)):
            steps += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.GELU()]
        self.fine = nn.Sequential(*steps)
        sizes = [4 * 4 * 6 * second] * count + [4 * 4 * 32]
        self.maps = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.places = nn.ParameterList(0.02 * torch.randn(patches, width) for patches in PATCHES)
        self.register_buffer("mean", torch.zeros(len(GROUPS)))
        self.register_buffer("deviation", torch.ones(len(GROUPS)))
        self.register_buffer("kernels", derivatives(SMOOTH_PX, 5))

    def standardise(self, volume, surface):
        """Take the mean and deviation of each group from training images, NaN = missing."""
        for k, values in enumerate([*volume.unbind(dim=1), surface]):
            self.mean[k], self.deviation[k] = scales(values)

    def forward(self, volume, surface):
        """Tokens of each group, a list of (n, patches, width); those of a missing sequence mean nothing.

        volume : (n, 3, 8, 48, 72); surface : (n, 128, 128), NaN = missing
        """
        n, count, slices = volume.shape[:3]
        z = (volume.float() - self.mean[:count, None, None, None]) / self.deviation[:count, None, None, None]
        z = z.nan_to_num().transpose(1, 2).reshape(n * slices, count, *volume.shape[3:])
        seen = self.volume(z).reshape(n, 2, 4, count, self.second, 3, 4, 3, 6)
        seen = seen.permute(3, 0, 1, 5, 7, 2, 4, 6, 8).reshape(count, n, PATCHES[0], -1)
        fine = (surface[:, None].float().nan_to_num() - self.mean[-1]) / self.deviation[-1]
        fine = self.fine(torch.cat([fine, roughness(fine * self.deviation[-1], self.kernels)], dim=1))
        fine = fine.reshape(n, -1, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).reshape(n, PATCHES[-1], -1)
        return [
            layer(part) + place
            for layer, part, place in zip(self.maps, [*seen, fine], self.places, strict=True)
        ]
