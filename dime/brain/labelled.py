"""Labelled brains: slices whose tissue is known pixel by pixel, on the grid of the original's maps.

Two sources give them. BrainWeb's twenty normal anatomical models are volumes that `brainweb/*.dvc` name.
`brain2D.mat` of KomaMRI.jl holds three slices of one brain, which were derived from BrainWeb too. Neither is
ours to copy. They are read from where they lie and converted, outside git, to one dataset. Its labels become
fractions on any coarser grid by `anatomy.fractions_of`.

Orientation: in axial slices the front of the head is at y = 0, as in `dime.brain.anatomy`. In coronal and
sagittal slices the top of the head is. x grows to the right of the head; in the sagittal slice to the front.

Source: Aubert-Broche 2006 (IEEE Trans Med Imaging 25:1410) for BrainWeb's twenty models; BrainWeb's page on
data formats for the order of the bytes (z slowest, x fastest, unscaled labels); KomaMRI.jl (MIT licence).
Assumption: the brain of KomaMRI.jl may be one of the twenty. They are never to be counted as 21 people.
"""

import gzip
import os
import zlib
from pathlib import Path

import numpy as np
import xarray as xr

from dime.files import datasets
from dime.files.matlab_variables import variables

SIZE, SPACING_M = 432, 0.5e-3
"""Pixels along a side and their size [m]. The original cuts its volumes to 432 pixels around the middle."""

SHAPE = (362, 434, 362)
"""Voxels of a BrainWeb volume (z, y, x), 0.5 mm each; y grows to the front, z to the top of the head."""

HIGHEST = 11
"""Largest label of BrainWeb: 0 none, 1 CSF, 2 grey matter, 3 white matter, then skull, fat and others.

`brain2D.mat` has the same labels times 255 / 11, rounded."""

FILE = "brain2D.mat"

PLANES = {"axial": (434, 362), "coronal": (362, 362), "sagittal": (434, 362)}
"""Slices of `brain2D.mat` and their shapes: (y, x), (x, z) and (y, z) in BrainWeb's order."""


def koma():
    """`brain2D.mat` of KomaMRI.jl: in `brain_labels` in or beside $DIME_REFERENCE, or None."""
    if "DIME_REFERENCE" not in os.environ:
        return None
    reference = Path(os.environ["DIME_REFERENCE"])
    paths = [place / "brain_labels" / FILE for place in (reference, reference.parent)]
    return next((path for path in paths if path.is_file()), None)


def volumes():
    """Volumes of BrainWeb in the project: paths `brainweb/subjectNN_crisp.rawb.gz`, sorted."""
    return sorted(Path("brainweb").glob("subject*_crisp*.rawb.gz"))


def read_koma(path):
    """Read the three slices of `brain2D.mat`.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        Name of the plane -> (432, 432) uint8: 0 none, then 1, 2, 3 for csf, gm, wm.

    Raises
    ------
    ValueError
        It is no MATLAB file, or a slice is missing or has another shape or other labels; names the file.
    """
    content, found = variables(path), {}
    for plane, shape in PLANES.items():
        if plane not in content:
            raise ValueError(f"{path}: expected a variable {plane!r}, found none")
        values = content[plane]
        if values.shape != shape:
            raise ValueError(f"{path}: expected {plane} of shape {shape}, found {values.shape}")
        if not np.isin(values, np.round(np.arange(HIGHEST + 1) * 255 / HIGHEST)).all():
            raise ValueError(f"{path}: expected labels of {plane} among 0, 23, 46, ... 255, found others")
        upright = values if plane == "axial" else values.T
        found[plane] = _centred(_tissue(np.round(upright[::-1] * (HIGHEST / 255))))
    return found


def read_brainweb(path):
    """Read the middle axial slice of a BrainWeb volume.

    Parameters
    ----------
    path : path
        Gzipped bytes of a discrete ("crisp") model in the format "raw byte (unsigned)".

    Returns
    -------
    (432, 432) uint8 array
        0 none, then 1, 2, 3 for csf, gm, wm.

    Raises
    ------
    ValueError
        It is not gzipped, or has another size or other labels; names the file.
    """
    count = int(np.prod(SHAPE))
    try:
        with gzip.open(path) as file:
            content = file.read(count + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole gzipped volume ({error})") from None
    if len(content) != count:
        found = "more" if len(content) > count else len(content)
        raise ValueError(f"{path}: expected {count} bytes, {' x '.join(map(str, SHAPE))}, found {found}")
    labels = np.frombuffer(content, np.uint8).reshape(SHAPE)[SHAPE[0] // 2]
    if labels.max() > HIGHEST or not labels.any():
        raise ValueError(f"{path}: expected labels 0 to {HIGHEST}, found {labels.min()} to {labels.max()}")
    return _centred(_tissue(labels[::-1]))


def axial_slice():
    """Labels (432, 432) of the axial slice of KomaMRI.jl, see `read_koma`; None where it is not found."""
    path = koma()
    return None if path is None else read_koma(path)["axial"]


def convert(output):
    """Write all labelled slices that are found as one zarr folder, or one without slices.

    The folder takes its name when it is complete; equal data give equal bytes.

    Parameters
    ----------
    output : path
        Receives `label` (subject, y, x) uint8: 0 none, then 1, 2, 3 for csf, gm, wm; coordinates `name` and
        `source` of each subject; attribute `spacing_m`.

    Returns
    -------
    str
        One line that says what was found.

    Raises
    ------
    ValueError
        A file is not as it was expected; nothing is written then.
    """
    found = [(path.name.split("_")[0], "BrainWeb", read_brainweb(path)) for path in volumes()]
    volume_count, path = len(found), koma()
    if path is not None:
        found += [(plane, "KomaMRI.jl", labels) for plane, labels in read_koma(path).items()]
    labels = np.array([one for *_, one in found], np.uint8).reshape(-1, SIZE, SIZE)
    coords = {
        "name": ("subject", np.array([name for name, *_ in found], object)),
        "source": ("subject", np.array([source for _, source, _ in found], object)),
    }
    data = xr.Dataset({"label": (("subject", "y", "x"), labels)}, coords, {"spacing_m": SPACING_M})
    datasets.write(data, output)
    if not found:
        return "labelled brains: none (`dvc update brainweb/*.dvc` gets BrainWeb's); notebooks will say so"
    return f"labelled brains: {volume_count} of BrainWeb, {len(found) - volume_count} slices of KomaMRI.jl"


def _tissue(labels):
    """Labels 1 to 3 as they are, 0 for anything else."""
    return np.where(labels <= 3, labels, 0).astype(np.uint8)


def _centred(image):
    """An image (y, x) cut or filled with zeros to `SIZE` pixels around its middle."""
    for axis, count in enumerate(image.shape):
        lacking = max(SIZE - count, 0)
        width = [(0, 0)] * image.ndim
        width[axis] = (lacking // 2, lacking - lacking // 2)
        first = max(count - SIZE, 0) // 2
        image = np.pad(image, width).take(range(first, first + SIZE), axis)
    return image
