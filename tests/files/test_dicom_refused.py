"""DICOM that does not tell what is needed is refused in one line that names file and field."""

import re
import sys

import numpy as np
import pytest
from dicom_series import VALUES, position, small, write

from dime.files import dicom


def every(**fields):
    """A change of every file of the phases."""

    def change(dataset, place, offset):
        for name, value in fields.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return change


def at(place, offset, **fields):
    """A change of one file of the phases; without fields it is left out."""

    def change(dataset, one, other):
        if (one, other) == (place, offset):
            if not fields:
                return False
            every(**fields)(dataset, one, other)

    return change


def real_world(unit):
    def change(dataset, place, offset):
        code = dataset.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0]
        code.CodeValue = code.CodeMeaning = unit
        dataset.RescaleType = unit

    return change


def private(element, value):
    def change(dataset, place, offset):
        dataset.private_block(0x2005, "Philips MR Imaging DD 001")[element].value = value

    return change


def ge_kind(value):
    def change(dataset, place, offset):
        dataset.private_block(0x0043, "GEMS_PARM_01")[0x2F].value = value

    return change


def no_ge_kind(dataset, place, offset):
    del dataset[0x0043102F]


def stretched(dataset, place, offset):
    """Values of GE that are neither in 1/1000 rad nor of 12 bits and a sign."""
    values = np.frombuffer(dataset.PixelData, "<i2") * 1.1
    dataset.PixelData = values.astype("<i2").tobytes()


def narrower(dataset, place, offset):
    if (place, offset) == (1, 2):
        dataset.Columns = 8
        dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


def beyond(dataset, place, offset):
    dataset.BitsStored, dataset.HighBit = 16, 15
    dataset.PixelData = b"\xff\xff" + dataset.PixelData[2:]


def halved(dataset, place, offset):
    if (place, offset) == (0, 1):
        dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


def whole_times(dataset, place, offset):
    """Eight times in whole milliseconds of which the fifth is missing."""
    dataset.TriggerTime = round(1000 / 60 * (offset + (offset > 3)) / 8)


def later(step):
    """Trigger times with a gap."""

    def change(dataset, place, offset):
        dataset.TriggerTime = 4.2 * offset + (step if offset == 3 else 0)

    return change


def slice_gap(dataset, place, offset):
    if place == 2:
        dataset.ImagePositionPatient = position(3)


def compressed(dataset, place, offset):
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51 not a picture"])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless


REFUSED = {
    "CT": ("GE", every(Modality="CT"), r"Modality \(0008,0060\): expected MR, found 'CT'"),
    "no modality": ("GE", every(Modality=None), r"Modality \(0008,0060\): expected MR, found 'none'"),
    "magnitude for phase, Siemens": (
        "Siemens",
        every(ImageType=["ORIGINAL", "PRIMARY", "M", "ND"]),
        r"ImageType \(0008,0008\): expected a series of phases in the folder, found magnitude",
    ),
    "magnitude for phase, GE": (
        "GE",
        ge_kind(0),
        r"GE image type \(0043,102F\): expected a series of phases in the folder, found magnitude",
    ),
    "real and imaginary part, GE": ("GE", ge_kind(2), r"\(0043,102F\): .* found magnitude, real"),
    "no kind, GE": ("GE", no_ge_kind, r"\(0043,102F\): .* found images of no stated kind, magnitude"),
    "two kinds": (
        "Siemens",
        every(ImageType=["ORIGINAL", "PRIMARY", "M", "P"]),
        r"ImageType \(0008,0008\): expected one of magnitude and phase, found both",
    ),
    "mosaic": (
        "Siemens",
        every(ImageType=["ORIGINAL", "PRIMARY", "P", "MOSAIC"]),
        r"ImageType \(0008,0008\): expected one slice in an image, found a mosaic",
    ),
    "an offset missing in a slice": (
        "GE",
        at(1, 2),
        r"ImagePositionPatient \(0020,0032\): expected 4 phase offsets of its slice, .* found 3",
    ),
    "an offset missing in every slice": (
        "Philips",
        lambda dataset, place, offset: offset != 3,
        r"NumberOfTemporalPositions \(0020,0105\): expected 4 phase offsets of a slice, found 3",
    ),
    "two offsets": (
        "GE",
        lambda dataset, place, offset: offset < 2,
        r"TriggerTime \(0018,1060\): expected at least 3 phase offsets of a slice, found 2",
    ),
    "a gap in the trigger times": (
        "GE",
        later(4.2),
        r"TriggerTime .* evenly spaced .* found 0, 4.2, 8.4, 16.8",
    ),
    "a gap in times of whole milliseconds": (
        "GE",
        whole_times,
        r"evenly spaced .* found 0, 2, 4, 6, 10, 12, 15",
    ),
    "uneven trigger times": ("GE", later(0.8), r"TriggerTime \(0018,1060\): expected evenly spaced"),
    "a gap in the acquisitions": (
        "Siemens",
        lambda dataset, place, offset: offset != 1,
        r"AcquisitionNumber \(0020,0012\): expected evenly spaced phase offsets, found 1, 3, 4",
    ),
    "a trigger time twice": (
        "GE",
        at(0, 2, TriggerTime=4),
        r"TriggerTime \(0018,1060\): expected each phase offset of a slice once, found 4 in IM\d+.dcm too",
    ),
    "a trigger time missing": ("GE", at(0, 2, TriggerTime=None), r"TriggerTime .*: expected it as in other"),
    "a direction of motion missing": (
        "Siemens",
        at(0, 2, VelocityEncodingDirection=[1.0, 0.0, 0.0]),
        r"VelocityEncodingDirection \(0018,9090\): expected it as in other images",
    ),
    "two orientations": (
        "Siemens",
        at(1, 1, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        r"ImageOrientationPatient \(0020,0037\): expected that of IM\d+.dcm",
    ),
    "a skew orientation": (
        "Siemens",
        every(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]),
        r"ImageOrientationPatient \(0020,0037\): expected two unit vectors at right angles",
    ),
    "two sizes": (
        "Siemens",
        narrower,
        r"Rows \(0028,0010\): expected that of IM\d+.dcm \(16 x 16\), found 8 x 16",
    ),
    "two pixels": ("Siemens", at(1, 1, PixelSpacing=[1, 1]), r"PixelSpacing \(0028,0030\): expected that of"),
    "a second stack": (
        "Siemens",
        at(1, 1, ImagePositionPatient=[-50, *position(1)[1:]]),
        r"ImagePositionPatient \(0020,0032\): expected one stack of slices",
    ),
    "uneven slices": ("Siemens", slice_gap, r"ImagePositionPatient .*: expected evenly spaced slices"),
    "no position": (
        "GE",
        at(1, 1, ImagePositionPatient=None),
        r"ImagePositionPatient .* expected it in the header",
    ),
    "two patients": (
        "Philips",
        at(0, 0, PatientID="4712"),
        r"PatientID \(0010,0020\): expected one examination in the folder",
    ),
    "two examinations": (
        "Philips",
        at(0, 0, StudyInstanceUID="1.2.3"),
        r"StudyInstanceUID \(0020,000D\): expected one examination in the folder",
    ),
    "two series of phases": (
        "GE",
        at(0, 0, SeriesInstanceUID="1.2.3"),
        r"SeriesInstanceUID \(0020,000E\): expected one series of phases .*, found 2 \(5 MRE phase",
    ),
    "an instance twice": (
        "GE",
        every(SOPInstanceUID="1.2.3"),
        r"SOPInstanceUID \(0008,0018\): expected each image once",
    ),
    "no pixel": ("GE", every(PixelSpacing=None), r"PixelSpacing \(0028,0030\): expected it in the header"),
    "zero pixel": (
        "GE",
        every(PixelSpacing=[0, 0]),
        r"PixelSpacing \(0028,0030\): expected a pixel above 0 mm",
    ),
    "oblong pixel": (
        "GE",
        every(PixelSpacing=[2, 3]),
        r"PixelSpacing .*: expected square pixels, found 2 x 3 mm",
    ),
    "one number for a pixel": (
        "GE",
        every(PixelSpacing=2),
        r"PixelSpacing .*: expected 2 numbers, found '2.0'",
    ),
    "no slope, Siemens": (
        "Siemens",
        every(RescaleSlope=None),
        r"RescaleSlope \(0028,1053\): expected it in the header, found none",
    ),
    "no intercept, Philips": (
        "Philips",
        every(RescaleIntercept=None),
        r"RescaleIntercept \(0028,1052\): expected it in the header, found none",
    ),
    "slope 0": ("Philips", every(RescaleSlope="0"), r"RescaleSlope .*: expected a positive slope, found 0"),
    "another intercept, Siemens": (
        "Siemens",
        every(RescaleIntercept="-1000"),
        r"RescaleIntercept \(0028,1052\): expected Siemens' -4096 with RescaleSlope 2",
    ),
    "a value beyond 12 bits, Siemens": (
        "Siemens",
        beyond,
        r"PixelData .*: expected phases of 0 to 4095",
    ),
    "velocities, Philips": ("Philips real world", real_world("cm/s"), r"RescaleType .*found 'cm/s'"),
    "no known unit, Philips": (
        "Philips float",
        private(0x0E, 1.0),
        r"RescaleType \(0028,1054\): expected rad or mrad, or ends of \+-3142, found 'us' and 0 to 4095",
    ),
    "two scales, Philips": (
        "Philips",
        lambda dataset, place, offset: setattr(dataset, "RescaleSlope", "0.5"),
        r"Philips scale slope \(2005,100E\): expected the scale that RescaleType mrad states",
    ),
    "no known range, GE": ("GE", stretched, r"PixelData .*: expected GE's phases of -3142 to 3142"),
    "another vendor": (
        "Siemens",
        every(Manufacturer="Esaote"),
        r"RescaleType \(0028,1054\): expected the unit of the phases .*, found 'none' by 'Esaote'",
    ),
    "a pixel short": ("GE", halved, r"PixelData \(7FE0,0010\): damaged or not whole"),
    "compressed": ("GE", compressed, r"TransferSyntaxUID \(0002,0010\): JPEG 2000 .* cannot be decoded"),
}
"""What is wrong: the vendor, the change of the files, and what the one line says after the file's name."""


def refused(folder):
    """The one line with which a folder is refused."""
    with pytest.raises((ValueError, OSError)) as said:
        dicom.read(folder)
    text = str(said.value)
    assert "\n" not in text and str(folder) in text and text.isprintable() and len(text) < 500
    return text


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_with_file_and_field(tmp_path, name):
    vendor, change, expected = REFUSED[name]
    values = {"uneven slices": small(3), "a gap in times of whole milliseconds": small(1, 7)}.get(
        name, VALUES
    )
    folder = write(tmp_path / "scan", values, vendor, change=change)
    text = refused(folder)
    assert re.search(rf"^{re.escape(str(folder))}/\S+\.dcm: .*{expected}", text), text


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 0.98])
def test_a_truncated_file_is_refused(tmp_path, share):
    folder = write(tmp_path / "scan", VALUES, "Philips", magnitude=False)
    path = sorted(folder.iterdir())[3]
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert path.name in refused(folder)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("60 Hz")
    assert "expected DICOM files with MR images, found none" in refused(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        dicom.read(tmp_path / "absent")
    (tmp_path / "a.dcm").write_text("60 Hz")
    assert "a.dcm: expected a DICOM file" in refused(tmp_path)


def test_without_pydicom_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert refused(tmp_path).endswith("a DICOM folder needs pydicom: pip install '.[dicom]' in a clone")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"SpacingBetweenSlices": 1e60}, r"SpacingBetweenSlices \(0018,0088\): expected 0.001 to 10000 mm"),
        (
            {"SpacingBetweenSlices": None, "SliceThickness": 1e-60},
            r"SliceThickness \(0018,0050\): expected 0.0",
        ),
        (
            {"PixelSpacing": [1e60, 1e60]},
            r"PixelSpacing \(0028,0030\): expected 0.001 to 10000 mm, found 1e\+60",
        ),
        (
            {"ImagePositionPatient": [0, 1e60, 0]},
            r"ImagePositionPatient \(0020,0032\): expected at most 10 m, found 1e",
        ),
    ],
)
def test_lengths_that_no_image_of_a_body_has_are_refused(tmp_path, fields, message):
    """Single precision, in which NIfTI places its voxels, ends at 3e38."""
    write(tmp_path / "scan", small(1, 4), "Siemens", magnitude=False, change=every(**fields))
    with pytest.raises(ValueError, match=message):
        dicom.read(tmp_path / "scan")
