"""What the segmenters see of an examination, and which part of a liver they should call reportable."""

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

GRID_M = 3e-3
"""Pixel that the networks see [m]. Assumption: an outline on it is known to a pixel or better, which is less
than readers differ by, and a slice takes a quarter of the time of one of 1.5 mm."""

CHANNELS = ("magnitude", "variation", "wave", "phase noise")
"""Channels of `features`, all of them natural logarithms."""

SHADING = (0, 1)
"""The channels that follow from the magnitude alone; the others follow from the phase alone."""

BRIGHT = 0.9
"""Quantile of the magnitude that counts as 1: in most bodies it is that of fat or liver, and never air."""

FLOORS = (0.01, 0.01, 0.01, 1e-4)
"""Smallest value of each channel before its logarithm: below, it is noise of the scanner."""

RIM_M = 8e-3
"""Depth below the outline of a liver from which on it is reportable [m].

Assumption: a filter of a direct inversion is as wide, and a breath moves an outline by as much."""

LEAST_SNR = 2.0
"""Smallest rms of the wave nearby over that of its noise in the reportable region; noise alone has 1."""

NEARBY_M = 4.5e-3
"""Standard deviation of the Gaussian that "nearby" means in `reportable_region` [m]."""


def harmonic(phase):
    """First harmonic of wrapped phase offsets without unwrapping, and the noise that they show.

    Each pixel's offsets are turned by the angle of their mean, r = arg sum_j exp(i phi_j), and folded back:
    a static phase cancels, and motion below pi does not wrap,

        w_j = arg exp(i (phi_j - r)),  U = (2 / N) sum_j w_j exp(-2 pi i j / N).

    What a sinusoid and a constant leave of w_j is noise: sigma^2 = sum_j residual_j^2 / (N - 3) per offset,
    and the error of U has the rms sqrt(4 / N) sigma, both channels together.

    Parameters
    ----------
    phase : (..., offset, y, x) tensor [rad]

    Returns
    -------
    wave : (..., y, x) complex tensor [rad]
    noise : (..., y, x) tensor [rad]
        Root of the expected |error|^2 of the wave; NaN for three offsets, which leave nothing.

    Raises
    ------
    ValueError
        Fewer than three offsets.
    """
    count = phase.shape[-3]
    if count < 3:
        raise ValueError(f"phase: expected at least 3 offsets, found {count}")
    turns = 2 * np.pi * torch.arange(count, dtype=phase.dtype)[:, None, None] / count
    cos, sin = phase.cos(), phase.sin()
    centre = torch.atan2(sin.sum(-3, keepdim=True), cos.sum(-3, keepdim=True))
    turned = torch.remainder(phase - centre + np.pi, 2 * np.pi) - np.pi
    real = 2 / count * (turned * turns.cos()).sum(-3, keepdim=True)
    imaginary = -2 / count * (turned * turns.sin()).sum(-3, keepdim=True)
    rest = turned - turned.mean(-3, keepdim=True) - real * turns.cos() + imaginary * turns.sin()
    variance = (
        rest.square().sum(-3) / (count - 3) if count > 3 else torch.full_like(real[..., 0, :, :], np.nan)
    )
    return torch.complex(real, imaginary)[..., 0, :, :], (4 / count * variance).sqrt()


def features(magnitude, phase, spacing_m):
    """Four images that do not depend on the gain of the scanner, on a grid of `GRID_M`.

    magnitude    mean over the offsets, over its `BRIGHT` quantile in all slices
    variation    standard deviation over the offsets, over their mean
    wave         |U| of the first harmonic [rad] (`harmonic`), which needs no mask and no unwrapping
    phase noise  1 - |mean of exp(i phi) over 3 x 3 pixels|, averaged over the offsets

    Each is averaged over the pixels of the grid, the wave as a complex number, and its logarithm is taken.

    Parameters
    ----------
    magnitude : (slice, offset, y, x) array, any unit
    phase : (slice, offset, y, x) array [rad], wrapped
    spacing_m : float

    Returns
    -------
    (slice, 4, y, x) float32 array

    Raises
    ------
    ValueError
        Shapes differ or are not (slice, offset, y, x), or there are fewer than three offsets.
    """
    magnitude, phase = (torch.from_numpy(np.asarray(part, np.float32)) for part in (magnitude, phase))
    if magnitude.shape != phase.shape or phase.ndim != 4:
        raise ValueError(
            "magnitude, phase: expected (slice, offset, y, x) twice, "
            f"found {tuple(magnitude.shape)} and {tuple(phase.shape)}"
        )
    wave, _ = harmonic(phase)
    near = (F.avg_pool2d(part, 3, 1, 1, count_include_pad=False) for part in (phase.cos(), phase.sin()))
    coherence = torch.hypot(*near).mean(1)
    parts = (magnitude.mean(1), magnitude.std(1, correction=1), wave.real, wave.imag, 1 - coherence)
    size = [max(1, round(pixels * spacing_m / GRID_M)) for pixels in phase.shape[2:]]
    mean, deviation, real, imaginary, noise = F.adaptive_avg_pool2d(torch.stack(parts, 1), size).unbind(1)
    bright = torch.quantile(mean.flatten(), BRIGHT).clamp(min=1e-12)
    shares = (mean / bright, deviation / mean.clamp(min=1e-12), torch.hypot(real, imaginary), noise)
    logs = [part.clamp(min=floor).log() for part, floor in zip(shares, FLOORS, strict=True)]
    return torch.stack(logs, 1).numpy()


def reportable_region(liver, vessels, phase, spacing_m):
    """Part of a liver that a stiffness may be reported from: what a segmenter learns as its second mark.

    A pixel belongs to it if it is no vessel, lies more than `RIM_M` below the outline, and has a wave above
    its noise: the rms of |U| nearby, averaged over the liver alone, exceeds `LEAST_SNR` times the rms of the
    noise there (`harmonic`). Iron, which leaves no signal, leaves no region.

    Parameters
    ----------
    liver, vessels : (slice, y, x) bool arrays
    phase : (slice, offset, y, x) array [rad], wrapped, of at least four offsets
    spacing_m : float

    Returns
    -------
    (slice, y, x) bool array

    Raises
    ------
    ValueError
        Fewer than four offsets: three leave nothing to tell the noise by.
    """
    if np.shape(phase)[1] < 4:
        raise ValueError(f"phase: expected at least 4 offsets, found {np.shape(phase)[1]}")
    wave, noise = (part.numpy() for part in harmonic(torch.from_numpy(np.asarray(phase, np.float32))))
    sigma = (0, NEARBY_M / spacing_m, NEARBY_M / spacing_m)
    power = [ndimage.gaussian_filter(np.where(liver, np.abs(one) ** 2, 0), sigma) for one in (wave, noise)]
    seen = power[0] > LEAST_SNR**2 * power[1]
    deep = [ndimage.distance_transform_edt(one) * spacing_m > RIM_M for one in liver]
    return np.stack(deep) & ~vessels & seen
