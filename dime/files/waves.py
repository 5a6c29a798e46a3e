"""Read a wave from a file, ready to be inverted; refuse what would give a wrong map without a word.

>>> import dime
>>> dime.EXAMPLE_WAVE.name
'wave.nii.gz'
"""

import json
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage

from dime.files import layouts, opening, phases, sidecars, tissue
from dime.files.header import pixel_m
from dime.mri import elastography

EXAMPLE_WAVE = Path(__file__).parents[1] / "data" / "wave.nii.gz"
"""A simulated liver slice, 60 Hz, real and imaginary part (x, y, 2) [m]; `truth.nii.gz` beside it holds its
stiffness [kPa]. tests/files/test_example.py says how it is made."""

FREQUENCY_RANGE_HZ = (1.0, 1000.0)
"""Vibration frequencies that are accepted [Hz]."""

STILL = 1e-10
"""First harmonic over the largest offset of the volume, up to which a slice does not move: rounding leaves
1e-16 of it."""


def read_wave(
    path: str | Path,
    frequency_hz: float | None = None,
    spacing_m: float | None = None,
    mask_path: str | Path | None = None,
    layout: str | None = None,
    component: int | None = None,
    phase_units: str | None = None,
    phase_period: float | None = None,
    variable: str | None = None,
) -> xr.Dataset:
    """Read a wave from a file or folder, ready for `methods.invert`.

    Parameters
    ----------
    path : path
        NIfTI, MATLAB's .mat, a folder of DICOM files, or a folder with `phase.nii.gz` and perhaps
        `magnitude.nii.gz`, or that phase itself. Phase offsets (x, y, z, n) or (x, y, n) with n >= 3; first
        harmonic (x, y, 2) or (x, y, z, 2), real and imaginary part, or amplitude and phase; or complex (x, y)
        or (x, y, z). An axis of 3 more holds components of motion.
    frequency_hz : float, optional
        Frequency of the vibration [Hz]; default: that in a .mat file, or `MechanicalFrequency` of the
        sidecar, the JSON file of the same name (`dime.files.sidecars`). No DICOM header states it.
    spacing_m : float, optional
        In-plane pixel [m]; default: the header's, if it states one (`dime.files.header`).
    mask_path : path, optional
        NIfTI mask (x, y) or (x, y, z), tissue where it is not 0. Default: a mask in the .mat file; where the
        magnitude is bright; or what is not background and, where phases are wrapped, not noise
        (`dime.files.tissue`). Voxels are matched by index.
    layout : {"offsets", "real-imag", "amplitude-phase", "complex"}, optional
        Default: complex if the values are complex, real-imag if the last axis has length 2, else offsets.
        Complex values with "offsets": signals of the scanner, whose phase is taken.
    component : {1, 2, 3}, optional
        The component of motion to take from a file that holds three.
    phase_units : {"rad", "mrad", "deg", "cycles"}, optional
        Unit of the phases; default: by a sidecar file, or by their jumps (`dime.files.phases`).
    phase_period : float, optional
        Period of the phases in the unit of the file, in place of `phase_units`: 4096 for 12 bits.
    variable : str, optional
        Variable of a .mat file that holds the wave, where several could be meant.

    Returns
    -------
    xarray.Dataset
        `wave` complex (z, y, x), `mask` bool of that shape, and `magnitude` float32 of that shape, its mean
        over the offsets, where the source has one; attrs `spacing_m`, `frequency_hz`, `source` (the file),
        `sidecar` (its fields, as JSON), and `read_as`: layout, counts, phases and share of tissue in words.
        The encoding holds `image`, on whose grid maps are written.

    Raises
    ------
    ValueError
        What would make a wrong map: a frequency or pixel that is out of range or not stated, pixels that are
        not square, a sidecar that contradicts the image, a layout that does not suit the values, phases whose
        period is not clear or that are noise, fewer than 3 offsets or all alike, a mask that does not suit,
        values inside it that are not finite. The message names the file, what was found and what was
        expected. What is only doubtful raises a warning.

    Examples
    --------
    >>> import dime
    >>> waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    >>> waves["wave"].dims, waves.attrs["spacing_m"]
    (('z', 'y', 'x'), 0.0015)
    """
    opened = opening.open_wave(path, variable, spacing_m, frequency_hz, masked=mask_path is not None)
    path = opening.located(path)
    if layout == "offsets" and np.iscomplexobj(opened.values):
        opened = _phases_of_signals(opened)
    frequency_hz = stated_frequency(opened.sidecar, path, frequency_hz)
    channels, found, remarks = layouts.arrange(opened.values, layout, component, path)
    if found == "offsets":
        sidecars.check_offsets(opened.sidecar, len(channels), path)
    elif (
        found == "real-imag"
        and layout is None
        and sidecars.number(opened.sidecar, sidecars.OFFSETS, path) == 2
    ):
        raise ValueError(f"{path}: expected at least 3 phase offsets, found 2 ({sidecars.by(path)})")
    sidecars.check_sensitivity(opened.sidecar, path)
    spacing_m, remark = pixel_m(opened.image, path, spacing_m)
    remarks.append(remark)
    shape, magnitude = channels.shape[1:], opened.magnitude
    if magnitude is not None:
        try:
            magnitude = tissue.mean_magnitude(magnitude, shape, path)
        except ValueError as error:
            if mask_path is None:
                raise
            remarks.append(f"{str(error).removeprefix(f'{path}: ')}; it is left out")
            magnitude = None
    mask, by = _tissue(opened, channels, magnitude, mask_path, path)
    known = bool(by)
    # NaN outside is background, but not a hole in the tissue
    inside = mask if known else np.stack([ndimage.binary_fill_holes(one) for one in mask])
    if not mask.any():
        raise ValueError(f"{path}: expected tissue, found no pixel that differs from the border")
    bad = (~np.isfinite(channels) & inside).any(axis=0)
    if bad.any():
        numbers = ", ".join(str(index + 1) for index in np.flatnonzero(bad.any((1, 2))))
        where = "" if len(bad) == 1 else f", in slice {numbers} of {len(bad)}"
        raise ValueError(f"{path}: {bad.sum()} of {mask.sum()} pixels of the tissue are not finite{where}")
    channels = np.where(mask, channels, 0)

    kind = found + ("" if layout else " (inferred)")
    words = [f"layout {kind}", layouts.counts(channels, found)]
    if component:
        words.append(f"component {component}")
    statement = phases.told(path, opened.sidecar, phase_units, phase_period)
    if found == "offsets":
        wrapped = sidecars.wrapped(opened.sidecar, path)
        layouts.check_moving(channels, mask, path)
        period, said = phases.resolve(channels, mask, statement, path, wrapped)
        if period and not known:
            mask, by, lost = _without_air(channels * (2 * np.pi / period), mask, path)
            remarks.append(lost)
        wave, doubts = _from_offsets(channels, mask, period, path)
    else:
        wave, said, doubts = _from_parts(channels, mask, found, layout, statement, path)
    remarks.append("" if known else tissue.remark(mask))
    for text in filter(None, [*remarks, *doubts]):
        warnings.warn(f"{path}: {text}", stacklevel=2)
    share = f"tissue {100 * mask.mean():.0f} % of the image{by and f' ({by})'}"
    attrs = {
        "spacing_m": spacing_m,
        "frequency_hz": frequency_hz,
        "source": str(path),
        "sidecar": json.dumps(opened.sidecar, default=str),
        "read_as": ", ".join(filter(None, [opened.said, *words, said, share])),
    }
    images = {"wave": wave, "mask": mask} | ({} if magnitude is None else {"magnitude": magnitude})
    waves = xr.Dataset({name: (("z", "y", "x"), one) for name, one in images.items()}, attrs=attrs)
    waves.encoding["image"] = opened.image
    return waves


def stated_frequency(sidecar, path, given_hz=None):
    """Frequency of the vibration [Hz] that is given, or that a sidecar states.

    Raises
    ------
    ValueError
        Neither, or one out of `FREQUENCY_RANGE_HZ`.
    """
    frequency_hz = sidecars.frequency(sidecar, path, given_hz)
    if frequency_hz is None:
        where = "" if path.is_dir() else f" or {sidecars.FREQUENCY} in {sidecars.beside(path).name}"
        raise ValueError(
            f"{path}: expected the frequency of the vibration, found none; give --frequency [Hz]{where} "
            "(in Python: frequency_hz)"
        )
    check_frequency(frequency_hz, path)
    return frequency_hz


def check_frequency(frequency_hz, name):
    """Refuse a frequency [Hz] out of `FREQUENCY_RANGE_HZ`.

    Raises
    ------
    ValueError
    """
    low, high = FREQUENCY_RANGE_HZ
    if not low <= frequency_hz <= high:
        raise ValueError(f"{name}: frequency: expected {low:g} to {high:g} Hz, found {frequency_hz:g}")


def _phases_of_signals(opened):
    """Phases [rad] and magnitudes of the complex signals of phase offsets.

    What the sidecar says of phases does not hold for these, which are wrapped and in radians.
    """
    signal = opened.values
    phase = np.where(np.isfinite(signal), np.angle(signal), np.nan)
    sidecar = sidecars.without(opened.sidecar, (*phases.STATED, sidecars.WRAPPED)) | {"PhaseUnits": "rad"}
    return opened._replace(values=phase, magnitude=np.abs(signal), sidecar=sidecar)


def _tissue(opened, channels, magnitude, mask_path, path):
    """Tissue (z, y, x), and by what it was found, in words, or "" where it is what is not background."""
    shape = channels.shape[1:]
    if mask_path:
        return tissue.read_mask(mask_path, shape, opened.image), "mask as given"
    if opened.mask is not None:
        return tissue.as_mask(opened.mask, shape, f"{path}: mask"), "mask of the file"
    if magnitude is not None:
        return tissue.of_magnitude(magnitude), "bright magnitude"
    return tissue.not_background(channels), ""


def _without_air(phase, mask, path):
    """What of a mask has coherent phases (n, z, y, x) [rad], how it was found, and slices that it loses."""
    steady = tissue.of_phases(phase, mask)
    if not steady.any():
        raise ValueError(f"{path}: expected phases that go on from pixel to pixel, found noise everywhere")
    lost = np.flatnonzero(mask.any((1, 2)) & ~steady.any((1, 2)))
    numbers = ", ".join(str(index + 1) for index in lost)
    words = f"slice {numbers} of {len(mask)}: nothing but noise; it stays 0" if len(lost) else ""
    return steady, "" if (steady == mask).all() else "coherent phases", words


def _from_offsets(stored, mask, period, path):
    """First harmonic (z, y, x) of phase offsets, unwrapped where they have a period; what is doubtful."""
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
    layouts.check_wave(stored, wave, mask, path)
    still = np.abs(wave).max(axis=(1, 2)) <= STILL * np.abs(offsets).max()
    wave[still] = 0  # what rounding leaves has wavelengths, too
    if still.all():
        raise ValueError(f"{path}: expected motion between the phase offsets, found no first harmonic")
    return wave, layouts.doubts(offsets, mask, "offsets")


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
