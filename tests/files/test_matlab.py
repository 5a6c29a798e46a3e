"""A wave in a .mat file of any version is the one in NIfTI; what is not clear is refused."""

import struct
import warnings

import h5py
import numpy as np
import pytest
from scipy import sparse
from scipy.io import savemat
from waves import phase_offsets, save_nifti, travelling

from dime.files import matlab
from dime.files.maps import write_map
from dime.files.waves import read_wave

U, DISC = travelling(side=40)
OFFSETS = np.where(DISC[..., None, None], phase_offsets(U)[:, :, None], 0)
"""(x, y, slice, offset) = (40, 40, 1, 4)"""


def save_5(path, content):
    savemat(path, content)
    return path


def save_73(path, content):
    """HDF5 as MATLAB writes it: 512 bytes of its own before it, axes reversed, complex as compounds."""
    with h5py.File(path, "w", userblock_size=512) as file:
        _fill(file, content)
    raw = bytearray(path.read_bytes())
    raw[:128] = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: today HDF5 schema 1.00 .".ljust(128)
    path.write_bytes(raw)
    return path


def matrix(kind, *parts):
    """An element of version 5: a variable of a class that SciPy cannot write."""
    flags = struct.pack("<IIII", 6, 8, kind, 0)
    body = flags + b"".join(parts)
    return struct.pack("<II", 14, len(body)) + body


def text(letters):
    """An element of letters, filled up to 8 bytes."""
    return struct.pack("<II", 1, len(letters)) + letters.ljust(-(-len(letters) // 8) * 8, b"\0")


def _fill(group, content):
    for name, one in content.items():
        if isinstance(one, dict):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            _fill(made, one)
            continue
        if sparse.issparse(one):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("logical" if one.dtype == bool else "double")
            made.attrs["MATLAB_sparse"] = np.uint64(one.shape[0])
            made["jc"] = one.indptr
            if one.nnz:
                made["data"], made["ir"] = one.data.astype("f8"), one.indices
            continue
        if isinstance(one, str):
            values, kind = np.array([[ord(letter)] for letter in one], np.uint16), "char"
        else:
            values = np.atleast_2d(np.asarray(one))
            kind = {"f": "single", "d": "double", "?": "logical"}.get(values.dtype.char, "double")
            values = values.T
        if np.iscomplexobj(values):
            made = np.empty(values.shape, [("real", "<f8"), ("imag", "<f8")])
            made["real"], made["imag"] = values.real, values.imag
            values = made
        if not values.size:  # MATLAB stores the shape of what is empty
            values = np.array(np.shape(one), np.uint64)
        made = group.create_dataset(name, data=values.astype(np.uint8) if kind == "logical" else values)
        made.attrs["MATLAB_class"] = np.bytes_(kind)
        if np.size(one) == 0:
            made.attrs["MATLAB_empty"] = 1


VERSIONS = pytest.mark.parametrize("save", [save_5, save_73], ids=["v5", "v7.3"])


def silently(path, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_wave(path, **named)


@VERSIONS
@pytest.mark.parametrize("values", [OFFSETS, np.where(DISC, U, 0)], ids=["offsets", "complex"])
def test_a_wave_is_the_same_as_in_nifti(tmp_path, save, values):
    """With frequency, pixel and mask, which are found by their names."""
    content = {"disp": values, "freq_hz": 60.0, "spacing_mm": [2.0, 2.0, 5.0], "mask": DISC, "note": "liver"}
    stored = values.astype(np.complex64 if np.iscomplexobj(values) else np.float32)
    expected = silently(save_nifti(tmp_path / "a.nii", stored), frequency_hz=60.0)
    waves = silently(save(tmp_path / "a.mat", content))
    np.testing.assert_allclose(waves["wave"], expected["wave"], atol=1e-6)
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
    assert waves.attrs["spacing_m"] == 2e-3 and waves.attrs["frequency_hz"] == 60.0
    said = "variable disp, frequency by freq_hz, pixel by spacing_mm, mask by mask"
    assert waves.attrs["read_as"].startswith(said)
    np.testing.assert_allclose(waves.encoding["image"].header.get_zooms()[:3], (2, 2, 5))


@VERSIONS
def test_what_lies_in_a_struct_is_found(tmp_path, save):
    """A magnitude gives the tissue where there is no mask."""
    content = {
        "scan": {"phase": OFFSETS, "magnitude": np.where(DISC, 100.0, 1.0), "dx": 0.002, "frequency": 60}
    }
    waves = silently(save(tmp_path / "a.mat", content))
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
    np.testing.assert_array_equal(waves["magnitude"].values[0], np.where(DISC, 100, 1).T)
    assert "variable scan.phase, frequency by scan.frequency, pixel by scan.dx" in waves.attrs["read_as"]
    assert "bright magnitude" in waves.attrs["read_as"] and waves.attrs["spacing_m"] == 2e-3


@VERSIONS
def test_fields_of_a_sidecar_may_be_variables(tmp_path, save):
    """Degrees that wrap, 3 times over: the unit is in the file."""
    wrapped = np.degrees(np.angle(np.exp(1j * 4 * OFFSETS)))
    content = {"u": wrapped, "PhaseUnits": "deg", "NumberOfPhaseOffsets": 4}
    waves = silently(save(tmp_path / "a.mat", content), frequency_hz=60.0, spacing_m=2e-3)
    assert "phases in deg (by a.mat)" in waves.attrs["read_as"]
    path = save(tmp_path / "b.mat", content | {"NumberOfPhaseOffsets": 8})
    with pytest.raises(
        ValueError, match=r"b.mat: NumberOfPhaseOffsets: expected the 4 of the image, found 8"
    ):
        read_wave(path, 60.0, 2e-3)


@VERSIONS
def test_one_of_several_waves_is_named(tmp_path, save):
    path = save(tmp_path / "a.mat", {"u": OFFSETS, "more": {"v": 2 * OFFSETS}})
    listed = r"more.v \(40 x 40 x 1 x 4\)"
    with pytest.raises(ValueError, match=rf"a.mat: expected one variable .*{listed}.*--variable"):
        read_wave(path, 60.0, 2e-3)
    with pytest.raises(ValueError, match=rf"a.mat: variable: expected one of .*{listed}.*, found 'w'"):
        read_wave(path, 60.0, 2e-3, variable="w")
    one, two = (silently(path, frequency_hz=60.0, spacing_m=2e-3, variable=name) for name in ("u", "more.v"))
    np.testing.assert_allclose(2 * one["wave"], two["wave"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("spacing", 2.0, (2, 2, 2)),
        ("spacing", 0.002, (2, 2, 2)),
        ("pixel_m", [0.002, 0.002, 0.005], (2, 2, 5)),
        ("VoxelSize", [2, 2, 5], (2, 2, 5)),
        ("pixel_m", 2.0, None),
        ("spacing", 0.1, None),
        ("spacing", [2, 2, -5], None),
        ("spacing", 1 + 1j, None),
        ("dx", 20, None),
    ],
)
def test_a_pixel_is_taken_where_its_unit_is_clear(tmp_path, name, value, expected):
    """0.1 lies between the ranges of metres and millimetres; 2 m is no pixel."""
    image = matlab.read(save_5(tmp_path / "a.mat", {"u": OFFSETS, name: value}))[0]
    if expected is None:
        assert image.header.get_xyzt_units()[0] == "unknown"
    else:
        np.testing.assert_allclose(image.header.get_zooms(), expected)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("frequency", {"frequency_hz": 50.0}, r"freq and frequency differ; give --frequency \[Hz\]"),
        ("pixel", {"spacing_m": 3e-3}, r"dx and spacing differ; give --spacing \[mm\]"),
    ],
)
def test_where_two_variables_state_a_scale_they_must_agree_or_it_is_given(tmp_path, name, given, said):
    fields = {"u": OFFSETS, "freq": 60, "frequency": 60, "dx": 2, "spacing": [2, 2]}
    waves = read_wave(save_5(tmp_path / "a.mat", fields))
    assert (waves.attrs["frequency_hz"], waves.attrs["spacing_m"]) == (60, 0.002)
    assert "frequency by freq and frequency, pixel by dx and spacing" in waves.attrs["read_as"]
    path = save_5(
        tmp_path / "a.mat", fields | {"frequency": 50} if name == "frequency" else {**fields, "spacing": 3}
    )
    with pytest.raises(ValueError, match=rf"a.mat: {name}: {said}"):
        read_wave(path)
    assert given.items() <= read_wave(path, **given).attrs.items()


@pytest.mark.parametrize(
    "fields",
    [
        {"pixel_spacing": [2, 2], "voxel_size": [2, 2, 5], "freq": 60},
        {"spacing_mm": np.float32(1.1), "dx_mm": 1.1, "freq": 60},
        {"dx": 2, "frequency": 60, "freq": np.nan},
    ],
)
def test_variables_agree_but_for_rounding_and_slices_and_what_is_no_number(tmp_path, fields):
    waves = read_wave(save_5(tmp_path / "a.mat", {"u": OFFSETS} | fields))
    pixel_m = 1.1e-3 if "dx_mm" in fields else 2e-3
    assert waves.attrs["frequency_hz"] == 60 and waves.attrs["spacing_m"] == pytest.approx(pixel_m)
    sizes = waves.encoding["image"].header.get_zooms()
    assert sizes[2] == pytest.approx(5 if "voxel_size" in fields else sizes[0])


def test_a_map_takes_the_grid_of_a_file_whose_frequency_is_not_clear(tmp_path):
    path = save_5(tmp_path / "a.mat", {"u": OFFSETS, "freq": 60, "frequency": 50, "dx": 2})
    write_map(tmp_path / "map.nii", DISC.T[None].astype(float), path)
    assert (tmp_path / "map.nii").exists()


def test_two_masks_are_named_and_none_is_taken(tmp_path):
    path = save_5(tmp_path / "a.mat", {"u": OFFSETS, "freq": 60, "dx": 2, "mask": DISC, "roi": DISC})
    with pytest.warns(UserWarning, match=r"a.mat: mask: found mask and roi, and none is taken"):
        waves = read_wave(path)
    assert "mask of the file" not in waves.attrs["read_as"]


def test_a_file_without_a_pixel_asks_for_a_variable(tmp_path):
    path = save_5(tmp_path / "a.mat", {"u": OFFSETS, "freq": 60})
    with pytest.raises(ValueError, match=r"a.mat: expected a variable with the pixel, such as spacing_mm, "):
        read_wave(path)


def test_what_is_no_array_is_passed_over(tmp_path):
    """A function handle, and an object of a class: a table or a datetime is stored so."""
    path = save_5(
        tmp_path / "a.mat", {"u": OFFSETS, "cell": np.array([[1], "a"], object), "freq": 60, "dx": 2}
    )
    numbers = matrix(
        13, struct.pack("<IIii", 5, 8, 1, 1), text(b""), struct.pack("<III", 6, 4, 9).ljust(16, b"\0")
    )
    names = [struct.pack("<IIii", 5, 8, 1, 1), text(b"handle")]
    with path.open("ab") as file:
        file.write(matrix(16, *names, numbers))
        for kind in (b"datetime", b"table"):
            file.write(matrix(17, text(b"opaque"), text(b"MCOS"), text(kind), numbers))
    assert set(matlab.variables(path)) == {"u", "freq", "dx"}
    assert silently(path).attrs["frequency_hz"] == 60


@pytest.mark.parametrize("kind", ["string", "table", "datetime", "function_handle", "cell"])
def test_of_version_7_3_only_classes_of_numbers_count(tmp_path, kind):
    path = save_73(tmp_path / "a.mat", {"u": OFFSETS, "other": OFFSETS})
    with h5py.File(path, "r+") as file:
        file["other"].attrs["MATLAB_class"] = np.bytes_(kind)
    assert set(matlab.variables(path)) == {"u"}


@VERSIONS
def test_a_sparse_mask_is_a_mask(tmp_path, save):
    """Beside a matrix without entries, and one that no memory holds."""
    content = {"u": OFFSETS, "freq": 60, "dx": 2, "magnitude": sparse.csc_array(np.where(DISC, 9.0, 0))}
    content |= {"none": sparse.csc_array((40, 40)), "stiffness_matrix": sparse.csc_array((10**6, 10**6))}
    for mask in (sparse.csc_array(DISC), sparse.csc_array(DISC.astype(float))):
        waves = silently(save(tmp_path / "a.mat", content | {"mask": mask}))
        np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
        np.testing.assert_array_equal(waves["magnitude"].values[0], np.where(DISC, 9, 0).T)
