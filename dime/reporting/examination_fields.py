"""What of an examination may stand on a page that is passed on: technical fields, names without folders."""

import json
import re
from pathlib import PurePosixPath

TECHNICAL = (
    # the vibration and the encoding of motion
    "MechanicalFrequency NumberOfPhaseOffsets MotionEncodingSensitivity MotionEncodingDirection"
    " MotionDirections MotionEncodingFrequency MotionEncodingGradientAmplitude TriggerTimes TriggerTime"
    # the phases and their order
    " PhaseUnits PhasePeriod PhaseWrapped PhaseScale OffsetsOrderedBy SlicesOrderedBy Units RescaleSlope"
    " RescaleIntercept RescaleType ImageType ComplexImageComponent VelocityEncodingDirection"
    " VelocityEncodingMinimumValue TemporalPositionIdentifier NumberOfTemporalPositions"
    # the scanner
    " Modality Manufacturer ManufacturersModelName ManufacturerModelName SoftwareVersions SoftwareVersion"
    " Software Version MagneticFieldStrength ImagingFrequency ReceiveCoilName ReceiveCoilActiveElements"
    " TransmitCoilName BodyPartExamined PatientPosition ConversionSoftware ConversionSoftwareVersion"
    # the sequence
    " SeriesNumber SeriesDescription ProtocolName SequenceName ScanningSequence SequenceVariant ScanOptions"
    " PulseSequenceName PulseSequenceType PulseSequenceDetails MRAcquisitionType EchoTime EchoTime1 EchoTime2"
    " EchoNumber EchoNumbers EchoTrainLength RepetitionTime InversionTime FlipAngle NumberOfAverages"
    " PixelBandwidth DwellTime EffectiveEchoSpacing TotalReadoutTime ParallelReductionFactorInPlane"
    " ParallelAcquisitionTechnique MultibandAccelerationFactor PartialFourier PercentSampling"
    " PercentPhaseFieldOfView PhaseEncodingDirection PhaseEncodingSteps InPlanePhaseEncodingDirection SAR"
    # the grid
    " SliceThickness SpacingBetweenSlices SliceTiming PixelSpacing Rows Columns AcquisitionMatrix"
    " AcquisitionMatrixPE ReconMatrixPE BaseResolution ImageOrientationPatientDICOM NumberOfSlices"
).split()
"""Fields of sidecars and headers that are shown, by the names of BIDS, of dcm2niix and of DICOM."""

LONGEST_UNIT = 6
"""Letters on either side of a slash that may be a unit, as in "cycles/mm"; what is longer is a path."""

PATH = re.compile(r"""[^\s"'`()\[\]{},;]*[/\\][^\s"'`()\[\]{},;]*""")
"""A word with a slash, which may be a path."""


def technical(sidecar):
    """Fields that are shown, and the number of all others.

    Parameters
    ----------
    sidecar : str or dict or other
        Fields, or their JSON text. Objects within are searched to any depth.

    Returns
    -------
    shown : list of (str, value)
        Fields of `TECHNICAL`, whatever their capitals, underscores and spaces, in order: a number, a text, or
        a list of them.
    withheld : int
        All else: values of other names, and what is no field at all. What is not known to be technical may
        name a person.
    """
    if isinstance(sidecar, str):
        try:
            sidecar = json.loads(sidecar) if sidecar else {}
        except (ValueError, RecursionError):
            return [], 1
    if not isinstance(sidecar, dict):
        return [], int(bool(sidecar))
    shown, withheld, left = [], 0, list(reversed(sidecar.items()))
    while left:
        name, value = left.pop()
        if isinstance(value, dict):
            left += reversed(value.items())
        elif _key(name) in KNOWN and _is_plain(value):
            shown.append((KNOWN[_key(name)], value))
        else:
            withheld += 1
    return shown, withheld


def short(path):
    """A path's last two parts: the file and its folder."""
    parts = [part for part in str(path).replace("\\", "/").split("/") if part]
    return "/".join(parts[-2:]) or str(path)


def without_folders(text, source=""):
    """A warning in which every path is cut down to the name of its file.

    Parameters
    ----------
    text : str
        Such as "scans/Jane/wave.nii.gz: the pixel is doubtful". What stands before its first colon is a path
        where it has a slash.
    source : path
        The examination's, whose folder is cut wherever it stands, spaces in it too.

    Returns
    -------
    str
    """
    folder = PurePosixPath(str(source)).parent
    if folder.name:
        text = re.sub(rf"(?<![^\s(\"'`]){re.escape(str(folder))}/", "", text)
    start, colon, rest = text.partition(": ")
    if colon and re.search(r"[/\\]", start):
        start = _name(start)
    return PATH.sub(_shortened, start + colon + rest)


def _shortened(found):
    word = found[0]
    bare = word.rstrip(".:!?")
    parts = re.split(r"[/\\]", bare)
    unit = len(parts) == 2 and 0 < min(map(len, parts)) and max(map(len, parts)) <= LONGEST_UNIT
    unit = unit and not re.search(r"[.~:]", bare)
    return word if unit else _name(bare) + word[len(bare) :]


def _name(path):
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def _is_plain(value):
    items = value if isinstance(value, list) else [value]
    return all(one is None or isinstance(one, str | int | float) for one in items)


def _key(name):
    return str(name).replace("_", "").replace(" ", "").lower()


KNOWN = {_key(name): name for name in TECHNICAL}
"""Those names in small letters, and as they are printed."""
