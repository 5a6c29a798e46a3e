"""Test the direct inversions on waves of known stiffness: plane, standing and mixed; noise and pixel size.

All waves are lossless. Then rho c^2 = |G*|, and methods that measure only the wavenumber have no handicap.
"""

import itertools

import numpy as np
import pandas as pd

from dime.inversion import direct, mmdi
from dime.inversion.filters import band_pass, directional_filters, median_filter
from dime.inversion.masked_wave import crop, extend
from dime.inversion.methods import load_method
from dime.inversion.registry import BUILT_IN
from dime.simulation.plain_waves import (
    FREQUENCY_HZ,
    RADIUS_M,
    RIM_M,
    disc,
    mixed_wave,
    plane_wave,
    stiffness_of,
)


def _bare_ahi(wave, mask, spacing_m, frequency_hz):
    """Textbook algebraic Helmholtz inversion: five-point Laplacian, no smoothing."""
    return direct.ahi(wave, mask, spacing_m, frequency_hz, high_cut_per_m=1e6, smoothing_px=0)


FAST = {
    name: load_method(name).invert_slice
    for name, method in BUILT_IN.items()
    if method.fast and not method.learnt
} | {"bare_ahi": _bare_ahi}
"""Method -> function (wave, mask, spacing_m, frequency_hz) -> named tuple with `stiffness` (y, x) [Pa]."""


def trial(pixels_per_wavelength, noise, wavelength_m, seed, methods=tuple(FAST)):
    """Invert one mixed wave with noise by every method.

    Parameters
    ----------
    pixels_per_wavelength : float
    noise : float
        Standard deviation of the noise per real and imaginary part, relative to the wave's rms amplitude.
    wavelength_m : float
    seed : int
        Determines the waves' directions and phases, and the noise.
    methods : names of `FAST`

    Returns
    -------
    list of dict
        method; bias, the median of e = found / true - 1 away from the outline; spread, half the distance from
        the 16th to the 84th percentile of e (for normal e its standard deviation); error, the mean of |e|.
    """
    waves, scanner = (np.random.default_rng([seed, purpose]) for purpose in (0, 1))
    spacing_m = wavelength_m / pixels_per_wavelength
    y, x, mask = disc(spacing_m)
    wave = mixed_wave(y, x, wavelength_m, waves)
    wave = wave + noise * (scanner.standard_normal(x.shape) + 1j * scanner.standard_normal(x.shape))
    inner = np.hypot(y, x) < RADIUS_M - RIM_M
    rows = []
    for method in methods:
        found = FAST[method](wave, mask, spacing_m, FREQUENCY_HZ)[0][inner]
        relative = found / stiffness_of(wavelength_m) - 1
        low, middle, high = np.percentile(relative, [16, 50, 84])
        rows.append(
            {"method": method, "bias": middle, "spread": (high - low) / 2, "error": np.abs(relative).mean()}
        )
    return rows


def sweep(pixels_per_wavelength, noises, wavelength_m, repeats):
    """Mean results of `trial` for pairs of pixel size and noise, each with `repeats` different waves.

    Parameters: pixels_per_wavelength and noises, sequences of one length; wavelength_m; repeats.
    Returns a pandas.DataFrame, means over the repeats: method, pixels_per_wavelength, noise, bias, spread,
    error (fractions).
    """
    rows = [
        {"pixels_per_wavelength": pixels, "noise": noise} | row
        for pixels, noise in zip(pixels_per_wavelength, noises, strict=True)
        for seed in range(repeats)
        for row in trial(pixels, noise, wavelength_m, seed)
    ]
    keys = ["method", "pixels_per_wavelength", "noise"]
    return pd.DataFrame(rows).groupby(keys, sort=False).mean().reset_index()


def plane_wave_bias(wavelengths_m, spacing_m, angles_rad):
    """Bias of every method on noise-free plane waves, as the mean over directions.

    Returns a pandas.DataFrame: method, wavelength_m, bias (median of found / true - 1 away from the outline).
    """
    y, x, mask = disc(spacing_m)
    inner = np.hypot(y, x) < RADIUS_M - RIM_M
    rows = []
    for wavelength_m in wavelengths_m:
        for angle in angles_rad:
            wave = plane_wave(y, x, wavelength_m, angle)
            for method, invert in FAST.items():
                found = np.median(invert(wave, mask, spacing_m, FREQUENCY_HZ)[0][inner])
                rows.append(
                    {
                        "method": method,
                        "wavelength_m": wavelength_m,
                        "bias": found / stiffness_of(wavelength_m) - 1,
                    }
                )
    return pd.DataFrame(rows).groupby(["method", "wavelength_m"], sort=False)["bias"].mean().reset_index()


def fit_bias(wavelengths_px, window_px, angle_rad):
    """Relative error of the stiffness by MMDI's quartic fit for plane waves, and its bound.

    Parameters: wavelengths_px (n,) and window_px [pixels]; angle_rad, between the waves and the rows.
    Returns: bias (n,), |value| k^2 / |Laplacian| - 1; bound (n,), 0.0042 (k h)^4, h half the window.
    """
    half = window_px // 2
    offset = np.arange(-2 * half, 2 * half + 1)
    y, x = np.meshgrid(offset, offset, indexing="ij")
    bias = []
    for wavelength in wavelengths_px:
        value, laplacian = mmdi.fit_laplacian(plane_wave(y, x, wavelength, angle_rad), 1.0, window_px)
        middle = (2 * half, 2 * half)
        bias.append(np.abs(value[middle]) * (2 * np.pi / wavelength) ** 2 / np.abs(laplacian[middle]) - 1)
    return np.array(bias), 0.0042 * (np.pi * window_px / np.asarray(wavelengths_px)) ** 4


def chain(wave, mask, spacing_m, frequency_hz, reference, settings=None):
    """Intermediate maps of every step of MMDI, cropped to the mask and 20 mm around it.

    Parameters: as `mmdi.invert`; reference, a map (y, x) to crop alike. Returns a dict of maps (y, x): mask;
    wave, extended, filtered; right, down, left, up (the wave towards +x, +y, -x, -y); window (width of the
    chosen one [m]); goodness; raw and stiffness [Pa], before and after the median filter; reference.
    """
    settings = settings or mmdi.Settings()
    margin = round(0.02 / spacing_m)
    boxed, inside, _ = crop(np.where(mask, wave, 0), mask, margin)
    steps = {"mask": inside, "wave": boxed, "extended": extend(boxed, inside, spacing_m, settings.decay_m)}
    cuts = settings.low_cut_per_m, settings.high_cut_per_m, settings.band_pass_order
    steps["filtered"] = band_pass(steps["extended"], spacing_m, *cuts)
    parts = directional_filters(steps["filtered"], settings.directions, settings.directional_power)
    quarter = settings.directions // 4
    steps |= dict(zip(("right", "down", "left", "up"), parts[::quarter], strict=False))
    fits = [mmdi.goodness_of_fit(steps["extended"], spacing_m, w) for w in settings.windows_m]
    steps["window"] = np.array(settings.windows_m)[np.argmax(fits, axis=0)]
    value, laplacian, steps["goodness"] = mmdi.choose_window(
        parts, steps["extended"], spacing_m, settings.windows_m
    )
    steps["raw"] = mmdi.combine_directions(value, laplacian, frequency_hz)
    steps["stiffness"] = median_filter(steps["raw"], inside, settings.median_px)
    return steps | {"reference": crop(np.where(mask, reference, 0), mask, margin)[0].real}


def error_by_depth(stiffness, truth, depth_m, edges_m):
    """Mean of |found / true - 1| in bins of the depth below the outline [m]: (n,) for edges_m (n + 1,)."""
    error = np.abs(stiffness / truth - 1)
    pairs = itertools.pairwise(edges_m)
    return np.array([error[(depth_m > low) & (depth_m <= high)].mean() for low, high in pairs])
