"""Read the original authors' phantoms, with their waves, truth and maps, and score every method's maps.

The phantoms are not ours to copy. They are read from the folder that the environment variable DIME_REFERENCE
names and converted, outside git, to one dataset; without them it holds no case.
"""

import os
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr
from scipy import ndimage
from scipy.io import loadmat

from dime.authors import absent
from dime.files import datasets
from dime.metrics import errors
from dime.physics import axis_m

FREQUENCY_HZ = 60.0

STUDIES = {"study1a": 1250, "study1b": 1350, "study2": 1450}
"""Folder of each study -> number of its files, to which the number of the case is added."""

CASES = (1, 2, 3, 4, 5)

SPACING_M = {"study1a": 0.90e-3, "study1b": 0.90e-3, "study2": 1.17e-3}
"""Pixel sizes with which wavelengths fit the stated stiffness [m]; with the headers' 1 mm they do not."""

HEADER_M = 1e-3
"""Pixel size in every header [m]."""

UPSIDE_DOWN = ("study2",)
"""Studies whose network maps the authors stored with the rows reversed."""

CEILING_PA = 15e3
"""The authors' MMDI maps hold outliers above this stiffness [Pa], far above any truth: pixels left out."""

REGIONS = {"mask": 1, "interior": 10}
"""Name -> pixels by which the truth's mask is eroded."""

GOALS = {
    "study1a": {
        "mask_mape": 8.0,
        "mask_r": 0.965,
        "interior_mape": 5.0,
        "interior_r": 0.98,
        "slice_r": 0.998,
    },
    "study1b": {
        "mask_mape": 16.0,
        "mask_r": 0.95,
        "interior_mape": 12.0,
        "interior_r": 0.96,
        "slice_r": 0.999,
    },
    "study2": {"mask_mape": 7.0, "mask_r": 0.98, "interior_mape": 5.0, "interior_r": 0.995, "slice_r": 0.999},
}
"""What this project set itself to reach (goals, not results): `region_figure` of `score`; MAPE in percent."""

TYPES = {
    "wave": "complex64",
    "mask": "bool",
    "stiffness": "float32",
    "authors_dime": "float32",
    "authors_mmdi": "float32",
}
"""Variables of each case, all (y, x): stiffness is the truth [Pa]; the authors' maps are in Pa too."""


def folder():
    """Folder of the authors' files, or None."""
    path = os.environ.get("DIME_REFERENCE")
    return Path(path) if path else None


def convert(output):
    """Write the authors' phantoms as one zarr folder, or one without cases where there are none.

    Parameters
    ----------
    output : path

    Returns
    -------
    str
        One line that says what was found.
    """
    cases = [
        (study, case)
        for study in STUDIES
        for case in CASES
        if folder() and Path(f"{_stem(study, case)}truth.nii.gz").is_file()
    ]
    data = absent.nothing("case", TYPES, {"frequency_hz": FREQUENCY_HZ})
    if cases:
        arrays = [read(study, case) for study, case in cases]
        data = xr.Dataset(
            {
                name: (data[name].dims, np.array([one[name] for one in arrays], kind))
                for name, kind in TYPES.items()
            },
            coords={"case": [STUDIES[study] + case for study, case in cases]},
            attrs=data.attrs,
        )
    datasets.write(data, output)
    return f"authors' phantoms: {len(cases)}" + ("" if cases else " (DIME_REFERENCE names no folder of them)")


def read(study, case):
    """Read one case: a dict as `TYPES`, in the orientation of the truth."""
    wave, mask, authors_mmdi = read_case(study, case)
    truth, authors = (
        np.asarray(nibabel.load(f"{_stem(study, case)}{name}.nii.gz").dataobj, float) * 1e3
        for name in ("truth", "authors_dime")
    )
    return {
        "wave": np.where(mask, wave, 0),
        "mask": mask,
        "stiffness": truth,
        "authors_dime": authors[::-1] if study in UPSIDE_DOWN else authors,
        "authors_mmdi": authors_mmdi,
    }


def read_case(study, case):
    """Read one case's wave (complex), its mask (not 0) and the authors' MMDI map [Pa], all (y, x)."""
    stem = _stem(study, case)
    channels = np.asarray(nibabel.load(f"{stem}wave.nii.gz").dataobj, float)
    mask = ndimage.binary_fill_holes((channels != 0).any(-1))
    theirs = loadmat(f"{stem}authors_mmdi.mat")["mmdi_stiff"].astype(float) * 1e3
    return channels[..., 0] + 1j * channels[..., 1], mask, theirs


def _stem(study, case):
    """How the paths of one case's files begin."""
    return f"{folder() / study / str(STUDIES[study] + case)}_"


def study(data, name, cases=None):
    """Select the first cases of one study, with its pixel size and coordinates [m].

    Parameters
    ----------
    data : xarray.Dataset
        From `convert`.
    name : one of `STUDIES`
    cases : int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        With attrs spacing_m and frequency_hz, as `methods.invert` takes it.
    """
    part = data.sel(case=[n for n in data["case"].values if n - STUDIES[name] in CASES][:cases])
    axes = {axis: axis_m(part.sizes[axis], SPACING_M[name]) for axis in "yx"}
    return part.assign_coords(axes).assign_attrs(spacing_m=SPACING_M[name])


def scored_pixels(data, region):
    """Pixels of a region that all maps are scored on: eroded truth, where the authors' maps have values too.

    Parameters
    ----------
    data : xarray.Dataset
    region : one of `REGIONS`

    Returns
    -------
    (case, y, x) bool array
    """
    depth = REGIONS[region]
    inner = np.array([ndimage.binary_erosion(t > 0, iterations=depth) for t in data["stiffness"].values])
    theirs = data["authors_mmdi"].values
    return inner & (data["authors_dime"].values > 0) & (theirs > 0) & (theirs < CEILING_PA)


def score(estimates, truths, pixels):
    """Figures of merit with the pixels of all cases pooled; slice figures compare the cases' means.

    Parameters
    ----------
    estimates, truths : (case, y, x) array [Pa]
    pixels : (case, y, x) bool array

    Returns
    -------
    dict
        r, r2; rmse, bias [kPa]; mape [%]; slice_r. r, r2 and slice_r are NaN where the truth or the estimate
        is one constant.

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
        "bias": float(error.mean()),
        "slice_r": slice_r,
    }


def rescaled(part):
    """The authors' MMDI maps as they would be if its program had known the pixel size of the study.

    The program read every header's 1 mm. Stiffness grows with the square of the pixel, so the maps are
    multiplied by (spacing / 1 mm)^2: 0.81 in studies 1a and 1b, 1.37 in study 2. The spacings themselves are
    inferred (`SPACING_M`), and the filters' cut-offs, which the pixel also changes, stay as they were.

    Parameters
    ----------
    part : xarray.Dataset
        From `study`.

    Returns
    -------
    xarray.DataArray [Pa]
    """
    return part["authors_mmdi"] * (part.attrs["spacing_m"] / HEADER_M) ** 2


def score_regions(part, method):
    """`score` of one method's maps, a variable of `part`, in each of `REGIONS`: a dict by region."""
    maps = part[method].values, part["stiffness"].values
    return {region: score(*maps, scored_pixels(part, region)) for region in REGIONS}


def against_goals(scores, study):
    """Compare one method's scores with the goals of a study.

    Parameters
    ----------
    scores : dict
        From `score_regions`.
    study : one of `STUDIES`

    Returns
    -------
    dict
        Name of each goal -> (found, goal, met): an error must not exceed its goal, a correlation must reach
        it. A correlation that is NaN does not.
    """
    compared = {}
    for name, goal in GOALS[study].items():
        region, figure = ("mask", name) if name == "slice_r" else name.split("_")
        found = scores[region][figure]
        compared[name] = found, goal, bool(found <= goal if figure == "mape" else found >= goal)
    return compared
