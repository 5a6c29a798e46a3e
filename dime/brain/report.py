"""Write what was found in brain images: maps as NIfTI, numbers as JSON, and a picture of every slice."""

import io
import re
from pathlib import Path

import nibabel
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dime.brain.tissues import LABELS, TISSUES
from dime.files import report
from dime.files.folders import check_own
from dime.files.maps import write_map
from dime.files.whole import whole

NUMBERS = "tissue.json"
"""File of the numbers."""

PER_TISSUE = {"fraction": "", "sd": "-sd", "low": "-low", "high": "-high"}
"""What is written of each tissue where a result has it, and how the tissue's name goes on in the file's."""

MADE = {NUMBERS, "residual.nii.gz", *(f"{t}{end}.nii.gz" for t in TISSUES for end in PER_TISSUE.values())}
"""Files that `write` writes beside the pictures."""

MARKS = (NUMBERS, "residual.nii.gz", *(f"{tissue}.nii.gz" for tissue in TISSUES))
"""Those that it always writes."""

UNITS_MM = {1: 1e3, 3: 1e-3}
"""Millimetres per unit of length, by the code in a NIfTI header: metre, micrometre; others count as mm."""


def write(result, folder):
    """Write maps, numbers and pictures to a folder, whole or not at all.

    Parameters
    ----------
    result : xarray.Dataset
        From `dime.brain.estimate.estimate_tissue` of files, whose grid the maps take.
    folder : path
        csf.nii.gz, gm.nii.gz and wm.nii.gz, fractions 0 to 1; csf-sd.nii.gz, csf-low.nii.gz, csf-high.nii.gz
        and so on where there are any; residual.nii.gz; `NUMBERS`; slice-1.png and so on. Replaces an earlier
        one.

    Raises
    ------
    ValueError
        See `check_folder`.
    OSError
        It cannot be written.
    """
    check_folder(folder)
    folder = Path(folder).resolve()
    with whole(folder) as aside:
        aside.mkdir()
        for tissue in TISSUES:
            for name, end in PER_TISSUE.items():
                if name in result:
                    values = result[name].sel(tissue=tissue).values
                    write_map(aside / f"{tissue}{end}.nii.gz", values, result.attrs["source"])
        write_map(aside / "residual.nii.gz", result["residual"].values, result.attrs["source"])
        report.write(aside / NUMBERS, numbers(result))
        for row in range(result.sizes["slice"]):
            (aside / f"slice-{row + 1}.png").write_bytes(picture(result, row))


def check_folder(folder, inputs=()):
    """Refuse to replace anything but what `write` has written.

    Parameters
    ----------
    folder : path
    inputs : paths
        Files that are read; none may lie in the folder.

    Raises
    ------
    ValueError
    """
    made = "|".join(map(re.escape, MADE))
    check_own(folder, rf"{made}|slice-\d+\.png", "earlier tissue maps", inputs, MARKS)


def numbers(result):
    """What is said of a brain in numbers, as plain values.

    Returns
    -------
    dict
        `voxels`: tissue -> sum of its fractions in each slice; `volume_ml`: tissue -> the same as a volume,
        by the header of the first image, null where that states no place; `sd`: tissue -> median standard
        deviation of a fraction within the mask, where there is one; `mask_voxels` in each slice; and what
        `estimate_tissue` says of gain, noise, what is not explained, mixing, input, and its warnings.
    """
    inside = result["mask"].values
    voxel_ml = _voxel_ml(result.attrs["source"])
    found = {
        "voxels": {
            name: [float(one) for one in result["fraction"].sel(tissue=name).sum(("y", "x"))]
            for name in TISSUES
        },
        "mask_voxels": [int(one.sum()) for one in inside],
        **result.attrs,
    }
    found["volume_ml"] = {
        name: None if voxel_ml is None else voxel_ml * sum(one) for name, one in found["voxels"].items()
    }
    if "sd" in result:
        found["sd"] = {
            name: float(np.median(result["sd"].sel(tissue=name).values[inside])) for name in TISSUES
        }
    return found


def _voxel_ml(source):
    """Volume of a voxel [ml] by the affine of a file, or None where its header has none."""
    image = nibabel.load(source)
    if image.header["sform_code"] <= 0 and image.header["qform_code"] <= 0:
        return None
    unit_mm = UNITS_MM.get(int(image.header["xyzt_units"]) % 8, 1)
    return float(abs(np.linalg.det(image.affine[:3, :3]))) * unit_mm**3 * 1e-3


def picture(result, row):
    """PNG of one slice: fractions of the tissues above, their standard deviations below.

    Parameters
    ----------
    result : xarray.Dataset
    row : int

    Returns
    -------
    bytes
        As the file has it: x to the right, y downwards.
    """
    one = result.isel(slice=row)
    kinds = [name for name in ("fraction", "sd") if name in one]
    figure = Figure(figsize=(10, 0.5 + 3 * len(kinds)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(kinds), len(TISSUES), squeeze=False)
    finite = one["sd"].values[np.isfinite(one["sd"].values)] if "sd" in one else np.zeros(1)
    limits = {"fraction": 1.0, "sd": max(float(np.quantile(finite, 0.99)), 1e-6) if finite.size else 1.0}
    words = {"fraction": "fraction", "sd": "standard deviation"}
    for name, panels in zip(kinds, axes, strict=True):
        for tissue, ax in zip(TISSUES, panels, strict=True):
            cmap = "gray" if name == "fraction" else "viridis"
            drawn = ax.imshow(one[name].sel(tissue=tissue), cmap=cmap, vmin=0, vmax=limits[name])
            ax.set(xticks=[], yticks=[])
            if name == "fraction":
                ax.set_title(LABELS[tissue])
        figure.colorbar(
            drawn, ax=panels, label=words[name], extend="neither" if name == "fraction" else "max"
        )
    figure.suptitle(f"slice {row + 1} of {result.sizes['slice']}")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})
    return content.getvalue()
