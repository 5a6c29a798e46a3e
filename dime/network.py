"""The convolutional network: waves in a scale-free form in, log stiffness in a scale-free form out.

By dimensional analysis a wave image fixes only mu / (rho (f dx)^2), the squared wavelength in pixels. The
network predicts the logarithm of that number; `inversion` puts the units back. One network so serves every
frequency and voxel size.
"""

import torch
from torch import nn

LOG_CENTRE = 6.0
"""Typical log(mu / (rho (f dx)^2)), 20 pixels per wavelength; the network predicts the deviation from it."""

LOG_SCALE_RANGE = (-5.0, 2.0)
"""Bounds of the predicted log Laplace scale: they keep the likelihood finite where a fit is perfect."""


def normalise(waves, masks):
    """Remove what a wave image does not tell: the gain and the constant offset of each channel.

    Each channel (real, imaginary) of each patch becomes zero-mean, unit-variance over its mask, 0 outside.

    Parameters
    ----------
    waves : (patch, 2, y, x) tensor, any unit
    masks : (patch, 1, y, x) tensor of 0 and 1

    Returns
    -------
    (patch, 3, y, x) tensor
        Normalised real and imaginary part, and the mask: the network's input.
    """
    pixels = masks.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    centred = (waves - (waves * masks).sum(dim=(2, 3), keepdim=True) / pixels) * masks
    variance = (centred**2).sum(dim=(2, 3), keepdim=True) / pixels
    return torch.cat([centred / (variance.sqrt() + 1e-12 * variance.max().sqrt() + 1e-30), masks], dim=1)


class _Block(nn.Sequential):
    def __init__(self, inputs, outputs):
        layers = []
        for channels in (inputs, outputs):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.SiLU(),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    """Encoder-decoder with skip connections and two outputs per pixel.

    Source: Ronneberger 2015 (MICCAI); the heteroscedastic output follows Kendall and Gal 2017 (NeurIPS).
    Assumption: four levels: the lowest then sees 8-pixel cells, about a third of a wavelength at the
    working resolution, and the receptive field spans the whole patch.

    Parameters
    ----------
    widths : sequence of int
        Channels on each level, finest first.
    """

    def __init__(self, widths):
        super().__init__()
        self.widths = tuple(widths)
        self.down = nn.ModuleList(
            _Block(inputs, outputs) for inputs, outputs in zip((3, *self.widths), self.widths, strict=False)
        )
        self.up = nn.ModuleList(
            _Block(coarse + fine, fine) for fine, coarse in zip(self.widths, self.widths[1:], strict=False)
        )
        self.head = nn.Conv2d(self.widths[0], 2, 1)

    def forward(self, x):
        """Log stiffness and its uncertainty.

        Parameters
        ----------
        x : (patch, 3, y, x) tensor
            From `normalise`; y and x multiples of 2^(levels - 1).

        Returns
        -------
        mean : (patch, y, x) tensor
            log(mu / (rho (f dx)^2)).
        log_scale : (patch, y, x) tensor
            Log of the Laplace scale b of that mean: p(t) = exp(-|t - mean| / b) / (2 b).
        """
        skips = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], dim=1))
        mean, log_scale = self.head(x).float().unbind(dim=1)
        return LOG_CENTRE + mean, log_scale.clamp(*LOG_SCALE_RANGE)


def laplace_loss(mean, log_scale, target, mask):
    """Negative log likelihood of the target under the predicted Laplace law, averaged over the mask.

    |target - mean| / b + log b, with b = exp(log_scale); all tensors (patch, y, x).
    """
    likelihood = (target - mean).abs() * torch.exp(-log_scale) + log_scale
    return (likelihood * mask).sum() / mask.sum().clamp(min=1)
