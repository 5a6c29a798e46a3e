"""Read the phases of one MR elastography examination from a folder of DICOM files.

`dicom_frames` finds the images, `dicom_fields` reads their headers, `dicom_vendors` tells phases and radians,
`dicom_order` slices and offsets.
"""

import warnings

import nibabel
import numpy as np

from dime.files import dicom_frames, dicom_order, dicom_vendors
from dime.files.dicom_fields import named
from dime.files.dicom_order import MOTION_DIRECTION, POSITION, TIMES

SERIES, STUDY, PATIENT = (0x0020, 0x000E), (0x0020, 0x000D), (0x0010, 0x0020)
SERIES_NUMBER, DESCRIPTION = (0x0020, 0x0011), (0x0008, 0x103E)

TEXTS = {
    "Modality": (0x0008, 0x0060),
    "Manufacturer": (0x0008, 0x0070),
    "ManufacturersModelName": (0x0008, 0x1090),
    "SoftwareVersions": (0x0018, 0x1020),
    "SeriesDescription": (0x0008, 0x103E),
    "PulseSequenceName": (0x0018, 0x0024),
}
NUMBERS = {  # field: element, and its unit in the unit of the field (BIDS: seconds)
    "SeriesNumber": (SERIES_NUMBER, 1),
    "EchoTime": ((0x0018, 0x0081), 1e-3),
    "RepetitionTime": ((0x0018, 0x0080), 1e-3),
    "FlipAngle": ((0x0018, 0x1314), 1),
    "MagneticFieldStrength": ((0x0018, 0x0087), 1),
    "SliceThickness": ((0x0018, 0x0050), 1),
}
"""Fields of the sidecar that come from the header as they are. None names the patient."""


def read(folder):
    """Read an examination.

    Parameters
    ----------
    folder : path
        Holds, at any depth, one series of phases and, where there is one, the series of magnitudes on the
        same slices; GE, Siemens or Philips, one image a file or many. Other series of the study are passed
        over.

    Returns
    -------
    image : nibabel.Nifti1Image
        Phases (x, y, slice, offset) or, with three directions of motion, (x, y, slice, offset, 3) [rad];
        affine [mm] to NIfTI's axes (right, front, head). x runs along a row of DICOM's, y along a column.
    values : float32 array
        The phases [rad].
    sidecar : dict
        BIDS-like: PhaseUnits, NumberOfPhaseOffsets, PhaseScale and OffsetsOrderedBy in words, TriggerTimes
        [s], Manufacturer, EchoTime [s] and others. No field names the patient.
    magnitude : float32 array or None
        Of the axes of `values`; one magnitude of a slice is repeated for its offsets, and the mean over three
        directions for each of them. A warning says why there is none although the folder has magnitudes.

    Raises
    ------
    ValueError, OSError
        One line that names a file, the element, what was expected and what was found. What the header does
        not tell is not guessed.

    The frequency of the vibration is not among the fields: neither the standard nor a published field of a
    vendor states it, so it has to be given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom; what is wrong is refused
        series, phases = _found(folder)
        grid, parts, tag = _arranged(phases)
        values, scale = _radians(parts, grid)
        magnitude, doubt = _magnitude(series.get("magnitude", {}), grid, values.shape)
        sidecar = _sidecar(parts[0], values, tag, scale)
    if doubt:
        warnings.warn(f"{folder}: {doubt}", stacklevel=2)
    image = nibabel.Nifti1Image(values, affine(grid))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"phase [rad], from DICOM"
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    return image, values, sidecar, magnitude


def phase_frames(folder):
    """Images of the series of phases that `read` takes, in no order that matters.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of dime.files.dicom_fields.Frame

    Raises
    ------
    ValueError, OSError
        As `read`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _found(folder)[1]


def affine(grid):
    """From voxel indices (column, row, slice) to NIfTI's axes (right, front, head) [mm].

    Source: DICOM PS3.3 C.7.6.2.1.1, with its x and y mirrored, as dcm2niix does.
    """
    matrix = np.eye(4)
    matrix[:3, 0] = grid.axes[0] * grid.spacing[0]
    matrix[:3, 1] = grid.axes[1] * grid.spacing[1]
    matrix[:3, 2] = grid.step
    matrix[:3, 3] = grid.positions[0]
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def _found(folder):
    """{kind: {series: frames}} of one examination, and the frames of its phases."""
    frames = dicom_frames.find(folder)
    _check_one_examination(frames)
    series = _by_kind(frames)
    return series, _the_phases(series, folder)


def _check_one_examination(frames):
    for tag in (PATIENT, STUDY):
        first = frames[0].text(tag)
        other = next((frame for frame in frames if frame.text(tag) != first), None)
        if other:
            raise ValueError(
                f"{other.path}: {named(tag)}: expected one examination in the folder, found another than in "
                f"{frames[0].path.name}"
            )


def _by_kind(frames):
    """{kind: {series: frames}}."""
    found = {}
    for frame in frames:
        if frame.number_of((0x0028, 0x0002)) not in (None, 1):
            continue  # colours: a picture of a map
        if "MOSAIC" in frame.words(dicom_vendors.IMAGE_TYPE):
            raise ValueError(
                f"{frame.path}: {named(dicom_vendors.IMAGE_TYPE)}: expected one slice in an image, found a "
                "mosaic; export the slices one by one"
            )
        found.setdefault(dicom_vendors.kind(frame), {}).setdefault(frame.text(SERIES), []).append(frame)
    return found


def _the_phases(series, folder):
    """Frames of the one series of phases."""
    phases = series.get("phase", {})
    if not phases:
        example = next((frames[0] for kind in series.values() for frames in kind.values()), None)
        kinds = ", ".join(sorted(kind or "images of no stated kind" for kind in series)) or "colours"
        where = named(dicom_vendors.IMAGE_TYPE)
        if example and dicom_vendors.vendor(example) == "GE":
            where = named(dicom_vendors.GE_TYPE)
        raise ValueError(
            f"{example.path if example else folder}: {where}: expected a series of phases in the folder, "
            f"found {kinds}"
        )
    if len(phases) > 1:
        words = [f"{frames[0].text(SERIES_NUMBER) or '?'} {frames[0].text(DESCRIPTION)}".strip()
                 for frames in phases.values()]  # fmt: skip
        other = list(phases.values())[1][0]
        raise ValueError(
            f"{other.path}: {named(SERIES)}: expected one series of phases in the folder, found "
            f"{len(phases)} ({'; '.join(words[:4])}); keep one"
        )
    return next(iter(phases.values()))


def _arranged(frames):
    """Grid, ordered frames of each direction and slice, and the field that orders them."""
    grid, _ = dicom_order.slices(frames)
    parts, tags = [], []
    for part in dicom_order.directions(frames):
        here, groups = dicom_order.slices(part)
        if len(here.positions) != len(grid.positions):
            raise ValueError(
                f"{part[0].path}: {named(MOTION_DIRECTION)}: expected {len(grid.positions)} slices of each "
                f"direction of motion, found {len(here.positions)}"
            )
        groups, tag = dicom_order.offsets(groups)
        parts.append(groups)
        tags.append(tag)
    if len({len(part[0]) for part in parts}) > 1:
        raise ValueError(
            f"{parts[0][0][0].path}: {named(MOTION_DIRECTION)}: expected as many phase offsets of each "
            "direction of motion"
        )
    return grid, parts, tags[0]


def _radians(parts, grid):
    """Phases (x, y, slice, offset[, 3]) [rad], and the words of their scale."""
    frames = [frame for groups in parts for group in groups for frame in group]
    found, words = dicom_vendors.radians(frames, _stored(frames))
    shape = (*found.shape[:2], len(parts), len(grid.positions), -1)
    values = np.moveaxis(found.reshape(shape), 2, -1)
    return np.ascontiguousarray(values[..., 0] if len(parts) == 1 else values), words


def _stored(frames):
    """Stored values (x, y, frame), each file decoded once."""
    order = sorted(range(len(frames)), key=lambda one: (str(frames[one].path), frames[one].number))
    found = dicom_frames.pixels([frames[one] for one in order])
    return found[..., np.argsort(order)]


def _magnitude(candidates, grid, shape):
    """Magnitudes of the shape of the phases or None, and why not, in words."""
    fitting, reason = [], ""
    for frames in candidates.values():
        try:
            fitting.append(_fitting(frames, grid, shape[3]))
        except ValueError as error:  # another series of the study, such as a localiser
            reason = reason or str(error)
    several = [parts for parts in fitting if len(parts[0][0]) > 1]
    fitting = several or fitting
    if not fitting:
        return None, reason and f"no series of magnitudes fits its phases; none is taken ({reason})"
    if len(fitting) > 1:
        return None, f"{len(fitting)} series of magnitudes fit its phases; none is taken"
    parts = fitting[0]
    frames = [frame for groups in parts for group in groups for frame in group]
    stored = _stored(frames).astype(np.float32)
    stored = stored.reshape((*stored.shape[:2], len(parts), shape[2], -1)).mean(axis=2)
    stored = np.broadcast_to(stored, shape[:4])
    if len(shape) == 5:
        stored = np.broadcast_to(stored[..., None], shape)
    return np.ascontiguousarray(stored), ""


def _fitting(frames, grid, count):
    """Magnitudes by direction of motion and slice, one of a slice or `count` in the order of their offsets.

    Raises ValueError where they lie elsewhere than the phases, or are of another number.
    """
    parts = []
    for part in dicom_order.directions(frames):
        here, groups = dicom_order.slices(part)
        same = here.shape == grid.shape and len(here.positions) == len(grid.positions)
        if not same or not np.allclose(affine(here), affine(grid), atol=0.1):
            raise ValueError(
                f"{part[0].path}: {named(POSITION)}: expected the slices and pixels of the phases"
            )
        if len(groups[0]) > 1:
            groups, _ = dicom_order.offsets(groups)
        parts.append(groups)
    counts = {len(group) for groups in parts for group in groups}
    if counts not in ({1}, {count}):
        found = " and ".join(map(str, sorted(counts)))
        raise ValueError(f"{frames[0].path}: expected 1 or {count} magnitudes of a slice, found {found}")
    return parts


def _sidecar(groups, values, tag, scale):
    first = groups[0][0]
    found = {name: text for name, one in TEXTS.items() if (text := first.text(one))}
    for name, (one, unit) in NUMBERS.items():
        value = first.number_of(one)
        if value is not None:
            found[name] = int(value) if name == "SeriesNumber" else round(value * unit, 9)
    found["ImageType"] = first.words(dicom_vendors.IMAGE_TYPE)
    found["NumberOfPhaseOffsets"] = values.shape[3]
    found |= {"PhaseUnits": "rad", "PhaseScale": scale, "OffsetsOrderedBy": named(tag)}
    if tag in TIMES:
        found["TriggerTimes"] = [round(frame.number_of(tag) * 1e-3, 9) for frame in groups[0]]
    if values.ndim == 5:
        found["MotionDirections"] = ["x", "y", "z"]
    return found | {"SlicesOrderedBy": named(POSITION)}
