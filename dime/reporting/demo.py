"""A first map without data of one's own: the scan that comes with the package, its map, and a picture."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np

from dime.files.example import EXAMPLE_SCAN
from dime.files.folders import check_own
from dime.files.maps import statement, write_maps
from dime.files.nifti import open_image
from dime.files.waves import read_wave
from dime.files.whole import whole
from dime.inversion.methods import invert
from dime.physics import axis_m
from dime.simulation.exported import FILES

UNITS = {"stiffness": "kPa", "trusted": "1"}
"""Maps that are written, each with its sidecar, and their units."""

MAPS = [f"{name}.{end}" for name in UNITS for end in ("nii.gz", "json")]

PICTURE = "map.png"


def write(folder):
    """Write the scan, the network's map of it, and the picture, whole or not at all.

    Parameters
    ----------
    folder : path
        Receives the scan, `dime.simulation.exported.FILES`; stiffness.nii.gz [kPa] and trusted.nii.gz, 1
        where the map is to be trusted, with their sidecars; `PICTURE`. Replaces an earlier one.

    Returns
    -------
    error, trusted : float
        Median of |map / truth - 1| in the liver, and the share of it that is trusted.

    Raises
    ------
    ValueError
        The folder holds other files.
    OSError
        It cannot be written.
    """
    check_folder(folder)
    folder = Path(folder).resolve()
    with whole(folder) as aside:
        aside.mkdir()
        for name in FILES:
            shutil.copyfile(EXAMPLE_SCAN / name, aside / name)
        phase, mask = aside / "phase.nii.gz", aside / "mask.nii.gz"
        waves = read_wave(phase, mask_path=mask)
        waves.attrs["source"] = phase.name
        maps = invert(waves)
        stiffness_kpa, inside = maps["stiffness"].values / 1e3, waves["mask"].values
        values = {"stiffness": stiffness_kpa, "trusted": maps["trusted"].values}
        said = {name: statement(maps.attrs, units, name) for name, units in UNITS.items()}
        write_maps(
            {aside / f"{name}.nii.gz": (values[name], said[name], UNITS[name]) for name in UNITS}, phase
        )
        truth_kpa = _slices("truth.nii.gz")
        magnitude = _slices("magnitude.nii.gz").mean(axis=0)
        _draw(aside / PICTURE, magnitude, waves, truth_kpa, stiffness_kpa, values["trusted"])
    error = np.abs(stiffness_kpa[inside] / truth_kpa[inside] - 1)
    return float(np.median(error)), float(values["trusted"][inside].mean())


def check_folder(folder):
    """Refuse to replace anything but what `write` has written.

    Raises
    ------
    ValueError
    """
    made = (*FILES, *MAPS, PICTURE)
    check_own(folder, "|".join(map(re.escape, made)), "an earlier demo", marks=made)


def next_commands(folder):
    """What to type next, and what each command is for."""
    phase, mask = (shlex.quote(f"{folder}/{name}.nii.gz") for name in ("phase", "mask"))
    return {
        f"dime invert {phase} --mask {mask} --method mmdi -o mmdi.nii.gz": "MMDI, without a network",
        f"dime report {shlex.quote(str(folder))} --mask {mask} -o report.html": "all of it on one page",
    }


def _slices(name):
    """An image of the scan as (slice, y, x) or (offset, slice, y, x)."""
    values = open_image(EXAMPLE_SCAN / name)[1]
    return np.transpose(values)


def _draw(path, magnitude, waves, truth_kpa, stiffness_kpa, trusted):
    from matplotlib import rc_context

    from dime.plotting.scan import scan_and_map
    from dime.plotting.style import save_picture

    axes = tuple(axis_m(size, waves.attrs["spacing_m"]) for size in waves["mask"].shape[1:])
    maps = magnitude, waves["wave"].values, truth_kpa, stiffness_kpa, trusted
    with rc_context({"savefig.dpi": "figure"}):  # whatever style the process has
        save_picture(scan_and_map(*maps, waves["mask"].values, axes), path)
