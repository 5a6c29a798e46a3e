"""Files of other people's making <-> xarray, with units: NIfTI waves and maps, and the measured slices."""

import gzip
import os
import shutil
import zlib
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr
from scipy.io import loadmat

from dime import acquisition

MEASURED_SPACING_M = 1.40625e-3
"""Pixel of the measured slices: 360 mm over 256. Their headers say 1 mm and are wrong."""

MEASURED_FREQUENCY_HZ = 60.0

MEASURED_TYPES = {"wave": "complex64", "mask": "bool", "clinical_stiffness": "float32"}

ZERO_DISPLACEMENT = 2047.5
"""Value that means no displacement in the measured slices' 12-bit scale, the same for all offsets."""


def read_measured(folder):
    """The authors' measured liver slices (study 3) with the stiffness maps that MMDI gave them.

    First harmonic U = (2/N) sum_j phi_j exp(-2 pi i j / N) over the N phase offsets.

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
        A file has another shape or values that are not finite: names the file and what was expected.
    """
    folder = Path(folder)
    paths = sorted((folder / "Processed Data").glob("*.nii"))
    if not paths:
        raise FileNotFoundError(f"{folder / 'Processed Data'}: expected measured slices NN.nii, found none")
    slices = [_read_slice(path, folder / "Processed Stiffness" / f"{path.stem}.mat") for path in paths]
    displacement, mask, stiffness = (np.stack(arrays) for arrays in zip(*slices, strict=True))
    offsets = displacement.shape[1]
    kernel = 2 / offsets * np.exp(-2j * np.pi * np.arange(offsets) / offsets)
    wave = np.einsum("j,sjyx->syx", kernel, displacement).astype(np.complex64)
    y, x = ((np.arange(n) - (n - 1) / 2) * MEASURED_SPACING_M for n in mask.shape[1:])
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
        attrs={"spacing_m": MEASURED_SPACING_M, "frequency_hz": MEASURED_FREQUENCY_HZ},
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


def find_measured():
    """Folder of the measured slices: `data/`, or `$DIME_REFERENCE/study3_in_vivo`; None where neither is."""
    candidates = [Path("data")]
    if "DIME_REFERENCE" in os.environ:
        candidates.append(Path(os.environ["DIME_REFERENCE"]) / "study3_in_vivo")
    return next((folder for folder in candidates if folder.is_dir()), None)


def convert_measured(output):
    """Write the measured slices as one zarr folder, or one without slices where there are no data.

    The folder takes its name when it is whole; equal data give equal bytes.

    Parameters
    ----------
    output : path

    Returns
    -------
    str
        One line that says what was found.
    """
    folder = find_measured()
    if folder is None:
        side = 2
        empty = {
            name: (("slice", "y", "x"), np.zeros((0, side, side), dtype))
            for name, dtype in MEASURED_TYPES.items()
        }
        measured = xr.Dataset(
            empty,
            coords={
                "slice": np.zeros(0, int),
                "y": np.arange(side) * MEASURED_SPACING_M,
                "x": np.arange(side) * MEASURED_SPACING_M,
            },
            attrs={"spacing_m": MEASURED_SPACING_M, "frequency_hz": MEASURED_FREQUENCY_HZ},
        )
        line = "measured slices: none (data/ is absent: `dvc pull data.dvc` gets it); the paper will say so"
    else:
        measured = read_measured(folder)
        line = f"measured slices: {measured.sizes['slice']} from {folder}"
    write(measured, output)
    return line


def write(dataset, path):
    """Write a dataset to a zarr folder that takes its name when it is whole.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : path
        Replaced if it exists.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    dataset.to_zarr(partial, mode="w", consolidated=False)
    shutil.rmtree(path, ignore_errors=True)
    os.replace(partial, path)


LAYOUTS = ("offsets", "real-imag", "complex")

SPACING_RANGE_M = (0.2e-3, 10e-3)
FREQUENCY_RANGE_HZ = (1.0, 1000.0)


def read_wave(path, frequency_hz, spacing_m=None, mask_path=None, layout=None):
    """A wave from a NIfTI file, ready for `inversion.invert`.

    Parameters
    ----------
    path : path
        Phase offsets (x, y, z, n) or (x, y, n) with n >= 3; first harmonic (x, y, 2) or (x, y, z, 2), real
        and imaginary part; or complex (x, y) or (x, y, z).
    frequency_hz : float
        Frequency of the vibration [Hz].
    spacing_m : float, optional
        In-plane pixel [m]; default: the header's.
    mask_path : path, optional
        NIfTI mask (x, y) or (x, y, z), tissue where it is not 0; default: where the wave is not 0.
    layout : {"offsets", "real-imag", "complex"}, optional
        Default: complex by the type of the values, real-imag for a last axis of 2, else offsets.

    Returns
    -------
    xarray.Dataset
        `wave` complex (z, y, x), `mask`; attrs `spacing_m`, `frequency_hz`, `layout` and `unwrapped`.

    Raises
    ------
    ValueError
        Names the file, what was found and what was expected: no frequency, spacing outside 0.2 to 10 mm,
        fewer than 3 offsets, a mask of another shape or empty, values inside it that are not finite.

    Assumption: offsets whose values lie within -pi to pi are phases in radians and are unwrapped; others are
    taken as unwrapped already, in any unit, since stiffness does not depend on the wave's scale.
    """
    low, high = FREQUENCY_RANGE_HZ
    if not low <= frequency_hz <= high:
        raise ValueError(f"frequency: expected {low:g} to {high:g} Hz, found {frequency_hz:g}")
    image, values = _load_nifti(path)
    layout = layout or _infer_layout(values)
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, found {layout!r}")
    if np.iscomplexobj(values) != (layout == "complex"):
        raise ValueError(f"{path}: layout {layout} does not fit values of type {values.dtype}")
    spatial = values.ndim if layout == "complex" else values.ndim - 1
    if spatial not in (2, 3):
        raise ValueError(f"{path}: layout {layout} does not fit shape {values.shape}")
    if spacing_m is None:
        zooms = image.header.get_zooms()[:2]
        if not np.isclose(*zooms, rtol=0.01):
            raise ValueError(
                f"{path}: expected square pixels, found {zooms[0]:g} x {zooms[1]:g} mm; give one"
            )
        spacing_m = float(zooms[0]) * 1e-3
    if not SPACING_RANGE_M[0] <= spacing_m <= SPACING_RANGE_M[1]:
        raise ValueError(f"{path}: expected a spacing of 0.2 to 10 mm, found {spacing_m * 1e3:g} mm")

    components = values[..., None] if layout == "complex" else values
    if spatial == 2:
        components = components[:, :, None]
    components = np.moveaxis(components, (3, 2, 1, 0), (0, 1, 2, 3))  # (component, z, y, x)
    mask = (
        _read_mask(mask_path, components.shape[1:])
        if mask_path
        else (np.nan_to_num(components) != 0).any(axis=0)
    )
    if not mask.any():
        raise ValueError(f"{mask_path or path}: the mask is empty, expected at least one pixel of tissue")
    bad = int((~np.isfinite(components) & mask).any(axis=0).sum())
    if bad:
        raise ValueError(f"{path}: {bad} of {mask.sum()} pixels inside the mask are not finite")
    components = np.where(mask, components, 0)

    unwrapped = False
    if layout == "complex":
        wave = components[0]
    elif layout == "real-imag":
        if len(components) != 2:
            raise ValueError(
                f"{path}: expected a last axis of 2 for layout real-imag, found shape {values.shape}"
            )
        wave = components[0] + 1j * components[1]
    else:
        if len(components) < 3:
            raise ValueError(f"{path}: expected at least 3 phase offsets, found {len(components)}")
        unwrapped = bool(np.abs(components).max() <= np.pi * (1 + 1e-3))
        offsets = np.moveaxis(components, 1, 0)  # (z, offset, y, x)
        if unwrapped:
            offsets = [acquisition.unwrap(o, m) if m.any() else o for o, m in zip(offsets, mask, strict=True)]
        wave = np.stack([acquisition.first_harmonic(o) for o in offsets])
    return xr.Dataset(
        {"wave": (("z", "y", "x"), wave), "mask": (("z", "y", "x"), mask)},
        attrs={
            "spacing_m": spacing_m,
            "frequency_hz": frequency_hz,
            "layout": layout,
            "unwrapped": int(unwrapped),
        },
    )


def write_map(path, values, like):
    """Write a map (z, y, x) as NIfTI on the grid, orientation and affine of another file's first axes.

    The file takes its name when it is whole.
    """
    path, source = Path(path), nibabel.load(like)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"{path}: expected a name that ends in .nii or .nii.gz")
    image = np.moveaxis(np.asarray(values, np.float32), (2, 1, 0), (0, 1, 2))
    header = source.header.copy()
    header.set_data_dtype(np.float32)
    header.set_slope_inter(1, 0)
    aside = path.with_name("partial-" + path.name)
    nibabel.save(nibabel.Nifti1Image(image, source.affine, header), aside)
    os.replace(aside, path)


def _load_nifti(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        if Path(path).suffix == ".gz":
            with gzip.open(path) as packed:  # to its end, where the checksum is, which nibabel does not reach
                while packed.read(2**20):
                    pass
        return image, values
    except nibabel.filebasedimages.ImageFileError as error:
        raise ValueError(f"{path}: not a NIfTI file ({error})") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: damaged or not whole ({error})") from None


def _infer_layout(values):
    if np.iscomplexobj(values):
        return "complex"
    return "real-imag" if values.shape[-1] == 2 else "offsets"


def _read_mask(path, shape):
    """Mask (z, y, x) from a NIfTI file of (x, y) or (x, y, z)."""
    _, values = _load_nifti(path)
    values = values[:, :, None] if values.ndim == 2 else values
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: expected finite values, found NaN or infinity")
    mask = np.moveaxis(values != 0, (2, 1, 0), (0, 1, 2))
    if mask.shape != shape:
        expected = tuple(reversed(shape))
        raise ValueError(f"{path}: expected the wave's shape {expected}, found {values.shape}")
    return mask
