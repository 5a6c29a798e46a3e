"""Where a map can be trusted: enough motion, a fit that holds, and a wavelength that the image shows."""

import numpy as np
from scipy import ndimage

from dime.inversion import direct
from dime.mri.noise import noise_deviation
from dime.physics import DENSITY_KG_M3, WORKING_PIXEL_M_PER_S

LEAST_AMPLITUDE = 0.05
"""A pixel is not trusted if the motion nearby is below this fraction of the slice's rms, even without noise.

Assumption: 1/20 is the smallest motion visible at the SNR of 20 of liver examinations."""

LEAST_SNR = 1.0
"""A pixel is not trusted if the rms of the wave nearby is below this multiple of the rms noise."""

SOFT_TISSUE_PA = (300.0, 20e3)
"""Range of |G*| [Pa] outside of which no value of theirs is trusted. Assumption: no abdominal organ or breast
is softer or stiffer at the frequencies of elastography."""

PASSED_M = (12.8e-3, 64e-3)
"""Wavelengths [m] that their band-pass lets through (MMDI: 4 to 20 cycles per 256 mm). A slice whose wave is
longer or shorter is not trusted: its map is that of the edge of the band."""

LARGEST_RATIO = 3.0
"""A slice is not trusted if the median wavelengths of its map and of its wave differ by a larger factor.

On simulated phantoms (SNR 5 and 20) the true one and the wave's differ by a factor of 2.4 at most."""

LONGEST_PX, SCALES, DIRECTIONS = 96.0, 5, 3
"""Filters of `wavelength_px`: from waves of this many pixels down in octaves, to 6 pixels. Three directions
take half the time of LFE's six, and the median differs by a few per cent. Octaves down to 4 pixels would read
noise as waves; with these, waves of 6 pixels read up to 1.8 times too long."""


def trusted(wave, mask, stiffness, second, spacing_m, frequency_hz, least_confidence):
    """Pixels in which a map can be trusted.

    The motion nearby must exceed `LEAST_SNR` times the noise (`noise_deviation`, both channels together) and,
    with its noise, `LEAST_AMPLITUDE` times the rms of the slice. The wavelength of the map must be that of
    the wave in the image (`wavelength_px`, `LARGEST_RATIO`), which tells a frequency or a pixel that is far
    from the true one. What the method says of itself must hold as well: for a network, see
    `dime.network.trust`; for the others, the confidence must reach `least_confidence`, the
    stiffness lie in `SOFT_TISSUE_PA` and the wavelength in `PASSED_M`.

    Parameters
    ----------
    wave, mask, stiffness, second : (y, x) arrays
        Complex wave in any unit; tissue; the map [Pa]; for a network the uncertainty, the Laplace scale b of
        log stiffness, for other methods the confidence 0..1.
    spacing_m, frequency_hz : float
    least_confidence : float or None
        Confidence from which a pixel is trusted (`dime.inversion.registry.Method`); None for a network.

    Returns
    -------
    (y, x) bool array
    """
    learnt = least_confidence is None
    moving = mask & moves(wave, mask, spacing_m, frequency_hz)
    if not moving.any() or not _fits(wave, mask, stiffness, spacing_m, frequency_hz, learnt):
        return np.zeros(mask.shape, bool)
    if learnt:
        from dime.network.trust import believed

        return moving & believed(stiffness, second)
    low, high = SOFT_TISSUE_PA
    sure = second >= least_confidence
    return moving & sure & (stiffness > low) & (stiffness < high)


def moves(wave, mask, spacing_m, frequency_hz):
    """Pixels (y, x) of the tissue around which there is motion, against the noise and the slice's rms."""
    # "Nearby" is a quarter of a working wavelength: the node of a standing wave is not a lack of motion. The
    # mean over three times that is removed as offset; to remove the slice's mean would move tissue at rest.
    sigma = 5 * WORKING_PIXEL_M_PER_S / (spacing_m * frequency_hz)
    wave = np.where(mask, wave - _nearby(wave, mask, 3 * sigma), 0)
    power = _nearby(np.abs(wave) ** 2, mask, sigma)
    least = LEAST_AMPLITUDE**2 * np.mean(np.abs(wave[mask]) ** 2)
    return power > max(least, (1 + LEAST_SNR**2) * 2 * noise_deviation(wave, mask) ** 2)


def wavelength_px(wave, mask):
    """Median wavelength [pixels] of a wave in the tissue, by local frequency estimation (`direct.lfe`).

    Neither the pixel size nor the frequency enters, so it tells whether these suit the image.

    Parameters
    ----------
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array

    Returns
    -------
    float
        NaN where no wavelength is found.
    """
    spacing_m, frequency_hz = 1e-3, 60.0  # any: they cancel
    bank = {"lowest_per_m": 1 / (LONGEST_PX * spacing_m), "scales": SCALES, "directions": DIRECTIONS}
    found = direct.lfe(wave, mask, spacing_m, frequency_hz, **bank)
    here = mask & (found.stiffness > 0)
    if not here.any():
        return np.nan
    return float(np.sqrt(np.median(found.stiffness[here]) / DENSITY_KG_M3) / frequency_hz / spacing_m)


def _fits(wave, mask, stiffness, spacing_m, frequency_hz, learnt):
    """Whether the wavelength of a slice's map is that of its wave, and one that the method can measure.

    Slices below 5 x 5 pixels hold no wavelength that could be measured.
    """
    known = mask & (stiffness > 0)
    if not known.any() or min(mask.shape) < 5:
        return False
    shown = wavelength_px(wave, mask)
    mapped = np.sqrt(np.median(stiffness[known]) / DENSITY_KG_M3) / frequency_hz / spacing_m
    if not 1 / LARGEST_RATIO < mapped / shown < LARGEST_RATIO:
        return False
    if learnt:
        from dime.network.trust import trained

        return trained(shown, spacing_m, frequency_hz)
    return PASSED_M[0] < shown * spacing_m < PASSED_M[1]


def _nearby(image, mask, sigma):
    """Gaussian mean of the tissue around each of its pixels; 0 outside the mask."""
    parts = [ndimage.gaussian_filter(part, sigma) for part in (np.where(mask, image, 0), mask.astype(float))]
    return np.where(mask, parts[0], 0) / np.where(mask, parts[1], 1)
