"""Write a map as a DICOM series that ordinary viewers show with its unit and in its place."""

import datetime
import warnings
from pathlib import Path

import numpy as np

from dime.files import dicom
from dime.files.folders import check_own
from dime.files.whole import whole

WINDOW_KPA = (4.0, 8.0)
"""Centre and width of the grey scale: 0 to 8 kPa."""

STEP_KPA = 1e-3
"""Least step of the stored values; they are then in Pa, for viewers that pass over the rescale slope."""

LARGEST = 2**16 - 1
"""Largest stored value."""

RIGHT_ANGLE = 1e-3
"""Largest cosine between two axes of an image that DICOM can hold."""

MANUFACTURER, IMAGE_TYPE = "dime", ["DERIVED", "SECONDARY", "OTHER"]
"""What marks a file that this package has written."""

EARLIER = "a folder of an earlier DICOM series"

NOTE = "Research use only. Not for diagnosis."

COPIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientPosition",
    "BodyPartExamined",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
    "MagneticFieldStrength",
)
"""What the series takes from the examination it was computed from."""


def write_series(folder, values, image, *, description, like=None, series_number=9001):
    """Write a map as a series of derived MR images, one file for each slice.

    Parameters
    ----------
    folder : path
        Takes its name when it is whole. A folder of an earlier series is replaced, any other is refused.
    values : (x, y, slice) array
        Not negative; kPa. What is not finite becomes 0.
    image : nibabel.Nifti1Image
        Whose affine places the map [mm].
    description : str
        SeriesDescription, such as "DIME stiffness [kPa]".
    like : path, optional
        DICOM folder of the examination: patient, study and frame of reference are copied, from the series of
        phases. Without it the patient is "anonymous" and the study is new.
    series_number : int

    Raises
    ------
    ValueError
        A map that is not (x, y, slice), has other pixels than the image or is negative; axes that are not at
        right angles, which DICOM cannot hold; a folder that holds anything else (`check_folder`); an
        examination that `dime.files.dicom.read` refuses for its phases.
    OSError
        It cannot be written.

    The stored values are 16 bits, in Pa up to 65 kPa. Unit and scale are stated twice: RescaleSlope with
    RescaleType kPa, and the standard's RealWorldValueMappingSequence.

    Three kinds of object were compared. MR images, as written here: dcm2niix 2022 and SimpleITK 2.5 read kPa
    and the map's affine; gdcminfo reads geometry and slope; dciodvfy of dicom3tools reports no error, and
    warns that a slope is an extension of MR images; dcm2pnm of dcmtk shows the window of 0 to 8 kPa, in 8
    steps, because it rounds what it has rescaled. A parametric map (highdicom) holds 32-bit floats and is
    read by dcm2niix, but not by SimpleITK, dcm2pnm or gdcminfo. A secondary capture has no place in the body
    and no unit.
    """
    values = np.nan_to_num(np.asarray(values, float), posinf=0, neginf=0)
    if values.ndim != 3 or values.size == 0:
        raise ValueError(f"{folder}: map: expected (x, y, slice), found shape {values.shape}")
    if values.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"{folder}: map: expected {image.shape[:2]} pixels, as the image has, found {values.shape[:2]}"
        )
    if values.min() < 0:
        raise ValueError(f"{folder}: map: expected no value below 0, found {values.min():g} kPa")
    check_folder(folder, [like] if like else ())
    slope = max(STEP_KPA, float(f"{1.001 * values.max() / LARGEST:.6e}"))
    stored = np.rint(values / slope).astype("<u2")
    place = _geometry(image, folder)
    common = _common(like, description, series_number, slope)
    with whole(folder) as aside:
        aside.mkdir()
        for number in range(values.shape[2]):
            dataset = _slice(common, stored[:, :, number], place, number)
            dataset.save_as(aside / f"{number + 1:04d}.dcm", enforce_file_format=True)


def check_folder(folder, inputs=()):
    """Refuse to replace anything but a series that `write_series` has written.

    Parameters
    ----------
    folder : path
        To be written; need not exist.
    inputs : paths
        Files and folders that are read or written too; none may lie in it.

    Raises
    ------
    ValueError
        A file of another name, or one whose header does not name this package as the manufacturer and the
        image as derived: other programs call their files 0001.dcm too.
    """
    check_own(folder, r"\d{4}\.dcm", EARLIER, inputs)
    for path in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else ():
        if not _own(path):
            raise ValueError(
                f"{folder}: expected a new name or {EARLIER}, found {path.name} of another origin"
            )


def _own(path):
    """Whether a file is of a series that this package has written."""
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True)
            found = header.get("Manufacturer"), list(header.get("ImageType", ()))
    except Exception:  # no DICOM at all, or damaged, which pydicom reports in many ways
        return False
    return found == (MANUFACTURER, IMAGE_TYPE)


def _geometry(image, folder):
    """Columns, rows, slices and origin in DICOM's axes (left, back, head) [mm]."""
    unit = image.header.get_xyzt_units()[0]
    scale = {"meter": 1e3, "micron": 1e-3}.get(unit, 1.0)
    affine = np.diag([-scale, -scale, scale, 1.0]) @ np.asarray(image.affine, float)
    axes = affine[:3, :3]
    sizes = np.linalg.norm(axes, axis=0)
    if not (np.isfinite(affine).all() and (sizes > 0).all()):
        raise ValueError(f"{folder}: affine: expected finite axes, found {image.affine[:3].tolist()}")
    cosines = np.abs(axes.T @ axes / np.outer(sizes, sizes) - np.eye(3))
    if cosines.max() > RIGHT_ANGLE:
        raise ValueError(f"{folder}: affine: expected axes at right angles, found a shear")
    return axes, sizes, affine[:3, 3]


def _common(like, description, series_number, slope):
    """What the files of a series share."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    now = datetime.datetime.now()
    dataset.PatientName, dataset.PatientID = "anonymous", "anonymous"
    for name in ("PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber", "ReferringPhysicianName"):
        setattr(dataset, name, "")
    dataset.StudyDate, dataset.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = generate_uid(), generate_uid()
    dataset.PatientPosition = ""
    if like:
        frame = dicom.phase_frames(like)[0]  # not of a localiser, which may lie elsewhere
        header = frame.headers[-1]
        for name in COPIED:
            if name in header:
                setattr(dataset, name, header.get(name))
        dataset.SliceThickness = frame.element(dicom.NUMBERS["SliceThickness"][0])
    dataset.Modality, dataset.Manufacturer = "MR", MANUFACTURER
    dataset.ImageType = IMAGE_TYPE
    dataset.SeriesInstanceUID, dataset.SeriesNumber = generate_uid(), int(series_number)
    dataset.SeriesDescription = str(description)[:64]
    dataset.SeriesDate = dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.SeriesTime = dataset.ContentTime = now.strftime("%H%M%S")
    dataset.DerivationDescription = "Map of stiffness computed from the phases of MR elastography"
    dataset.ImageComments = NOTE
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.PositionReferenceIndicator = ""
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "RM", "NONE", ""
    dataset.MRAcquisitionType = dataset.EchoTime = dataset.RepetitionTime = dataset.EchoTrainLength = None
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:.9g}", "0", "kPa"
    dataset.WindowCenter, dataset.WindowWidth = (f"{one:g}" for one in WINDOW_KPA)
    dataset.RealWorldValueMappingSequence = [_real_world(slope)]
    return dataset


def _real_world(slope):
    """The standard's statement of a scale with its unit."""
    from pydicom.dataset import Dataset

    unit, item = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "kPa", "UCUM", "kilopascal"
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", LARGEST)
    item.RealWorldValueIntercept, item.RealWorldValueSlope = 0.0, float(slope)
    item.LUTExplanation, item.LUTLabel = "stiffness", "kPa"
    item.MeasurementUnitsCodeSequence = [unit]
    return item


def _slice(common, stored, place, number):
    from copy import deepcopy

    from pydicom.uid import generate_uid

    axes, sizes, origin = place
    dataset = deepcopy(common)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.InstanceNumber = number + 1
    dataset.AcquisitionNumber = None
    directions = (axes / sizes).T
    dataset.ImageOrientationPatient = [_short(one) for one in directions[:2].ravel()]
    dataset.ImagePositionPatient = [_short(one) for one in origin + number * axes[:, 2]]
    dataset.PixelSpacing = [_short(sizes[1]), _short(sizes[0])]
    dataset.SpacingBetweenSlices = _short(sizes[2])
    dataset.SliceThickness = common.get("SliceThickness") or dataset.SpacingBetweenSlices
    dataset.Rows, dataset.Columns = stored.shape[1], stored.shape[0]
    dataset.PixelData = stored.T.tobytes()
    return dataset


def _short(value):
    """A decimal string of at most 16 characters: six digits behind the point, as NIfTI's affine has."""
    return f"{round(float(value), 6) + 0.0:.6f}".rstrip("0").rstrip(".")
