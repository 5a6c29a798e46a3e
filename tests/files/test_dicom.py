"""DICOM as three vendors write it gives the phases, places and magnitudes that were put in."""

import shutil
import subprocess
import warnings

import dicom_series
import nibabel
import numpy as np
import pydicom
import pytest
from dicom_series import VALUES, VENDORS, phases, position, small, write
from waves import travelling

from dime.files import dicom
from dime.files.waves import read_wave
from dime.inversion import methods


def difference(found, put_in):
    """Largest difference of phases apart from whole turns and a constant [rad]."""
    turn = np.exp(1j * (found - put_in))
    return np.abs(np.angle(turn * turn.mean().conj())).max()


@pytest.mark.parametrize("vendor", VENDORS)
def test_phases_of_every_vendor_come_back_in_radians(tmp_path, vendor):
    """Names of files are random; slices and offsets are told by the headers alone."""
    image, values, sidecar, magnitude = dicom.read(write(tmp_path / "scan", VALUES, vendor))
    assert values.shape == magnitude.shape == VALUES.shape and values.dtype == np.float32
    assert difference(values, VALUES) < 1.1 * dicom_series.QUANTUM
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert sidecar["PhaseUnits"] == "rad" and sidecar["NumberOfPhaseOffsets"] == 4
    assert "Doe" not in str(sidecar) and "4711" not in str(sidecar) and "MechanicalFrequency" not in sidecar
    assert magnitude[8, 8, 0, 0] == 900


@pytest.mark.parametrize("count", [3, 4, 6, 8, 12])
def test_trigger_times_in_whole_milliseconds_are_even(tmp_path, count):
    """At 60 Hz the steps of 8 offsets are 2.08 ms, which are written as 2 or 3."""
    _, values, sidecar, _ = dicom.read(write(tmp_path / "scan", small(1, count), "GE"))
    assert difference(values, small(1, count)) < dicom_series.QUANTUM
    assert sidecar["TriggerTimes"] == [round(1000 / 60 * one / count) / 1e3 for one in range(count)]


@pytest.mark.parametrize("count", [8, 12, 16])
def test_a_wave_is_read_whose_times_are_in_whole_milliseconds(tmp_path, count):
    waves = read_wave(write(tmp_path / "scan", small(1, count), "GE"), 60.0)
    assert waves["wave"].shape == (1, 16, 16) and f"{count} offsets" in waves.attrs["read_as"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wave_of_3_kpa_gives_3_kpa(tmp_path, vendor):
    u, disc = travelling(side=64, spacing_m=2e-3)
    values = np.where(disc[..., None, None], phases(3.0 * u, 1), 0)
    values[:2, :2], values[2:4, :2] = 3.1415, -3.1415  # air
    image, _, _, _ = dicom.read(write(tmp_path / "scan", values, vendor))
    nibabel.save(image, tmp_path / "phase.nii.gz")
    nibabel.save(
        nibabel.Nifti1Image(disc[..., None].astype(np.uint8), image.affine), tmp_path / "mask.nii.gz"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        waves = read_wave(tmp_path / "phase.nii.gz", 60.0, mask_path=tmp_path / "mask.nii.gz")
    assert waves.attrs["spacing_m"] == pytest.approx(2e-3)
    stiffness = methods.invert(waves, "mmdi")["stiffness"].values[0]
    assert np.median(stiffness[disc.T]) / 1e3 == pytest.approx(3.0, rel=0.06)


@pytest.mark.parametrize("vendor", ["GE", "Philips"])
def test_the_affine_places_every_pixel_as_the_header_does(tmp_path, vendor):
    """DICOM PS3.3 C.7.6.2.1.1 with x and y mirrored; dcm2niix, where it is there, says the same."""
    image, _, _, _ = dicom.read(write(tmp_path / "scan", VALUES, vendor))
    row, column = np.reshape(dicom_series.ORIENTATION, (2, 3))
    for i, j, k in np.ndindex(3, 3, 2):
        expected = position(k) + dicom_series.SPACING * (i * row + j * column)
        found = (image.affine @ [i, j, k, 1])[:3] * [-1, -1, 1]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    if not shutil.which("dcm2niix"):
        pytest.skip("dcm2niix is not installed: the affine was compared with the standard's rule alone")
    command = ["dcm2niix", "-z", "n", "-f", "%s", "-o", tmp_path, tmp_path / "scan"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = nibabel.load(tmp_path / "5_ph.nii")
    turned = np.linalg.inv(theirs.affine) @ image.affine  # dcm2niix stores rows from the bottom
    expected = np.diag([1.0, -1, 1, 1])
    expected[1, 3] = VALUES.shape[1] - 1
    np.testing.assert_allclose(turned, expected, atol=1e-3)


def test_three_directions_of_motion_are_three_components(tmp_path):
    folder = tmp_path / "scan"
    for axis in range(3):

        def turned(dataset, place, offset, axis=axis):
            dataset.VelocityEncodingDirection = [float(axis == one) for one in range(3)]
            dataset.SOPInstanceUID = dicom_series.uid(20 + axis, dataset.InstanceNumber)

        write(folder / str(axis), np.roll(VALUES, axis, 3), "Siemens", magnitude=False, change=turned)
    _, values, sidecar, magnitude = dicom.read(folder)
    assert values.shape == (*VALUES.shape, 3) and magnitude is None
    assert sidecar["MotionDirections"] == ["x", "y", "z"]
    for axis in range(3):
        assert difference(values[..., axis], np.roll(VALUES, axis, 3)) < 1.1 * dicom_series.QUANTUM


def three_directions(folder, values, change=None):
    """Phases and magnitudes of three directions; those of direction d are brighter by the factor d + 1."""
    for axis in range(3):
        write(folder / str(axis), values, "Siemens")
        for path in (folder / str(axis)).iterdir():
            data = pydicom.dcmread(path)
            kind = data.ImageType[2]
            data.VelocityEncodingDirection = [float(axis == one) for one in range(3)]
            data.SOPInstanceUID = dicom_series.uid(20 + axis, int(kind == "P"), data.InstanceNumber)
            if kind == "M":
                data.PixelData = (data.pixel_array * (axis + 1)).astype("<u2").tobytes()
                if change:
                    change(data)
            data.save_as(path)
    return folder


def test_magnitudes_of_three_directions_are_averaged(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, values, _, magnitude = dicom.read(three_directions(tmp_path / "scan", VALUES))
    assert magnitude.shape == values.shape == (*VALUES.shape, 3)
    assert (magnitude[8, 8] == 900 * (1 + 2 + 3) / 3).all()


def test_magnitudes_that_do_not_fit_are_left_out_with_a_warning(tmp_path):
    def shifted(data):
        data.ImagePositionPatient = [one + 30 for one in data.ImagePositionPatient]

    folder = three_directions(tmp_path / "scan", VALUES, shifted)
    with pytest.warns(
        UserWarning, match="scan: no series of magnitudes fits its phases; none is taken"
    ) as got:
        assert dicom.read(folder)[3] is None
    assert len(got) == 1 and "\n" not in str(got[0].message)


def test_private_elements_without_creator_or_type_are_read(tmp_path):
    """As a program that anonymises or a transfer with implicit types leaves them."""
    from pydicom.uid import ImplicitVRLittleEndian

    folder = write(tmp_path / "scan", VALUES, "GE")
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        del data[0x00430010]
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        data.save_as(path, implicit_vr=True, little_endian=True)
    assert difference(dicom.read(folder)[1], VALUES) < dicom_series.QUANTUM


def test_other_series_of_the_study_are_passed_over(tmp_path):
    """A localiser of another size, a report without an image, a text file, a magnitude without offsets."""
    folder = write(tmp_path / "scan", VALUES, "Siemens", magnitude=False)
    write(tmp_path / "other", VALUES[:8, :8, :1, :3], "Siemens", seed=3)
    for number, path in enumerate(sorted((tmp_path / "other").iterdir())):
        data = pydicom.dcmread(path)
        data.ImageType, data.SeriesInstanceUID = ["ORIGINAL", "PRIMARY", "M"], dicom_series.uid(8)
        data.SOPInstanceUID = dicom_series.uid(8, number)
        data.save_as(folder / f"localiser{number}.dcm")
    for place in range(2):
        data.Rows = data.Columns = 16
        data.SeriesInstanceUID, data.SOPInstanceUID = dicom_series.uid(10), dicom_series.uid(10, place)
        data.ImagePositionPatient, data.PixelData = position(place), np.full((16, 16), 77, "<u2").tobytes()
        data.save_as(folder / f"once{place}.dcm")
    for name in ("Rows", "Columns", "BitsAllocated", "PixelData"):
        delattr(data, name)
    data.SOPInstanceUID, data.Modality = dicom_series.uid(11), "SR"
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.22"
    data.save_as(folder / "report.dcm")
    (folder / "notes.txt").write_text("60 Hz")
    _, values, _, magnitude = dicom.read(folder)
    assert difference(values, VALUES) < 1.1 * dicom_series.QUANTUM
    assert magnitude.shape == VALUES.shape and (magnitude == 77).all()
