"""The segmenters: two convolutional networks that mark every pixel of an image, at two sizes of cell."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from dime.liver.blocks import ResidualBlock, layer
from dime.network.unet import half_precision

INPUTS, OUTPUTS = 4, 2
"""Channels of an image (`features.features`), and marks of each pixel (liver, reportable region)."""


class _Segmenter(nn.Module):
    """Encoder and decoder over cells of pixels; a kind supplies `down`, `up` and how skips are joined."""

    def __init__(self, widths, cell):
        super().__init__()
        self.widths, self.cell = tuple(widths), cell
        self.head = nn.Conv2d(self.widths[0], OUTPUTS * cell**2, 1)

    @property
    def architecture(self):
        """The arguments that build this network, for its card."""
        return {"widths": self.widths, "cell": self.cell}

    def forward(self, images):
        """Mark every pixel.

        Parameters
        ----------
        images : (image, INPUTS, y, x) tensor

        Returns
        -------
        logits : (image, OUTPUTS, y, x) tensor
            Log odds of each mark.
        deepest : (image, channel) tensor
            Mean over the image of the features of the lowest level.
        """
        height, width = images.shape[2:]
        step = self.cell * 2 ** (len(self.widths) - 1)
        padded = F.pad(images, (0, -width % step, 0, -height % step), mode="replicate")
        x = F.pixel_unshuffle(padded, self.cell).contiguous(memory_format=torch.channels_last)
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        deepest = x.float().mean(dim=(2, 3))
        for level in reversed(range(len(self.up))):
            x = self.join(level, x, skips[level])
        logits = F.pixel_shuffle(self.head(x).float(), self.cell)
        return logits[..., :height, :width], deepest


class SegmentationUNet(_Segmenter):
    """U-Net whose decoder convolves the coarse level and the skip together.

    Source: Ronneberger 2015 (MICCAI).
    Assumption: four levels of 2 x 2 cells. On a grid of 3 mm the lowest level has cells of 48 mm, and its
    features span the body, which tells the liver from the spleen.

    Parameters
    ----------
    widths : sequence of int
        Channels on each level, finest first.
    cell : int
        Pixels per side of the cells that the finest level works on.
    """

    def __init__(self, widths=(16, 32, 64, 96), cell=2):
        super().__init__(widths, cell)
        pairs = zip((INPUTS * cell**2, *self.widths), self.widths, strict=False)
        self.down = nn.ModuleList(_block(inputs, outputs) for inputs, outputs in pairs)
        pairs = zip(self.widths, self.widths[1:], strict=False)
        self.up = nn.ModuleList(_block(fine + coarse, fine) for fine, coarse in pairs)

    def join(self, level, coarse, fine):
        return self.up[level](torch.cat([_enlarged(coarse), fine], dim=1))


class ResidualSegmenter(_Segmenter):
    """Residual encoder with one block per level; the decoder adds the levels up.

    Nearly all weights lie in the encoder. The decoder projects a coarse level to the width of the finer one
    and adds it to the skip.

    Source: He 2016 (CVPR) for the encoder; Lin 2017 (CVPR), feature pyramids, for the decoder.

    Parameters
    ----------
    widths, cell : as for `SegmentationUNet`
    """

    def __init__(self, widths=(16, 32, 64, 128), cell=2):
        super().__init__(widths, cell)
        pairs = zip((INPUTS * cell**2, *self.widths), self.widths, strict=False)
        self.down = nn.ModuleList(
            nn.Sequential(*layer(inputs, outputs), ResidualBlock(outputs)) for inputs, outputs in pairs
        )
        pairs = zip(self.widths, self.widths[1:], strict=False)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, fine, 1, bias=False), nn.BatchNorm2d(fine))
            for fine, coarse in pairs
        )

    def join(self, level, coarse, fine):
        return F.silu(fine + _enlarged(self.up[level](coarse)))


KINDS = {"unet": SegmentationUNet, "resnet": ResidualSegmenter}
"""Name -> segmenter."""


def marked(network, images):
    """Logits and deepest features of images (image, 4, y, x), in bf16 where the processor has it."""
    device = images.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or half_precision()):
        return network(images)


def _block(inputs, outputs):
    return nn.Sequential(*layer(inputs, outputs), *layer(outputs, outputs))


def _enlarged(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def parameters(network):
    """Number of weights of a network."""
    return sum(math.prod(value.shape) for value in network.parameters())
