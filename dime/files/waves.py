"""Read a wave from a file, ready to be inverted; refuse what would give a wrong map without a word.

>>> import dime
>>> dime.EXAMPLE_WAVE.name
'wave.nii.gz'
"""

import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage

from dime.files import layouts, phases, tissue
from dime.files.header import pixel_m
from dime.files.nifti import open_image
from dime.mri import elastography

EXAMPLE_WAVE = Path(__file__).parents[1] / "data" / "wave.nii.gz"
"""A simulated liver slice, 60 Hz, real and imaginary part (x, y, 2) [m]; `truth.nii.gz` beside it holds its
stiffness [kPa]. tests/files/test_example.py says how it is made."""

FREQUENCY_RANGE_HZ = (1.0, 1000.0)
"""Vibration frequencies that are accepted [Hz]."""


def read_wave(
    path: str | Path,
    frequency_hz: float,
    spacing_m: float | None = None,
    mask_path: str | Path | None = None,
    layout: str | None = None,
    component: int | None = None,
    phase_units: str | None = None,
    phase_period: float | None = None,
) -> xr.Dataset:
    """Read a wave from a NIfTI file, ready for `methods.invert`.

    Parameters
    ----------
    path : path
        Phase offsets (x, y, z, n) or (x, y, n) with n >= 3; first harmonic (x, y, 2) or (x, y, z, 2), real
        and imaginary part, or amplitude and phase; or complex (x, y) or (x, y, z). An axis of 3 more holds
        components of motion.
    frequency_hz : float
        Frequency of the vibration [Hz].
    spacing_m : float, optional
        In-plane pixel [m]; default: the header's, if it states one (`dime.files.header`).
    mask_path : path, optional
        NIfTI mask (x, y) or (x, y, z), tissue where it is not 0; default: what is not background
        (`dime.files.tissue`). Voxels are matched by index.
    layout : {"offsets", "real-imag", "amplitude-phase", "complex"}, optional
        Default: complex if the values are complex, real-imag if the last axis has length 2, else offsets.
    component : {1, 2, 3}, optional
        The component of motion to take from a file that holds three.
    phase_units : {"rad", "mrad", "deg", "cycles"}, optional
        Unit of the phases; default: by a sidecar file, or by their jumps (`dime.files.phases`).
    phase_period : float, optional
        Period of the phases in the unit of the file, in place of `phase_units`: 4096 for 12 bits.

    Returns
    -------
    xarray.Dataset
        `wave` complex (z, y, x), `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`, `source` (the
        file), and `read_as`: layout, counts, phases and share of tissue in words.

    Raises
    ------
    ValueError
        What would make a wrong map: a frequency or pixel that is out of range or not stated, pixels that are
        not square, a layout that does not suit the values, phases whose period is not clear, fewer than 3
        offsets or all alike, a mask that does not suit, values inside it that are not finite. The message
        names the file, what was found and what was expected. What is only doubtful raises a warning.

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
    image, values = open_image(path)
    channels, found, remarks = layouts.arrange(values, layout, component, path)
    spacing_m, remark = pixel_m(image, path, spacing_m)
    remarks.append(remark)
    if mask_path:
        mask = inside = tissue.read_mask(mask_path, channels.shape[1:], image)
    else:
        mask = tissue.not_background(channels)
        inside = np.stack([ndimage.binary_fill_holes(one) for one in mask])  # NaN outside is background
    if not mask.any():
        raise ValueError(f"{path}: expected tissue, found no pixel that differs from the border")
    bad = (~np.isfinite(channels) & inside).any(axis=0)
    if bad.any():
        where = "" if len(bad) == 1 else f", in slice {', '.join(map(str, np.flatnonzero(bad.any((1, 2)))))}"
        raise ValueError(f"{path}: {bad.sum()} of {mask.sum()} pixels of the tissue are not finite{where}")
    remarks.append("" if mask_path else tissue.remark(mask))
    channels = np.where(mask, channels, 0)

    kind = found + ("" if layout else " (inferred)")
    words = [f"layout {kind}", layouts.counts(channels, found)]
    if component:
        words.append(f"component {component}")
    statement = phases.told(path, phase_units, phase_period)
    if found == "offsets":
        wave, said, doubts = _from_offsets(channels, mask, statement, path)
    else:
        wave, said, doubts = _from_parts(channels, mask, found, layout, statement, path)
    for text in filter(None, [*remarks, *doubts]):
        warnings.warn(f"{path}: {text}", stacklevel=2)
    share = f"tissue {100 * mask.mean():.0f} % of the image"
    attrs = {
        "spacing_m": spacing_m,
        "frequency_hz": frequency_hz,
        "source": str(path),
        "read_as": ", ".join(filter(None, [*words, said, share])),
    }
    return xr.Dataset({"wave": (("z", "y", "x"), wave), "mask": (("z", "y", "x"), mask)}, attrs=attrs)


def _from_offsets(stored, mask, statement, path):
    """First harmonic (z, y, x) of phase offsets; how they were taken; what is doubtful."""
    period, said = phases.resolve(stored, mask, statement, path)
    offsets = np.moveaxis(stored, 1, 0)  # (z, offset, y, x)
    if period:
        wrapped = elastography.wrap(offsets * (2 * np.pi / period))
        offsets = [
            elastography.unwrap(one, where) if where.any() else one
            for one, where in zip(wrapped, mask, strict=True)
        ]
    offsets = np.where(mask, np.moveaxis(np.asarray(offsets), 0, 1), 0)
    layouts.check_volumes(stored, offsets, mask, path)
    wave = np.stack([elastography.first_harmonic(one) for one in np.moveaxis(offsets, 1, 0)])
    if np.abs(wave).max() <= 1e-10 * np.abs(offsets).max():
        raise ValueError(f"{path}: expected motion between the phase offsets, found no first harmonic")
    return wave, said, layouts.doubts(offsets, mask, "offsets")


def _from_parts(channels, mask, found, asked, statement, path):
    """First harmonic (z, y, x) of its parts; how they were taken; what is doubtful."""
    if found == "complex":
        return channels[0], "", layouts.doubts(channels, mask, found)
    if found == "amplitude-phase":
        amplitude, phase = channels
        if amplitude.min() < 0:
            raise ValueError(f"{path}: expected an amplitude in the first channel, found values below 0")
        phase, said = phases.harmonic_phase(phase, mask, statement, path)
        parts = np.where(mask, np.stack([amplitude * np.cos(phase), amplitude * np.sin(phase)]), 0)
    else:
        if asked is None:
            layouts.check_parts(channels, mask, path)
        parts, said = channels, ""
    return parts[0] + 1j * parts[1], said, layouts.doubts(parts, mask, found)
