"""Read the original authors' measured liver slices: their waves and the stiffness maps of the clinical MMDI.

Like their phantoms (`dime.authors.phantoms`) they are not ours to copy. They are read from `data/`, or from
the folder that the environment variable DIME_REFERENCE names, and converted, outside git, to one dataset.
"""

import os
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr
from scipy.io import loadmat

from dime.authors import absent
from dime.files import datasets
from dime.mri import elastography
from dime.physics import axis_m

SPACING_M = 1.40625e-3
"""Pixel size of the measured slices [m]: 360 mm over 256. Their headers say 1 mm, which is wrong."""

FREQUENCY_HZ = 60.0

ATTRS = {"spacing_m": SPACING_M, "frequency_hz": FREQUENCY_HZ}

TYPES = {"wave": "complex64", "mask": "bool", "clinical_stiffness": "float32"}

ZERO_DISPLACEMENT = 2047.5
"""Value of no displacement in the 12-bit scale of the measured slices, the same for all offsets."""


def read(folder):
    """Read the authors' measured liver slices (study 3) with their MMDI stiffness maps.

    The wave is `elastography.first_harmonic` of the phase offsets.

    Parameters
    ----------
    folder : path
        Holds `Processed Data/NN.nii` (256 x 256 x 8 offsets, 0 outside the mask, one scale for all
        offsets) and `Processed Stiffness/NN.mat` (`stiff`, 0.01 kPa, transposed against the waves).

    Returns
    -------
    xarray.Dataset
        `wave` complex64 (slice, y, x) in the scanner's arbitrary unit, `mask`,
        `clinical_stiffness` [Pa] (0 where the clinic's map has none); coordinate `slice` the file's number.

    Raises
    ------
    FileNotFoundError
        No slice there, or one without its stiffness map.
    ValueError
        A file has another shape or values that are not finite; names the file and what was expected.
    """
    folder = Path(folder)
    paths = sorted((folder / "Processed Data").glob("*.nii"))
    if not paths:
        raise FileNotFoundError(f"{folder / 'Processed Data'}: expected measured slices NN.nii, found none")
    slices = [_read_slice(path, folder / "Processed Stiffness" / f"{path.stem}.mat") for path in paths]
    displacement, mask, stiffness = (np.stack(arrays) for arrays in zip(*slices, strict=True))
    wave = np.stack([elastography.first_harmonic(one) for one in displacement]).astype(np.complex64)
    y, x = (axis_m(n, SPACING_M) for n in mask.shape[1:])
    return xr.Dataset(
        {
            "wave": (
                ("slice", "y", "x"),
                wave,
                {"units": "1", "long_name": "first harmonic, scanner's scale"},
            ),
            "mask": (("slice", "y", "x"), mask),
            "clinical_stiffness": (("slice", "y", "x"), stiffness, {"units": "Pa"}),
        },
        coords={"slice": [int(path.stem) for path in paths], "y": y, "x": x},
        attrs=ATTRS,
    )


def _read_slice(path, stiffness_path):
    """Displacement (offset, y, x), mask and clinical stiffness [Pa] of one slice, in one orientation."""
    if not stiffness_path.is_file():
        raise FileNotFoundError(f"{stiffness_path}: missing; expected the stiffness map of {path.name}")
    frames = np.asarray(nibabel.load(path).dataobj, dtype=np.float32)
    if frames.ndim != 3 or frames.shape[2] < 3:
        raise ValueError(
            f"{path}: expected (x, y, offset) with at least 3 offsets, found shape {frames.shape}"
        )
    if not np.isfinite(frames).all():
        raise ValueError(f"{path}: {np.count_nonzero(~np.isfinite(frames))} values are not finite")
    frames = np.moveaxis(frames, 2, 0)
    # A pixel of tissue may reach 0, the bottom of the scale, in one offset; outside the mask all are 0.
    mask = (frames != 0).any(axis=0)
    if not mask.any():
        raise ValueError(f"{path}: no tissue, all values are 0")
    content = loadmat(stiffness_path)
    if "stiff" not in content:
        raise ValueError(f"{stiffness_path}: expected a variable 'stiff', found {sorted(content)}")
    stiffness = content["stiff"].T.astype(np.float32) * 10  # 0.01 kPa -> Pa
    if stiffness.shape != mask.shape:
        raise ValueError(
            f"{stiffness_path}: expected shape {mask.shape} of {path.name}, found {stiffness.shape}"
        )
    return np.where(mask, frames - ZERO_DISPLACEMENT, 0).astype(np.float32), mask, stiffness


def find():
    """Folder of the measured slices: `data/`, or `$DIME_REFERENCE/study3_in_vivo`; None if neither exists."""
    candidates = [Path("data")]
    if "DIME_REFERENCE" in os.environ:
        candidates.append(Path(os.environ["DIME_REFERENCE"]) / "study3_in_vivo")
    return next((folder for folder in candidates if folder.is_dir()), None)


def convert(output):
    """Write the measured slices as one zarr folder, or one without slices where there are no data.

    The folder takes its name when it is complete; equal data give equal bytes.

    Parameters
    ----------
    output : path

    Returns
    -------
    str
        One line that says what was found.
    """
    folder = find()
    if folder is None:
        measured = absent.nothing("slice", TYPES, ATTRS)
        line = "measured slices: none (data/ is absent: `dvc pull data.dvc` gets it); the paper will say so"
    else:
        measured = read(folder)
        line = f"measured slices: {measured.sizes['slice']} from {folder}"
    datasets.write(measured, output)
    return line
