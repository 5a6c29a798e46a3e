"""A pixel is believed only where the header states one: the stiffness goes with its square."""

import nibabel
import numpy as np
import pytest
from waves import save_nifti

from dime.files.header import pixel_m
from dime.files.nifti import open_image

VALUES = np.ones((6, 5, 1, 4), np.float32)


def pixel(path, spacing_m=None):
    return pixel_m(open_image(path)[0], path, spacing_m)


@pytest.mark.parametrize(
    ("zooms", "unit", "expected_mm"),
    [
        ((2, 2, 5), "mm", 2.0),
        ((2, 2, 5), None, 2.0),
        ((1, 1, 5), "mm", 1.0),
        ((0.002, 0.002, 0.005), "meter", 2.0),
        ((2000, 2000, 5000), "micron", 2.0),
        ((-1.5, 1.5, 5), "mm", 1.5),
    ],
)
def test_a_pixel_that_is_stated_is_taken_in_its_unit(tmp_path, zooms, unit, expected_mm):
    found, remark = pixel(save_nifti(tmp_path / "a.nii", VALUES, zooms, unit))
    assert found * 1e3 == pytest.approx(expected_mm) and remark == ""


@pytest.mark.parametrize(
    ("zooms", "unit", "message"),
    [
        ((1, 1, 1), None, "states no pixel"),
        ((1, 1, 5), None, "states no pixel"),
        ((1, 1, 1), "mm", "states no pixel"),
        ((-1, -1, 1), "mm", "states no pixel"),
        ((1, 1, 1), "meter", "states no pixel"),
        ((0.002, 0.002, 0.005), None, "expected a spacing of 0.2 to 10 mm"),
        ((1.5, 2, 5), "mm", "square pixels, found 1.5 x 2 mm"),
    ],
)
def test_a_pixel_that_nobody_filled_in_is_refused(tmp_path, zooms, unit, message):
    path = save_nifti(tmp_path / "a.nii", VALUES, zooms, unit)
    with pytest.raises(ValueError, match=f"a.nii: .*{message}"):
        pixel(path)
    if "states no" in message:
        assert pixel(path, 2e-3)[0] == 2e-3


def edited(path, **fields):
    """A file of 2 mm pixels whose header is then changed byte by byte, as no library would write it."""
    save_nifti(path, VALUES)
    raw = bytearray(path.read_bytes())
    header = np.ndarray((), nibabel.nifti1.header_dtype, buffer=raw)
    for name, value in fields.items():
        header[name][1:4] = value
    path.write_bytes(bytes(raw))
    return path


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "states no pixel .found 0 x 0 mm"),
        (np.nan, "states no pixel .found nan x nan mm"),
        (1, "contradicts itself: pixel 1 x 1 mm, affine 2 x 2 mm"),
        (3, "contradicts itself: pixel 3 x 3 mm, affine 2 x 2 mm"),
    ],
)
def test_a_pixel_that_the_affine_contradicts_is_refused(tmp_path, size, message):
    path = edited(tmp_path / "a.nii", pixdim=size)
    with pytest.raises(ValueError, match=message):
        pixel(path)
    assert pixel(path, 2e-3)[0] == 2e-3


def test_an_affine_without_numbers_is_refused(tmp_path):
    """No map could be placed by it."""
    path = edited(tmp_path / "a.nii", srow_x=np.nan)
    with pytest.raises(ValueError, match=r"a.nii: expected a header with a finite affine"):
        open_image(path)


def test_a_spacing_cannot_mend_pixels_that_are_not_square(tmp_path):
    """Wherever the header says so: in the pixel, in the affine alone, or by a shear."""
    oblong = save_nifti(tmp_path / "pixel.nii", VALUES, (1.5, 2, 5))
    affine, shear = np.diag([1.5, 2, 5, 1.0]), np.diag([2, 2, 5, 1.0])
    shear[0, 1] = 0.5
    paths = [oblong]
    for name, sform in (("affine", affine), ("shear", shear)):
        image = nibabel.Nifti1Image(VALUES, np.diag([2, 2, 5, 1]))
        image.set_sform(sform, 2)
        nibabel.save(image, tmp_path / f"{name}.nii")
        paths.append(tmp_path / f"{name}.nii")
    for path in paths:
        for spacing_m in (None, 1.5e-3, 2e-3):
            with pytest.raises(ValueError, match=r"square pixels|rectangular pixels"):
                pixel(path, spacing_m)


def test_a_spacing_that_the_header_denies_is_taken_and_remarked(tmp_path):
    path = save_nifti(tmp_path / "a.nii", VALUES)
    assert pixel(path, 1.5e-3) == (1.5e-3, "its header says a pixel of 2 x 2 mm")


def test_axes_may_be_turned(tmp_path):
    """An oblique slice, and one whose first axis runs along the body."""
    c, s = 2 * np.cos(0.4), 2 * np.sin(0.4)
    oblique = [[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]
    sagittal = [[0, 0, 5, 0], [2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]]
    for affine in (oblique, sagittal):
        nibabel.save(nibabel.Nifti1Image(VALUES, np.array(affine, float)), tmp_path / "a.nii")
        assert pixel(tmp_path / "a.nii")[0] == pytest.approx(2e-3)
