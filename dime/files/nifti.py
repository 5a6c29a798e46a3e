"""Read waves from NIfTI files, write maps to them, and write datasets that are never left half done."""

import gzip
import warnings
import zlib
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr
from scipy import ndimage

from dime.files.whole import whole
from dime.mri import elastography

EXAMPLE_WAVE = Path(__file__).parents[1] / "data" / "wave.nii.gz"
"""A simulated liver slice, 60 Hz, real and imaginary part (x, y, 2) [m]; `truth.nii.gz` beside it holds its
stiffness [kPa]. tests/files/test_example.py says how it is made."""

LAYOUTS = ("offsets", "real-imag", "complex")
"""What the last axis of a file holds: phase offsets, real and imaginary part, or nothing (complex values)."""

SPACING_RANGE_M = (0.2e-3, 10e-3)
"""Pixel sizes that are accepted [m]."""

FREQUENCY_RANGE_HZ = (1.0, 1000.0)
"""Vibration frequencies that are accepted [Hz]."""

MILLIMETRES = {"meter": 1e3, "micron": 1e-3}
"""Millimetres per unit of length in a NIfTI header; other units (mm or none) count as mm."""


def read_wave(
    path: str | Path,
    frequency_hz: float,
    spacing_m: float | None = None,
    mask_path: str | Path | None = None,
    layout: str | None = None,
) -> xr.Dataset:
    """Read a wave from a NIfTI file, ready for `methods.invert`.

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
        NIfTI mask (x, y) or (x, y, z), tissue where it is not 0; default: where the wave is neither 0 nor
        NaN. Voxels are matched by index; headers with different orientations raise a warning.
    layout : {"offsets", "real-imag", "complex"}, optional
        Default: complex if the values are complex, real-imag if the last axis has length 2, else offsets.

    Returns
    -------
    xarray.Dataset
        `wave` complex (z, y, x), `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`, `layout` and
        `unwrapped` (1 where phases were unwrapped here).

    Raises
    ------
    ValueError
        The frequency or the spacing is out of range, there are fewer than 3 offsets or all are equal, the
        mask is empty or has another shape, or values inside it (without a mask: inside the tissue) are not
        finite. The message names the file, what was found and what was expected.

    Assumption: offsets whose values lie within -pi to pi, or 0 to 2 pi, are phases in radians and are
    unwrapped. Others are taken as already unwrapped, in any unit, because stiffness does not depend on it.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> waves["wave"].dims, waves.attrs["spacing_m"]
    (('z', 'y', 'x'), 0.0015)
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
        spacing_m = float(zooms[0]) * 1e-3 * MILLIMETRES.get(image.header.get_xyzt_units()[0], 1)
    if not SPACING_RANGE_M[0] <= spacing_m <= SPACING_RANGE_M[1]:
        raise ValueError(f"{path}: expected a spacing of 0.2 to 10 mm, found {spacing_m * 1e3:g} mm")

    components = values[..., None] if layout == "complex" else values
    if spatial == 2:
        components = components[:, :, None]
    components = np.moveaxis(components, (3, 2, 1, 0), (0, 1, 2, 3))  # (component, z, y, x)
    if mask_path:
        mask = tissue = _read_mask(mask_path, components.shape[1:], image)
    else:
        mask = (np.nan_to_num(components) != 0).any(axis=0)
        tissue = np.stack([ndimage.binary_fill_holes(one) for one in mask])  # NaN outside is background
    if not mask.any():
        raise ValueError(f"{mask_path or path}: the mask is empty, expected at least one pixel of tissue")
    bad = int((~np.isfinite(components) & tissue).any(axis=0).sum())
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
        low, high = components.min(), components.max()
        start = 0 if low >= 0 and high > np.pi * (1 + 1e-3) else -np.pi
        unwrapped = bool(start * (1 + 1e-3) <= low and high - start <= 2 * np.pi * (1 + 1e-3))
        offsets = np.moveaxis(components, 1, 0)  # (z, offset, y, x)
        if unwrapped:
            offsets = [
                elastography.unwrap(o, m) if m.any() else o for o, m in zip(offsets, mask, strict=True)
            ]
        wave = np.stack([elastography.first_harmonic(o) for o in offsets])
        if np.abs(wave).max() <= 1e-10 * max(-low, high):
            raise ValueError(f"{path}: expected motion between the phase offsets, found them all alike")
    return xr.Dataset(
        {"wave": (("z", "y", "x"), wave), "mask": (("z", "y", "x"), mask)},
        attrs={
            "spacing_m": spacing_m,
            "frequency_hz": frequency_hz,
            "layout": layout,
            "unwrapped": int(unwrapped),
        },
    )


def write_map(path: str | Path, values: np.ndarray, like: str | Path) -> None:
    """Write a map (z, y, x) as NIfTI with the grid, orientation and affine of the file `like`.

    Parameters
    ----------
    path : path
        Takes its name when it is whole; replaced if it exists.
    values : (z, y, x) array
        Any unit; the command line writes kPa.
    like : path
        NIfTI file whose first axes are the map's.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> maps = dime.invert(waves, "mmdi")
    >>> dime.write_map("stiffness.nii.gz", maps["stiffness"] / 1e3, like=dime.EXAMPLE_WAVE)
    """
    source = nibabel.load(like)
    image = np.moveaxis(np.asarray(values, np.float32), (2, 1, 0), (0, 1, 2))
    header = source.header.copy()
    header.set_data_dtype(np.float32)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # display range of the wave, which does not suit a map
    header["descrip"] = b""
    with whole(path) as aside:
        nibabel.save(nibabel.Nifti1Image(image, source.affine, header), aside)


def _load_nifti(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        if path.suffix == ".gz":
            with gzip.open(path) as packed:  # to the checksum, which nibabel does not reach
                while packed.read(2**20):
                    pass
    except nibabel.filebasedimages.ImageFileError as error:
        raise ValueError(f"{path}: not a NIfTI file ({error})") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: damaged or not whole ({error})") from None
    if values.dtype.names:
        raise ValueError(f"{path}: expected numbers, found colours ({', '.join(values.dtype.names)})")
    return image, values


def _infer_layout(values):
    if np.iscomplexobj(values):
        return "complex"
    return "real-imag" if values.shape[-1] == 2 else "offsets"


def _read_mask(path, shape, wave):
    """Read a mask (z, y, x) for the image of a wave from a NIfTI file (x, y) or (x, y, z)."""
    image, values = _load_nifti(path)
    values = values[:, :, None] if values.ndim == 2 else values
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: expected finite values, found NaN or infinity")
    mask = np.moveaxis(values != 0, (2, 1, 0), (0, 1, 2))
    if mask.shape != shape:
        expected = tuple(reversed(shape))
        raise ValueError(f"{path}: expected the wave's shape {expected}, found {values.shape}")
    axes = [nibabel.aff2axcodes(one.affine) for one in (wave, image)]
    if axes[0] != axes[1]:
        codes = ["".join(map(str, one)) for one in axes]
        warnings.warn(
            f"{path}: its header says {codes[1]}, the wave's {codes[0]}; voxels are matched by index",
            stacklevel=2,
        )
    return mask
