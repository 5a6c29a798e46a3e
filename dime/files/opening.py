"""Open a wave of any kind: NIfTI with its sidecar, MATLAB, or a folder of DICOM files."""

import math
import warnings
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np

from dime.files import sidecars
from dime.files.nifti import open_image
from dime.files.orientation import check_place

ENDINGS = (".nii", ".nii.gz")
"""How the files of an examination's folder end."""

PHASES = tuple(f"phase{ending}" for ending in ENDINGS)
"""Names of the phase in an examination's folder."""


class Opened(NamedTuple):
    """An image, whatever its file.

    image : nibabel image with the affine, the pixel and its unit; maps are written like it
    values : array (x, y, slice, offset[, component]), or another of `dime.files.layouts`; phases as they are
        stored, but in radians from DICOM
    sidecar : dict, what is said of it in BIDS-like fields (`dime.files.sidecars`)
    magnitude : array with the axes of `values`, or without offsets; None where the source has none
    mask : array (x, y[, slice]), tissue where it is not 0; None where the source has none
    said : what was chosen of several things in the file, in words, or ""
    """

    image: nibabel.Nifti1Image
    values: np.ndarray
    sidecar: dict
    magnitude: np.ndarray | None = None
    mask: np.ndarray | None = None
    said: str = ""


def located(path):
    """The file that holds the wave: `phase.nii` or `phase.nii.gz` of a folder that has it, else the path.

    Raises
    ------
    FileNotFoundError, ValueError
        No such path; a folder with both, or with nothing at all, or with NIfTI files but neither a phase nor
        DICOM.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if not path.is_dir():
        return path
    phase = in_folder(path, "phase")
    names = [one.name for one in path.iterdir()]
    strange = not names or any(name.endswith(ENDINGS) for name in names)
    if phase is None and strange and not any(map(is_dicom, path.rglob("*"))):
        raise FileNotFoundError(
            f"{path}: expected phase.nii, phase.nii.gz or DICOM files in this folder, found none of them"
        )
    return phase or path


def in_folder(folder, name):
    """The NIfTI file NAME of a folder, or None.

    Raises
    ------
    ValueError
        There are two.
    """
    files = [path for path in (Path(folder) / f"{name}{ending}" for ending in ENDINGS) if path.exists()]
    if len(files) > 1:
        raise ValueError(f"{folder}: expected one of {files[0].name} and {files[1].name}, found both")
    return files[0] if files else None


def is_dicom(path):
    """Whether a path is a file that begins as DICOM does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def parts(path):
    """The files that an examination is read from, and their sidecars; none is to be written to.

    Parameters
    ----------
    path : path
        As of `open_wave`, or another NIfTI file.

    Returns
    -------
    list of pathlib.Path
        The names that a phase and a magnitude may have are among them, whether they are there or not.
    """
    path = Path(path)
    source = located(path) if path.exists() else path
    if source.is_dir():
        return [one for one in source.rglob("*") if is_dicom(one)] + _of_folder(source)
    folder = _of_folder(source.parent) if source.name in PHASES else []
    return [source, sidecars.beside(source), *folder]


def magnitude_beside(phase):
    """The magnitude of an examination's folder, `magnitude.nii[.gz]` beside `phase.nii[.gz]`, or None.

    Raises
    ------
    ValueError
        There are two.
    """
    return in_folder(phase.parent, "magnitude") if phase.name in PHASES else None


def _of_folder(folder):
    images = [folder / f"{name}{ending}" for name in ("phase", "magnitude") for ending in ENDINGS]
    return [*images, *map(sidecars.beside, images[:: len(ENDINGS)])]


def open_wave(path, variable=None, spacing_m=None, frequency_hz=None, magnitude=None, masked=False):
    """Open a file or folder.

    Parameters
    ----------
    path : path
        A folder with `phase.nii[.gz]` and perhaps `magnitude.nii[.gz]`, or that phase itself; a folder of
        DICOM files; MATLAB's .mat; NIfTI.
    variable : str, optional
        The variable of a .mat file that holds the wave.
    spacing_m, frequency_hz : float, optional
        What the user gives, for a file that does not state it or states it in several ways.
    magnitude : path, optional
        NIfTI, in place of the magnitude that the source has.
    masked : bool
        Whether the user gives a mask. A magnitude that was not asked for is then left out, with a warning,
        where it does not suit.

    Returns
    -------
    Opened

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file and what was expected: see `located`, `dime.files.nifti.open_image`,
        `dime.files.matlab.read`, `dime.files.dicom.read`, `dime.files.sidecars.read`. A magnitude that lies
        in another plane than the phase.
    """
    source = located(path)
    if variable is not None and source.suffix.lower() != ".mat":
        raise ValueError(f"{path}: variable: only a .mat file has variables, found {variable!r}")
    if source.is_dir():
        from dime.files import dicom

        opened = Opened(*dicom.read(source))
    elif source.suffix.lower() == ".mat":
        from dime.files import matlab

        opened = Opened(*matlab.read(source, variable, spacing_m, frequency_hz))
    else:
        _refuse_one_of_a_series(source)
        opened = Opened(*open_image(source), sidecars.read(source))
    try:
        file = magnitude or magnitude_beside(source)
        if file is None:
            return opened
        image, values = open_image(file)
        check_place(file, image, source, opened.image)
    except (ValueError, OSError) as error:
        if magnitude or not masked:
            raise
        warnings.warn(f"{error}; it is left out", stacklevel=3)
        return opened
    return opened._replace(magnitude=values)


def grid(path):
    """The image whose grid the maps of a wave take: its header, without its values where it is NIfTI."""
    source = located(path)
    if source.is_dir() or source.suffix.lower() == ".mat":
        return open_wave(source, frequency_hz=math.nan).image  # a grid is the same at any frequency
    return nibabel.load(source)


def _refuse_one_of_a_series(path):
    """Refuse a single file of DICOM, which holds one image of many."""
    if is_dicom(path):
        raise ValueError(f"{path}: found one DICOM file; expected the folder that holds the series")
