"""Filters that the inversions share: band-pass and directions of a wave in k-space, median of a map.

A wave is the first harmonic at e^{+i omega t} of one displacement component, a complex array (y, x). The
filters in k-space treat it as periodic: `crop` and `extend` of `dime.inversion.masked_wave` come first.
"""

import numpy as np
from scipy import fft


def band_pass(wave, spacing_m, low_cut_per_m, high_cut_per_m, order=4):
    """Butterworth band-pass, radial in k-space.

    B(k) = [1 + (k / k_high)^{2n}]^{-1/2} [1 + (k_low / k)^{2n}]^{-1/2}, B(0) = 0. The low cut removes bulk
    motion and compressional waves, the high cut removes noise.

    Parameters
    ----------
    wave : complex array (..., y, x)
        Periodic: extend or pad it first.
    spacing_m : float
        Pixel size [m].
    low_cut_per_m, high_cut_per_m : float
        Half-power frequencies [cycles/m]; a low cut of 0 omits that factor.
    order : int
        n in the formula.
    """
    ky, kx = _frequencies(wave.shape[-2:])
    k2 = ((kx**2 + ky**2) / spacing_m**2).astype(np.float64)
    gain = 1 / np.sqrt(1 + (k2 / high_cut_per_m**2) ** order)
    if low_cut_per_m > 0:
        with np.errstate(divide="ignore"):
            gain /= np.sqrt(1 + (low_cut_per_m**2 / k2) ** order)
    return fft.ifft2(fft.fft2(wave) * gain)


def directional_filters(wave, directions=8, power=2.0):
    """Split a wave into the parts that travel in each of several directions.

    D_d(k) = max(0, cos(theta_k - theta_d))^power, theta_d = 2 pi d / directions. With e^{+i omega t} a
    wave e^{-i k.x} travels along +k, so D_d passes the spatial frequencies around -theta_d.
    For power 2 and 4 or more directions the parts sum to directions / 4 times the wave.

    Parameters
    ----------
    wave : complex array (y, x)
        Periodic: extend or pad it first.
    directions : int
    power : float

    Returns
    -------
    complex array (direction, y, x)
        Direction d travels towards the angle 2 pi d / directions, from +x towards +y.

    Source: Manduca et al. 2003, Med Image Anal 7:465, eq. 2 (cos^2 over a half plane).
    """
    ky, kx = _frequencies(wave.shape)
    k = np.hypot(kx, ky)
    k[0, 0] = 1  # the zero frequency travels nowhere: kx = ky = 0 gives cos = 0 below
    angle = 2 * np.pi * np.arange(directions)[:, None, None] / directions
    cosine = -(kx * np.cos(angle) + ky * np.sin(angle)) / k
    return fft.ifft2(fft.fft2(wave) * np.maximum(cosine, 0) ** power)  # (direction, y, x)


def median_filter(stiffness, mask, width_px):
    """Median over a square of width_px pixels, taken from the pixels inside the mask only.

    Parameters
    ----------
    stiffness : float array (y, x)
    mask : bool array (y, x)
    width_px : int
        1 changes nothing.
    """
    if width_px == 1:
        return stiffness
    half = width_px // 2
    padded = np.pad(np.where(mask, stiffness, np.nan), half, constant_values=np.nan)
    neighbours = np.lib.stride_tricks.sliding_window_view(padded, (width_px, width_px))
    filtered = stiffness.copy()
    filtered[mask] = np.nanmedian(neighbours[mask].reshape(-1, width_px**2), axis=1)  # (pixel, neighbour)
    return filtered


def _frequencies(shape):
    """Spatial frequencies ky (y, 1), kx (1, x) [cycles/pixel]."""
    return fft.fftfreq(shape[0])[:, None], fft.fftfreq(shape[1])[None, :]
