"""Networks that translate between a wave in the liver and log stiffness, and those that judge their images.

Forward, wave -> log stiffness: the U-Net of `dime.network.unet`, or `ResidualGenerator`, called alike.
Backward, log stiffness -> wave: `InverseGenerator`. `PatchJudge` tells simulated images from translated ones.
Both domains are scale-free images, 0 outside the mask: a wave of two channels with mean 0 and rms 1, and
log(mu / (rho (f dx)^2)) less its typical value.
"""

import copy
import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from dime.liver.blocks import ResidualBlock, layer
from dime.network.scale_free import LOG_CENTRE, NEIGHBOURHOOD, normalise, normalise_locally
from dime.network.unet import LOG_SCALE_RANGE

CELL = 2
"""Pixels per side of the cells that the finest level works on, as in the U-Net."""

SLOPE = 0.2
"""Slope of the judges' activations below 0. Source: Zhu 2017 (ICCV), appendix."""


class _Translation(nn.Sequential):
    """Cells, down, residual blocks, up, pixels: (patch, inputs, y, x) -> (patch, outputs, y, x)."""

    def __init__(self, inputs, outputs, widths, blocks):
        layers = [nn.PixelUnshuffle(CELL), *layer(inputs * CELL**2, widths[0])]
        for fine, coarse in pairwise(widths):
            layers += [nn.MaxPool2d(2), *layer(fine, coarse)]
        layers += [ResidualBlock(widths[-1]) for _ in range(blocks)]
        for coarse, fine in pairwise(widths[::-1]):
            layers += [nn.Upsample(scale_factor=2), *layer(coarse, fine)]
        layers += [nn.Conv2d(widths[0], outputs * CELL**2, 1), nn.PixelShuffle(CELL)]
        super().__init__(*layers)


class ResidualGenerator(nn.Module):
    """Encoder, residual blocks at the coarsest level, decoder; no skip connection between the two.

    Source: Johnson 2016 (ECCV), the generator of Zhu 2017 (ICCV).
    Assumption: batch norm, not the instance norm of the source. An instance's statistics would count the
    pixels outside the mask, whose share changes from slice to slice.

    Parameters
    ----------
    widths : sequence of int
        Channels on each level, finest first.
    blocks : int
        Residual blocks.
    """

    def __init__(self, widths=(32, 64), blocks=4):
        super().__init__()
        self.widths, self.blocks = tuple(widths), blocks
        self.translation = _Translation(5, 2, self.widths, blocks)

    @property
    def architecture(self):
        """The arguments that build this network, for its card."""
        return {"widths": self.widths, "blocks": self.blocks}

    def forward(self, waves, masks):
        """Predict log stiffness and its uncertainty, from waves and to units as `UNet.forward`.

        Parameters
        ----------
        waves : (patch, 2, y, x) tensor
            Real and imaginary part, any unit.
        masks : (patch, 1, y, x) tensor of 0 and 1

        Returns
        -------
        mean, log_scale : (patch, y, x) tensors
            log(mu / (rho (f dx)^2)), and the log of its Laplace scale.
        """
        height, width = waves.shape[2:]
        waves, masks = _padded(waves, self.widths), _padded(masks, self.widths)
        x = normalise(waves, masks)
        x = torch.cat([x, normalise_locally(x, masks), masks], dim=1)
        x = self.translation(x.contiguous(memory_format=torch.channels_last)).float()
        mean, log_scale = x[..., :height, :width].unbind(dim=1)
        return LOG_CENTRE + mean, log_scale.clamp(*LOG_SCALE_RANGE)


class InverseGenerator(nn.Module):
    """Draw a wave that tissue of a given stiffness might carry.

    Assumption: one wave per stiffness. Driver and instant are not told, so that no network can find the wave
    that was measured; where the cycle demands it, the forward network is tempted to hide it in its map.
    """

    def __init__(self, widths=(16, 32, 64), blocks=3):
        super().__init__()
        self.widths = tuple(widths)
        self.translation = _Translation(2, 2, self.widths, blocks)

    def forward(self, stiffness, masks):
        """Wave image (patch, 2, y, x) of a stiffness image and a mask (patch, 1, y, x)."""
        height, width = masks.shape[2:]
        x = _padded(torch.cat([stiffness, masks], dim=1), self.widths)
        return self.translation(x)[..., :height, :width] * masks


class PatchJudge(nn.Sequential):
    """PatchGAN: a number for every 46 x 46 pixels, 1 if they look simulated and 0 if translated.

    Source: Isola 2017 (CVPR).
    """

    def __init__(self, channels, widths=(32, 64, 128)):
        layers = [nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
            layers += [nn.InstanceNorm2d(outputs), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))


class Cycle(nn.Module):
    """A trained forward network, an inverse one, and a judge in each domain: what a hybrid trains.

    The forward network's batch norms keep the statistics that it was trained with: those of the few patches
    of a step would be too noisy.

    Parameters
    ----------
    start : UNet or ResidualGenerator
        It is copied.
    """

    def __init__(self, start):
        super().__init__()
        self.generator, self.inverse = copy.deepcopy(start), InverseGenerator()
        self.judge_stiffness, self.judge_wave = PatchJudge(1), PatchJudge(2)

    def train(self, mode=True):
        super().train(mode)
        self.generator.eval()
        return self

    def translators(self):
        """Parameters of both translations."""
        return [*self.generator.parameters(), *self.inverse.parameters()]

    def judges(self):
        """Parameters of both judges."""
        return [*self.judge_stiffness.parameters(), *self.judge_wave.parameters()]


def stiffness_image(log_stiffness, masks):
    """Image (patch, 1, y, x), centred and 0 outside the mask, of log(mu / (rho (f dx)^2)) (patch, y, x)."""
    return (log_stiffness - LOG_CENTRE)[:, None] * masks


def _padded(images, widths):
    """Images with zeros below and on the right, to whole cells of the coarsest level."""
    step = math.lcm(CELL * 2 ** (len(widths) - 1), NEIGHBOURHOOD[0])
    height, width = images.shape[2:]
    return F.pad(images, (0, -width % step, 0, -height % step))
