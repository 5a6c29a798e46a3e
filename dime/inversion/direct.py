"""The other direct inversions beside MMDI (AHI, MDEV, k-MDEV, LFE), one function each.

`ahi`, `mdev`, `kmdev`, `lfe`: (wave, mask, spacing_m, frequency_hz, **settings) -> `Inverted`, stiffness
|G*| [Pa] and confidence 0..1, both (y, x) and 0 outside the mask. The wave is the first harmonic at
e^{+i omega t} of one displacement component, any unit; G* = G' + iG'', loss tangent tan(delta) = G''/G'.

The wavenumber methods (k-MDEV, LFE) measure k' = Re k, hence the shear wave speed c = omega / k'. As
rho c^2 = 2 |G*|^2 / (|G*| + G'), |G*| = rho c^2 (1 + cos(delta)) / 2: they need the loss to give |G*|.
Assumption: loss_tangent is 0 unless the caller gives it, as their papers report rho c^2 or c. At
tan(delta) = 0.4, the top of liver's usual range, this overstates |G*| by 3.7 %.

Confidence is the share of the wave's energy around a pixel that a single modulus explains,
|sum u conj(L)|^2 / (sum |u|^2 sum |L|^2), L the Laplacian of u. Assumption: this formula, because no paper
defines one for all four methods.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from dime.inversion.filters import band_pass, directional_filters
from dime.inversion.masked_wave import Inverted, check_field, crop, extend, paste
from dime.physics import DENSITY_KG_M3, helmholtz_factor

LOW_CUT_PER_M = 4 / 0.256
"""Low cut of the band-pass [cycles/m], MMDI's: one component has no curl to remove bulk and compression."""

DECAY_M = 0.010
"""Decay length of the wave's extension past the outline [m], as in MMDI."""

NEIGHBOURHOOD_M = 0.010
"""Width of the square over which confidence is computed [m]."""


def ahi(
    wave,
    mask,
    spacing_m,
    frequency_hz,
    *,
    low_cut_per_m=LOW_CUT_PER_M,
    high_cut_per_m=100.0,
    smoothing_px=0.65,
):
    """Algebraic Helmholtz inversion: G* = -rho omega^2 u / lap(u), pixel by pixel; |G*| is returned.

    The wave is band-passed, smoothed by a Gaussian and differentiated by the five-point Laplacian, which
    makes a wave of wavenumber k too stiff by a factor of at most 1 + (k dx)^2 / 12.

    Parameters
    ----------
    wave : complex array (y, x)
    mask : bool array (y, x)
    spacing_m, frequency_hz : float
        Pixel size [m], vibration frequency [Hz].
    low_cut_per_m, high_cut_per_m : float
        Band-pass half-power frequencies [cycles/m]; 100/m and 0.65 px are MDEV's in the liver.
        Assumption: the low cut, see LOW_CUT_PER_M.
    smoothing_px : float
        Standard deviation of the Gaussian [pixels].

    Returns
    -------
    Inverted

    Raises
    ------
    ValueError
        See `dime.inversion.masked_wave.check_field`; fewer than 5 x 5 pixels.

    Source: Papazoglou et al. 2008, Phys Med Biol 53:3147, eq. 5; Oliphant et al. 2001, MRM 45:299.
    """
    box = _prepare(wave, mask, spacing_m, frequency_hz, low_cut_per_m)
    smooth = _smooth(box.wave, spacing_m, low_cut_per_m, high_cut_per_m, smoothing_px)
    lap = _laplacian(smooth, spacing_m)
    stiffness = helmholtz_factor(frequency_hz) * _ratio(np.abs(smooth), np.abs(lap))
    return _finish(stiffness, smooth, box, spacing_m)


def mdev(wave, mask, spacing_m, frequency_hz, *, low_cut_per_m=0.0, high_cut_per_m=100.0, smoothing_px=0.65):
    """Multifrequency dual elasto-visco inversion, in its form for one frequency and one component.

    |G*| = rho omega^2 sum_n |u_n| / sum_n |lap(u_n)|. Magnitudes are summed before the division, so a node
    of one wave gives no 0 / 0. MDEV sums over frequencies, components and the two in-plane derivatives of
    each; here u_n = du/dx, du/dy.

    Parameters
    ----------
    wave, mask, spacing_m, frequency_hz, high_cut_per_m, smoothing_px :
        As in `ahi`.
    low_cut_per_m : float
        As in `ahi`; 0, because the derivatives already act as a high-pass.

    Returns
    -------
    Inverted

    Raises
    ------
    ValueError
        As `ahi`.

    Source: Papazoglou et al. 2012, Phys Med Biol 57:2329; Hirsch et al. 2014, Med Image Anal 18:578.
    """
    box = _prepare(wave, mask, spacing_m, frequency_hz, LOW_CUT_PER_M)
    smooth = _smooth(box.wave, spacing_m, low_cut_per_m, high_cut_per_m, smoothing_px)
    slopes = np.stack([_slope(smooth, axis, spacing_m) for axis in (0, 1)])  # (axis, y, x)
    laps = np.stack([_laplacian(slope, spacing_m) for slope in slopes])
    stiffness = helmholtz_factor(frequency_hz) * _ratio(np.abs(slopes).sum(0), np.abs(laps).sum(0))
    return _finish(stiffness, slopes, box, spacing_m)


def kmdev(
    wave,
    mask,
    spacing_m,
    frequency_hz,
    *,
    low_cut_per_m=LOW_CUT_PER_M,
    high_cut_per_m=100.0,
    directions=8,
    directional_power=2.0,
    weight_power=4.0,
    loss_tangent=0.0,
):
    """Stiffness from the phase gradient of directional waves (k-MDEV, tomoelastography).

    k_d = |grad arg u_d| for the wave u_d of direction d, by central phase differences arg(u+ conj(u-)) that
    need no unwrapping; 1/c = sum_d |u_d|^4 k_d / (omega sum_d |u_d|^4). It uses first derivatives only, which
    amplify noise less than a Laplacian.

    Parameters
    ----------
    wave, mask, spacing_m, frequency_hz, low_cut_per_m, high_cut_per_m :
        As in `ahi`.
    directions, directional_power :
        As in `dime.inversion.filters.directional_filters`. Assumption: MMDI's filters.
    weight_power : float
        Power of the amplitude in the weights.
    loss_tangent : float
        tan(delta) that turns rho c^2 into |G*|, see the module.

    Returns
    -------
    Inverted

    Raises
    ------
    ValueError
        As `ahi`; a negative loss tangent.

    Source: Tzschaetzsch et al. 2016, Med Image Anal 30:1, section 2.3.
    """
    box = _prepare(wave, mask, spacing_m, frequency_hz, low_cut_per_m)
    filtered = band_pass(box.wave, spacing_m, low_cut_per_m, high_cut_per_m)
    parts = directional_filters(filtered, directions, directional_power)  # (direction, y, x)
    k2 = sum(
        (np.angle(np.roll(parts, -1, axis) * np.roll(parts, 1, axis).conj()) / (2 * spacing_m)) ** 2
        for axis in (-2, -1)
    )
    weight = np.abs(parts) ** weight_power
    k = _ratio((weight * np.sqrt(k2)).sum(0), weight.sum(0))
    return _finish(_from_wavenumber(k, frequency_hz, loss_tangent), filtered, box, spacing_m)


def lfe(
    wave,
    mask,
    spacing_m,
    frequency_hz,
    *,
    lowest_per_m=12.5,
    scales=4,
    directions=6,
    loss_tangent=0.0,
):
    """Local frequency estimation (LFE) by a bank of log-normal quadrature filters.

    R_i(f) = exp(-ln^2(f / f_i) / (2 ln 2)) (relative bandwidth 2 sqrt 2), f_{i+1} = 2 f_i, times cos^2 lobes
    in angle. For a wave of spatial frequency f, q_{i+1} / q_i = f / sqrt(f_i f_{i+1}) exactly. The estimates
    of neighbouring scales are averaged with weights q_i: f = sum_i sqrt(f_i f_{i+1}) q_{i+1} / sum_i q_i,
    where q_i is the sum over directions of the filtered waves' magnitudes. Then c = f_hz / f. A damped wave
    is spread over frequencies and reads too stiff, by up to 10 % at tan(delta) = 0.4.

    Parameters
    ----------
    wave, mask, spacing_m, frequency_hz :
        As in `ahi`.
    lowest_per_m : float
        Lowest centre frequency f_0 [cycles/m]. Assumption: 12.5, so that 4 scales reach from 12.5 to 100,
        wavelengths from 80 to 10 mm. The last scale is the only low-pass, so noise reads as short waves, that
        is, as soft tissue.
    scales, directions : int
        Number of f_i, at least 2, and number of directions.
    loss_tangent : float
        tan(delta) that turns rho c^2 into |G*|, see the module.

    Returns
    -------
    Inverted

    Raises
    ------
    ValueError
        As `ahi`; fewer than two scales; a negative loss tangent.

    Source: Knutsson, Westin & Granlund 1994, ICIP 1:36; Manduca et al. 2001, Med Image Anal 5:237, 2.2.
    """
    if scales < 2:
        raise ValueError(f"scales: expected at least 2, found {scales}")
    box = _prepare(wave, mask, spacing_m, frequency_hz, lowest_per_m)
    parts = directional_filters(box.wave, directions, 2.0)
    spectrum = np.fft.fft2(parts)
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) / spacing_m for n in box.mask.shape), indexing="ij"))
    f[0, 0] = np.inf  # log-normal filters pass no constant
    centres = lowest_per_m * 2.0 ** np.arange(scales)
    q = np.stack(
        [
            np.abs(np.fft.ifft2(spectrum * np.exp(-(np.log(f / c) ** 2) / (2 * np.log(2))))).sum(0)
            for c in centres
        ]
    )  # (scale, y, x)
    middle = np.sqrt(centres[:-1] * centres[1:])[:, None, None]
    local = _ratio((middle * q[1:]).sum(0), q[:-1].sum(0))
    filtered = band_pass(box.wave, spacing_m, centres[0], centres[-1])
    return _finish(_from_wavenumber(2 * np.pi * local, frequency_hz, loss_tangent), filtered, box, spacing_m)


class _Box(NamedTuple):
    wave: np.ndarray
    mask: np.ndarray
    where: tuple
    shape: tuple


def _prepare(wave, mask, spacing_m, frequency_hz, low_cut_per_m):
    """Check a wave, crop it to the mask plus half the longest wavelength, extend it past the outline."""
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    if min(wave.shape) < 5:
        raise ValueError(f"wave: field of view too small, expected at least 5 x 5 pixels, found {wave.shape}")
    boxed, inside, where = crop(wave, mask, int(np.ceil(0.5 / low_cut_per_m / spacing_m)))
    return _Box(extend(boxed, inside, spacing_m, DECAY_M), inside, where, wave.shape)


def _smooth(wave, spacing_m, low_cut_per_m, high_cut_per_m, smoothing_px):
    filtered = band_pass(wave, spacing_m, low_cut_per_m, high_cut_per_m)
    if smoothing_px == 0:
        return filtered
    return ndimage.gaussian_filter(filtered, smoothing_px, mode="wrap")


def _slope(u, axis, spacing_m):
    return (np.roll(u, -1, axis) - np.roll(u, 1, axis)) / (2 * spacing_m)


def _laplacian(u, spacing_m):
    neighbours = sum(np.roll(u, shift, axis) for axis in (0, 1) for shift in (-1, 1))
    return (neighbours - 4 * u) / spacing_m**2


def _ratio(numerator, denominator):
    """numerator / denominator, 0 where the denominator is 0."""
    return numerator / np.where(denominator > 0, denominator, np.inf)


def _from_wavenumber(k, frequency_hz, loss_tangent):
    """Stiffness |G*| = rho (omega / k)^2 (1 + cos delta) / 2 [Pa] from the wavenumber k [rad/m]."""
    if not loss_tangent >= 0:
        raise ValueError(f"loss_tangent: expected 0 or more, found {loss_tangent}")
    cos_delta = 1 / np.sqrt(1 + loss_tangent**2)
    omega = 2 * np.pi * frequency_hz
    return DENSITY_KG_M3 * _ratio(omega**2, k**2) * (1 + cos_delta) / 2


def _finish(stiffness, waves, box, spacing_m):
    """Add the confidence, cut to the mask and paste into the image; waves (y, x) or (n, y, x)."""
    waves = waves.reshape(-1, *box.mask.shape)  # (n, y, x)
    laps = np.stack([_laplacian(u, spacing_m) for u in waves])
    width = max(3, round(NEIGHBOURHOOD_M / spacing_m))

    def local(a):
        return ndimage.uniform_filter(a.sum(0), width, mode="wrap")

    cross = waves * laps.conj()
    explained = local(cross.real) ** 2 + local(cross.imag) ** 2
    energy = local(waves.real**2 + waves.imag**2) * local(laps.real**2 + laps.imag**2)
    coherence = np.clip(_ratio(explained, energy), 0, 1)
    maps = (stiffness, np.where(stiffness > 0, coherence, 0))
    return Inverted(*(paste(np.where(box.mask, a, 0), box.where, box.shape) for a in maps))
