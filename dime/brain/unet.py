"""U-Net from magnitude images to tissue fractions: the rival that learns.

magnitudes (contrast) -> softmax over csf, gm, wm and none, in every voxel
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from dime.brain.tissues import TISSUES
from dime.learning import checkpoints
from dime.network.unet import Convolution, half_precision


class TissueUNet(nn.Module):
    """Encoder and decoder with skip connections; each level halves the image and doubles the channels.

    Source: Ronneberger 2015 (MICCAI); 32 features and depth 4 as BMapEst's baseline (arXiv 2404.14739).
    Assumption: two 3 x 3 convolutions with batch normalisation and ReLU a level; enlargement repeats pixels.

    Parameters
    ----------
    contrasts : int
        Magnitude images of a slice.
    width : int
        Channels of the finest level.
    depth : int
        Times that the image is halved.
    """

    def __init__(self, contrasts, width=32, depth=4):
        super().__init__()
        self.architecture = {"contrasts": contrasts, "width": width, "depth": depth}
        widths = [width * 2**level for level in range(depth + 1)]
        pairs = zip((contrasts, *widths), widths, strict=False)
        self.down = nn.ModuleList(_block(inputs, outputs) for inputs, outputs in pairs)
        pairs = pairwise(widths)
        self.up = nn.ModuleList(_block(fine + coarse, fine) for fine, coarse in pairs)
        self.head = nn.Conv2d(width, len(TISSUES) + 1, 1)

    def forward(self, images):
        """Logits (image, 4, y, x) of tissues and none, from magnitudes over the reference signal.

        Parameters
        ----------
        images : (image, contrast, y, x) float tensor
            Sides of any length.
        """
        height, width = images.shape[2:]
        step = 2 ** len(self.up)
        x = F.pad(images, (0, -width % step, 0, -height % step))
        x = x.contiguous(memory_format=torch.channels_last)
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], dim=1))
        return self.head(x).float()[..., :height, :width]


def logits_of(network, images):
    """Logits of images, in bf16 where the processor has it."""
    device = images.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or half_precision()):
        return network(images)


@torch.no_grad()
def estimate(network, images, reference):
    """Tissue fractions of magnitude images.

    Parameters
    ----------
    network : TissueUNet
        In evaluation mode.
    images : (subject, contrast, y, x) float tensor
    reference : float
        Signal that images are divided by; see `dime.brain.scanner.reference_signal`.

    Returns
    -------
    (subject, tissue, y, x) float32 tensor

    Raises
    ------
    ValueError
        Complex images, or another number of contrasts than the network has learnt.
    """
    contrasts = network.architecture["contrasts"]
    if images.is_complex() or images.ndim != 4 or images.shape[1] != contrasts:
        kind = "complex " if images.is_complex() else ""
        raise ValueError(
            f"images: expected magnitudes (subject, {contrasts}, y, x), found {kind}{tuple(images.shape)}"
        )
    parts = [logits_of(network, part / reference).softmax(1)[:, :-1] for part in images.split(32)]
    return torch.cat(parts)


def load(folder):
    """Network and card that `dime.brain.unet_training.train` wrote; errors as `checkpoints.load_model`."""
    return checkpoints.load_model(folder, TissueUNet)


def parameters(network):
    """Number of weights of a network."""
    return sum(math.prod(value.shape) for value in network.parameters())


def _block(inputs, outputs):
    layers = []
    for channels in (inputs, outputs):
        layers += [Convolution(channels, outputs), nn.BatchNorm2d(outputs)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
