"""The commands of the brain wing: a first run without own data; bad input writes nothing."""

import json

import nibabel
import numpy as np
import pytest
import torch
from brain_maps import psnr

from dime.brain import example


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("brain") / "made"
    example.write(place)
    return place


def words(folder, *more, fields=True):
    images = sorted(folder.glob("image-*.nii.gz"))
    extra = [f"--{name}={folder / name}.nii.gz" for name in ("mask", "b1", "b0")] if fields else []
    return ["brain", *map(str, images), f"--sequence={folder / 'SEQ.yaml'}", *extra, *more]


def read(path):
    return torch.tensor(nibabel.load(path).get_fdata()[..., 0].T)


def test_the_example_comes_back_through_files(folder, tmp_path, here):
    """A finer grid, noise and magnitudes: CSF, GM and WM within 29, 22 and 24 dB."""
    done = here(*words(folder, "-o", "out"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 magnitude images, 1 slice, mask by mask.nii.gz" in done.stdout
    names = ("csf", "gm", "wm")
    truth, found = (
        [read(place / f"{name}.nii.gz") for name in names] for place in (folder / "truth", tmp_path / "out")
    )
    assert all(a > b for a, b in zip(psnr(found, truth), (29, 22, 24), strict=True)), psnr(found, truth)
    like = nibabel.load(folder / "image-1.nii.gz")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "out/gm-sd.nii.gz").affine, like.affine)
    low, high = (read(tmp_path / f"out/gm-{end}.nii.gz") for end in ("low", "high"))
    assert (low <= high).all() and high.max() <= 1
    content = json.loads((tmp_path / "out/tissue.json").read_text())
    assert content["voxels"]["gm"][0] == pytest.approx(float(truth[1].sum()), rel=0.15)
    voxel_ml = (216 / 64) ** 2 * 5e-3
    assert content["volume_ml"]["gm"] == pytest.approx(content["voxels"]["gm"][0] * voxel_ml, rel=1e-5)
    assert content["warnings"] == []
    assert (tmp_path / "out/slice-1.png").read_bytes().startswith(b"\x89PNG")
    done = here(*words(folder, "-o", "out", "--mixing", "property", fields=False), cwd=tmp_path)
    assert done.returncode == 2 and "expected no spoiling_deg" in done.stderr
    assert (tmp_path / "out/gm-sd.nii.gz").exists()


def test_an_example_is_the_same_each_time_and_spares_other_files(folder, tmp_path, here):
    done = here("brain-example", "made", cwd=tmp_path)
    assert done.returncode == 0 and "dime brain made/image-*.nii.gz --sequence made/SEQ.yaml" in done.stdout
    assert (tmp_path / "made/SEQ.yaml").read_bytes() == (folder / "SEQ.yaml").read_bytes()
    np.testing.assert_array_equal(read(tmp_path / "made/image-8.nii.gz"), read(folder / "image-8.nii.gz"))
    (tmp_path / "made/image-notes.txt").write_text("mine")
    done = here("brain-example", "made", cwd=tmp_path)
    assert done.returncode == 2 and "found image-notes.txt" in done.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    for command in (("brain-example", "mine"), words(folder, "-o", "mine")):
        done = here(*command, cwd=tmp_path)
        assert done.returncode == 2 and "thesis.txt" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words[:-1], "expected 8, one for each contrast, found 7"),
        (lambda words: ["nowhere.nii", *words[1:]], "nowhere.nii: no such file"),
        (lambda words: ["SEQ.yaml", *words[1:]], "SEQ.yaml: not a NIfTI file"),
    ],
)
def test_bad_images_are_one_line_and_nothing_is_written(folder, tmp_path, here, change, message):
    (tmp_path / "SEQ.yaml").write_text((folder / "SEQ.yaml").read_text())
    images = change([str(path) for path in sorted(folder.glob("image-*.nii.gz"))])
    done = here("brain", *images, "--sequence=SEQ.yaml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["SEQ.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "inversion_ms: 100",
            "inversion_ms: -100",
            "contrasts: number 1: inversion_ms: expected 5 to 20000 ms",
        ),
        ("flip_deg: 5", "flip_deg: 0", "train: flip_deg: expected 0.5 to 90 deg, found 0"),
        ("echo_ms: 2.51", "echo_ms: 6", "train: echo_ms: expected an echo before the repetition"),
        ("lines: 64", "lines: 128", "expected 128 voxels along y, one for each line of the train, found 64"),
    ],
)
def test_bad_sequences_are_one_line_and_nothing_is_written(folder, tmp_path, here, old, new, message):
    text = (folder / "SEQ.yaml").read_text()
    assert old in text
    (tmp_path / "SEQ.yaml").write_text(text.replace(old, new, 1))
    images = [str(path) for path in sorted(folder.glob("image-*.nii.gz"))]
    done = here("brain", *images, "--sequence=SEQ.yaml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["SEQ.yaml"]


def change(path, onto, edit=None, affine=None):
    """Write an image again, with other values or elsewhere."""
    image = nibabel.load(path)
    values = np.asarray(image.dataobj).copy()
    values = values if edit is None else edit(values)
    nibabel.save(nibabel.Nifti1Image(values, image.affine if affine is None else affine), onto)


def put(value, *place):
    def edit(values):
        values[place] = value
        return values

    return edit


ELSEWHERE = np.diag([-2.0, -2.0, 5.0, 1.0])


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("image-3", {"edit": put(np.nan, 30, 30, 0)}, "image-3.nii.gz: expected finite values, found 1 that"),
        (
            "image-3",
            {"edit": put(-2, 30, 30, 0)},
            "image-3.nii.gz: expected magnitudes of at least 0, found -2",
        ),
        ("image-3", {"edit": lambda one: 0 * one}, "image-3.nii.gz: expected a signal, found 0 everywhere"),
        (
            "image-3",
            {"edit": lambda one: 0 * one + 5},
            "image-3.nii.gz: expected an image, found 5 everywhere",
        ),
        (
            "image-3",
            {"edit": lambda one: one[:, :60]},
            "image-3.nii.gz: expected the shape of image-1.nii.gz",
        ),
        (
            "image-3",
            {"edit": lambda one: one * 1j},
            "image-1.nii.gz: expected complex numbers, as in the other",
        ),
        ("image-3", {"affine": ELSEWHERE}, "image-3.nii.gz: expected the pixel of image-1.nii.gz"),
        ("mask", {"edit": lambda one: 0 * one}, "mask.nii.gz: the mask is empty"),
        ("mask", {"edit": lambda one: one[:60]}, "mask.nii.gz: expected the shape of image-1.nii.gz"),
        ("b1", {"edit": lambda one: 100 * one}, "b1.nii.gz: expected 0.6 to 1.3 of the nominal flip angle"),
        ("b0", {"edit": lambda one: 1e6 + one}, "b0.nii.gz: expected -1000 to 1000 Hz within the mask"),
    ],
)
def test_bad_files_are_one_line_and_nothing_is_written(folder, tmp_path, here, name, how, message):
    for path in folder.glob("*.nii.gz"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "SEQ.yaml").symlink_to(folder / "SEQ.yaml")
    (tmp_path / f"{name}.nii.gz").unlink()
    change(folder / f"{name}.nii.gz", tmp_path / f"{name}.nii.gz", **how)
    before = {path.name for path in tmp_path.iterdir()}
    images = [f"image-{place}.nii.gz" for place in range(1, 9)]
    fields = "--mask mask.nii.gz --b1 b1.nii.gz --b0 b0.nii.gz --sequence SEQ.yaml -o out".split()
    done = here("brain", *images, *fields, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0, (
        done.stderr
    )
    assert {path.name for path in tmp_path.iterdir()} == before


def test_too_few_contrasts_are_refused_with_the_bound(folder, tmp_path, here):
    """Two inversion times cannot tell three tissues."""
    text = (folder / "SEQ.yaml").read_text().splitlines()
    (tmp_path / "SEQ.yaml").write_text("\n".join(text[:4]) + "\n")
    images = [str(folder / f"image-{place}.nii.gz") for place in (1, 2)]
    done = here("brain", *images, "--sequence=SEQ.yaml", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2 and "no contrast separates the tissues" in done.stderr
    assert done.stderr.strip().count("\n") == 0 and not (tmp_path / "out").exists()
