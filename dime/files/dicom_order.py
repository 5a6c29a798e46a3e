"""Which slice and which phase offset an image is: by its header, never by the name of its file."""

from typing import NamedTuple

import numpy as np

from dime.files.dicom_fields import COLUMNS, ROWS, named
from dime.files.header import TOLERANCE
from dime.files.layouts import LEAST_OFFSETS
from dime.files.sidecars import UNEVEN, even

POSITION, ORIENTATION, SPACING = (0x0020, 0x0032), (0x0020, 0x0037), (0x0028, 0x0030)
THICKNESS, BETWEEN = (0x0018, 0x0050), (0x0018, 0x0088)
MOTION_DIRECTION = (0x0018, 0x9090)

TIMES = ((0x0018, 0x1060), (0x0018, 0x9241))
"""TriggerTime, and NominalCardiacTriggerDelayTime of an enhanced file [ms]."""

ORDERS = (
    *TIMES,
    (0x2001, 0x1008),  # Philips phase number
    (0x0020, 0x0100),  # TemporalPositionIdentifier
    (0x0020, 0x9128),  # TemporalPositionIndex, of an enhanced file
    (0x0020, 0x0012),  # AcquisitionNumber
    (0x0020, 0x9156),  # FrameAcquisitionNumber, of an enhanced file
    (0x0020, 0x0013),  # InstanceNumber
)
"""Fields that may number the offsets of a slice, the surest first."""

COUNTS = ((0x0020, 0x0105), (0x0018, 0x1090), (0x2001, 0x1017))
"""Fields that state the number of offsets: NumberOfTemporalPositions, CardiacNumberOfImages, Philips'."""

SAME_MM = 0.01
"""Distance up to which two positions are the same [mm]."""

LENGTHS_MM = (1e-3, 1e4)
"""Least and largest pixel or step that an image of a body can have, and the farthest a slice can lie [mm]."""


class Grid(NamedTuple):
    """Where the images of a series lie, in the patient's frame of DICOM (left, back, head) [mm]."""

    shape: tuple  # columns, rows
    spacing: tuple  # between columns, between rows
    axes: np.ndarray  # unit vectors along a row, along a column, and their normal
    positions: np.ndarray  # first pixel of each slice, along the normal
    step: np.ndarray  # from slice to slice


def slices(frames):
    """Sort the frames of one series into slices.

    Parameters
    ----------
    frames : list of Frame

    Returns
    -------
    grid : Grid
    groups : list of list of Frame
        One list for each slice, along the normal of the image plane.

    Raises
    ------
    ValueError
        Images of different sizes, pixels or orientations; pixels that are not square; slices that are not
        evenly spaced along their normal.
    """
    first = frames[0]
    shape, spacing, axes = _plane(first)
    for other in frames[1:]:
        found = _plane(other)
        for tag, one, two in zip((ROWS, SPACING, ORIENTATION), (shape, spacing, axes), found, strict=True):
            if not np.allclose(one, two, rtol=1e-4, atol=1e-3):
                raise ValueError(
                    f"{other.path}: {named(tag)}: expected that of {first.path.name} "
                    f"({_shown(one, tag)}), found {_shown(two, tag)}"
                )
    places = np.array([_place(frame) for frame in frames])
    along = places @ axes[2]
    order = np.argsort(along, kind="stable")
    starts = np.flatnonzero(np.diff(along[order], prepend=-np.inf) > SAME_MM)
    groups = [[frames[index] for index in part] for part in np.split(order, starts[1:])]
    positions = places[order[starts]]
    for group, start in zip(groups, positions, strict=True):
        for frame in group:
            if np.abs(np.array(frame.needed(POSITION, 3)) - start).max() > 10 * SAME_MM:
                raise ValueError(
                    f"{frame.path}: {named(POSITION)}: expected one stack of slices, found another beside it"
                )
    return Grid(shape, spacing, axes, positions, _step(first, groups, positions, axes)), groups


def offsets(groups):
    """Order the images of each slice by phase offset.

    Parameters
    ----------
    groups : list of list of Frame
        As `slices` returns them.

    Returns
    -------
    groups : list of list of Frame
        Ordered.
    tag : (int, int)
        The field they are ordered by.

    Raises
    ------
    ValueError
        Slices with fewer images than others; fewer than `LEAST_OFFSETS`; a field that numbers two images of a
        slice alike, or leaves a gap.
    """
    count = max(map(len, groups))
    for group in groups:
        if len(group) != count:
            place = np.round(group[0].needed(POSITION, 3), 2).tolist()
            raise ValueError(
                f"{group[0].path}: {named(POSITION)}: expected {count} phase offsets of its slice, as of "
                f"others, found {len(group)} (at {place} mm)"
            )
    if count < LEAST_OFFSETS:
        raise ValueError(
            f"{groups[0][0].path}: {named(ORDERS[0])}: expected at least {LEAST_OFFSETS} phase offsets of a "
            f"slice, found {count}"
        )
    for tag in ORDERS:
        values = [[frame.number_of(tag) for frame in group] for group in groups]
        given = [value for row in values for value in row if value is not None]
        if not given or all(len(set(row)) == 1 for row in values):
            continue  # it does not tell the images of a slice apart
        for group, row in zip(groups, values, strict=True):
            _check_row(group, row, tag)
        _check_count(groups, count)
        order = [np.argsort(row, kind="stable") for row in values]
        return [[group[one] for one in row] for group, row in zip(groups, order, strict=True)], tag
    raise ValueError(
        f"{groups[0][0].path}: {named(ORDERS[-1])}: expected a field that orders {count} phase offsets, "
        "found none"
    )


def directions(frames):
    """Frames by direction of motion, where the header tells it.

    VelocityEncodingDirection (0018,9090) is the standard's field for the direction in which motion changes
    the phase.

    Parameters
    ----------
    frames : list of Frame

    Returns
    -------
    list of list of Frame
        One list, or three for x, y and z of the patient.

    Raises
    ------
    ValueError
        Some images tell it and others do not, or there are not three directions along x, y and z.

    Assumption: no vendor's own field for it is published; without the standard's field a series holds one
    direction.
    """
    told = [frame.numbers(MOTION_DIRECTION, 3) for frame in frames]
    if all(one is None for one in told):
        return [frames]
    main = {}
    for frame, one in zip(frames, told, strict=True):
        if one is None:
            raise ValueError(f"{frame.path}: {named(MOTION_DIRECTION)}: expected it as in other images")
        main.setdefault(int(np.argmax(np.abs(one))), []).append((frame, np.abs(one)))
    if len(main) == 1 and np.ptp([one for _, one in next(iter(main.values()))], axis=0).max() < TOLERANCE:
        return [frames]
    sizes = [np.ptp([one for _, one in group], axis=0).max() for group in main.values()]
    if len(main) != 3 or max(sizes) > TOLERANCE:
        raise ValueError(
            f"{frames[0].path}: {named(MOTION_DIRECTION)}: expected one direction or three, along x, y and "
            f"z, found {len({tuple(np.round(one, 2)) for one in told})}"
        )
    return [[frame for frame, _ in main[axis]] for axis in range(3)]


def _plane(frame):
    shape = (*frame.needed(COLUMNS, 1), *frame.needed(ROWS, 1))
    between_rows, between_columns = frame.needed(SPACING, 2)
    if min(between_rows, between_columns) <= 0:
        raise ValueError(
            f"{frame.path}: {named(SPACING)}: expected a pixel above 0 mm, found "
            f"{between_rows:g} x {between_columns:g}"
        )
    _check_length(frame, SPACING, between_rows)
    if not np.isclose(between_rows, between_columns, rtol=TOLERANCE):
        raise ValueError(
            f"{frame.path}: {named(SPACING)}: expected square pixels, found {between_rows:g} x "
            f"{between_columns:g} mm; resample the images first"
        )
    row, column = np.reshape(frame.needed(ORIENTATION, 6), (2, 3))
    if not np.allclose([row @ row, column @ column, row @ column], [1, 1, 0], atol=1e-3):
        raise ValueError(
            f"{frame.path}: {named(ORIENTATION)}: expected two unit vectors at right angles, found "
            f"{frame.text(ORIENTATION)}"
        )
    return shape, (between_columns, between_rows), np.stack([row, column, np.cross(row, column)])


def _place(frame):
    """First pixel of an image [mm]."""
    found = frame.needed(POSITION, 3)
    if (far := np.abs(found).max()) > LENGTHS_MM[1]:
        raise ValueError(f"{frame.path}: {named(POSITION)}: expected at most 10 m, found {far:g} mm")
    return found


def _check_length(frame, tag, value):
    """Refuse what no image of a body has; a file's numbers may be damaged."""
    if not LENGTHS_MM[0] <= value <= LENGTHS_MM[1]:
        raise ValueError(f"{frame.path}: {named(tag)}: expected 0.001 to 10000 mm, found {value:g}")


def _step(first, groups, positions, axes):
    """From slice to slice [mm]; of one slice, its thickness along the normal."""
    if len(positions) == 1:
        for tag in (BETWEEN, THICKNESS):
            if told := first.number_of(tag):
                _check_length(first, tag, abs(told))
                return axes[2] * abs(told)
        return axes[2]
    steps = np.diff(positions @ axes[2])
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    uneven = np.abs(steps - np.median(steps)) > UNEVEN * np.median(steps)
    if uneven.any():
        group = groups[int(np.argmax(uneven)) + 1]
        raise ValueError(
            f"{group[0].path}: {named(POSITION)}: expected evenly spaced slices, found steps of "
            f"{steps.min():.4g} to {steps.max():.4g} mm"
        )
    if np.linalg.norm(step - (step @ axes[2]) * axes[2]) > UNEVEN * np.linalg.norm(step):
        raise ValueError(f"{first.path}: {named(POSITION)}: expected slices above each other, found a slope")
    return step


def _check_row(group, row, tag):
    """Refuse a field that does not number the images of one slice evenly."""
    missing = next((frame for frame, value in zip(group, row, strict=True) if value is None), None)
    if missing:
        raise ValueError(f"{missing.path}: {named(tag)}: expected it as in other images, found none")
    order = np.argsort(row, kind="stable")
    values = np.array(row)[order]
    same = np.flatnonzero(np.diff(values) == 0)
    if len(same):
        one, two = (group[order[same[0] + after]] for after in (0, 1))
        raise ValueError(
            f"{two.path}: {named(tag)}: expected each phase offset of a slice once, found "
            f"{values[same[0]]:g} in {one.path.name} too; keep one repetition and one direction of motion"
        )
    if not even(values, step=1 if tag in TIMES else 0):  # [ms]
        after = int(np.argmax(np.diff(values))) + 1
        raise ValueError(
            f"{group[order[after]].path}: {named(tag)}: expected evenly spaced phase offsets, found "
            f"{', '.join(f'{value:g}' for value in values)}"
        )


def _check_count(groups, count):
    frame = groups[0][0]
    for tag in COUNTS:
        told = frame.number_of(tag)
        if told is not None and told > 1 and told != count:
            raise ValueError(
                f"{frame.path}: {named(tag)}: expected {told:g} phase offsets of a slice, found {count}"
            )


def _shown(value, tag):
    if tag == ORIENTATION:
        value = value[:2]
    return " x ".join(f"{one:g}" for one in np.ravel(value))
