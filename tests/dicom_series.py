"""Real DICOM files of a wave, as the scanners of three vendors would write them."""

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage
from waves import travelling

from dime.mri.elastography import wrap

ORIENTATION = (1, 0, 0, 0, 0.9659258, 0.2588190)  # tilted by 15 degrees about x
SPACING, THICKNESS, STEP = 2.0, 5.0, 7.5
FIRST = (-90.0, -80.0, 30.0)
VENDORS = (
    "GE",
    "GE 13 bits",
    "Siemens",
    "Siemens unscaled",
    "Philips",
    "Philips float",
    "Philips real world",
    "Philips enhanced",
)
QUANTUM = 2 * np.pi / 4095
"""Step of the coarsest scale among them [rad]."""


def uid(*numbers):
    return "1.2.826.0.1.3680043.8.498." + ".".join(map(str, numbers))


def phases(wave, slices=2, count=4):
    """Wrapped phases (x, y, slice, offset) of a wave (x, y); the slices differ by a rotation of its phase."""
    turns = np.exp(0.3j * np.arange(slices))[:, None] * np.exp(2j * np.pi * np.arange(count) / count)
    return wrap(np.real(wave[..., None, None] * turns))


def small(slices=2, count=4):
    """Phases (x, y, slice, offset) [rad] that fill the circle, as the noise of a scan does."""
    values = phases(3.6 * travelling(side=16)[0], slices, count)
    values[0, 0], values[1, 0] = 3.1415, -3.1415
    return values


VALUES = small()


def write(folder, values, vendor, *, magnitude=True, seed=0, change=None):
    """Write an examination; names of files are in a random order.

    Parameters
    ----------
    folder : Path
    values : (x, y, slice, offset) array
        Wrapped phases [rad].
    vendor : one of VENDORS
    magnitude : bool
        Whether to write the series of magnitudes too.
    change : callable, optional
        Called with each classic dataset of the phases, its slice and its offset, before it is written; what
        returns False is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if vendor == "Philips enhanced":
        return _enhanced(folder, values)
    rng = np.random.default_rng(seed)
    names = iter(rng.permutation(10 * values[0, 0].size)[: 2 * values[0, 0].size])
    for kind in ("phase", "magnitude")[: 1 + magnitude]:
        number = 0
        for place in range(values.shape[2]):
            for offset in range(values.shape[3]):
                number += 1
                dataset = _classic(values, vendor, kind, place, offset, number)
                wanted = change(dataset, place, offset) if change and kind == "phase" else None
                if wanted is not False:
                    path = folder / f"IM{next(names):05d}.dcm"
                    dataset.save_as(path, enforce_file_format=True)
    return folder


def _base(vendor, kind, storage):
    maker = vendor.split()[0]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = storage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = storage
    dataset.Modality = "MR"
    dataset.Manufacturer = {"GE": "GE MEDICAL SYSTEMS", "Siemens": "SIEMENS"}.get(
        maker, "Philips Medical Systems"
    )
    dataset.ManufacturerModelName = "phantom"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.StudyDate, dataset.StudyTime = "20240229", "101500"
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = uid(1), uid(9)
    dataset.SeriesInstanceUID = uid(2 if kind == "phase" else 3)
    dataset.SeriesNumber = 5 if kind == "phase" else 4
    dataset.SeriesDescription = f"MRE {kind}"
    dataset.EchoTime, dataset.RepetitionTime, dataset.MagneticFieldStrength = 20.0, 1000.0, 3.0
    dataset.SliceThickness, dataset.SpacingBetweenSlices = THICKNESS, STEP
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    return dataset


def position(place):
    """First pixel of a slice [mm]."""
    row, column = np.reshape(ORIENTATION, (2, 3))
    return [round(float(one), 6) for one in FIRST + place * STEP * np.cross(row, column)]


def _classic(values, vendor, kind, place, offset, number):
    dataset = _base(vendor, kind, MRImageStorage)
    dataset.SOPInstanceUID = uid(4 if kind == "phase" else 5, number)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = position(place), list(ORIENTATION)
    dataset.PixelSpacing = [SPACING, SPACING]
    dataset.Rows, dataset.Columns = values.shape[1], values.shape[0]
    image = values[:, :, place, offset].T
    maker = vendor.split()[0]
    stored, signed, bits = {"GE": _ge, "Siemens": _siemens, "Philips": _philips}[maker](
        dataset, image, vendor, kind, offset, values.shape[3]
    )
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = stored.astype("<i2" if signed else "<u2").tobytes()
    return dataset


def _bright(image):
    return np.where(np.abs(image) > 1e-6, 900, 10)


def _ge(dataset, image, vendor, kind, offset, count):
    """GE: signed, no rescale; the kind is private; the offset is told by the trigger time [ms]."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", int(kind == "phase"))
    dataset.TriggerTime = round(offset * 1000 / 60 / count)
    gain = 4095.9 / np.pi if "13" in vendor else 1000
    return (np.rint(image * gain) if kind == "phase" else _bright(image)), True, 16


def _siemens(dataset, image, vendor, kind, offset, count):
    """Siemens: 12 bits, slope 2 and intercept -4096; the acquisition number tells the offset."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "P" if kind == "phase" else "M", "ND"]
    dataset.AcquisitionNumber = offset + 1
    if kind == "phase":
        dataset.RescaleSlope, dataset.RescaleIntercept = (1, 0) if "unscaled" in vendor else (2, -4096)
        return np.clip(np.rint((image + np.pi) / (2 * np.pi) * 4096), 0, 4095), False, 12
    return _bright(image), False, 12


def _philips(dataset, image, vendor, kind, offset, count):
    """Philips: 12 bits to +-3142, private scale slope in rad; temporal positions."""
    phase = kind == "phase"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", *(("PHASE MAP", "P") if phase else ("M_FFE", "M")), "FFE"]
    dataset.TemporalPositionIdentifier, dataset.NumberOfTemporalPositions = offset + 1, count
    if not phase:
        return _bright(image), False, 12
    if vendor == "Philips":
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1.53455", "-3142", "mrad"
    else:
        dataset.RescaleSlope, dataset.RescaleIntercept = ("1", "0") if "float" in vendor else ("2", "-5")
        dataset.RescaleType = "normalized" if "float" not in vendor else "US"
    if "real" in vendor:
        unit = Dataset()
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mrad", "UCUM", "milliradian"
        item = Dataset()
        item.RealWorldValueSlope, item.RealWorldValueIntercept = 6283.185307 / 4095, -3141.592654
        item.MeasurementUnitsCodeSequence = Sequence([unit])
        dataset.RealWorldValueMappingSequence = Sequence([item])
    else:
        block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", 4095 / 2 / np.pi)
        block.add_new(0x0D, "FL", 2047.5)
    return np.rint((image + np.pi) / (2 * np.pi) * 4095), False, 12


def _enhanced(folder, values):
    """Philips: one file with an image in each frame, of phases and magnitudes."""
    dataset = _base("Philips", "phase", EnhancedMRImageStorage)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(7, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.Rows, dataset.Columns = values.shape[1], values.shape[0]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    shared = Dataset()
    shared.PixelMeasuresSequence = _one(PixelSpacing=[SPACING, SPACING], SliceThickness=THICKNESS)
    shared.PlaneOrientationSequence = _one(ImageOrientationPatient=list(ORIENTATION))
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    groups, stored = [], []
    for offset in reversed(range(values.shape[3])):
        for place in range(values.shape[2]):
            for kind in ("MAGNITUDE", "PHASE"):
                frame = Dataset()
                frame.PlanePositionSequence = _one(ImagePositionPatient=position(place))
                frame.FrameContentSequence = _one(TemporalPositionIndex=offset + 1)
                frame.MRImageFrameTypeSequence = _one(ComplexImageComponent=kind)
                image = values[:, :, place, offset].T
                if kind == "PHASE":
                    frame.PixelValueTransformationSequence = _one(
                        RescaleSlope="1.53455", RescaleIntercept="-3142", RescaleType="mrad"
                    )
                    image = np.rint((image + np.pi) / (2 * np.pi) * 4095)
                groups.append(frame)
                stored.append(image if kind == "PHASE" else _bright(image))
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    dataset.NumberOfFrames = len(groups)
    dataset.PixelData = np.stack(stored).astype("<u2").tobytes()
    dataset.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    return folder


def _one(**fields):
    item = Dataset()
    for name, value in fields.items():
        setattr(item, name, value)
    return Sequence([item])
