"""Read and write the images of an examination: NIfTI files, seen from the patient's feet.

A folder holds IMAGES/<exam>/ with t1w.nii.gz and t2w.nii.gz (x, y, z), and dwi.nii.gz (x, y, z, 2): an image
without diffusion weighting and one with. dwi.bval beside it holds the two b-values [s/mm2] as FSL and BIDS
write them. Any of the three may be absent.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np

from dime.files.header import MILLIMETRES, TOLERANCE
from dime.files.nifti import open_image
from dime.files.orientation import orientation, turn
from dime.files.whole import whole
from dime.records.columns import SEQUENCES

LEAST_SLICES, LEAST_PIXELS = 4, 32
"""Smallest image: four slices hold a part of the liver, 32 pixels of the largest size a body."""

PIXEL_RANGE_MM, SLICE_RANGE_MM = (0.2, 10.0), (0.5, 30.0)
"""Sizes that are accepted, in the slice and from slice to slice. Assumption: no examination of an abdomen is
finer or coarser."""

B_RANGE_S_MM2 = (50.0, 5000.0)
"""Diffusion weightings that are accepted [s/mm2]. One of 0.8 is stated in ms/um2."""


class Image(NamedTuple):
    """A sequence of an examination.

    values : (z, y, x) float32, dwi (2, z, y, x), any unit; x grows to the patient's left, y to the back, z to
        the head. spacing_m : (dz, dy, dx). b_s_mm2 : the two b-values of dwi, else None.
    """

    values: np.ndarray
    spacing_m: tuple
    b_s_mm2: tuple | None = None


def find_images(records, folder):
    """Say in a table which sequences have a file, without reading them.

    Parameters
    ----------
    records : DataFrame
        From `dime.records.table.read_table`.
    folder : path or None
        IMAGES, or None where there are no images.

    Returns
    -------
    DataFrame
        A copy, whose t1w, t2w, dwi are True where the file is there.

    Raises
    ------
    FileNotFoundError, ValueError
        No such folder; a sequence that the table calls acquired is not there; no examination of the table
        has a file; a file of nearly the right name, whose images nobody would see.
    """
    if folder is None:
        return records.assign(**dict.fromkeys(SEQUENCES, False))
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    files = [_files(folder, exam) for exam in records["exam"]]
    found = {name: np.array([name in one for one in files], bool) for name in SEQUENCES}
    for name in SEQUENCES:
        if (lost := records[name].to_numpy(bool) & ~found[name]).any():
            exam, more = records["exam"].iloc[lost.argmax()], lost.sum() - 1
            raise FileNotFoundError(
                f"{Path(folder) / exam / name}.nii.gz: no such file; the table says that it was acquired"
                + (f" (and {more} more)" if more else "")
            )
    if not np.any(list(found.values())):
        first = records["exam"].iloc[0]
        raise FileNotFoundError(
            f"{folder}: expected {first}/{SEQUENCES[0]}.nii.gz or another image of the table's examinations, "
            "found none"
        )
    return records.assign(**found)


def read_images(folder, exam):
    """Read and check the images of one examination.

    Parameters
    ----------
    folder : path
        IMAGES.
    exam : str

    Returns
    -------
    dict
        Name in `SEQUENCES` -> Image, of the sequences that are there; empty where none is.

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file, what was expected and what was found: damaged or not whole; another
        number of axes; less than `LEAST_SLICES` or `LEAST_PIXELS`; values that are not finite, negative or
        all alike; no voxel size; slices that are not axial; b-values that are absent, not two, or do not
        grow; a weighted image that is brighter than the one without weighting.

    Assumption: a file without an orientation is in that of `Image`; a warning says so.
    """
    return {name: _read(path, name) for name, path in _files(folder, exam).items()}


def write_images(folder, exam, images):
    """Write the images of one examination, the inverse of `read_images`.

    Parameters
    ----------
    folder : path
        IMAGES; it is made where it is missing. The folder of the examination is replaced.
    exam : str
    images : dict of name in `SEQUENCES` -> Image

    Raises
    ------
    OSError
        It cannot be written.
    """
    with whole(Path(folder) / exam) as aside:
        aside.mkdir()
        for name, image in images.items():
            values = np.asarray(image.values, np.float32)
            dz, dy, dx = (1e3 * size for size in image.spacing_m)
            affine = np.diag([-dx, -dy, dz, 1.0])  # NIfTI's x grows to the right, its y to the front
            affine[:3, 3] = -(affine[:3, :3] @ (np.array(values.shape[:-4:-1]) - 1)) / 2
            packed = nibabel.Nifti1Image(
                values.T if values.ndim == 3 else values.transpose(3, 2, 1, 0), affine
            )
            packed.header.set_xyzt_units("mm")
            nibabel.save(packed, aside / f"{name}.nii.gz")
            if image.b_s_mm2:
                (aside / f"{name}.bval").write_text(" ".join(f"{b:g}" for b in image.b_s_mm2) + "\n")


def _files(folder, exam):
    """Files of an examination's sequences; refuses a name like theirs where the sequence is absent."""
    place = Path(folder) / exam
    if not place.is_dir():
        return {}
    files = {name: place / f"{name}.nii.gz" for name in SEQUENCES}
    found = {name: path for name, path in files.items() if path.exists()}
    others = {path.name for path in place.iterdir() if path.name.endswith((".nii", ".nii.gz"))}
    others -= {path.name for path in files.values()}
    for name in [name for name in files if name not in found]:
        if like := [other for other in sorted(others) if name[:2] in other.lower()]:
            raise ValueError(f"{place}: expected {files[name].name}, found {like[0]}")
    return found


def _read(path, name):
    """One sequence of an examination."""
    image, values = open_image(path)
    axes = 4 if name == "dwi" else 3
    values = values.reshape(values.shape[:axes]) if set(values.shape[axes:]) <= {1} else values
    if values.ndim != axes or (axes == 4 and values.shape[3] != 2):
        expected = "(x, y, z, 2), b = 0 and one larger b" if axes == 4 else "(x, y, z)"
        raise ValueError(f"{path}: expected {expected}, found shape {values.shape}")
    if np.iscomplexobj(values):
        raise ValueError(f"{path}: expected a magnitude, found complex numbers")
    if values.shape[2] < LEAST_SLICES or min(values.shape[:2]) < LEAST_PIXELS:
        least = f"{LEAST_PIXELS} x {LEAST_PIXELS} pixels in {LEAST_SLICES} slices"
        raise ValueError(f"{path}: expected at least {least}, found shape {values.shape}")
    values = values.astype(np.float32).transpose(*range(axes)[::-1])
    _check_values(path, values)
    b_s_mm2 = _weightings(path, values) if name == "dwi" else None
    dx, dy, dz = _voxel_m(image, path)
    turned, doubt = orientation(image)
    if "axial" in doubt:
        raise ValueError(f"{path}: {doubt}")
    if doubt:
        warnings.warn(f"{path}: {doubt}", stacklevel=3)
    elif nibabel.aff2axcodes(image.affine)[2] == "I":
        values = values[..., ::-1, :, :]
    dy, dx = (dx, dy) if turned[0] else (dy, dx)
    return Image(np.ascontiguousarray(turn(values, turned)), (dz, dy, dx), b_s_mm2)


def _check_values(path, values):
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(f"{path}: expected finite values, found {bad} that are not")
    if values.min() < 0:
        raise ValueError(f"{path}: expected a magnitude, found values below 0")
    for volume in values if values.ndim == 4 else values[None]:
        if volume.min() == volume.max():
            raise ValueError(f"{path}: expected an image, found {volume.min():g} everywhere")


def _weightings(path, values):
    """The two b-values [s/mm2] of a diffusion-weighted file."""
    beside = path.with_name("dwi.bval")
    if not beside.is_file():
        raise FileNotFoundError(f"{beside}: no such file; expected the two b-values [s/mm2] of {path.name}")
    text = " ".join(beside.read_text(errors="replace").split())
    try:
        low, high = (float(word) for word in text.split())
    except ValueError:
        raise ValueError(f"{beside}: expected two b-values [s/mm2], found {text[:40]!r}") from None
    if not 0 <= low < high:
        raise ValueError(f"{beside}: expected b = 0 and then a larger b [s/mm2], found {text[:40]!r}")
    least, most = B_RANGE_S_MM2
    if not (least <= high <= most and low < least):
        raise ValueError(
            f"{beside}: expected b = 0 and one of {least:g} to {most:g} s/mm2, found {low:g} and {high:g}"
        )
    if values[1].mean(dtype=float) >= values[0].mean(dtype=float):
        raise ValueError(f"{path}: expected less signal at b = {high:g} than at {low:g} s/mm2, found more")
    return low, high


def _voxel_m(image, path):
    """Sizes (x, y, z) of a voxel [m] by the header.

    `dime.files.header.pixel_m` judges the pixel of a wave, which is square; here slices count too, and a
    pixel may be oblong. Assumption: 1 x 1 x 1 is what programs write that were told no size.
    """
    holder = image.file_map.get("header") or image.file_map["image"]
    with holder.get_prepare_fileobj("rb") as file:  # before nibabel mends it
        stated = np.abs(type(image.header).from_fileobj(file, check=False)["pixdim"][1:4].astype(float))
    words = " x ".join(f"{size:g}" for size in stated)
    if not (np.isfinite(stated).all() and (stated > 0).all()):
        raise ValueError(f"{path}: expected a voxel size in the header, found {words}")
    if np.allclose(stated, 1, rtol=1e-6):
        raise ValueError(
            f"{path}: expected a voxel size in the header, found 1 x 1 x 1, as where nobody filled it in"
        )
    try:
        unit = image.header.get_xyzt_units()[0]
    except KeyError:
        unit = ""
    if image.header["sform_code"] > 0:
        placed = np.linalg.norm(image.affine[:3, :3], axis=0)
        if not np.allclose(stated, placed, rtol=TOLERANCE):
            other = " x ".join(f"{size:g}" for size in placed)
            raise ValueError(f"{path}: expected one voxel size, found {words} and, by its affine, {other}")
    sizes_mm = stated * MILLIMETRES.get(unit, 1)
    for size, (least, most) in zip(sizes_mm, (PIXEL_RANGE_MM, PIXEL_RANGE_MM, SLICE_RANGE_MM), strict=True):
        if not least <= size <= most:
            raise ValueError(f"{path}: expected voxels of {least:g} to {most:g} mm, found {size:g} mm")
    return tuple(round(float(size) * 1e-3, 9) for size in sizes_mm)
