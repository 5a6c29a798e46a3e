"""Stubs of segmenters, shared by tests: no weights, known answers."""

import numpy as np

from dime.liver import checks
from dime.liver.segmentation import Segmentation


def bright(network, magnitude, phase, spacing_m):
    """A segmenter that takes bright pixels for liver; its bottleneck is the liver's place from the middle."""
    liver = magnitude.mean(axis=1) > 0.5
    middle = (np.array(liver.shape[1:]) - 1) / 2
    centre = [np.mean(np.nonzero(one), axis=1) - middle if one.any() else np.zeros(2) for one in liver]
    return Segmentation(liver, liver, np.where(liver, 0.95, 0.05), np.array(centre))


def turned(network, magnitude, phase, spacing_m):
    """The bottleneck of `bright` in each of the views."""
    pairs = zip(checks.views(magnitude), checks.views(phase), strict=True)
    return np.stack([bright(network, *pair, spacing_m).bottleneck for pair in pairs])
