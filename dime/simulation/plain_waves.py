"""Waves of known stiffness in closed form: plane, standing, crossing and mixed waves on a disc of tissue."""

import numpy as np
from scipy import special

from dime.physics import DENSITY_KG_M3

FREQUENCY_HZ = 60.0
"""Frequency of the vibration [Hz]."""

RADIUS_M = 0.075
"""Radius of the disc of tissue [m]."""

RIM_M = 0.030
"""Width of the rim of the disc that is not judged [m]."""


def stiffness_of(wavelength_m):
    """Stiffness |G*| = rho (f lambda)^2 [Pa] of lossless tissue at `FREQUENCY_HZ`."""
    return DENSITY_KG_M3 * (FREQUENCY_HZ * wavelength_m) ** 2


def disc(spacing_m, radius_m=RADIUS_M):
    """Pixel centres y and x [m] and the mask of a centred disc, three arrays (y, x)."""
    half = int(radius_m / spacing_m) + 1
    axis = np.arange(-half, half + 1) * spacing_m
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x, np.hypot(y, x) < radius_m


def plane_wave(y, x, wavelength_m, angle_rad):
    """Plane wave exp(-i k.x), complex (y, x); it travels towards the angle, counted from +x towards +y."""
    return np.exp(-2j * np.pi / wavelength_m * (x * np.cos(angle_rad) + y * np.sin(angle_rad)))


def standing_wave(y, x, wavelength_m):
    """Standing wave J0(k r), complex (y, x): waves from all sides in phase, as in a shaken container."""
    return special.j0(2 * np.pi / wavelength_m * np.hypot(y, x)).astype(complex)


def mixed_wave(y, x, wavelength_m, rng, count=6):
    """Mixed wave: `count` plane waves of equal amplitude, random direction and phase, as in an organ."""
    angles, phases = rng.uniform(0, 2 * np.pi, (2, count))
    parts = [np.exp(1j * p) * plane_wave(y, x, wavelength_m, a) for a, p in zip(angles, phases, strict=True)]
    return np.sum(parts, axis=0) / np.sqrt(count)


DIFFUSE_WAVES = 48
"""Number of plane waves in the diffuse field."""


def opposite_waves(y, x, wavelength_m, ratio, angle_rad, phase_rad):
    """Opposite waves, e^{-i k.x} + ratio e^{i (k.x + phase)}: travelling for ratio 0, standing for 1.

    |u| varies from 1 - ratio at nodes to 1 + ratio at a quarter wavelength from them.
    """
    back = plane_wave(y, x, wavelength_m, angle_rad + np.pi)
    return plane_wave(y, x, wavelength_m, angle_rad) + ratio * np.exp(1j * phase_rad) * back


def crossing_waves(y, x, wavelength_m, apart_rad, angle_rad, phase_rad):
    """Two plane waves of equal amplitude whose directions differ by `apart_rad`; |u| shows stripes."""
    other = plane_wave(y, x, wavelength_m, angle_rad + apart_rad)
    return plane_wave(y, x, wavelength_m, angle_rad) + np.exp(1j * phase_rad) * other


def field(kind, y, x, wavelength_m, rng):
    """Field (y, x) of one of `KINDS`, of random direction and phase."""
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    if kind == "travelling":
        return opposite_waves(y, x, wavelength_m, 0.0, angle, phase)
    if kind == "standing":
        return opposite_waves(y, x, wavelength_m, 1.0, angle, phase)
    if kind == "crossing":
        return crossing_waves(y, x, wavelength_m, np.pi / 2, angle, phase)
    if kind == "concentric":
        return standing_wave(y, x, wavelength_m) * np.exp(1j * phase)
    return mixed_wave(y, x, wavelength_m, rng, DIFFUSE_WAVES)


KINDS = {
    "travelling": "one travelling wave",
    "standing": "two opposite waves: standing",
    "crossing": "two sources at right angles",
    "concentric": "from all sides, in phase: standing",
    "diffuse": "from all sides, at random: diffuse",
}


def wavelength_of(stiffness_pa):
    """Shear wavelength c / f [m] in lossless tissue at `plain_waves.FREQUENCY_HZ`."""
    return np.sqrt(stiffness_pa / stiffness_of(1.0))
