"""Simulate phase images of a wave (voxels, wraps, noise) and recover its first harmonic from them.

    s_j = M exp(i (Re[kappa U e^{2 pi i j / N}] + background)),  phi_j = arg(band-limited s_j + noise)
    U = (2 / N) sum_j phi_j e^{-2 pi i j / N} / kappa

with U the displacement's complex amplitude [m] (time convention e^{+i omega t}), kappa the motion-encoding
sensitivity [rad/m], N the number of phase offsets and M the magnitude.
"""

import numpy as np
import xarray as xr
from scipy import ndimage
from skimage.restoration import unwrap_phase

from dime.mri.kspace import band_limited, sampled_noise
from dime.mri.noise import checked_mask, random_polynomial, unit_rms
from dime.physics import axis_m

MOTION_SENSITIVITY_RAD_PER_M = 85e3
"""Motion-encoding sensitivity of one bipolar gradient pair [rad/m].

kappa = 2 gamma G T / pi with G = 30 mT/m over one period T of 60 Hz.

Source: Muthupillai et al., Science 269 (1995), equation 2, with gamma = 2.675e8 rad/s/T.
"""


def wrap(phase):
    """Phase [rad] folded into (-pi, pi]."""
    return -((np.pi - np.asarray(phase)) % (2 * np.pi) - np.pi)


def acquire(
    displacement,
    mask,
    spacing_m,
    rng,
    *,
    motion_sensitivity=MOTION_SENSITIVITY_RAD_PER_M,
    offsets=4,
    polarities=1,
    snr=np.inf,
    acquired_shape=None,
    magnitude=None,
    background_rad=0.5,
):
    """Phase images of a displacement, as a scanner's gradient echo records them.

    Parameters
    ----------
    displacement : (y, x) complex [m], or (z, y, x): samples through one slice's thickness, whose signals are
        averaged; NaN is allowed outside the mask
    mask : (y, x) bool; outside there is only noise, no signal
    spacing_m : pixel size of the reconstructed image [m]
    rng : numpy.random.Generator, for the background phase and the noise
    motion_sensitivity : kappa of the phase image that is returned [rad/m]
    offsets : N, evenly spaced over one period
    polarities : 2 subtracts the images of two opposite encodings, kappa / 2 each: the background cancels and
        the phase noise grows by sqrt(2)
    snr : mean magnitude inside the mask over the standard deviation of the noise in each of the real and
        imaginary part of each complex image; the phase noise is then close to 1 / snr
    acquired_shape : numbers of k-space lines and columns acquired (y, x), zeros elsewhere. Default: all
    magnitude : (y, x) M, any unit. Default: 1
    background_rad : rms inside the mask of the static background phase [rad], a second-order polynomial

    Returns
    -------
    xarray.Dataset on (offset, y, x): `phase` [rad], wrapped; `magnitude` (Rician); and `mask` on (y, x)

    Raises
    ------
    ValueError : fewer than 3 offsets, polarities not 1 or 2, shapes that differ, NaN in the mask, an empty
        mask, NaN of the displacement or magnitude inside it, snr or spacing not positive, more lines acquired
        than there are

    Examples
    --------
    >>> import dime
    >>> import numpy as np
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> wave, mask = waves["wave"].values[0], waves["mask"].values[0]
    >>> scan = dime.acquire(wave, mask, 1.5e-3, np.random.default_rng(0), snr=20)
    >>> scan["phase"].dims, scan.sizes["offset"]
    (('offset', 'y', 'x'), 4)
    """
    u = np.asarray(displacement, dtype=complex)
    u = u[None] if u.ndim == 2 else u  # (z, y, x)
    mask = checked_mask(mask, u)
    shape = mask.shape
    m = np.ones(shape) if magnitude is None else np.asarray(magnitude, dtype=float)
    acquired = shape if acquired_shape is None else tuple(acquired_shape)
    if offsets < 3 or offsets != int(offsets):
        raise ValueError(f"offsets: expected a whole number of at least 3 phase offsets; got {offsets}")
    if polarities not in (1, 2):
        raise ValueError(f"polarities: expected 1 or 2; got {polarities}")
    if not snr > 0 or not spacing_m > 0:
        raise ValueError(f"snr, spacing_m: expected positive numbers; got {snr}, {spacing_m}")
    if m.shape != shape or not np.isfinite(m[mask]).all() or m[mask].min() < 0:
        raise ValueError(
            f"magnitude: expected numbers >= 0 inside the mask, of shape {shape}; got shape {m.shape}"
        )
    if len(acquired) != 2 or any(not 1 <= a <= n for a, n in zip(acquired, shape, strict=True)):
        raise ValueError(
            f"acquired_shape: expected two numbers of lines between 1 and {shape}; got {acquired_shape}"
        )

    m = np.where(mask, m, 0.0)
    motion = np.where(mask, u, 0.0) * motion_sensitivity / polarities  # (z, y, x) [rad]
    background = background_rad * unit_rms(random_polynomial(shape, spacing_m, rng), mask)
    sigma = m[mask].mean() / snr
    turns = np.exp(2j * np.pi * np.arange(offsets) / offsets)
    images = np.empty((polarities, offsets, *shape), dtype=complex)
    for p, sign in enumerate((1, -1)[:polarities]):
        for j, turn in enumerate(turns):
            phase = sign * (motion * turn).real + background
            signal = (m * np.exp(1j * phase)).mean(axis=0)
            images[p, j] = band_limited(signal, acquired) + sigma * sampled_noise(shape, acquired, rng)
    combined = images[0] * images[1].conj() if polarities == 2 else images[0]
    y, x = (axis_m(n, spacing_m) for n in shape)
    dims = ("offset", "y", "x")
    return xr.Dataset(
        {
            "phase": (dims, np.angle(combined), {"units": "rad"}),
            "magnitude": (dims, np.abs(images).mean(axis=0)),
            "mask": (("y", "x"), mask),
        },
        {"offset": np.arange(offsets), "y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})},
        {"motion_sensitivity_rad_per_m": motion_sensitivity, "snr": float(snr), "polarities": polarities},
    )


def unwrap(phase, mask):
    """Unwrap phase offsets (offset, y, x) [rad] inside a mask (y, x); 0 outside.

    Each offset is unwrapped in space by sorting by reliability. This leaves an unknown multiple of 2 pi per
    offset and connected part of the mask, which would add a constant to the first harmonic. Unwrapping in
    time finds it: where motion is small, the phase changes by less than pi from one offset to the next.

    Source: Herraez et al., Applied Optics 41 (2002), as in skimage.restoration.unwrap_phase.
    Assumption: in each part some pixels move by less than pi between offsets, so the quarter of pixels whose
    phase changes least decides; amplitudes below 2.2 rad at 4 offsets and 4.1 rad at 8 suffice there.
    Raises ValueError: as `acquire` for shapes, offsets and mask.
    """
    phase = np.asarray(phase, dtype=float)
    if phase.ndim != 3 or len(phase) < 3:
        raise ValueError(f"phase: expected (offset, y, x) with at least 3 offsets; got shape {phase.shape}")
    mask = checked_mask(mask, phase, "phase")
    clean = np.where(mask, phase, 0.0)
    out = np.zeros(phase.shape)
    parts, count = ndimage.label(mask)
    for part in range(1, count + 1):
        here = parts == part
        for image, result in zip(clean, out, strict=True):
            if np.count_nonzero(here) > 1:
                result[here] = unwrap_phase(np.ma.array(image, mask=~here), rng=0).data[here]
            else:
                result[here] = image[here]
        values = out[:, here]  # (offset, pixel)
        steps = wrap(np.diff(values, axis=0, append=values[:1]))  # the last one leads back to the first
        change = np.abs(steps).max(axis=0)
        change[np.abs(steps.sum(axis=0)) > 1] += 2 * np.pi  # time alone cannot unwrap these pixels
        calm = change <= np.quantile(change, 0.25)
        turns = np.rint((np.diff(values, axis=0) - steps[:-1])[:, calm] / (2 * np.pi))
        turns = np.cumsum(np.median(turns, axis=1).round())
        values[1:] -= 2 * np.pi * turns[:, None]
        out[:, here] = values - 2 * np.pi * np.rint(np.median(values) / (2 * np.pi))
    return out


def first_harmonic(phase):
    """Complex amplitude of unwrapped phase offsets: (2 / N) sum_j phi_j e^{-2 pi i j / N}.

    phase : (offset, y, x) [rad]; returns (y, x) complex [rad], the displacement [m] times the motion
    sensitivity. A static background cancels. Raises ValueError for fewer than 3 offsets.
    """
    phase = np.asarray(phase)
    n = len(phase)
    if n < 3:
        raise ValueError(f"phase: expected at least 3 offsets along the first axis; got {n}")
    return 2 / n * np.tensordot(np.exp(-2j * np.pi * np.arange(n) / n), phase, axes=1)


def harmonic_noise(snr, offsets, polarities=1):
    """Standard deviation [rad] of the noise in each of the real and imaginary part of a first harmonic.

    sqrt(2 / N) sigma_phi, with sigma_phi = sqrt(polarities) / snr (for snr above about 5).
    """
    return np.sqrt(2 / offsets * polarities) / snr


def tissue_magnitude(mask, spacing_m, rng, vessels=None):
    """Magnitude (y, x) of a liver: coil shading of 20 % rms and vessels 0.4 to 1.6 times as bright as tissue.

    vessels : (y, x) 0..1, the share of each pixel that is vessel (`phantom.vessel_share`).
    Assumption: inflow brightens vessels in a gradient echo, flow voids darken them in a spin echo.
    """
    mask = checked_mask(mask, np.ones(np.shape(mask)), "mask")
    shading = np.exp(0.2 * unit_rms(random_polynomial(mask.shape, spacing_m, rng), mask))
    contrast = rng.uniform(0.4, 1.6)
    share = 0.0 if vessels is None else np.asarray(vessels, dtype=float)
    return np.where(mask, shading * (1 + (contrast - 1) * share), 0.0)
