"""Read an examination of the abdomen: magnitude and wrapped phase, checked, in one orientation.

The images of an examination are seen from the patient's feet, as radiologists see them: x grows to the
patient's left and y to the back. A network that looks for the liver on the image's left depends on it.
"""

import math
import warnings

import numpy as np
import xarray as xr

from dime.files import layouts, opening, phases, sidecars, tissue
from dime.files.header import pixel_m
from dime.files.layouts import LEAST_OFFSETS
from dime.files.maps import write_map
from dime.files.orientation import orientation, turn, turn_back
from dime.files.waves import check_frequency
from dime.mri.elastography import wrap

LARGEST_SPACING_M = 4e-3
"""Largest pixel [m]. Assumption: a wave in soft liver (1.3 kPa at 60 Hz: 19 mm) needs five pixels."""

LARGEST_RANGE_RAD = 7.0
"""Largest range of phases that are in radians and wrapped [rad]: a period and a tenth."""

ADVICE = "give --phase-scale (phase [rad] = value x scale), --phase-units or --phase-period"


def read_scan(
    exam,
    magnitude=None,
    mask=None,
    frequency_hz=None,
    spacing_m=None,
    phase_units=None,
    phase_period=None,
    phase_scale=None,
):
    """Read and check one examination.

    Parameters
    ----------
    exam : path
        A folder that holds `phase.nii[.gz]` and, unless `mask` is given, `magnitude.nii[.gz]`; the phase
        itself; a folder of DICOM files; or MATLAB's .mat with both (`dime.files.opening`). Each is
        (x, y, slice, offset), or (x, y, offset) for one slice, with the offsets evenly spaced over one period
        of the vibration.
    magnitude : path, optional
        The magnitude, in place of the folder's.
    mask : path, optional
        NIfTI mask of the liver (x, y, slice), see `dime.files.tissue.read_mask`; the magnitude may then be
        missing.
    frequency_hz : float, optional
        Default: `MechanicalFrequency` [Hz] of the phase's sidecar, the JSON file of the same name.
    spacing_m : float, optional
        In-plane pixel [m]; default: the header's (`dime.files.header`).
    phase_units, phase_period : optional
        As in `dime.files.waves.read_wave`.
    phase_scale : float, optional
        phase [rad] = value x scale, in their place.

    Returns
    -------
    xarray.Dataset
        `phase` (slice, offset, y, x) float32 [rad] in (-pi, pi]; `magnitude` of that shape and `mask`
        (slice, y, x) where they were given. Attrs spacing_m, frequency_hz, source (the phase's file), turned
        (what `write_scan_map` undoes) and read_as, in words.

    Raises
    ------
    ValueError, FileNotFoundError
        One line that names the file, what was expected and what was found: see `check_images`,
        `check_scale`; phases whose period is not clear; images that lie in different planes.

    Assumption: a file without an affine is in the orientation of this module; a warning says so.
    """
    source = opening.located(exam)
    opened = opening.open_wave(source, None, spacing_m, frequency_hz, magnitude, mask is not None)
    image, masked = opened.image, opened.mask is not None or mask is not None
    if opened.magnitude is None and not masked:
        raise ValueError(f"{exam}: no magnitude: give --mask")
    images = {"phase": _offsets(opened.values, source)}
    names = {"phase": source, "magnitude": magnitude, "mask": mask}
    if opened.magnitude is not None and magnitude is None:
        names["magnitude"] = opening.magnitude_beside(source) or f"{source}: magnitude"
        if mask is not None:
            opened = _with_like_magnitude(opened, names["magnitude"])
    if opened.magnitude is not None:
        images["magnitude"] = _offsets(opened.magnitude, names["magnitude"])
    shape = (images["phase"].shape[0], *images["phase"].shape[2:])
    if mask is not None:
        images["mask"] = tissue.read_mask(mask, shape, image)
    elif masked:
        images["mask"] = tissue.as_mask(opened.mask, shape, f"{source}: mask")
    check_images(images["phase"], images.get("magnitude"), images.get("mask"), names)
    spacing_m, remark = pixel_m(image, source, spacing_m)
    frequency_hz = sidecars.frequency(opened.sidecar, source, frequency_hz)
    check_scale(spacing_m, frequency_hz, source)
    sidecars.check_offsets(opened.sidecar, images["phase"].shape[1], source)
    statement = _told(source, opened.sidecar, phase_units, phase_period, phase_scale)
    images["phase"], said = _radians(images, statement, source)
    turned, doubt = orientation(image)
    if "axial" in doubt and not masked:
        raise ValueError(f"{source}: {doubt}; other slices are read with --mask alone")
    for text in filter(None, (remark, doubt)):
        warnings.warn(f"{source}: {text}", stacklevel=2)
    images = {name: np.ascontiguousarray(turn(values, turned)) for name, values in images.items()}
    attrs = {"spacing_m": spacing_m, "frequency_hz": float(frequency_hz), "source": str(source)}
    slices, offsets = images["phase"].shape[:2]
    attrs |= {"turned": turned, "read_as": f"{slices} slice{'s' * (slices > 1)}, {offsets} offsets, {said}"}
    dims = {3: ("slice", "y", "x"), 4: ("slice", "offset", "y", "x")}
    scan = xr.Dataset({name: (dims[one.ndim], one) for name, one in images.items()}, attrs=attrs)
    scan.encoding["image"] = image
    return scan


def write_scan_map(path, values, scan):
    """Write a map (slice, y, x) as NIfTI in the orientation, grid and affine of the phase's file."""
    write_map(path, turn_back(np.asarray(values), scan.attrs["turned"]), scan.encoding["image"])


def check_images(phase, magnitude=None, mask=None, names=None):
    """Refuse images that no reading can come from.

    Parameters
    ----------
    phase : (slice, offset, y, x) array, any unit
    magnitude : (slice, offset, y, x) array, any unit, or None
    mask : (slice, y, x) bool array, or None
        Where it is given, values outside do not count.
    names : dict, optional
        What the messages call "phase", "magnitude" and "mask": their files.

    Raises
    ------
    ValueError
        Neither magnitude nor mask; shapes that differ; fewer than three offsets; values that are not finite;
        offsets that are all alike; a magnitude that is negative or 0 everywhere; an empty mask.
    """
    names = {"phase": "phase", "magnitude": "magnitude", "mask": "mask"} | (names or {})
    if phase.ndim != 4 or phase.shape[1] < LEAST_OFFSETS:
        count = phase.shape[1] if phase.ndim == 4 else 0
        raise ValueError(f"{names['phase']}: expected at least {LEAST_OFFSETS} phase offsets, found {count}")
    if magnitude is None and mask is None:
        raise ValueError("no magnitude: give a mask")
    if magnitude is not None and magnitude.shape != phase.shape:
        found = _shape(magnitude) if magnitude.ndim == 4 else f"{magnitude.ndim} axes"
        raise ValueError(f"{names['magnitude']}: expected the phase's shape {_shape(phase)}, found {found}")
    inside = np.ones((phase.shape[0], *phase.shape[2:]), bool) if mask is None else mask
    if inside.shape != (phase.shape[0], *phase.shape[2:]):
        raise ValueError(
            f"{names['mask']}: expected the phase's slices {_shape(phase)[:3]}, found {inside.shape[::-1]}"
        )
    if not inside.any():
        raise ValueError(f"{names['mask']}: the mask is empty, expected at least one pixel of liver")
    for name, image in (("phase", phase), ("magnitude", magnitude)):
        if image is not None and (bad := int((~np.isfinite(image) & inside[:, None]).sum())):
            raise ValueError(f"{names[name]}: expected finite values, found {bad} that are not")
    if not np.ptp(phase, axis=1)[inside].any():
        raise ValueError(f"{names['phase']}: expected phase offsets that differ, found all alike")
    if magnitude is not None and magnitude[np.isfinite(magnitude)].min() < 0:
        raise ValueError(f"{names['magnitude']}: expected a magnitude, found values below 0")
    if magnitude is not None and not np.nan_to_num(magnitude).any():
        raise ValueError(f"{names['magnitude']}: expected a magnitude, found 0 everywhere")


def check_scale(spacing_m, frequency_hz, name="spacing_m, frequency_hz"):
    """Refuse a pixel above `LARGEST_SPACING_M` and a frequency that is not stated or out of range."""
    if spacing_m is None:
        raise ValueError(f"{name}: expected the pixel, found none; give it in m (--spacing in mm)")
    if not 0 < spacing_m <= LARGEST_SPACING_M:
        most = LARGEST_SPACING_M * 1e3
        raise ValueError(f"{name}: expected a pixel of at most {most:g} mm, found {spacing_m * 1e3:g} mm")
    if frequency_hz is None:
        raise ValueError(
            f"{name}: expected the frequency of the vibration, found none; give --frequency [Hz] (or "
            "MechanicalFrequency in the sidecar)"
        )
    check_frequency(frequency_hz, name)


def _with_like_magnitude(opened, path):
    """Leave out, with a warning, a magnitude of another shape than the phase's, where a mask is given."""
    found, expected = np.shape(opened.magnitude), np.shape(opened.values)
    if found == expected:
        return opened
    warnings.warn(
        f"{path}: expected the phase's shape {expected}, found {found}; it is left out", stacklevel=3
    )
    return opened._replace(magnitude=None)


def _offsets(values, path):
    """Values (slice, offset, y, x) of an image."""
    found = values.shape
    values = values.reshape(values.shape[:4]) if values.shape[4:] == (1,) * (values.ndim - 4) else values
    values = values[:, :, None] if values.ndim == 3 else values
    if values.ndim != 4:
        raise ValueError(f"{path}: expected (x, y, slice, offset) or (x, y, offset), found shape {found}")
    if np.iscomplexobj(values):
        raise ValueError(
            f"{path}: expected real numbers, found complex ones; store magnitude and phase apart"
        )
    if values.shape[3] < LEAST_OFFSETS:
        raise ValueError(f"{path}: expected at least {LEAST_OFFSETS} phase offsets, found {values.shape[3]}")
    return np.moveaxis(values.astype(np.float32), (2, 3, 1, 0), (0, 1, 2, 3))


def _shape(image):
    """Shape of (slice, offset, y, x) as it is in the file: (x, y, slice, offset)."""
    return tuple(image.shape[axis] for axis in (3, 2, 0, 1))


def _told(source, sidecar, units, period, scale):
    """What somebody states about the period of the phases; a scale s states the period 2 pi / s."""
    if scale is None:
        return phases.told(source, sidecar, units, period)
    if units is not None or period is not None:
        raise ValueError("phase scale: expected it in place of phase units and phase period, found both")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"phase scale: expected a positive number, found {scale:g}")
    return phases.told(source, sidecar, period=2 * math.pi / scale)


def _radians(images, statement, source):
    """Phase (slice, offset, y, x) [rad], wrapped, and how its unit was found.

    The jumps in tissue tell the period. Where tissue moves too little to wrap, the noise in the air does: its
    phases fill the period.
    """
    stored = np.moveaxis(images["phase"], 1, 0)
    if "mask" in images:
        tissue_only = inside = images["mask"]
    else:
        mean = images["magnitude"].mean(axis=1)
        tissue_only = tissue.bright(mean)
        inside = np.ones(mean.shape, bool)
    layouts.check_moving(stored, tissue_only, source)
    low, high = (float(f(stored[:, inside])) for f in (np.min, np.max))
    period, words = phases.resolve(stored, tissue_only, statement, source)
    by_jumps = period is not None and "jumps" in words
    if statement is None and not by_jumps and high - low > LARGEST_RANGE_RAD:
        period, words = phases.resolve(stored, inside, None, source)
    if period is None:
        raise ValueError(
            f"{source}: expected wrapped phases in rad (a range of {LARGEST_RANGE_RAD:g} at most), found "
            f"{low:.5g} to {high:.5g}; {ADVICE}"
        )
    wrapped = wrap(np.nan_to_num(images["phase"]) * np.float32(2 * math.pi / period))
    return wrapped.astype(np.float32), words
