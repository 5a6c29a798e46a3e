"""What separates measured waves from simulated ones: noise and its grain, amplitude, speckle of maps."""

import numpy as np
from scipy import fft, ndimage

from dime.metrics.errors import without_rim

GRAIN_M = 8e-3
"""Standard deviation of the Gaussian mean that `speckle` takes off [m]: grains of some 10 mm remain."""

NOISE_PER_M = (100.0, 120.0)
"""Band in which a wave is taken to be noise [cycles/m]: above all shear waves of soft tissue at 60 Hz
(1.2 kPa: 55), at the limit of a scan of 80 lines over 360 mm (111 along an axis, more across)."""

TAPER_M = 12e-3
"""Width of the taper at the outline before the spectrum is taken [m]."""


def speckle(stiffness, mask, spacing_m, rim_m=5e-3):
    """Fine structure of a map [%]: 100 sd of log |G*| less its Gaussian mean nearby, in the interior.

    True structure counts too, so a map without noise has a speckle of its own.

    Parameters
    ----------
    stiffness : (y, x) array [Pa]
    mask : (y, x) bool array
    spacing_m, rim_m : float
        Pixel, and the rim that is left out [m].

    Returns
    -------
    float
    """
    known = mask & (stiffness > 0)
    logs = np.where(known, np.log(np.where(known, stiffness, 1)), 0)
    sigma = GRAIN_M / spacing_m
    parts = [ndimage.gaussian_filter(image, sigma) for image in (logs, known.astype(float))]
    inside = known & without_rim(mask[None], rim_m / spacing_m)[0]
    return float(100 * np.std((logs - parts[0] / np.where(known, parts[1], 1))[inside]))


def noise_level(wave, mask, spacing_m, lines_m=4.5e-3):
    """Signal-to-noise ratio of a wave whose noise has the resolution of the scan.

    The power per pixel of the tapered wave in the band `NOISE_PER_M` is that of noise which is white within
    the acquired square of k-space, of side 1 / `lines_m`. The rms of the wave over the deviation of that
    noise per channel is the ratio. It is a lower bound: what the band holds of the wave counts as noise.

    Parameters
    ----------
    wave : (y, x) complex array
    mask : (y, x) bool array
    spacing_m : float
        Pixel [m].
    lines_m : float
        Acquired voxel [m].

    Returns
    -------
    float
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * spacing_m
    taper = np.sin(np.pi / 2 * np.clip(depth / TAPER_M, 0, 1)) ** 2
    power = np.abs(fft.fft2(np.where(mask, wave, 0) * taper)) ** 2 / np.sum(taper**2)
    along = [fft.fftfreq(n, spacing_m) for n in wave.shape]
    radius = np.hypot(*np.meshgrid(*along, indexing="ij"))
    low, high = NOISE_PER_M
    per_sample = np.median(power[(radius >= low) & (radius < high)]) / np.log(
        2
    )  # median of an exponential law
    variance = per_sample * min(1, spacing_m / lines_m) ** 2  # of both channels
    return float(np.sqrt(np.mean(np.abs(wave[mask]) ** 2) / (variance / 2)))


def amplitude(wave, mask):
    """Median and tenth percentile of the wave's amplitude over its rms: how much of the tissue moves.

    Parameters
    ----------
    wave : (y, x) complex array
    mask : (y, x) bool array

    Returns
    -------
    median, tenth : float
    """
    size = np.abs(wave[mask])
    return tuple(float(v) for v in np.percentile(size, (50, 10)) / np.sqrt(np.mean(size**2)))


def smoothed(stiffness, uncertainty, mask, spacing_m, length_m, least=0.1):
    """A map with a prior of smoothness where the network is unsure.

    log |G*| becomes (least^2 m + b^2 s) / (least^2 + b^2), s the mean of m nearby, weighted by 1 / b^2 and a
    Gaussian of standard deviation `length_m`: the posterior mean if the truth varies about s by `least`.

    Parameters
    ----------
    stiffness, uncertainty : (y, x) arrays
        |G*| [Pa] and the Laplace scale b of its logarithm.
    mask : (y, x) bool array
    spacing_m, length_m : float
    least : float

    Returns
    -------
    (y, x) array [Pa], 0 outside the mask
    """
    logs = np.log(np.where(mask, stiffness, 1))
    scale = np.where(mask, np.maximum(uncertainty, 1e-3), 1)
    weight = np.where(mask, scale**-2, 0)
    around, total = (ndimage.gaussian_filter(w, length_m / spacing_m) for w in (weight * logs, weight))
    nearby = around / np.where(mask, total, 1)
    found = (least**2 * logs + scale**2 * nearby) / (least**2 + scale**2)
    return np.where(mask, np.exp(np.where(mask, found, 0)), 0)
