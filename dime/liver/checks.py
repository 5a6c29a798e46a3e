"""Check an examination against plain rules: each flag names one thing that is wrong with it, in words.

The quality of `dime.liver.quality` is one number for all faults. A rule says which fault, and sees what the
eight numbers cannot see, such as a wrong pixel size, which leaves every image as sharp as it was.
"""

import numpy as np
import torch
from scipy import ndimage
from skimage.filters import threshold_otsu

from dime.inversion import trust
from dime.liver.features import features
from dime.liver.networks import marked
from dime.liver.quality import distance, phase_residual
from dime.metrics.roi import LEAST_AREA_M2
from dime.mri.elastography import first_harmonic, wrap
from dime.physics import DENSITY_KG_M3

FLAGS = {
    "no magnitude": "the magnitude shows no anatomy",
    "no liver": "no liver was found",
    "no region": "less than 10 cm2 of the liver can be read",
    "orientation": "the images look as much like a liver when they are turned or mirrored",
    "unlike training": "the images differ from all that the segmenter learnt from",
    "size": "the body is too small or too large for an adult: check the pixel size",
    "no motion": "hardly any vibration above the noise: check the driver, and the liver's iron",
    "scale": "the waves are too short or too long for a body: check the frequency and the pixel size",
    "offsets": "the phase offsets do not follow one vibration: one is repeated, or they are out of order",
    "wraps": "the phase cannot be unwrapped: too much motion, or hardly any signal",
    "drift": "the patient moved between the offsets",
}
"""What each flag says to people."""

LEAST_CONTRAST = 0.05
"""Smallest standard deviation of the mean magnitude over its mean in a picture of a body.

Assumption: air and tissue alone give ten times as much."""

LEAST_LIVER_M2 = 20e-4
"""Smallest liver, over all slices, that is taken for one [m^2]. Assumption: a tenth of one slice's liver."""

BODY_M = (0.20, 0.42)
"""Diameter of the circle of the body's area, in adults [m].

Assumption: trunks of 0.28 to 0.42 m by 0.20 to 0.30 m are 0.24 to 0.36 m, with a sixth as margin."""

LIVER_PA = (1.3e3, 12e3)
"""Stiffness of livers at 60 Hz [Pa]. Source: healthy livers read 1.5 kPa and more, cirrhosis up to 10 kPa."""

WALL_PA = (1.0e3, 3.5e3)
"""Stiffness that the wavelength in the tissue around the liver suggests [Pa], by `wall_stiffness`.

A stiff liver at a wrong frequency reads as a soft one, but the fat and muscle around it are alike in all.
Assumption: 1 to 2.9 kPa in the simulated bodies of the training cohort."""

LEAST_COHERENCE = 0.8
"""Smallest |mean of exp(i phi)| over 3 x 3 pixels of the wall whose wave is looked at; noise has 0.3."""

LEAST_MOVING = 0.5
"""Smallest share of the region that moves above its noise."""

LARGEST_REST = 0.25
"""Largest amplitude of what the first harmonic leaves of the offsets, relative to the harmonic's.

Assumption: a quarter, and `LEAST_REST_RAD` at least, which noise does not reach after smoothing. An offset
that repeats another one leaves 0.35 or more, and vibration is a tenth impure at most."""

CLEARLY = 1.1
"""A view of the images turned or mirrored must lie this many times further from the training than they do.

Assumption: training livers lie 1.2 times nearer or more. Where no liver is seen, no view is preferred."""

LEAST_REST_RAD = 0.1
"""Smallest rms of that rest that counts [rad]; noise at a signal-to-noise ratio of 10 leaves a third."""

LARGEST_LOOPS = 0.01
"""Largest share of 2 x 2 pixel loops in the liver around which the wrapped phase does not close.

Assumption: 1 %, ten times as much as in any training liver but those full of iron."""

LARGEST_DRIFT = 0.15
"""Largest change of the smoothed magnitude between offsets, relative to its rms over the body.

Assumption: twice as much as in any training body, where up to 4 mm of drift occur."""

SMOOTHING_PX = 2.0
"""Gaussian that removes noise before the offsets are compared [pixels]."""


def flags(segmentation, magnitude, waves, reading_pa, spacing_m, density=None, turned=None, numbers=None):
    """Names of the rules that an examination breaks, in the order of `FLAGS`.

    Parameters
    ----------
    segmentation : dime.liver.segmentation.Segmentation
    magnitude : (slice, offset, y, x) array, any unit
    waves : xarray.Dataset or None
        From `cohort.first_harmonic`, over the liver; None where there is none.
    reading_pa : float
        Stiffness that is to be reported [Pa]; NaN where there is none.
    spacing_m : float
    density : dict, optional
        From `quality.fit_density`; without it nothing is compared with the training.
    turned : (view, slice, channel) array, optional
        `turned_bottlenecks` of the images; without them the orientation is not checked.
    numbers : dict, optional
        From `quality.measures`; without them the motion is not checked.

    Returns
    -------
    list of str
    """
    found = {"no magnitude": not contrast(magnitude) > LEAST_CONTRAST}
    found["no liver"] = np.count_nonzero(segmentation.liver) * spacing_m**2 < LEAST_LIVER_M2
    found["no region"] = np.count_nonzero(segmentation.reportable) * spacing_m**2 < LEAST_AREA_M2
    if density is not None:
        away = distance(density, segmentation.bottleneck)
        found["unlike training"] = np.mean(away > density["limit"]) > 0.5
        if turned is not None:
            others = [distance(density, one).mean() for one in turned]
            found["orientation"] = min(others) < CLEARLY * away.mean()
    found["no motion"] = numbers is not None and numbers["moving"] < LEAST_MOVING
    found["scale"] = reading_pa < LIVER_PA[0] or reading_pa > LIVER_PA[1]
    if not found["no magnitude"]:
        bodies = np.stack([body_of(image) for image in magnitude.mean(axis=1)])
        found["size"] = not BODY_M[0] < diameter(bodies, spacing_m) < BODY_M[1]
        found["drift"] = drift(magnitude, bodies) > LARGEST_DRIFT
    if waves is not None:
        phase, mask = waves["phase"].values, waves["mask"].values
        rest, harmonic = unexplained(phase, waves["wave"].values, mask)
        found["offsets"] = rest > max(LARGEST_REST * harmonic, LEAST_REST_RAD)
        found["no motion"] &= not found["offsets"]  # then the rest is no noise
        found["wraps"] = open_loops(phase, mask) > LARGEST_LOOPS
        if not found["no magnitude"]:
            wall = wall_stiffness(phase, bodies & ~mask, spacing_m, waves.attrs["frequency_hz"])
            found["scale"] |= wall < WALL_PA[0] or wall > WALL_PA[1]
    return [name for name in FLAGS if found.get(name)]


def views(images):
    """Images (..., y, x) turned by 180 degrees, front to back, and left to right: a list of three."""
    return [images[..., ::-1, ::-1], images[..., ::-1, :], images[..., ::-1]]


def turned_bottlenecks(network, magnitude, phase, spacing_m):
    """Bottleneck of a segmenter for the images in each of the three `views`: (view, slice, channel)."""
    images = torch.from_numpy(features(magnitude, phase, spacing_m))  # they turn as the examination does
    turns = ((-2, -1), (-2,), (-1,))
    with torch.inference_mode():
        return np.stack([marked(network, images.flip(turn))[1].numpy() for turn in turns])


def contrast(magnitude):
    """Standard deviation of the mean magnitude over its mean; 0 for an image of one value."""
    mean = np.mean(magnitude, axis=1, dtype=float)
    return float(mean.std() / mean.mean()) if mean.mean() > 0 else 0.0


def body_of(image):
    """Body (y, x) of a magnitude (y, x): the largest part above Otsu's threshold of its log, holes filled.

    Empty where the image has one value.
    """
    if np.ptp(image) == 0:
        return np.zeros(image.shape, bool)
    log = np.log(ndimage.gaussian_filter(image, SMOOTHING_PX) + 1e-3 * image.max())
    parts, count = ndimage.label(log > threshold_otsu(log))
    sizes = ndimage.sum_labels(np.ones(parts.shape), parts, np.arange(1, count + 1))
    return ndimage.binary_fill_holes(parts == 1 + np.argmax(sizes))


def diameter(bodies, spacing_m):
    """Diameter of the circle that has the body's area [m], the median over slices (slice, y, x) with one."""
    areas = bodies.sum(axis=(1, 2))
    return float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi) * spacing_m) if areas.any() else 0.0


def drift(magnitude, bodies):
    """Change of the magnitude between offsets: rms over the body of (m_j - m) over the rms of m; worst slice.

    The images are smoothed first, so that noise hardly counts.
    """
    worst = 0.0
    for images, body in zip(magnitude, bodies, strict=True):
        if not body.any():
            continue
        smooth = ndimage.gaussian_filter(images.astype(float), SMOOTHING_PX, axes=(1, 2))[:, body]
        mean = smooth.mean(axis=0)
        worst = max(worst, np.sqrt(np.mean((smooth - mean) ** 2) / np.mean(mean**2)))
    return float(worst)


def wall_stiffness(phase, tissue, spacing_m, frequency_hz):
    """Stiffness that the median wavelength in a tissue suggests, rho (f lambda)^2, in the two middle slices.

    The wave is the first harmonic of the phase's wrapped differences along y, which is a wave of the same
    length and needs no unwrapping. `trust.wavelength_px` measures it where the phase is coherent.

    Parameters
    ----------
    phase : (slice, offset, y, x) array [rad]
    tissue : (slice, y, x) bool array
    spacing_m, frequency_hz : float

    Returns
    -------
    float
        [Pa]; NaN where no wavelength is found.
    """
    lengths = []
    for row in range(max(0, len(phase) // 2 - 1), len(phase) // 2 + 1):
        slopes = wrap(np.diff(phase[row], axis=1, append=phase[row][:, -1:]))
        means = (ndimage.uniform_filter(part(phase[row]), (0, 3, 3)) for part in (np.cos, np.sin))
        clear = tissue[row] & (np.hypot(*means).mean(axis=0) > LEAST_COHERENCE)
        wave = first_harmonic(slopes)
        if np.count_nonzero(clear & (wave != 0)) * spacing_m**2 > LEAST_AREA_M2:
            lengths.append(trust.wavelength_px(wave, clear))
    if not np.any(np.isfinite(lengths)):
        return np.nan
    return float(DENSITY_KG_M3 * (np.nanmean(lengths) * spacing_m * frequency_hz) ** 2)


def unexplained(phase, wave, mask):
    """Rms of what the first harmonic leaves of the offsets, and rms of the harmonic [rad], both smoothed.

    Parameters
    ----------
    phase : (slice, offset, y, x) array [rad]
    wave, mask : (slice, y, x) arrays, complex [rad] and bool

    Returns
    -------
    rest, harmonic : float
        0 where the mask is empty.
    """
    left = strength = 0.0
    for images, u, inside in zip(phase, wave, mask, strict=True):
        if not inside.any():
            continue
        rest = np.where(inside, phase_residual(images, u), 0)
        rest = ndimage.gaussian_filter(rest, SMOOTHING_PX, axes=(1, 2))[:, inside]
        u = np.where(inside, u - u[inside].mean(), 0)
        u = ndimage.gaussian_filter(u, SMOOTHING_PX)[inside]
        left, strength = left + np.sum(rest**2) / len(images), strength + np.sum(np.abs(u) ** 2) / 2
    area = max(1, np.count_nonzero(mask))
    return float(np.sqrt(left / area)), float(np.sqrt(strength / area))


def open_loops(phase, mask):
    """Share of 2 x 2 pixel loops inside a mask around which the wrapped phase differences do not add to 0.

    Where they do not, the phase cannot be unwrapped. Pure noise gives 1/3.

    Parameters
    ----------
    phase : (slice, offset, y, x) array [rad]
    mask : (slice, y, x) bool array

    Returns
    -------
    float
        0 where no loop lies in the mask.

    Source: Goldstein, Zebker and Werner 1988, Radio Science 23:713.
    """
    down, across = (wrap(np.diff(phase, axis=axis)) for axis in (-2, -1))
    turns = down[..., :, :-1] + across[..., 1:, :] - down[..., :, 1:] - across[..., :-1, :]
    inside = mask[:, :-1, :-1] & mask[:, 1:, :-1] & mask[:, :-1, 1:] & mask[:, 1:, 1:]
    open_ = np.abs(turns).mean(axis=1)[inside] / (2 * np.pi)
    return float(open_.mean()) if open_.size else 0.0
