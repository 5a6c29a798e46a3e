"""Multi-model direct inversion (MMDI), the clinical reference inversion of MR elastography.

extend -> band_pass -> directional_filters -> fit_laplacian (several windows) -> combine_directions
-> confidence -> median filter; `invert` runs the chain. The wave is the first harmonic at e^{+i omega t}
of one displacement component; where it obeys the Helmholtz equation G* lap(u) + rho omega^2 u = 0, the
stiffness is |G*| = rho omega^2 |u| / |lap(u)|.

Source: Silva et al. 2015, Abdom Imaging 40:789 (multi-scale direct inversion, MMDI's predecessor);
Manduca et al. 2003, Med Image Anal 7:465 (directional filters); Oliphant et al. 2001, Magn Reson Med
45:299 (algebraic direct inversion); Savitzky & Golay 1964 (local polynomial fits).
No open implementation of MMDI exists and its papers leave some settings open. Those are marked `Assumption:`
and were chosen by comparison with maps made by the clinical program, see tests/inversion/test_mmdi.py.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from dime.inversion.filters import band_pass, directional_filters, median_filter
from dime.inversion.masked_wave import check_field, crop, extend, paste
from dime.physics import helmholtz_factor


@dataclass(frozen=True)
class Settings:
    """Settings of the chain; the defaults are the published ones where a paper states them. Read-only.

    Lengths and spatial frequencies are physical [m, cycles/m], so neither the pixel size nor the field of
    view nor padding changes their meaning. Papers give cut-offs in cycles per field of view. The clinical
    program read the original authors' waves as 256 pixels of 1 mm, so 4 and 20 cycles per 256 mm are
    15.6 and 78.1 cycles/m. They keep wavelengths from 64 mm to 12.8 mm, 15 to 0.6 kPa at 60 Hz.

    Attributes
    ----------
    low_cut_per_m, high_cut_per_m : float
        Half-power spatial frequencies of the band-pass [cycles/m].
        Assumption: 4 and 20 cycles per 256 mm; laboratories differ.
    band_pass_order : int
        Order of the Butterworth filter. Assumption: 3; order 4 is nearly as good.
    directions : int
        Number of directional filters, evenly spaced over the circle (8: Manduca 2003).
    directional_power : float
        The filters are cos^power of the angle to their direction over a half plane (2: Manduca 2003).
    windows_m : tuple of float
        Widths of the square fit windows [m]; each becomes the nearest odd number of pixels, at least 5.
        Assumption: the sizes; 17, 21 and 27 pixels of 1 mm, 11, 15 and 19 pixels of 1.4 mm.
    degree : int
        Degree of the fitted polynomial, 2 to 4 (4: Silva 2015). 2 and 3 have the same value and Laplacian.
    decay_m : float
        Decay length of the wave's extension outside the mask [m], see `extend`; 0 sets the wave to 0 there.
    median_px : int
        Width of the median filter [pixels]; 1 turns it off. Assumption: 5.
    """

    low_cut_per_m: float = 4 / 0.256
    high_cut_per_m: float = 20 / 0.256
    band_pass_order: int = 3
    directions: int = 8
    directional_power: float = 2.0
    windows_m: tuple = (0.0165, 0.021, 0.027)
    degree: int = 4
    decay_m: float = 0.010
    median_px: int = 5

    def __post_init__(self):
        """Raise a ValueError that names the first setting out of range; a list of windows becomes a tuple."""
        object.__setattr__(self, "windows_m", tuple(self.windows_m))
        ranges = {
            "low_cut_per_m": (0 < self.low_cut_per_m < self.high_cut_per_m, "between 0 and high_cut_per_m"),
            "band_pass_order": (self.band_pass_order >= 1, "1 or more"),
            "directions": (self.directions >= 1, "1 or more"),
            "directional_power": (self.directional_power >= 0, "0 or more"),
            "windows_m": (len(self.windows_m) > 0 and min(self.windows_m) > 0, "one or more positive widths"),
            "degree": (self.degree in (2, 3, 4), "2, 3 or 4"),
            "decay_m": (self.decay_m >= 0, "0 or more"),
            "median_px": (self.median_px >= 1 and self.median_px % 2 == 1, "an odd number of pixels"),
        }
        for name, (in_range, expected) in ranges.items():
            if not in_range:
                raise ValueError(f"{name}: expected {expected}, found {getattr(self, name)}")


PUBLISHED = Settings()
"""Settings that papers state, and the assumptions of `Settings` where they state none."""


class Result(NamedTuple):
    """Result of MMDI; every map is 0 outside the mask.

    stiffness (y, x) [Pa]; confidence (y, x), 0..1; directional_stiffness (direction, y, x) [Pa], the
    direct inversion of each directional wave alone; directional_amplitude (direction, y, x), the
    amplitude of each directional wave, in the wave's unit.
    """

    stiffness: np.ndarray
    confidence: np.ndarray
    directional_stiffness: np.ndarray
    directional_amplitude: np.ndarray


def invert(wave, mask, spacing_m, frequency_hz, settings=PUBLISHED):
    """Stiffness by multi-model direct inversion.

    Parameters
    ----------
    wave : complex array (y, x)
        First harmonic of one displacement component, any unit; values outside the mask are ignored.
    mask : bool array (y, x)
        Where to invert.
    spacing_m : float
        Pixel size [m].
    frequency_hz : float
        Vibration frequency [Hz].
    settings : Settings

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        See `check_field`; also when no window fits the field of view.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    widest = max(window_px(w, spacing_m) for w in settings.windows_m)
    if widest > min(wave.shape):
        raise ValueError(
            f"wave: field of view {wave.shape[0]} x {wave.shape[1]} pixels is too small, expected at least "
            f"{widest} pixels, the widest window (windows_m={settings.windows_m}, spacing_m={spacing_m})"
        )
    # The chain runs on the mask's bounding box plus a margin of half the longest wavelength kept, so that
    # the FFT's periodic images of the mask lie that wavelength apart, whatever the field of view.
    margin = int(np.ceil(0.5 / settings.low_cut_per_m / spacing_m)) + widest // 2
    wave_box, mask_box, inside = crop(wave, mask, margin)
    extended = extend(wave_box, mask_box, spacing_m, settings.decay_m)
    filtered = band_pass(
        extended,
        spacing_m,
        settings.low_cut_per_m,
        settings.high_cut_per_m,
        settings.band_pass_order,
    )
    directional = directional_filters(filtered, settings.directions, settings.directional_power)
    smooth, laplacian, goodness = choose_window(
        directional, extended, spacing_m, settings.windows_m, settings.degree
    )
    combined = combine_directions(smooth, laplacian, frequency_hz)
    stiffness = median_filter(combined, mask_box, settings.median_px)
    amplitude, curvature = np.abs(smooth), np.abs(laplacian)
    each = helmholtz_factor(frequency_hz) * amplitude / np.where(curvature > 0, curvature, np.inf)
    maps = (stiffness, confidence(goodness, stiffness), each, amplitude)
    return Result(*(paste(np.where(mask_box, a, 0), inside, wave.shape) for a in maps))


def window_px(window_m, spacing_m):
    """Width of a fit window in pixels: the odd number nearest to window_m / spacing_m, at least 5."""
    return max(5, 2 * int(window_m / spacing_m / 2) + 1)


def fit_laplacian(waves, spacing_m, window_m, degree=4):
    """Fit a 2D polynomial around each pixel by least squares; return its value and its Laplacian there.

    u(y, x) ~ sum_{i+j<=degree} a_ij q_i(y) q_j(x) over a square window, q_i the polynomials orthonormal on
    its pixels; value sum a_ij q_i(0) q_j(0), Laplacian sum a_ij [q_i''(0) q_j(0) + q_i(0) q_j''(0)].
    Both are linear in u, hence two convolutions (2D Savitzky-Golay), done by FFT.

    Parameters
    ----------
    waves : complex array (..., y, x)
        Periodic: extend or pad them first.
    spacing_m : float
        Pixel size [m].
    window_m : float
        Width of the window [m], see `window_px`.
    degree : int
        2 to 4.

    Returns
    -------
    value : complex array (..., y, x), the wave's unit
    laplacian : complex array (..., y, x), the wave's unit / m^2
        With degree 4: exact for polynomials to degree 5; for a wave of wavenumber k in a window of half-width
        h too small by a fraction 0.0013 (k h)^4 along an axis to 0.0042 (k h)^4 along a diagonal (leading
        terms, from the Legendre components of degree 6 that a quartic misses). The stiffness is too high by
        as much.
        With degree 2 or 3 the fraction is of order (k h)^2.

    Source: Savitzky & Golay 1964, Anal Chem 36:1627; quartic fits in direct inversion: Silva 2015.
    """
    window = window_px(window_m, spacing_m)
    q, value, second = _basis(window, degree)
    rows, columns = (_spectra(q, n) for n in waves.shape[-2:])  # (degree, k)
    value_gain, laplacian_gain = np.zeros((2, *waves.shape[-2:]))
    for i, j in _terms(degree):
        term = np.outer(rows[i], columns[j]).real
        value_gain += value[i] * value[j] * term
        laplacian_gain += (second[i] * value[j] + value[i] * second[j]) * term
    spectrum = fft.fft2(waves)
    return fft.ifft2(spectrum * value_gain), fft.ifft2(spectrum * laplacian_gain) / spacing_m**2


def goodness_of_fit(wave, spacing_m, window_m, degree=4):
    """Adjusted R^2, 0..1, of the polynomial fitted to the wave in the window around each pixel.

    R^2 = 1 - [RSS / (n - p)] / [sum |u|^2 / n], n pixels and p coefficients in a window (15 of a quartic);
    RSS = sum |u|^2 - sum_{i+j<=degree} |a_ij|^2 in the orthonormal basis of `fit_laplacian`.

    Parameters
    ----------
    wave : complex array (y, x)
        The wave before low-pass filtering, so that its noise counts. A filtered wave is smooth even where
        it is only noise, and the smallest window would always fit it best.
    spacing_m, window_m, degree :
        As in `fit_laplacian`.

    Returns
    -------
    float array (y, x)
        Clipped to 0..1; 0 where the wave is zero.
    """
    window = window_px(window_m, spacing_m)
    q = _basis(window, degree)[0]
    rows, columns = (_spectra(q, n) for n in wave.shape)
    spectrum = fft.fft2(wave)
    explained = np.zeros(wave.shape)
    for i, j in _terms(degree):
        coefficient = fft.ifft2(spectrum * np.outer(rows[i], columns[j]))
        explained += coefficient.real**2 + coefficient.imag**2
    energy = ndimage.uniform_filter(wave.real**2 + wave.imag**2, window, mode="wrap") * window**2
    adjusted = (
        (1 - explained / np.where(energy > 0, energy, 1)) * window**2 / (window**2 - len(_terms(degree)))
    )
    return np.where(energy > 0, np.clip(1 - adjusted, 0, 1), 0)


def choose_window(waves, measured, spacing_m, windows_m, degree=4):
    """Fit in every window and keep, at each pixel, the fit that describes the measured wave best.

    Parameters
    ----------
    waves : complex array (direction, y, x)
        The filtered waves to differentiate.
    measured : complex array (y, x)
        The wave by which the fits are judged, see `goodness_of_fit`.
    spacing_m : float
        Pixel size [m].
    windows_m : sequence of float
        Widths of the windows [m].
    degree : int
        As in `fit_laplacian`.

    Returns
    -------
    value, laplacian : complex arrays (direction, y, x), as `fit_laplacian` gives them
    goodness : float array (y, x), adjusted R^2 of the window chosen

    Assumption: one choice per pixel for all directions, by adjusted R^2 (the papers say "goodness of fit").
    """
    for number, window_m in enumerate(windows_m):
        place = spacing_m, window_m, degree
        fitted = (*fit_laplacian(waves, *place), goodness_of_fit(measured, *place))
        if number == 0:
            value, laplacian, goodness = fitted
            continue
        better = fitted[2] > goodness
        value = np.where(better, fitted[0], value)
        laplacian = np.where(better, fitted[1], laplacian)
        goodness = np.where(better, fitted[2], goodness)
    return value, laplacian, goodness


def combine_directions(value, laplacian, frequency_hz):
    """Stiffness from the directional waves, each direction weighted by the square of its Laplacian.

    |G_d| = rho omega^2 |s_d| / |L_d| for direction d; the stiffness is sum_d |L_d|^2 |G_d| / sum_d |L_d|^2
    = rho omega^2 sum_d |s_d| |L_d| / sum_d |L_d|^2, the least-squares solution of
    |G| |L_d| = rho omega^2 |s_d| over the directions.

    Parameters
    ----------
    value : complex array (direction, y, x)
        s, smoothed directional waves.
    laplacian : complex array (direction, y, x)
        L, their Laplacians [1/m^2].
    frequency_hz : float

    Returns
    -------
    float array (y, x) [Pa]
        0 where there is no wave.

    Assumption: this weighting. Of six tried, it agrees best with the clinical program's maps of ten measured
    livers and of the phantoms together. With the complex sum |sum_d s_d conj(L_d)| / sum_d |L_d|^2,
    directions of different phase cancel and r falls by 0.03 on measured livers. With weights |s_d|^2, waves
    near the low cut dominate.
    """
    amplitude, curvature = np.abs(value), np.abs(laplacian)
    weight = np.sum(curvature**2, axis=0)
    weighted = np.sum(amplitude * curvature, axis=0)
    return helmholtz_factor(frequency_hz) * weighted / np.where(weight > 0, weight, np.inf)


def confidence(goodness, stiffness):
    """Confidence 0..1: the goodness of the chosen fit, 0 where the stiffness is 0.

    Reports mask pixels below 0.95. Assumption: the adjusted R^2 itself, because the clinical formula is not
    published.
    """
    return np.where(stiffness > 0, goodness, 0.0)


def _terms(degree):
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


@lru_cache(maxsize=32)
def _basis(window, degree):
    """Orthonormal polynomials on a window's pixels (window, degree); their value and 2nd derivative at 0."""
    t = np.arange(window) - window // 2
    q, r = np.linalg.qr(np.vander(t / (window // 2), degree + 1, increasing=True))
    inverse = np.linalg.inv(r)  # q_i(t) = sum_p (t / h)^p inverse[p, i]
    return q, inverse[0], 2 * inverse[2] / (window // 2) ** 2


@lru_cache(maxsize=32)
def _spectra_cached(window, degree, size):
    q, h = _basis(window, degree)[0], window // 2
    k = 2 * np.pi * fft.fftfreq(size)
    return q.T @ np.exp(1j * np.outer(np.arange(window) - h, k))  # correlation, hence +i: (degree, k)


def _spectra(q, size):
    """Transfer functions of correlating with each basis polynomial along an axis of `size` pixels."""
    return _spectra_cached(q.shape[0], q.shape[1] - 1, size)
