"""A simulated scan as scanners export it: phase, magnitude, mask and truth as NIfTI, and a sidecar."""

import json
import re
from pathlib import Path

import nibabel
import numpy as np

from dime.files.folders import check_own
from dime.files.whole import whole
from dime.progress import bar
from dime.simulation.examination import simulate_phantom

LEVELS = 256
"""Numbers that a pixel can have in the files: a byte. A step of phase is 0.025 rad, far below the noise."""

OFFSETS = 4
"""Phase offsets of a scan, as clinical protocols have."""

SLICE_M = 5e-3
"""Thickness [m] that is stated of a single slice. Assumption: no inversion of one slice depends on it."""

FILES = ("phase.nii.gz", "phase.json", "magnitude.nii.gz", "mask.nii.gz", "truth.nii.gz")
"""What a scan consists of. No measured scan has a truth."""

BRIGHTEST = 1.5
"""Magnitude of the largest number, relative to the 99th percentile in the mask."""


def write(folder, scan, spacing_m, frequency_hz, slice_m):
    """Write a scan as `dime invert`, `dime report` and `dime liver` read it.

    Parameters
    ----------
    folder : path
        Exists. Receives phase.nii.gz [rad], wrapped, and magnitude.nii.gz, both (x, y, slice, offset);
        mask.nii.gz and truth.nii.gz, |G*| [kPa], 0 outside the mask, both (x, y, slice); and phase.json.
    scan : dict
        phase [rad] and magnitude, (slice, offset, y, x); mask and stiffness [Pa], (slice, y, x).
    spacing_m, frequency_hz, slice_m : float
        Pixel [m], vibration [Hz], distance of neighbouring slices [m].

    Assumption: x grows to the patient's left and y to the back, as phantoms are drawn.
    """
    folder = Path(folder)
    matrix = np.diag([-spacing_m * 1e3, -spacing_m * 1e3, slice_m * 1e3, 1.0])
    whole_turn = np.asarray(scan["phase"]) / (2 * np.pi) + 0.5
    phase = np.rint(whole_turn * LEVELS) % LEVELS
    mask = np.asarray(scan["mask"], bool)
    magnitude = np.asarray(scan["magnitude"])
    largest = BRIGHTEST * np.quantile(np.moveaxis(magnitude, 1, -1)[mask], 0.99)
    magnitude = np.clip(np.rint(magnitude / largest * (LEVELS - 1)), 0, LEVELS - 1)
    stiffness_kpa = np.where(mask, scan["stiffness"], 0) / 1e3
    images = {
        "phase": (phase, np.uint8, (2 * np.pi / LEVELS, -np.pi)),
        "magnitude": (magnitude, np.uint8, (1, 0)),
        "mask": (mask, np.uint8, (1, 0)),
        "truth": (stiffness_kpa, np.float32, (1, 0)),
    }
    for name, (values, kind, scale) in images.items():
        axes = (3, 2, 0, 1) if values.ndim == 4 else (2, 1, 0)
        image = nibabel.Nifti1Image(values.transpose(axes).astype(kind), matrix)
        image.header.set_xyzt_units("mm")
        image.header.set_slope_inter(*scale)
        nibabel.save(image, folder / f"{name}.nii.gz")
    sidecar = {
        "MechanicalFrequency": frequency_hz,
        "NumberOfPhaseOffsets": phase.shape[1],
        "PhaseUnits": "rad",
    }
    (folder / "phase.json").write_text(json.dumps(sidecar, indent=2) + "\n")


def simulate(recipe, folder):
    """Simulate phantoms in this process and write each as a scan of one slice, all or none.

    Parameters
    ----------
    recipe : dime.simulation.examination.Recipe
        With phase offsets.
    folder : path
        Receives phantom-1 and so on, each as of `write`; an earlier one is replaced.

    Raises
    ------
    ValueError
        See `check_folder`, and whatever `examination.simulate_phantom` refuses.
    OSError
        It cannot be written.
    """
    check_folder(folder)
    with whole(Path(folder).resolve()) as aside, bar(range(recipe.count), "scans") as rows:
        for row in rows:
            scan = simulate_phantom(recipe, row)
            scan = {name: scan[name][None] for name in ("phase", "magnitude", "mask", "stiffness")}
            place(aside, row).mkdir(parents=True)
            write(place(aside, row), scan, recipe.spacing_m, recipe.frequency_hz, SLICE_M)


def place(folder, row):
    """Folder of phantom `row`, counted from 0: phantom-1 and so on."""
    return Path(folder) / f"phantom-{row + 1}"


def check_folder(folder):
    """Refuse to replace anything but what `simulate` has written: folders with the `FILES` and nothing else.

    Raises
    ------
    ValueError
    """
    made = rf"phantom-\d+/({'|'.join(map(re.escape, FILES))})"
    places = [path.name for path in Path(folder).iterdir()] if Path(folder).is_dir() else []
    marks = [f"{name}/{one}" for name in places for one in FILES]
    check_own(folder, made, "earlier scans of phantoms", marks=marks)
