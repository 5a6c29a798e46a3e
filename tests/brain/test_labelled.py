"""Labelled brains: made-up files of the two formats, and the real slices if DIME_REFERENCE leads to them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from dime.brain import anatomy, labelled
from dime.files import datasets, yaml12

ROOT = Path(__file__).parents[2]
KOMA = np.array([0, 23, 46, 70, 93, 116, 139, 162, 185, 209, 232, 255], np.int32)
"""Labels of brain2D.mat in the order of BrainWeb's 0 to 11, as its description lists them."""


def volume():
    """A BrainWeb volume: in the middle slice grey matter to the front right, fluid behind, a skull around.

    Axes z, y, x; y grows to the front and x to the right. The neighbouring slices are white matter.
    """
    values = np.zeros((362, 434, 362), np.uint8)
    values[[180, 182]] = 3
    values[181, 100:334, 100:262] = 7
    values[181, 300:310, 200:230] = 2
    values[181, 120:140, 110:120] = 1
    return values


def write_volume(path, values):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(values.tobytes(), compresslevel=1))
    return path


def koma_slices():
    """All three slices of brain2D.mat, with some white matter in front, on top, and in front on top."""
    slices = {name: np.zeros(shape, np.int32) for name, shape in labelled.PLANES.items()}
    slices["axial"][400:410, 100:110] = KOMA[3]
    slices["axial"][200:210, 30:40] = KOMA[8]
    slices["coronal"][100:110, 330:350] = KOMA[3]
    slices["sagittal"][400:410, 330:350] = KOMA[3]
    return slices


def box(mask):
    """First and last row and column of what is true."""
    rows, columns = np.nonzero(mask)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A project without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIME_REFERENCE", raising=False)
    return tmp_path


def test_the_middle_slice_of_a_volume_has_its_front_first(tmp_path):
    """Row y of 434 becomes 433 - y - 1, as one row is cut at either side; column x becomes x + 35."""
    labels = labelled.read_brainweb(write_volume(tmp_path / "subject04_crisp.rawb.gz", volume()))
    assert labels.shape == (432, 432) and labels.dtype == np.uint8
    assert box(labels == 2) == (123, 132, 235, 264) and (labels == 2).sum() == 300
    assert box(labels == 1) == (293, 312, 145, 154) and (labels == 1).sum() == 200
    assert labels.max() == 2  # the skull has no map; white matter lies in the neighbouring slices only


def test_slices_of_komamri_stand_upright(tmp_path):
    """(y, x), (x, z) and (y, z) become images whose first row is the front, the top and the top."""
    savemat(tmp_path / "brain2D.mat", koma_slices())
    found = labelled.read_koma(tmp_path / "brain2D.mat")
    assert list(found) == ["axial", "coronal", "sagittal"]
    assert box(found["axial"] == 3) == (23, 32, 135, 144)
    assert box(found["coronal"] == 3) == (35 + 12, 35 + 31, 135, 144)
    assert box(found["sagittal"] == 3) == (35 + 12, 35 + 31, 399, 408)
    assert all(set(np.unique(one)) == {0, 3} for one in found.values())


def test_every_label_of_komamri_is_brainwebs(tmp_path):
    slices = koma_slices()
    slices["axial"][1, :12] = KOMA  # the last row of the image
    savemat(tmp_path / "brain2D.mat", slices)
    row = labelled.read_koma(tmp_path / "brain2D.mat")["axial"][-1]
    assert row[35:47].tolist() == [0, 1, 2, 3] + [0] * 8


def test_what_is_converted_is_found_again(nowhere, monkeypatch):
    write_volume(nowhere / "brainweb/subject05_crisp.rawb.gz", volume())
    (nowhere / "reference/brain_labels").mkdir(parents=True)
    savemat("reference/brain_labels/brain2D.mat", koma_slices())
    for place in ("reference", "reference/dime"):  # inside the folder, and beside it
        monkeypatch.setenv("DIME_REFERENCE", place)
        line = labelled.convert(nowhere / "labels.zarr")
        assert line == "labelled brains: 1 of BrainWeb, 3 slices of KomaMRI.jl"
    data = datasets.load(nowhere / "labels.zarr", ("label",))
    assert data["label"].dims == ("subject", "y", "x") and data["label"].dtype == np.uint8
    assert data["name"].values.tolist() == ["subject05", "axial", "coronal", "sagittal"]
    assert data["source"].values.tolist() == ["BrainWeb"] + ["KomaMRI.jl"] * 3
    assert data.attrs["spacing_m"] * data.sizes["y"] == pytest.approx(anatomy.EXTENT_M)
    assert np.array_equal(data["label"][1], labelled.axial_slice())


def test_no_files_are_a_dataset_without_brains(nowhere):
    line = labelled.convert(nowhere / "labels.zarr")
    assert line.startswith("labelled brains: none (`dvc update brainweb/*.dvc`")
    data = datasets.load(nowhere / "labels.zarr", ("label",))
    assert data["label"].shape == (0, 432, 432) and data["name"].shape == data["source"].shape == (0,)
    assert labelled.axial_slice() is None


COUNT = 362 * 434 * 362


@pytest.mark.parametrize(
    "packed, content, said",
    [
        (False, b"<html>Please fill in the form</html>", "expected a whole gzipped volume"),
        (False, gzip.compress(bytes(1000))[:-9], "expected a whole gzipped volume"),
        (True, bytes(1000), f"expected {COUNT} bytes, 362 x 434 x 362, found 1000"),
        (True, bytes(2 * COUNT), f"expected {COUNT} bytes, 362 x 434 x 362, found more"),
        (True, bytes(COUNT), "expected labels 0 to 11, found 0 to 0"),
        (True, bytes([48]) * COUNT, "expected labels 0 to 11, found 48 to 48"),
    ],
    ids=["page", "truncated", "short", "two bytes each", "empty", "other labels"],
)
def test_a_volume_that_is_none_is_refused_and_nothing_is_written(nowhere, packed, content, said):
    (nowhere / "brainweb").mkdir()
    path = nowhere / "brainweb/subject41_crisp.rawb.gz"
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    with pytest.raises(ValueError, match=rf"subject41_crisp\.rawb\.gz: {said}") as error:
        labelled.convert(nowhere / "labels.zarr")
    assert "\n" not in str(error.value) and not (nowhere / "labels.zarr").exists()


def test_a_matlab_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "brain2D.mat"
    savemat(path, koma_slices(), do_compression=True)
    whole = path.read_bytes()
    for content in (b"", b"not a file", whole[:100], whole[:300], whole[: len(whole) // 2], bytes(500)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"brain2D\.mat: (expected|not a MATLAB file)") as error:
            labelled.read_koma(path)
        assert "\n" not in str(error.value)


def test_slices_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "brain2D.mat"
    for change, said in (
        ({"coronal": None}, "expected a variable 'coronal', found none"),
        ({"axial": np.zeros((362, 434))}, r"expected axial of shape \(434, 362\), found \(362, 434\)"),
        ({"sagittal": np.full((434, 362), 3)}, "expected labels of sagittal among 0, 23, 46, ... 255"),
    ):
        slices = {name: one for name, one in (koma_slices() | change).items() if one is not None}
        savemat(path, slices)
        with pytest.raises(ValueError, match=rf"brain2D\.mat: {said}"):
            labelled.read_koma(path)


def test_twenty_models_are_imported_by_url_and_never_committed():
    found = {path.stem: yaml12.read(path) for path in sorted((ROOT / "brainweb").glob("*.dvc"))}
    numbers = [4, 5, 6, 18, 20, 38, *range(41, 55)]
    assert list(found) == [f"subject{number:02d}_crisp.rawb.gz" for number in numbers]
    ignored = (ROOT / "brainweb/.gitignore").read_text().split()
    for name, stage in found.items():
        assert stage["frozen"] and stage["outs"][0]["path"] == name and f"/{name}" in ignored
        url = stage["deps"][0]["path"]
        assert url.startswith("http://brainweb.bic.mni.mcgill.ca/cgi/brainweb1?")
        assert f"do_download_alias={name.split('.')[0]}&format_value=raw_byte&zip_value=gnuzip" in url


@pytest.fixture(scope="module")
def axial():
    labels = labelled.axial_slice()
    if labels is None:
        pytest.skip("no labelled slice: DIME_REFERENCE does not lead to brain_labels/brain2D.mat")
    return labels


def test_the_real_slice_has_the_counts_of_its_description(axial):
    """Blocks of 7 x 7 pixels of the slice in 448 x 448: 1719 hold tissue, 1699 more than 5 % of it.

    On the original's grid, 432 x 432 pixels in 64 x 64 voxels, voxels are smaller and 1855 hold tissue.
    """
    blocks = (np.pad(axial, 8) > 0).reshape(64, 7, 64, 7).mean((1, 3))
    assert ((blocks > 0).sum(), (blocks > 0.05).sum()) == (1719, 1699)
    fractions = anatomy.fractions_of(axial, 64)
    assert (fractions.sum(0) > 0).sum() == 1855
    fine = anatomy.fractions_of(axial, 256)
    assert fine.sum((1, 2)).numpy() / 16 == pytest.approx(fractions.sum((1, 2)).numpy(), rel=1e-5)


def test_the_real_slice_lies_as_the_templates_do(axial):
    """Each tissue lies where templates have it, more than when its front and back are exchanged."""
    template = anatomy.fractions_of(anatomy.draw(8, 3)["label"].values, 64).mean(0).numpy()
    ours = anatomy.fractions_of(axial, 64).numpy()
    overlap, exchanged = ((template * one).sum() for one in (ours, ours[:, ::-1]))
    assert overlap > 1.05 * exchanged
