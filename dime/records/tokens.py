"""Turn the framed images of an examination into tokens: patches of each sequence, and of the fine slice."""

import torch
from torch import nn

from dime.records.frame import SEQUENCES, SHAPE

PATCHES = 18
"""Tokens of each sequence: 2 x 3 x 3 patches of 4 slices x 16 rows x 24 columns (8 x 8 x 12 cm)."""

SURFACE_PATCHES = 4
"""Tokens of the fine slice: 2 x 2 patches of 64 x 64 pixels (9.6 cm)."""

FIRST, SECOND = 8, 16
"""Channels of the two convolutions of each sequence."""


class ImageTokens(nn.Module):
    """Tokens (n, 58, width) of images: each sequence is seen by its own convolutions, then cut into patches.

    Sequences meet only in the transformer, so that one that is absent changes no token of another. Its tokens
    are then learnt vectors.

    Parameters
    ----------
    width : int
        Length of a token.

    Assumption: two strided convolutions before the patches; a linear map of raw pixels does not see how rough
    a texture or an outline is.
    """

    def __init__(self, width):
        super().__init__()
        count = len(SEQUENCES)
        self.volume = nn.Sequential(
            nn.Conv2d(count, count * FIRST, 3, 2, 1, groups=count),
            nn.GELU(),
            nn.Conv2d(count * FIRST, count * SECOND, 3, 2, 1, groups=count),
            nn.GELU(),
        )
        self.patches = nn.ModuleList(nn.Linear(4 * 4 * 6 * SECOND, width) for _ in SEQUENCES)
        self.surface = nn.Sequential(
            *(part for a, b in ((1, 8), (8, 16), (16, 32)) for part in (nn.Conv2d(a, b, 3, 2, 1), nn.GELU()))
        )
        self.surface_patches = nn.Linear(64 * 32, width)
        self.place = nn.Parameter(0.02 * torch.randn(count * PATCHES + SURFACE_PATCHES, width))
        self.missing = nn.Parameter(0.02 * torch.randn(count + 1, width))
        self.register_buffer("mean", torch.zeros(count + 1))
        self.register_buffer("deviation", torch.ones(count + 1))

    def standardise(self, volume, surface):
        """Take the mean and deviation of each channel from training images, NaN = missing."""
        channels = [volume[:, k] for k in range(volume.shape[1])] + [surface]
        for k, values in enumerate(channels):
            known = values[torch.isfinite(values)].float()
            if known.numel():
                self.mean[k], self.deviation[k] = known.mean(), known.std().clamp(min=1e-3)

    def forward(self, volume, surface):
        """Tokens of volume (n, 3, 8, 48, 72) and surface (n, 128, 128), NaN = missing."""
        n, count = len(volume), len(SEQUENCES)
        absent = torch.isnan(volume[:, :, 0, 0, 0])
        no_surface = torch.isnan(surface[:, 0, 0])
        z = (volume.float() - self.mean[:count, None, None, None]) / self.deviation[:count, None, None, None]
        z = torch.where(absent[:, :, None, None, None], 0, z)
        slices = z.transpose(1, 2).reshape(n * SHAPE[0], count, *SHAPE[1:])
        seen = self.volume(slices).reshape(n, 2, 4, count, SECOND, 3, 4, 3, 6)
        seen = seen.permute(3, 0, 1, 5, 7, 2, 4, 6, 8).reshape(count, n, PATCHES, -1)
        tokens = [layer(part) for layer, part in zip(self.patches, seen, strict=True)]
        fine = torch.where(
            no_surface[:, None, None], 0, (surface.float() - self.mean[-1]) / self.deviation[-1]
        )
        fine = self.surface(fine[:, None]).reshape(n, 32, 2, 8, 2, 8).permute(0, 2, 4, 1, 3, 5)
        tokens.append(self.surface_patches(fine.reshape(n, SURFACE_PATCHES, -1)))
        hidden = [*absent.T, no_surface]
        tokens = [
            torch.where(gone[:, None, None], missing, part)
            for gone, missing, part in zip(hidden, self.missing, tokens, strict=True)
        ]
        return torch.cat(tokens, dim=1) + self.place
