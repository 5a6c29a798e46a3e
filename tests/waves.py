"""Waves that several tests share."""

import numpy as np
import torch

from dime.network import training

SCHEDULE = training.Schedule(
    epochs=4, patches_per_epoch=256, batch=16, patch=32, widths=(8, 16, 16, 16), seed=1
)
"""A training of seconds."""


def images(count, seed):
    """Plane waves of 10 to 40 pixels in discs: the label is the log of the squared wavelength."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-32:32, -32:32]
    out = []
    for _ in range(count):
        wavelength, angle = rng.uniform(10, 40), rng.uniform(0, 2 * np.pi)
        phase = 2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle))
        mask = np.hypot(x, y) < 28
        out.append([np.cos(phase), np.sin(phase), mask, np.full(x.shape, 2 * np.log(wavelength))])
    return torch.from_numpy(np.array(out, np.float32))
