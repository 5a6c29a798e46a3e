"""The original authors' phantoms: their waves, their truth, their own maps, and every map's score.

The phantoms are not ours to copy: they are read where the environment variable DIME_REFERENCE says and
converted, outside git, to one dataset that the studies read; without them it holds no case.
"""

import nibabel
import numpy as np
import xarray as xr
from scipy.ndimage import binary_erosion

from dime.authors import mmdi_agreement
from dime.files import datasets
from dime.metrics import errors
from dime.physics import axis_m

SPACING_M = {"study1a": 0.90e-3, "study1b": 0.90e-3, "study2": 1.17e-3}
"""Pixels with which the phantoms' wavelengths fit their truth at 60 Hz; the headers' 1 mm do not."""

UPSIDE_DOWN = ("study2",)
"""Studies whose network maps the authors stored with the rows reversed."""

REGIONS = {"mask": 1, "interior": 10}
"""Name -> pixels by which the truth's mask is eroded."""

TYPES = {
    "wave": "complex64",
    "mask": "bool",
    "stiffness": "float32",
    "authors_dime": "float32",
    "authors_mmdi": "float32",
}
"""What is known of each case, all (y, x): stiffness is the truth [Pa], and so are the authors' maps."""


def convert(output):
    """Write the released phantoms as one zarr folder, or one without cases where there are none.

    Parameters
    ----------
    output : path

    Returns
    -------
    str
        One line that says what was found.
    """
    folder = mmdi_agreement.folder()
    cases = [
        (study, case)
        for study in SPACING_M
        for case in mmdi_agreement.CASES
        if folder and (folder / study / f"{mmdi_agreement.STUDIES[study] + case}_truth.nii.gz").is_file()
    ]
    arrays = [read(study, case) for study, case in cases]
    maps = {
        name: np.array([one[name] for one in arrays], kind) if cases else np.zeros((0, 2, 2), kind)
        for name, kind in TYPES.items()
    }
    data = xr.Dataset(
        {name: (("case", "y", "x"), values) for name, values in maps.items()},
        coords={"case": np.array([mmdi_agreement.STUDIES[study] + case for study, case in cases], int)},
        attrs={"frequency_hz": mmdi_agreement.FREQUENCY_HZ},
    )
    datasets.write(data, output)
    return f"released phantoms: {len(cases)}" + ("" if cases else " (DIME_REFERENCE names no folder of them)")


def read(study, case):
    """One case as in `TYPES`; in the orientation of the truth, the mask where the wave is not 0."""
    wave, mask, authors_mmdi = mmdi_agreement.read_case(study, case)
    stem = f"{mmdi_agreement.folder() / study / str(mmdi_agreement.STUDIES[study] + case)}_"
    truth, authors = (
        np.asarray(nibabel.load(f"{stem}{name}.nii.gz").dataobj, float) * 1e3
        for name in ("truth", "authors_dime")
    )
    return {
        "wave": np.where(mask, wave, 0),
        "mask": mask,
        "stiffness": truth,
        "authors_dime": authors[::-1] if study in UPSIDE_DOWN else authors,
        "authors_mmdi": authors_mmdi,
    }


def study(data, name):
    """The cases of one study, with its pixel size and coordinates [m].

    Parameters
    ----------
    data : xarray.Dataset
        From `convert`.
    name : one of `SPACING_M`

    Returns
    -------
    xarray.Dataset
        With attrs spacing_m and frequency_hz, as `methods.invert` takes it.
    """
    first = mmdi_agreement.STUDIES[name]
    part = data.sel(case=[n for n in data["case"].values if n - first in mmdi_agreement.CASES])
    axes = {axis: axis_m(part.sizes[axis], SPACING_M[name]) for axis in "yx"}
    return part.assign_coords(axes).assign_attrs(spacing_m=SPACING_M[name])


def scored_pixels(data, region):
    """Pixels of a region that all maps are scored on: eroded truth, where the authors' maps hold a value too.

    Parameters
    ----------
    data : xarray.Dataset
    region : one of `REGIONS`

    Returns
    -------
    (case, y, x) bool array
    """
    inner = np.array([binary_erosion(t > 0, iterations=REGIONS[region]) for t in data["stiffness"].values])
    theirs = data["authors_mmdi"].values
    return inner & (data["authors_dime"].values > 0) & (theirs > 0) & (theirs < mmdi_agreement.CEILING_PA)


def score(estimates, truths, pixels):
    """Figures of merit, pixels pooled over the cases; slice figures are those of the cases' means.

    Parameters
    ----------
    estimates, truths : (case, y, x) array [Pa]
    pixels : (case, y, x) bool array

    Returns
    -------
    dict
        r, r2; rmse, bias [kPa]; mape, median_ape [%]; slice_r, slice_mape [%]. r, r2 and slice_r are NaN
        where the truth or the estimate is one constant.

    Raises
    ------
    ValueError
        The estimate holds no stiffness somewhere among the pixels (counted).
    """
    x, t = estimates[pixels] / 1e3, truths[pixels] / 1e3
    bad = np.count_nonzero(~(x > 0))
    if bad:
        raise ValueError(f"estimates: {bad} of {x.size} scored pixels hold no stiffness")
    error = x - t
    means = [
        np.array([m[p].mean() / 1e3 for m, p in zip(maps, pixels, strict=True)])
        for maps in (estimates, truths)
    ]
    by_pixel, by_slice = (
        errors.pooled([errors.correlation_sums(*(part.astype(float) for part in pair))])
        for pair in ((x, t), means)
    )
    r, r2, slice_r = (
        np.nan if figure["value"] is None else figure["value"]
        for figure in (by_pixel["r"], by_pixel["r2"], by_slice["r"])
    )
    return {
        "r": r,
        "r2": r2,
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mape": float(100 * np.mean(np.abs(error) / t)),
        "median_ape": float(100 * np.median(np.abs(error) / t)),
        "bias": float(error.mean()),
        "slice_r": slice_r,
        "slice_mape": float(100 * np.mean(np.abs(means[0] / means[1] - 1))),
    }
