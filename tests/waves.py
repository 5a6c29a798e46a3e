"""Waves that several tests share."""

from dataclasses import replace

import nibabel
import numpy as np
import torch

from dime.network import training
from dime.physics import axis_m, wavenumber

SCHEDULE = training.Schedule(
    epochs=4, patches_per_epoch=256, batch=16, patch=32, widths=(8, 16, 16, 16), seed=1
)
"""A training of seconds."""

SHORT = replace(SCHEDULE, epochs=3)
"""A shorter one, of one network that is trained twice."""


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


def travelling(side=96, spacing_m=2e-3, frequency_hz=60.0, stiffness_pa=3000.0, loss_tangent=0.2):
    """Three damped plane waves in tissue of one stiffness: complex (x, y) at e^{i omega t}, and a disc.

    The rms of the wave in the disc is 1."""
    axis = axis_m(side, spacing_m)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    k = wavenumber(stiffness_pa, loss_tangent, frequency_hz)
    far = side * spacing_m / 2
    angles = enumerate((0.3, 2.2, 4.1))
    wave = sum(np.exp(-1j * k * (x * np.cos(a) + y * np.sin(a) + far) + 1j * j) for j, a in angles)
    disc = np.hypot(x, y) < 0.9 * far
    return wave / np.sqrt(np.mean(np.abs(wave[disc]) ** 2)), disc


def phase_offsets(wave, count=4):
    """Phases (x, y, count) of a wave whose unit is the radian, evenly spaced over one period, not wrapped."""
    return np.real(wave[..., None] * np.exp(2j * np.pi * np.arange(count) / count))


def save_nifti(path, values, zooms=(2.0, 2.0, 5.0), unit="mm"):
    """An image (x, y, ...) as NIfTI, with the pixel [unit] in header and affine; returns the path."""
    image = nibabel.Nifti1Image(values, np.diag([*zooms, 1.0]))
    if unit:
        image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path
