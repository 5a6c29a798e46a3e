"""Check an examination against plain rules: each flag names one thing that is wrong with it, in words.

The quality of `dime.liver.quality` is one number for all faults. A rule says which fault, and sees what the
eight numbers cannot see, such as a wrong pixel size, which leaves every image as sharp as it was.
"""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from dime.liver.quality import distance, phase_residual
from dime.metrics.roi import LEAST_AREA_M2
from dime.mri.elastography import wrap

FLAGS = {
    "no magnitude": "the magnitude shows no anatomy",
    "no liver": "no liver was found",
    "no region": "less than 10 cm2 of the liver can be read",
    "orientation": "the images look more like a liver when they are turned or mirrored",
    "unlike training": "the images differ from all that the segmenter learnt from",
    "size": "the body is too small or too large for an adult: check the pixel size",
    "stiffness": "no liver is that soft or stiff: check the frequency and the pixel size",
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

LARGEST_REST = 0.25
"""Largest amplitude of what the first harmonic leaves of the offsets, relative to the harmonic's.

Assumption: a quarter. An offset that repeats its neighbour leaves 0.35 or more, and vibration is a tenth
impure at most."""

LARGEST_LOOPS = 0.02
"""Largest share of 2 x 2 pixel loops in the liver around which the wrapped phase does not close."""

LARGEST_DRIFT = 0.10
"""Largest change of the smoothed magnitude between offsets, relative to its rms over the body."""

SMOOTHING_PX = 2.0
"""Gaussian that removes noise before the offsets are compared [pixels]."""


def flags(segmentation, magnitude, waves, reading_pa, spacing_m, density=None, turned=None):
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
        Bottlenecks of the same images turned and mirrored, see `views`.

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
            found["orientation"] = min(others) < away.mean()
    if not found["no magnitude"]:
        bodies = np.stack([body_of(image) for image in magnitude.mean(axis=1)])
        found["size"] = not BODY_M[0] < diameter(bodies, spacing_m) < BODY_M[1]
        found["drift"] = drift(magnitude, bodies) > LARGEST_DRIFT
    found["stiffness"] = reading_pa < LIVER_PA[0] or reading_pa > LIVER_PA[1]
    if waves is not None:
        phase, mask = waves["phase"].values, waves["mask"].values
        found["offsets"] = unexplained(phase, waves["wave"].values, mask) > LARGEST_REST
        found["wraps"] = open_loops(phase, mask) > LARGEST_LOOPS
    return [name for name in FLAGS if found.get(name)]


def views(images):
    """Images (..., y, x) turned by 180 degrees, front to back, and left to right: a list of three."""
    return [images[..., ::-1, ::-1], images[..., ::-1, :], images[..., ::-1]]


def contrast(magnitude):
    """Standard deviation of the mean magnitude over its mean; 0 for an image of one value."""
    mean = np.mean(magnitude, axis=1, dtype=float)
    return float(mean.std() / mean.mean()) if mean.mean() > 0 else 0.0


def body_of(image):
    """Body (y, x) of a magnitude (y, x): the largest part above Otsu's threshold of its log, holes filled."""
    log = np.log(ndimage.gaussian_filter(image, SMOOTHING_PX) + 1e-3 * image.max())
    parts, count = ndimage.label(log > threshold_otsu(log))
    sizes = ndimage.sum_labels(np.ones(parts.shape), parts, np.arange(1, count + 1))
    return ndimage.binary_fill_holes(parts == 1 + np.argmax(sizes))


def diameter(bodies, spacing_m):
    """Diameter of the circle that has the body's area [m], the median over slices (slice, y, x)."""
    return float(2 * np.sqrt(np.median(bodies.sum(axis=(1, 2))) / np.pi) * spacing_m)


def drift(magnitude, bodies):
    """Change of the magnitude between offsets: rms over the body of (m_j - m) over the rms of m; worst slice.

    The images are smoothed first, so that noise hardly counts.
    """
    worst = 0.0
    for images, body in zip(magnitude, bodies, strict=True):
        smooth = ndimage.gaussian_filter(images.astype(float), SMOOTHING_PX, axes=(1, 2))[:, body]
        mean = smooth.mean(axis=0)
        worst = max(worst, np.sqrt(np.mean((smooth - mean) ** 2) / np.mean(mean**2)))
    return float(worst)


def unexplained(phase, wave, mask):
    """Rms of what a constant and a first harmonic leave of the offsets, over the harmonic's rms; smoothed.

    Parameters
    ----------
    phase : (slice, offset, y, x) array [rad]
    wave, mask : (slice, y, x) arrays, complex [rad] and bool

    Returns
    -------
    float
        0 where the mask is empty.
    """
    left = strength = 0.0
    for images, u, inside in zip(phase, wave, mask, strict=True):
        if not inside.any():
            continue
        rest = np.where(inside, phase_residual(images, u), 0)
        rest = ndimage.gaussian_filter(rest, SMOOTHING_PX, axes=(1, 2))[:, inside]
        u = u[inside] - u[inside].mean()
        left, strength = left + np.sum(rest**2) / len(images), strength + np.sum(np.abs(u) ** 2) / 2
    return float(np.sqrt(left / strength)) if strength > 0 else 0.0


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
