"""Write what an examination gave: maps as NIfTI, the reading as JSON, and a picture of every slice."""

import io
import re
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dime.files import report, scans
from dime.files.folders import check_own
from dime.files.whole import whole

READING = "reading.json"
"""File of the reading."""

MAPS = {
    "stiffness": 1e-3,
    "uncertainty": 1.0,
    "confidence": 1.0,
    "trusted": 1.0,
    "liver": 1.0,
    "reportable": 1.0,
}
"""What is written as NIfTI where a result has it, and its factor: stiffness in kPa, the rest as it is."""

MARKS = (READING, "stiffness.nii.gz", "liver.nii.gz", "reportable.nii.gz")
"""What every examination has. A folder with a liver.nii.gz alone holds somebody's outline."""

SCALE_KPA = (0.0, 8.0)
"""Colours of the stiffness. Source: 0 to 8 kPa is the usual scale of liver elastograms."""

PANELS, BAR = ((0.05, 0.26), (0.36, 0.26), (0.67, 0.26)), 0.935
"""Left edges of the panels with their widths, and of the colour bar, in widths of the picture.

A layout that matplotlib finds itself, with one more colour bar, takes 0.2 s more in each slice."""

LIVER, REGION = "#ffd700", "#ff3030"
"""Colours of the outlines of the liver and of the region that is read: yellow and red."""


def write(result, scan, folder):
    """Write the maps, the reading and the pictures of an examination to a folder, whole or not at all.

    Parameters
    ----------
    result : xarray.Dataset
        From `dime.liver.examination.examine`.
    scan : xarray.Dataset
        From `dime.files.scans.read_scan`, whose grid and affine the maps take.
    folder : path
        `liver.nii.gz`, `reportable.nii.gz`, `stiffness.nii.gz` [kPa], `confidence.nii.gz`,
        `uncertainty.nii.gz` where the method has one, `trusted.nii.gz`, `reading.json`,
        `slice-1.png` and so on. Replaces an earlier one.

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
        for name, factor in MAPS.items():
            if name in result:
                scans.write_scan_map(aside / f"{name}.nii.gz", result[name].values * factor, scan)
        report.write(aside / READING, result.attrs["reading"])
        for row in range(result.sizes["slice"]):
            (aside / f"slice-{row + 1}.png").write_bytes(picture(result, scan, row))


def check_folder(folder, inputs=()):
    """Refuse to replace anything but an examination that `write` has written.

    Parameters
    ----------
    folder : path
    inputs : paths
        Files that are read; none may lie in the folder.

    Raises
    ------
    ValueError
    """
    made = "|".join(map(re.escape, (READING, *(f"{name}.nii.gz" for name in MAPS))))
    check_own(folder, rf"{made}|slice-\d+\.png", "an earlier examination", inputs, MARKS)


def picture(result, scan, row):
    """PNG of one slice: magnitude (or phase) with both outlines, wave, and stiffness.

    Parameters
    ----------
    result, scan : as in `write`
    row : int

    Returns
    -------
    bytes
        Seen from the feet: the patient's right is on the left.
    """
    one = result.isel(slice=row)
    y, x = (one[name].values * 1e3 for name in ("y", "x"))
    half = (x[1] - x[0]) / 2
    place = {"extent": (x[0] - half, x[-1] + half, y[-1] + half, y[0] - half), "interpolation": "nearest"}
    liver, region = one["liver"].values, one["reportable"].values
    figure = Figure(figsize=(12, 3.8))
    FigureCanvasAgg(figure)
    axes = [figure.add_axes((left, 0.14, width, 0.68)) for left, width in PANELS]
    bar = figure.add_axes((BAR, 0.14, 0.01, 0.68))
    _anatomy(axes[0], scan.isel(slice=row), place)
    wave = np.where(liver, one["wave"].values.real, np.nan)
    limit = max(float(np.nanquantile(np.abs(wave), 0.98)), 1e-3) if liver.any() else 1.0
    axes[1].imshow(wave, cmap="RdBu_r", vmin=-limit, vmax=limit, **place)
    axes[1].set_title(f"first harmonic of the phase, \u00b1{limit:.2g} rad")
    stiffness = np.where(one["stiffness"].values > 0, one["stiffness"].values / 1e3, np.nan)
    drawn = axes[2].imshow(stiffness, vmin=SCALE_KPA[0], vmax=SCALE_KPA[1], cmap="viridis", **place)
    figure.colorbar(drawn, cax=bar, label="stiffness |G*| [kPa]", extend="max")
    axes[2].set_title(f"stiffness by {result.attrs['method']}, region read")
    outlines = ((axes[0], liver, LIVER), (axes[0], region, REGION), (axes[2], region, REGION))
    for ax, outline, colour in outlines:
        if outline.any():
            ax.contour(x, y, outline, [0.5], colors=colour, linewidths=0.9)
    for ax in axes[1:]:
        _zoom(ax, liver, x, y)
    for ax in axes:
        ax.set(xlabel="x [mm], to the patient's left")
        ax.locator_params(nbins=4)
    axes[0].set(ylabel="y [mm], to the back")
    figure.suptitle(f"slice {row + 1} of {result.sizes['slice']}: {headline(result.attrs['reading'])}")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100, metadata={"Software": None})
    return drawn.getvalue()


def _anatomy(ax, scan, place):
    """Mean magnitude of a slice, or its first phase offset where there is no magnitude."""
    if "magnitude" in scan:
        image = np.nan_to_num(scan["magnitude"].values).mean(axis=0)
        ax.imshow(image, cmap="gray", vmin=0, vmax=max(float(np.quantile(image, 0.99)), 1e-12), **place)
        ax.set_title("magnitude, liver, region read")
    else:
        ax.imshow(scan["phase"].values[0], cmap="RdBu_r", vmin=-np.pi, vmax=np.pi, **place)
        ax.set_title("phase of the first offset, liver, region read")


def _zoom(ax, mask, x, y):
    """Show the part of an image that a mask lies in, and a margin of 5 mm."""
    if not mask.any():
        ax.text(0.5, 0.5, "no liver in this slice", ha="center", transform=ax.transAxes)
        return
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    ax.set(xlim=(x[columns[0]] - 5, x[columns[-1]] + 5), ylim=(y[rows[-1]] + 5, y[rows[0]] - 5))


def headline(reading):
    """Stiffness with its interval, and whether to trust it, in a line."""
    if reading["mean_kpa"] is None:
        text = "no stiffness"
    else:
        low, high = reading["interval_kpa"]
        text = f"{reading['mean_kpa']:.2f} [{low:.2f}, {high:.2f}] kPa"
    return text + (", do not trust" if reading["doubted"] else "")
