"""What the axes and channels of an image hold: slices, phase offsets, parts of a first harmonic, components.

The number of axes does not tell all of it. What stays open is named, refused, or warned of.
"""

import numpy as np

LAYOUTS = ("offsets", "real-imag", "amplitude-phase", "complex")
"""What the last axis of a file holds: phase offsets, real and imaginary part, amplitude and phase of the
first harmonic, or nothing (complex values)."""

PARTS = ("real-imag", "amplitude-phase")

COMPONENTS = 3
"""Directions of motion in a file that holds all of them."""

LEAST_OFFSETS = 3
"""Offsets from which a first harmonic can be told from a static phase."""

ALIKE = 0.15
"""Correlation of a wave with itself, a pixel further."""

PROPORTIONAL = 0.999
"""Normalised product of two channels above which they are the same image."""

STEADY_MODULUS = 0.1
"""Relative change of the modulus from slice to slice below which only phases differ."""

STEADY = 0.2
"""Ratio of relative variances below which one half of the volumes does not move as the other does."""


def arrange(values, layout, component, path):
    """Order the axes of an image.

    Parameters
    ----------
    values : array
        (x, y), (x, y, z) complex; (x, y, n), (x, y, z, n), n = 2 for the parts of a first harmonic. A further
        axis of length 3 holds components of motion. Further axes of length 1 are left out.
    layout : one of LAYOUTS, or None
        None: complex if the values are, real-imag if the last axis has length 2, else offsets.
    component : int or None
        1 to 3: the component of motion to take, where there are three.
    path : path
        For messages.

    Returns
    -------
    channels : (channel, z, y, x) array
    layout : str
    remarks : list of str
        What stays ambiguous.

    Raises
    ------
    ValueError
        An unknown layout, or one that suits neither type nor shape; three components and none chosen.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, found {layout!r}")
    remarks, is_complex = [], np.iscomplexobj(values)
    if layout is not None and is_complex != (layout == "complex"):
        raise ValueError(f"{path}: layout {layout} does not fit values of type {values.dtype}")
    found = values.shape
    values = _squeezed(values, 3 if is_complex else 4)
    if component and values.shape[3:] == (COMPONENTS, COMPONENTS):
        remarks.append("its last two axes have length 3; the last is taken for the components of motion")
    if component is not None and values.ndim == (3 if is_complex else 4):
        remarks.append("its axis of 3 is read as components of motion in one slice; three slices look alike")
    values = _one_component(values, 3 if is_complex else 4, component, path)
    if values.ndim not in ((2, 3) if is_complex else (3, 4)):
        raise ValueError(f"{path}: layout {layout or 'offsets'} does not fit shape {found}")
    if is_complex:
        layout, values = "complex", values[..., None]
    elif layout is None:
        layout = "real-imag" if values.shape[-1] == 2 else "offsets"
    if values.ndim == 3:
        values = values[:, :, None]
    channels = values.shape[-1]
    if layout in PARTS and channels != 2:
        raise ValueError(f"{path}: expected a last axis of 2 for layout {layout}, found shape {found}")
    if layout == "offsets" and channels < LEAST_OFFSETS:
        raise ValueError(f"{path}: expected at least {LEAST_OFFSETS} phase offsets, found {channels}")
    if layout == "offsets" and channels == COMPONENTS and component is None:
        remarks.append("its last axis of 3 is read as phase offsets; three components of motion look alike")
    return np.moveaxis(values, (3, 2, 1, 0), (0, 1, 2, 3)), layout, remarks


def counts(channels, layout):
    """What was understood, in words: "4 offsets, 1 slice"."""
    slices = f"{channels.shape[1]} slice{'s' * (channels.shape[1] > 1)}"
    return f"{len(channels)} offsets, {slices}" if layout == "offsets" else slices


def check_parts(parts, mask, path):
    """Refuse two channels that cannot be real and imaginary part, because one is never negative.

    Parameters
    ----------
    parts : (2, z, y, x) array
    mask : (z, y, x) bool array
    path : path

    Raises
    ------
    ValueError
        The message names the layouts to choose from.
    """
    never = [bool((part[mask] >= 0).all()) for part in parts]
    if any(never):
        which = " and ".join(name for name, one in zip(("first", "second"), never, strict=True) if one)
        raise ValueError(
            f"{path}: expected real and imaginary part, found a {which} channel that is never negative, as "
            "an amplitude is; say --layout amplitude-phase, or --layout real-imag if they are parts"
        )


def check_moving(stored, mask, path):
    """Refuse magnitudes that are given for phases: never negative, hardly changing, and then as noise does.

    Parameters
    ----------
    stored : (n, z, y, x) array
    mask : (z, y, x) bool array
    path : path

    Raises
    ------
    ValueError

    Assumption: phases that change by less than `STEADY_MODULUS` of their value, such as those of small motion
    stored from 0 on, have more in the first harmonic than in others. Three offsets have no other, and pass.
    """
    values = stored[:, mask].astype(float)
    if values.min() < 0 or len(values) < 4:
        return
    change = np.sqrt(values.var(axis=0).mean() / np.mean(values**2))
    first, later, count = _energy(values)
    if 0 < change < STEADY_MODULUS and first < 2 * later / count:
        raise ValueError(
            f"{path}: expected phases, found values that are never negative and change by {100 * change:.2g} "
            "% from offset to offset, as noise does: magnitudes?"
        )


def check_wave(stored, wave, mask, path):
    """Refuse magnitudes whose first harmonic is noise: never negative, and unlike from pixel to pixel.

    Parameters
    ----------
    stored : (n, z, y, x) array, as in the file
    wave : (z, y, x) complex array, their first harmonic
    mask : (z, y, x) bool array
    path : path

    Raises
    ------
    ValueError

    Assumption: a wave correlates with itself a pixel further by `ALIKE` at least, even under much noise.
    """
    if stored[:, mask].min() < 0:
        return
    alike = size = 0.0
    for images, inside in ((wave, mask), (wave.swapaxes(1, 2), mask.swapaxes(1, 2))):
        both = inside[..., 1:] & inside[..., :-1]
        ahead, behind = images[..., 1:][both], images[..., :-1][both]
        alike += np.vdot(behind, ahead).real
        size += np.linalg.norm(ahead) * np.linalg.norm(behind)
    if alike < ALIKE * size:
        raise ValueError(
            f"{path}: expected phases, found values that are never negative and change from offset to offset "
            "as noise does, each pixel in its own way: magnitudes?"
        )


def check_volumes(stored, offsets, mask, path):
    """Refuse phase offsets of which every second one, or one half, is a magnitude.

    Magnitudes are never negative and hardly change from one offset to the next; phases do. A magnitude among
    them also lies far from the phases' mean, while tissue that is at rest in some offsets lies near it.

    Parameters
    ----------
    stored, offsets : (n, z, y, x) array
        Values as they are in the file, and unwrapped.
    mask : (z, y, x) bool array
    path : path

    Raises
    ------
    ValueError
        The message says which volumes are taken for magnitudes.
    """
    count = len(offsets)
    if count % 2 or count < 4:
        return
    raw, values = (one[:, mask].astype(float) for one in (stored, offsets))
    numbers = np.arange(count)
    splits = {"every second one": numbers % 2 == 0, "one half": numbers < count // 2}
    for name, first in splits.items():
        for still, moving in ((first, ~first), (~first, first)):
            changes = [values[group].var(axis=0).mean() for group in (still, moving)]
            sizes = [np.mean(raw[group] ** 2) for group in (still, moving)]
            apart = np.mean((values[still].mean(axis=0) - values[moving].mean(axis=0)) ** 2)
            steady = changes[0] * sizes[1] < STEADY * changes[1] * sizes[0]
            if raw[still].min() >= 0 and steady and apart > 4 * changes[0]:
                raise ValueError(
                    f"{path}: expected {count} phase offsets, found magnitudes among them ({name} is never "
                    "negative and does not move); keep the phases alone"
                )


def doubts(channels, mask, layout):
    """What makes a first harmonic doubtful, in words; usually nothing.

    Parameters
    ----------
    channels : (channel, z, y, x) array
        Unwrapped phase offsets, real and imaginary part, or complex values in one channel.
    mask : (z, y, x) bool array
    layout : str

    Returns
    -------
    list of str
    """
    found = []
    if layout == "complex":
        found = _doubts_of_complex(channels[0], mask)
        channels = np.stack([channels[0].real, channels[0].imag])
    values = channels[:, mask].astype(float)
    if layout == "offsets":
        first, later, _ = _energy(values)
        if later >= first:
            return [
                "later harmonics carry as much as the first: noise, air taken for tissue, offsets in another "
                "order, or more than one period"
            ]
        return []
    first, second = values - values.mean(axis=1, keepdims=True)
    product = np.linalg.norm(first) * np.linalg.norm(second)
    if product > 0 and abs(first @ second) > PROPORTIONAL * product:
        found.append("its two channels are proportional: one image twice, or a wave that stands still")
    return found


def _energy(values):
    """Energy of offsets (n, pixel) in the first harmonic and in all later ones, and how many those are."""
    energy = (np.abs(np.fft.rfft(values, axis=0)) ** 2).sum(axis=1)
    if len(values) % 2 == 0:
        energy[-1] /= 2  # the others stand for two frequencies
    return energy[1], energy[2:].sum(), len(values) / 2 - 1.5


def _doubts_of_complex(slices, mask):
    """Whether slices look like the signals of a scanner, whose modulus stays while their phase moves."""
    everywhere = mask.all(axis=0)
    if len(slices) < 3 or not everywhere.any():
        return []
    values = slices[:, everywhere]
    modulus = np.abs(values)
    steady = modulus.var(axis=0).mean() < STEADY_MODULUS**2 * np.mean(modulus**2)
    turn = np.abs(np.angle(values[1:] * values[:-1].conj())).mean()
    if steady and turn > 2 * STEADY_MODULUS:
        return ["its slices differ in phase alone: if they are phase offsets, say --layout offsets"]
    return []


def _squeezed(values, kept):
    """Leave out axes of length 1 beyond those that every layout has, but for one that holds the channels."""
    extra = [axis for axis in range(3, values.ndim) if values.shape[axis] == 1]
    spare = max(0, values.ndim - kept)
    if kept == 3 and values.ndim > 3:
        spare = len(extra)
    return np.squeeze(values, axis=tuple(extra[len(extra) - min(spare, len(extra)) :]))


def _one_component(values, axes, component, path):
    """Take one of three components of motion, where an axis beyond `axes` holds them."""
    if component is not None and not 1 <= component <= COMPONENTS:
        raise ValueError(f"component: expected 1, 2 or 3, found {component}")
    if values.ndim == axes:
        if component is not None and COMPONENTS in values.shape[2:]:  # of one slice
            return _one_component(values[:, :, None], axes, component, path)
        if component is not None:
            raise ValueError(f"{path}: component: expected three components of motion, found one")
        return values
    if values.ndim < axes:
        return values if component is None else _one_component(values[:, :, None], axes, component, path)
    long = [axis for axis in range(values.ndim - 1, 2, -1) if values.shape[axis] == COMPONENTS]
    if values.ndim > axes + 1 or not long:
        raise ValueError(
            f"{path}: expected one axis of 3 components of motion beyond slices and offsets, found shape "
            f"{values.shape}"
        )
    if component is None:
        raise ValueError(f"{path}: found three components of motion; choose one with --component 1, 2 or 3")
    return np.take(values, component - 1, axis=long[0])
