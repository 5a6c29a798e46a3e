"""A map written as a DICOM series is read back with its values, unit and place."""

import shutil
import subprocess

import dicom_series
import nibabel
import numpy as np
import pydicom
import pytest
from dicom_series import VALUES, write

from dime.files import dicom, dicom_out

OBLIQUE = np.array([[-2.0, 0.2, 0.3, 90], [0.19, 1.9, -0.6, -80], [0.3, 0.6, 7.0, 20], [0, 0, 0, 1]])
OBLIQUE[:3, :3] = np.linalg.qr(OBLIQUE[:3, :3])[0] * [2, 2, 7]


def image(affine=OBLIQUE, unit="mm"):
    found = nibabel.Nifti1Image(np.zeros((6, 5, 3), np.float32), affine)
    found.header.set_xyzt_units(unit)
    return found


def map_kpa(largest=7.0):
    values = np.random.default_rng(0).uniform(0, largest, (6, 5, 3))
    values[0, 0, 0] = largest
    return values


def slices(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(("largest", "step"), [(7.0, 1e-3), (200.0, 200 * 1.001 / 65535), (0.0, 1e-3)])
def test_values_come_back_to_half_a_step(tmp_path, largest, step):
    values = map_kpa(largest)
    dicom_out.write_series(tmp_path / "map", values, image(), description="stiffness")
    found = slices(tmp_path / "map")
    assert len(found) == 3
    for number, one in enumerate(found):
        kpa = one.pixel_array.T * float(one.RescaleSlope) + float(one.RescaleIntercept)
        assert np.abs(kpa - values[:, :, number]).max() < 0.501 * step
        item = one.RealWorldValueMappingSequence[0]
        assert item.RealWorldValueSlope == pytest.approx(float(one.RescaleSlope))
        assert item.MeasurementUnitsCodeSequence[0].CodeValue == one.RescaleType == "kPa"
        assert (one.WindowCenter, one.WindowWidth) == (4, 8) and "Research use only" in one.ImageComments
    assert len({one.SOPInstanceUID for one in found}) == 3
    assert len({one.SeriesInstanceUID for one in found}) == 1
    assert found[0].PatientID == "anonymous" and found[0].ImageType[0] == "DERIVED"


@pytest.mark.parametrize("unit", ["mm", "meter"])
def test_every_voxel_keeps_its_place(tmp_path, unit):
    affine = OBLIQUE.copy()
    affine[:3] *= 1e-3 if unit == "meter" else 1
    dicom_out.write_series(tmp_path / "map", map_kpa(), image(affine, unit), description="stiffness")
    for number, one in enumerate(slices(tmp_path / "map")):
        row, column = np.reshape(np.array(one.ImageOrientationPatient, float), (2, 3))
        for i, j in ((0, 0), (5, 0), (2, 4)):
            found = np.array(one.ImagePositionPatient, float)
            found += i * one.PixelSpacing[1] * row + j * one.PixelSpacing[0] * column
            expected = (OBLIQUE @ [i, j, number, 1])[:3] * [-1, -1, 1]
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_other_readers_give_the_values_in_kpa(tmp_path):
    if not shutil.which("dcm2niix"):
        pytest.skip("dcm2niix is not installed")
    values = map_kpa()
    dicom_out.write_series(tmp_path / "map", values, image(), description="stiffness")
    command = ["dcm2niix", "-z", "n", "-f", "out", "-o", tmp_path, tmp_path / "map"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = nibabel.load(tmp_path / "out.nii")
    turned = np.rint(np.linalg.inv(theirs.affine) @ OBLIQUE).astype(int)
    found = np.asarray(theirs.dataobj)
    for index in np.ndindex(values.shape):
        i, j, k = (turned @ [*index, 1])[:3]
        assert found[i, j, k] == pytest.approx(values[index], abs=6e-4)


def test_patient_and_study_are_those_of_the_examination(tmp_path):
    scan = write(tmp_path / "scan", VALUES, "Siemens")
    for path in scan.iterdir():
        phases = pydicom.dcmread(path)
        phases.PatientPosition, phases.SliceThickness = "FFS", 2.5
        phases.save_as(path)
    localiser = pydicom.dcmread(next(scan.iterdir()))  # of the same study, but placed anew; the first by name
    localiser.FrameOfReferenceUID, localiser.SeriesInstanceUID = dicom_series.uid(77), dicom_series.uid(78)
    localiser.SOPInstanceUID, localiser.PatientPosition = dicom_series.uid(79), "HFS"
    localiser.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    localiser.save_as(scan / "A.dcm")
    phase, values, _, _ = dicom.read(scan)
    dicom_out.write_series(tmp_path / "map", values[..., 0] ** 2, phase, description="stiffness", like=scan)
    found = slices(tmp_path / "map")[0]
    assert found.PatientName == "Doe^Jane" and found.StudyInstanceUID == dicom_series.uid(1)
    assert found.FrameOfReferenceUID == phases.FrameOfReferenceUID == dicom_series.uid(9)
    assert found.SeriesInstanceUID not in (dicom_series.uid(2), dicom_series.uid(3))
    assert found.SliceThickness == 2.5 and found.SpacingBetweenSlices != 2.5  # there is a gap
    places = [list(map(float, one.ImagePositionPatient)) for one in slices(tmp_path / "map")]
    np.testing.assert_allclose(places, [dicom_series.position(0), dicom_series.position(1)], atol=1e-4)
    for path in (tmp_path / "map").iterdir():  # beside its scan it is no series of phases
        shutil.copy(path, scan / f"map{path.name}")
    assert dicom.read(scan)[1].shape == VALUES.shape


@pytest.mark.parametrize("empty", [False, True])
def test_the_thickness_of_slices_is_found_wherever_a_header_states_it(tmp_path, empty):
    """In enhanced files not at the root; where it is empty, it is the distance of slices."""
    scan = write(tmp_path / "scan", VALUES, "Philips enhanced")
    for path in scan.iterdir():
        phases = pydicom.dcmread(path)
        phases.pop("SliceThickness", None)
        if empty:
            del phases.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness
        phases.save_as(path)
    phase, values, _, _ = dicom.read(scan)
    dicom_out.write_series(tmp_path / "map", values[..., 0] ** 2, phase, description="stiffness", like=scan)
    found = slices(tmp_path / "map")[0]
    expected = found.SpacingBetweenSlices if empty else dicom_series.THICKNESS
    assert found.SliceThickness == expected and dicom_series.THICKNESS != found.SpacingBetweenSlices


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    sheared = OBLIQUE.copy()
    sheared[:3, 1] += 0.2 * sheared[:3, 0]
    for folder, values, like, expected in (
        ("mine", map_kpa(), image(), "an earlier DICOM series, found notes.txt"),
        ("new", map_kpa()[..., 0], image(), r"map: expected \(x, y, slice\), found shape \(6, 5\)"),
        ("new", -map_kpa(), image(), "map: expected no value below 0, found -7 kPa"),
        ("new", map_kpa(), image(sheared), "affine: expected axes at right angles, found a shear"),
        ("new", map_kpa()[:4], image(), r"map: expected \(6, 5\) pixels, as the image has, found \(4, 5\)"),
    ):
        with pytest.raises(ValueError, match=f"{folder}: .*{expected}"):
            dicom_out.write_series(tmp_path / folder, values, like, description="stiffness")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def foreign(folder, **fields):
    """Somebody's series in files that are called as this package's."""
    dicom_out.write_series(folder, map_kpa(), image(), description="theirs")
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        for name, value in fields.items():
            setattr(data, name, value)
        data.save_as(path)
    return folder


@pytest.mark.parametrize("fields", [{"Manufacturer": "SIEMENS"}, {"ImageType": ["ORIGINAL", "PRIMARY", "M"]}])
def test_somebody_elses_series_of_the_same_names_stays(tmp_path, fields):
    folder = foreign(tmp_path / "map", **fields)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    message = r"map: expected a new name or a folder of an earlier DICOM series, found 0001\.dcm of another"
    with pytest.raises(ValueError, match=message):
        dicom_out.check_folder(folder)
    with pytest.raises(ValueError, match=message):
        dicom_out.write_series(folder, map_kpa(), image(), description="stiffness")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("content", [b"no DICOM", b"\0" * 128 + b"DICM" + b"\1" * 40, b""])
def test_one_file_that_is_no_dicom_keeps_the_folder(tmp_path, content):
    dicom_out.write_series(tmp_path / "map", map_kpa(), image(), description="stiffness")
    dicom_out.check_folder(tmp_path / "map")
    (tmp_path / "map" / "0002.dcm").write_bytes(content)
    with pytest.raises(ValueError, match=r"found 0002\.dcm of another origin"):
        dicom_out.check_folder(tmp_path / "map")


def test_the_command_refuses_before_it_inverts(tmp_path, here):
    folder = foreign(tmp_path / "map", Manufacturer="SIEMENS")
    done = here(*"invert none.nii.gz --frequency 60 -o out.nii.gz --dicom map".split(), cwd=tmp_path)
    assert done.returncode == 2 and "found 0001.dcm of another origin" in done.stderr
    assert len(list(folder.iterdir())) == 3 and len(list(tmp_path.iterdir())) == 1


def test_an_earlier_series_is_replaced(tmp_path):
    for count in (3, 2):
        dicom_out.write_series(tmp_path / "map", map_kpa()[..., :count], image(), description="stiffness")
    assert [path.name for path in sorted((tmp_path / "map").iterdir())] == ["0001.dcm", "0002.dcm"]
