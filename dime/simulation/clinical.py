"""How a liver is shaken and imaged in the clinic: the driver, the waves through the slice, the drawn mask.

Phantoms of physics "clinical" look like measured slices without using one. A pad on the right front of the
body shakes them. The motion varies through the slice as a sum of parts. The waves die on their way through
the organ. The mask is what a reader draws, not the organ.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from dime.fem import forward
from dime.fem.drivers import Driver
from dime.mri.noise import unit_rms

LOSS_TANGENT = (0.1, 0.3)
"""Range of the loss tangent.

Assumption: with it and `PAD`, the median amplitude of the wave is about a third of its rms, and the tenth
percentile a twentieth, as in the ten measured slices (0.24 to 0.50 and 0.05 to 0.12). Together with the parts
that do not travel, waves fall to a tenth within about two wavelengths."""

PARTS = (2, 3, 4)
"""Number of parts of the motion that vary along z, beside the one that does not."""

SPEED_M_S = (1.0, 2.4)
"""Frequency times wavelength along z of each part [m/s]: 17 to 40 mm at 60 Hz.

Assumption: with a shorter wavelength a part does not reach into the tissue. With a longer one it only changes
the in-plane wavelength a little, which an image of the slice cannot distinguish from a change of the tissue.
"""

PAD = (0.25, 0.45)
"""Length of the arc that the pad moves, relative to the outline. Assumption: a pad of 19 cm reaches a fifth
of the liver's outline, and the ribs spread its motion."""


def pad(outline, amplitude_m, rng):
    """The clinic's driver: one arc at the right front of the outline.

    Parameters
    ----------
    outline : (n, 2) array [m]
        Evenly spaced points; x grows to the patient's left, y to the back.
    amplitude_m : float
        Displacement [m].
    rng : numpy.random.Generator

    Returns
    -------
    fem.drivers.Driver
    """
    scaled = outline / np.ptp(outline, axis=0)
    middle = np.argmin(scaled.sum(axis=1)) / len(outline) + rng.normal(0, 0.03)
    length = rng.uniform(*PAD)
    start = (middle - length / 2) % 1
    return Driver(start, start + length, amplitude_m, "smooth")


def parts(field, phantom, drivers, boundary, rng, **numerics):
    """Displacement u = sum_j a_j u_j where the driver moves as sum_j a_j e^{i kappa_j z}, on the slice z = 0.

    Every part obeys div(G* grad u_j) + (rho omega^2 - G* kappa_j^2) u_j = 0 in tissue that does not vary
    along z. Each has a complex amplitude and a phase slope along the pad of its own.

    Parameters
    ----------
    field : fem.field.Field
        Solution of the part with kappa = 0 and amplitude 1.
    phantom, drivers, boundary
        Arguments of that solution.
    rng : numpy.random.Generator
    numerics
        Further arguments of the `forward.solve` that gave that part.

    Returns
    -------
    callable, (x, y) axes [m] -> (y, x) complex array [m]
    """
    fields, (driver,) = [field], drivers
    for _ in range(rng.choice(PARTS)):
        kappa = 2 * np.pi * field.frequency_hz / np.exp(rng.uniform(*np.log(SPEED_M_S)))
        size = (rng.standard_normal() + 1j * rng.standard_normal()) / np.sqrt(2)
        moved = replace(driver, amplitude=size * driver.amplitude, phase_slope_rad=rng.uniform(-np.pi, np.pi))
        these = numerics | {"boundary": boundary, "through_plane_per_m": kappa, "mesh": field.base}
        fields.append(forward.solve(phantom, [moved], field.frequency_hz, **these))
    return lambda x, y: sum(one.sample(x, y) for one in fields)


def drawn(mask, spacing_m, rng):
    """The mask that a reader draws: ragged, up to 6 mm inside the organ, with up to a quarter of it cut off.

    Parameters
    ----------
    mask : (y, x) bool array
        The organ.
    spacing_m : float
    rng : numpy.random.Generator

    Returns
    -------
    (y, x) bool array
        In one piece, inside the organ.
    """
    depth_m = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * spacing_m
    uneven = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 10e-3 / spacing_m)
    kept = mask & (depth_m > rng.uniform(0, 6e-3) + 2e-3 * unit_rms(uneven, mask))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.indices(mask.shape)
    along = x * np.cos(angle) + y * np.sin(angle)
    kept &= along <= np.quantile(along[mask], rng.uniform(0.75, 1.0))
    pieces, count = ndimage.label(kept)
    sizes = ndimage.sum_labels(kept, pieces, np.arange(1, count + 1))
    return pieces == 1 + int(np.argmax(sizes)) if count else mask
