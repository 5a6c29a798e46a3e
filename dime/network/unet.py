"""The convolutional network, from a wave image to log stiffness, both in a scale-free form.

By dimensional analysis a wave image fixes only mu / (rho (f dx)^2), the squared wavelength in pixels. The
network predicts the logarithm of that number and `prediction` restores the units, so one network serves every
frequency and voxel size.
"""

import copy
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dime.learning import checkpoints
from dime.network.scale_free import LOG_CENTRE, NEIGHBOURHOOD, NORMALISATIONS, normalise, normalise_locally

LOG_SCALE_RANGE = (-5.0, 2.0)
"""Bounds of the predicted log Laplace scale: they keep the likelihood finite where a fit is perfect."""


class Convolution(nn.Module):
    """3 x 3 convolution without bias; its weights form one matrix, whose updates Muon makes orthogonal."""

    def __init__(self, inputs, outputs):
        super().__init__()
        weight = nn.Conv2d(inputs, outputs, 3, bias=False).weight
        self.kernel = weight.shape
        self.weight = nn.Parameter(weight.detach().flatten(1))  # (output, input x 3 x 3)

    def forward(self, x):
        kernel = self.weight.view(self.kernel).contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, kernel, padding=1)


class _Block(nn.Sequential):
    def __init__(self, inputs, outputs):
        layers = []
        for channels in (inputs, outputs):
            layers += [
                Convolution(channels, outputs),
                nn.BatchNorm2d(outputs),
                nn.SiLU(),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    """Encoder-decoder with skip connections and two outputs per pixel.

    Source: Ronneberger 2015 (MICCAI); the heteroscedastic output follows Kendall and Gal 2017 (NeurIPS);
    cells of pixels as channels follow Shi 2016 (CVPR).
    Assumption: 2 x 2 cells and three levels. The lowest level has 8-pixel cells, about a third of a
    wavelength at the working resolution, and the receptive field spans the patch. Convolutions on single
    pixels would cost four times as many multiply-adds; cells leave time for more patches
    (notebooks/studies/01-ablation.ipynb compares the two on an equal budget).

    Parameters
    ----------
    widths : sequence of int
        Channels on each level, finest first.
    cell : int
        Pixels per side of the cells that the finest level works on.
    normalisation : one of `NORMALISATIONS`
    """

    def __init__(self, widths, cell=2, normalisation="local"):
        super().__init__()
        if normalisation not in NORMALISATIONS:
            raise ValueError(
                f"normalisation: expected one of {', '.join(NORMALISATIONS)}, found {normalisation!r}"
            )
        self.widths, self.cell, self.normalisation = tuple(widths), cell, normalisation
        inputs = (5 if normalisation == "local" else 3) * cell**2
        self.down = nn.ModuleList(
            _Block(inputs, outputs)
            for inputs, outputs in zip((inputs, *self.widths), self.widths, strict=False)
        )
        self.up = nn.ModuleList(
            _Block(coarse + fine, fine) for fine, coarse in zip(self.widths, self.widths[1:], strict=False)
        )
        self.head = nn.Conv2d(self.widths[0], 2 * cell**2, 1)

    @property
    def architecture(self):
        """The arguments that build this network, for its card."""
        return {name: getattr(self, name) for name in ("widths", "cell", "normalisation")}

    def forward(self, waves, masks):
        """Predict log stiffness and its uncertainty.

        Parameters
        ----------
        waves : (patch, 2, y, x) tensor
            Real and imaginary part, any unit.
        masks : (patch, 1, y, x) tensor of 0 and 1

        Returns
        -------
        mean : (patch, y, x) tensor
            log(mu / (rho (f dx)^2)).
        log_scale : (patch, y, x) tensor
            Log of the Laplace scale b of that mean: p(t) = exp(-|t - mean| / b) / (2 b).
        """
        height, width = waves.shape[2:]
        step = math.lcm(self.cell * 2 ** (len(self.widths) - 1), NEIGHBOURHOOD[0])
        padding = (0, -width % step, 0, -height % step)
        waves, masks = F.pad(waves, padding), F.pad(masks, padding)
        x = normalise(waves, masks)
        local = [normalise_locally(x, masks)] if self.normalisation == "local" else []
        x = F.pixel_unshuffle(torch.cat([x, *local, masks], dim=1), self.cell)
        x = x.contiguous(memory_format=torch.channels_last)
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], dim=1))
        x = F.pixel_shuffle(self.head(x).float(), self.cell)[..., :height, :width]
        mean, log_scale = x.unbind(dim=1)
        return LOG_CENTRE + mean, log_scale.clamp(*LOG_SCALE_RANGE)


def half_precision():
    """True if this processor multiplies in bf16; others emulate it, which is slower than float32."""
    return torch.cpu._is_avx512_bf16_supported()


def frozen(network):
    """Copy a network for inference only, which is a fifth faster on one slice.

    The batch-norm statistics are folded into the convolutions before them. The weights are laid out and
    rounded once in the form that the processor multiplies, not at every call.

    Parameters
    ----------
    network : UNet

    Returns
    -------
    UNet
        In evaluation mode; it can no longer be trained.
    """
    fast = copy.deepcopy(network).eval()
    for block in (*fast.down, *fast.up):
        for place in range(0, len(block), 3):
            matrix, statistics = block[place], block[place + 1]
            folded = nn.Conv2d(matrix.kernel[1], matrix.kernel[0], 3, padding=1)
            folded.weight, folded.bias = fuse_conv_bn_weights(
                matrix.weight.view(matrix.kernel),
                None,
                statistics.running_mean,
                statistics.running_var,
                statistics.eps,
                statistics.weight,
                statistics.bias,
            )
            dtype = torch.bfloat16 if half_precision() else torch.float32
            block[place] = folded.to(dtype, memory_format=torch.channels_last)
            block[place + 1] = nn.Identity()
    return fast.requires_grad_(False)


def load_model(folder: str | Path) -> tuple[UNet, dict]:
    """Read a trained network of DIME and its card.

    Parameters
    ----------
    folder : path
        Holds `weights.safetensors` and `card.json`, as `dime.learning.checkpoints.save_model` writes them.

    Returns
    -------
    network : UNet
        In evaluation mode.
    card : dict
        What it was trained on and for how long, its calibration, architecture and SHA-256.

    Raises
    ------
    FileNotFoundError, ValueError
        As `dime.learning.checkpoints.load_model`.

    Examples
    --------
    >>> import dime
    >>> from dime.inversion.methods import PRETRAINED
    >>> network, card = dime.load_model(PRETRAINED)
    >>> card["architecture"]["cell"]
    2
    """
    return checkpoints.load_model(folder, UNet)
