"""Choose the region of a liver that a reading averages over, and grade its mean."""

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

STAGE_CUTOFFS_PA = (2.9e3, 3.2e3, 3.75e3, 4.5e3)
"""Stiffness [Pa] from which a liver is staged F1, F2, F3, F4.

Source: reporting bands at 60 Hz, kPa: < 2.9 normal or inflammation; 2.9-3.5 F1-2; 3.5-4.0 F2-3; 4.0-5.0 F3-4;
> 5.0 F4. Assumption: a band that two stages share is split at its middle.
"""

LEAST_CONFIDENCE = 0.95
"""Confidence (0..1) of a direct inversion below which a pixel is left out, as in clinical reports."""

LEAST_AREA_M2 = 10e-4
"""Smallest region, over all slices, that a subject's stiffness is read from [m^2].

Assumption: about 450 pixels of 1.5 mm; a smaller region does not represent a liver.
"""


def parenchyma(magnitude, mask, spacing_m, rim_m, smoothing_m=15e-3, contrast=0.12):
    """Region of interest: tissue away from the outline and from vessels.

    Vessels differ in brightness from their surroundings. A pixel and its neighbours are left out where the
    median magnitude over the offsets, smoothed by a pixel, differs by more than the fraction `contrast` from
    a Gaussian mean over the surrounding tissue, of standard deviation `smoothing_m` [m].

    Parameters
    ----------
    magnitude : (offset, y, x) array
    mask : (y, x) bool array
    spacing_m, rim_m : float
        Pixel, and the depth of the erosion [m].

    Returns
    -------
    (y, x) bool array

    Assumption: 12 % is several times the noise of eight offsets at SNR 15, where shading halves the signal.
    """
    log = np.where(mask, np.log(np.maximum(np.median(magnitude, axis=0), 1e-9)), 0)
    # The clip keeps a wide bright vessel from raising the mean of its own surroundings.
    middle = np.median(log[mask])
    clipped = np.where(mask, np.clip(log, middle - 0.5, middle + 0.5), 0)
    fine, coarse = (
        gaussian_filter(image, sigma) / np.maximum(gaussian_filter(mask.astype(float), sigma), 1e-9)
        for image, sigma in ((log, 1), (clipped, smoothing_m / spacing_m))
    )
    differs = mask & (np.abs(fine - coarse) > contrast)
    # Padding: the edge of the image is an outline too.
    deep = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * spacing_m > rim_m
    return deep & ~binary_dilation(differs)


def reliable(inverted, region, widest=2.0):
    """Part of a region in which a method is confident of its own map.

    Parameters
    ----------
    inverted : xarray.Dataset
        From `methods.invert`.
    region : (..., y, x) bool array
    widest : float
        Largest uncertainty of a network that is kept, relative to its median over the region.

    Returns
    -------
    (..., y, x) bool array

    Assumption: the uncertainty of a pixel is compared with its median in the same subject, not with a fixed
    value. Its overall level reflects the quality of the network, and a poor network would keep no pixel.
    """
    if "confidence" in inverted:
        return region & (inverted["confidence"].values >= LEAST_CONFIDENCE)
    uncertainty = inverted["uncertainty"].values
    if not region.any():
        return region
    return region & inverted["trusted"].values & (uncertainty <= widest * np.median(uncertainty[region]))


def mean_over(values, region, spacing_m):
    """Mean of maps over a region (slice, y, x) of all slices; NaN if the region is below `LEAST_AREA_M2`."""
    if np.count_nonzero(region) * spacing_m**2 < LEAST_AREA_M2:
        return np.nan
    return float(values[region].mean())


def staged(stiffness_pa):
    """Fibrosis stage, 0 to 4, of each stiffness [Pa], by `STAGE_CUTOFFS_PA`."""
    return np.digitize(stiffness_pa, STAGE_CUTOFFS_PA)
