"""Images of an examination are seen from the feet whatever their file's axes, and refused where broken."""

import gzip
import struct
import warnings

import nibabel
import numpy as np
import pytest
from nibabel import orientations
from record_tables import SHAPE, SPACING_M, images, rewrite, table

from dime.records.scans import find_images, read_images, write_images


def same(found, expected):
    for name, image in expected.items():
        np.testing.assert_array_equal(found[name].values, image.values, err_msg=name)
        assert found[name].values.dtype == np.float32 and found[name].spacing_m == image.spacing_m
        assert found[name].b_s_mm2 == image.b_s_mm2


def test_images_come_back_as_they_were_written(tmp_path):
    """Values, sizes and b-values, of any of the three; written twice, the files are the same byte by byte."""
    made = images()
    assert read_images(tmp_path, "I1") == {}
    write_images(tmp_path, "I1", made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_images(tmp_path, "I1")
    assert list(found) == ["t1w", "t2w", "dwi"] and found["dwi"].values.shape == (2, *SHAPE)
    same(found, made)
    image = nibabel.load(tmp_path / "I1/dwi.nii.gz")
    assert image.shape == (*SHAPE[::-1], 2) and nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    assert (tmp_path / "I1/dwi.bval").read_text() == "0 800\n"
    before = {path.name: path.read_bytes() for path in (tmp_path / "I1").iterdir()}
    write_images(tmp_path, "I1", made)
    assert {path.name: path.read_bytes() for path in (tmp_path / "I1").iterdir()} == before
    write_images(tmp_path, "I1", {"t2w": made["t2w"]})
    assert list(read_images(tmp_path, "I1")) == ["t2w"] and [one.name for one in tmp_path.iterdir()] == ["I1"]


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PLS", "ARS", "LPI", "RAI", "ARI"])
def test_left_is_left_in_a_file_of_any_axes(tmp_path, codes):
    """Axes swapped and mirrored, slices from the feet or from the head: the arrays are the same."""
    made = images()
    write_images(tmp_path, "I1", made)
    change = [orientations.axcodes2ornt(one) for one in ("LPS", codes)]
    for path in (tmp_path / "I1").glob("*.nii.gz"):
        image = nibabel.load(path).as_reoriented(orientations.ornt_transform(*change))
        nibabel.save(image, path)
        assert nibabel.aff2axcodes(nibabel.load(path).affine) == tuple(codes)
    same(read_images(tmp_path, "I1"), made)


def test_a_file_without_orientation_is_taken_as_it_is_with_a_warning(tmp_path):
    made = images()
    write_images(tmp_path, "I1", made)
    rewrite(tmp_path / "I1/t1w.nii.gz", lambda values: values, lambda image: without_affine(image))
    with pytest.warns(UserWarning, match="t1w.nii.gz: its header states no orientation"):
        found = read_images(tmp_path, "I1")
    same(found, made)


def without_affine(image):
    image.set_sform(None, 0)
    image.set_qform(None, 0)


def test_sizes_in_metres_and_a_last_axis_of_one_are_understood(tmp_path):
    made = images()
    write_images(tmp_path, "I1", made)
    path = tmp_path / "I1/t1w.nii.gz"
    image = nibabel.load(path)
    new = nibabel.Nifti1Image(
        np.asarray(image.dataobj)[..., None], np.diag([1e-3, 1e-3, 1e-3, 1]) @ image.affine
    )
    new.header.set_xyzt_units("meter")
    nibabel.save(new, path)
    same(read_images(tmp_path, "I1"), made)


def stating(path, sizes_mm, placed=False):
    """Write voxel sizes (x, y, z) to the header, as nibabel would not; with the affine or without."""
    image = nibabel.load(path)
    plain = path.with_name("plain.nii")
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine if placed else None), plain)
    raw = bytearray(plain.read_bytes())
    plain.unlink()
    struct.pack_into("<3f", raw, 80, *sizes_mm)
    path.write_bytes(gzip.compress(bytes(raw)))


def cut(path):
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


def hole(values):
    values = values.copy()
    values[3, 4, 2] = np.nan
    return values


def sagittal(path):
    """Slices from left to right."""
    image = nibabel.load(path)
    change = [orientations.axcodes2ornt(one) for one in ("LPS", "PSL")]
    image = image.as_reoriented(orientations.ornt_transform(*change))
    nibabel.save(nibabel.Nifti1Image(np.tile(image.dataobj, (1, 8, 1)), image.affine), path)


T1, DWI = "t1w.nii.gz", "dwi.nii.gz"
BAD_IMAGES = {
    "size of 0": (
        T1,
        lambda p: stating(p, (0, 0, 0)),
        "expected a voxel size in the header, found 0 x 0 x 0",
    ),
    "slice of 0": (T1, lambda p: stating(p, (1.7, 1.5, 0)), "voxel size in the header, found 1.7 x 1.5 x 0"),
    "NaN size": (T1, lambda p: stating(p, (np.nan,) * 3, True), "in the header, found nan x nan x nan"),
    "default size": (T1, lambda p: stating(p, (1, 1, 1)), "found 1 x 1 x 1, as where nobody filled it in"),
    "two sizes": (
        T1,
        lambda p: stating(p, (2, 2, 6), True),
        "expected one voxel size, found 2 x 2 x 6 and, by its affine, 1.7 x 1.5 x 6",
    ),
    "coarse": (T1, lambda p: stating(p, (17, 15, 6)), "expected voxels of 0.2 to 10 mm, found 17 mm"),
    "thick": (T1, lambda p: stating(p, (1.7, 1.5, 60)), "expected voxels of 0.5 to 30 mm, found 60 mm"),
    "one slice": (T1, lambda p: rewrite(p, lambda v: v[..., 0]), "expected (x, y, z), found shape (40, 36)"),
    "a series": (T1, lambda p: rewrite(p, lambda v: np.stack([v, v], 3)), "found shape (40, 36, 5, 2)"),
    "three slices": (
        T1,
        lambda p: rewrite(p, lambda v: v[..., :3]),
        "expected at least 32 x 32 pixels in 4 slices, found shape (40, 36, 3)",
    ),
    "thumbnail": (
        T1,
        lambda p: rewrite(p, lambda v: v[:31]),
        "32 x 32 pixels in 4 slices, found shape (31, 36",
    ),
    "NaN": (T1, lambda p: rewrite(p, hole), "expected finite values, found 1 that are not"),
    "negative": (T1, lambda p: rewrite(p, lambda v: v - 1.5), "expected a magnitude, found values below 0"),
    "complex": (
        T1,
        lambda p: rewrite(p, lambda v: v.astype(np.complex64)),
        "expected a magnitude, found complex numbers",
    ),
    "zero": (T1, lambda p: rewrite(p, np.zeros_like), "expected an image, found 0 everywhere"),
    "sagittal": (T1, sagittal, "expected axial slices, found axes PSL"),
    "truncated": (T1, cut, "damaged or not whole"),
    "text": (T1, lambda p: p.write_text("no image"), "not a NIfTI file"),
    "other name": (
        T1,
        lambda p: p.rename(p.with_name("T1W.nii.gz")),
        "expected t1w.nii.gz, found T1W.nii.gz",
    ),
    "unpacked": (DWI, lambda p: p.rename(p.with_name("dwi.nii")), "expected dwi.nii.gz, found dwi.nii"),
    "one volume": (
        DWI,
        lambda p: rewrite(p, lambda v: v[..., 0]),
        "expected (x, y, z, 2), b = 0 and one larger b, found shape (40, 36, 5)",
    ),
    "three volumes": (
        DWI,
        lambda p: rewrite(p, lambda v: v[..., [0, 1, 1]]),
        "b = 0 and one larger b, found shape (40, 36, 5, 3)",
    ),
    "half of zeros": (
        DWI,
        lambda p: rewrite(p, lambda v: v * np.array([1, 0], np.float32)),
        "expected an image, found 0 everywhere",
    ),
    "swapped": (
        DWI,
        lambda p: rewrite(p, lambda v: v[..., ::-1]),
        "expected less signal at b = 800 than at 0 s/mm2, found more",
    ),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_a_broken_image_is_refused_in_one_line(tmp_path, kind):
    name, spoil, message = BAD_IMAGES[kind]
    write_images(tmp_path, "I1", images())
    spoil(tmp_path / "I1" / name)
    refused(tmp_path, message, name.split(".")[0])


BAD_B = {
    "absent": (None, "dwi.bval: no such file; expected the two b-values [s/mm2] of dwi.nii.gz"),
    "one": ("800\n", "dwi.bval: expected two b-values [s/mm2], found '800'"),
    "three": ("0 400 800\n", "dwi.bval: expected two b-values [s/mm2], found '0 400 800'"),
    "words": ("b0 b800\n", "dwi.bval: expected two b-values [s/mm2], found 'b0 b800'"),
    "falling": ("800 0\n", "dwi.bval: expected b = 0 and then a larger b [s/mm2], found '800 0'"),
    "alike": ("0 0\n", "dwi.bval: expected b = 0 and then a larger b [s/mm2], found '0 0'"),
    "no b of 0": ("400 800\n", "expected b = 0 and one of 50 to 5000 s/mm2, found 400 and 800"),
    "ms/um2": ("0 0.8\n", "expected b = 0 and one of 50 to 5000 s/mm2, found 0 and 0.8"),
    "NaN": ("0 nan\n", "dwi.bval: expected b = 0 and then a larger b [s/mm2], found '0 nan'"),
}


@pytest.mark.parametrize("kind", BAD_B)
def test_b_values_that_say_nothing_are_refused_in_one_line(tmp_path, kind):
    text, message = BAD_B[kind]
    write_images(tmp_path, "I1", images())
    path = tmp_path / "I1/dwi.bval"
    path.unlink() if text is None else path.write_text(text)
    refused(tmp_path, message, "dwi")


def refused(tmp_path, message, name):
    """One line that names the examination's file or folder, and no file that was not there before."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read_images(tmp_path, "I1")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(tmp_path / "I1") in str(caught.value) and name in str(caught.value).lower()
    assert sorted(tmp_path.rglob("*")) == before


def test_the_files_say_which_sequences_a_table_has(tmp_path):
    """Two of six examinations have images, one of them without diffusion; other files are passed over."""
    made = images()
    write_images(tmp_path, "I00001", made)
    write_images(tmp_path, "I00004", {name: made[name] for name in ("t1w", "t2w")})
    (tmp_path / "I00004/mre.nii.gz").write_text("of another kind")
    found = find_images(table(), tmp_path)
    assert found["t1w"].tolist() == found["t2w"].tolist() == [False, True, False, False, True, False]
    assert found["dwi"].tolist() == [False, True, False, False, False, False]
    assert not find_images(found, None)[["t1w", "t2w", "dwi"]].any(axis=None)


def test_a_table_and_a_folder_that_do_not_belong_together_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        find_images(table(), tmp_path / "nowhere")
    with pytest.raises(
        FileNotFoundError, match=r"expected I00000/t1w.nii.gz or another image of the table's"
    ):
        find_images(table(), tmp_path)
    write_images(tmp_path, "I00001", images())
    with pytest.raises(
        FileNotFoundError, match=r"I00000/dwi.nii.gz: no such file; the table says .*\(and 4 more\)"
    ):
        find_images(table().assign(dwi=True), tmp_path)


def test_sizes_are_those_of_the_axes(tmp_path):
    """Rows, columns and slices of three sizes keep theirs when the file's x and y are swapped."""
    write_images(tmp_path, "I1", images())
    path = tmp_path / "I1/t1w.nii.gz"
    change = [orientations.axcodes2ornt(one) for one in ("LPS", "PLS")]
    nibabel.save(nibabel.load(path).as_reoriented(orientations.ornt_transform(*change)), path)
    assert nibabel.load(path).header.get_zooms() == pytest.approx((1.5, 1.7, 6.0))
    assert read_images(tmp_path, "I1")["t1w"].spacing_m == SPACING_M
