"""Maps of tissue that tests of the brain wing share."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dime.brain.anatomy import fractions_of
from dime.brain.labelled import axial_slice
from dime.brain.scanner import original_fields
from dime.brain.tissues import AT_3T, mixed


def synthetic(size=32, seed=0):
    """Fractions (tissue, y, x) of a disc with folds of three tissues, and its mask (y, x).

    A tissue is where its smooth random field is the largest; borders are soft.
    """
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.standard_normal((size, size)), size / 20) for _ in range(3)])
    fractions = torch.softmax(torch.tensor(fields / fields.std() * 4), 0).float()
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    mask = torch.tensor(np.hypot(y, x) < 0.42 * size)
    return fractions * mask, mask


def labelled():
    """Fractions (tissue, y, x) of 64 x 64 voxels of the labelled axial slice, and their mask.

    Its pixels are averaged over voxels.
    """
    labels = axial_slice()
    if labels is None:
        pytest.skip("brain_labels lie beside the folder that DIME_REFERENCE names; it is not set")
    fractions = fractions_of(labels, 64)
    return fractions, fractions.sum(0) > 0


def fields_of(fractions):
    """Fields of BMapEst for fractions of tissue."""
    return original_fields(mixed(fractions, AT_3T).proton_density)


def psnr(estimated, truth):
    """Peak signal-to-noise ratio of each tissue [dB], the peak being 1: list of float."""
    return [float(-10 * torch.log10((e - t).square().mean())) for e, t in zip(estimated, truth, strict=True)]
