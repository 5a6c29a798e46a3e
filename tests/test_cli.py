"""The command line does what the notebooks do; what is wrong is one line and exit code 2."""

import os
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from dime import dataset, examination


def dime(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "dime", *words], cwd=cwd, env=os.environ, capture_output=True, text=True
    )


def test_simulate_writes_what_the_library_writes(tmp_path):
    words = (
        "simulate --family homogeneous --count 2 --seed 4 --frequency 30 --spacing 3 --workers 1 -o set.zarr"
    )
    done = dime(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = dataset.load(tmp_path / "set.zarr", ("wave", "stiffness", "loss_tangent", "mask"))
    assert data.attrs["frequency_hz"] == 30 and data["x"].values[1] - data["x"].values[0] == pytest.approx(
        3e-3
    )
    one = examination.simulate_phantom(
        examination.Recipe("homogeneous", 2, 4, frequency_hz=30.0, spacing_m=3e-3), 1
    )
    np.testing.assert_array_equal(data["wave"].values[1], one["wave"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simulate --family homogeneous --count 0 --seed 4 -o set.zarr", "count: expected at least 1"),
        ("simulate --family livr --count 1 --seed 4 -o set.zarr", "family: expected one of homogeneous"),
        ("simulate --family liver --count 1 --seed 4 --physics 4d -o set.zarr", "physics: expected one of"),
        ("simulate --family liver --count 1 --seed 4 --frequency 60000 -o set.zarr", "mesh too coarse for"),
        ("run nowhere.ipynb out.ipynb", "nowhere.ipynb: no such notebook"),
        ("paper nowhere.typ out.pdf", "nowhere.typ: no such paper"),
        ("summary --metrics nowhere", "the stage `compare` writes it"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, words, message):
    done = dime(*words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())


def plane_wave(shape=(60, 50), wavelength_px=15.0):
    """A plane wave along x in an ellipse, as (x, y) arrays."""
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    mask = ((x - 30) / 28) ** 2 + ((y - 25) / 22) ** 2 < 1
    return np.where(mask, np.exp(-2j * np.pi * x / wavelength_px), 0), mask


def save(path, values, zooms=(2.0, 2.0, 5.0)):
    image = nibabel.Nifti1Image(values, np.diag([-zooms[0], zooms[1], zooms[2], 1]))
    nibabel.save(image, path)


def test_invert_takes_every_layout_and_keeps_grid_and_affine(tmp_path):
    """60 Hz, 2 mm, 15 pixels: c = 1.8 m/s, mu = 3.24 kPa, from (wrapped) offsets, parts and complex alike."""
    wave, mask = plane_wave()
    steps = np.exp(2j * np.pi * np.arange(4) / 4)
    phase = np.angle(np.exp(1j * 4.0 * (wave[..., None] * steps).real))
    phase = np.where(mask[..., None], phase, 0)
    save(tmp_path / "offsets.nii.gz", np.stack([phase, phase], axis=2).astype(np.float32))
    save(tmp_path / "parts.nii.gz", np.stack([wave.real, wave.imag], axis=-1).astype(np.float32))
    save(tmp_path / "complex.nii.gz", np.stack([wave, wave, wave], axis=-1).astype(np.complex64))
    for name, kind, slices in (
        ("offsets", "offsets, unwrapped", 2),
        ("parts", "real-imag", 1),
        ("complex", "complex", 3),
    ):
        words = f"invert {name}.nii.gz --frequency 60 --method mmdi -o out.nii.gz"
        done = dime(*words.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert kind in done.stdout and "pixel 2 mm" in done.stdout
        out = nibabel.load(tmp_path / "out.nii.gz")
        assert out.shape == (60, 50, slices)
        np.testing.assert_array_equal(out.affine, nibabel.load(tmp_path / f"{name}.nii.gz").affine)
        assert np.median(out.get_fdata()[..., 0][mask]) == pytest.approx(3.24, rel=0.05)
        assert not out.get_fdata()[~mask].any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("wave.nii.gz --frequency 0", "frequency: expected a positive number of Hz"),
        ("wave.nii.gz --frequency 60 --spacing 25", "expected a spacing of 0.2 to 10 mm, found 25 mm"),
        ("nan.nii.gz --frequency 60", "nan.nii.gz: 3 of"),
        ("zero.nii.gz --frequency 60", "zero.nii.gz: the mask is empty"),
        ("wave.nii.gz --frequency 60 --layout offsets", "expected at least 3 phase offsets, found 2"),
        ("wave.nii.gz --frequency 60 --layout complex", "layout complex does not fit values of type float"),
        ("wave.nii.gz --frequency 60 --mask small.nii.gz", "small.nii.gz: expected the wave's shape"),
        ("wave.nii.gz --frequency 60 --method dime --model nowhere", "nowhere/weights.safetensors: missing"),
        ("none.nii.gz --frequency 60", "none.nii.gz: no such file"),
    ],
)
def test_invert_refuses_in_one_line_and_writes_nothing(tmp_path, words, message):
    wave, mask = plane_wave()
    parts = np.stack([wave.real, wave.imag], axis=-1).astype(np.float32)
    save(tmp_path / "wave.nii.gz", parts)
    save(tmp_path / "zero.nii.gz", np.zeros_like(parts))
    save(tmp_path / "small.nii.gz", mask[:10, :10].astype(np.uint8))
    parts[30:33, 25, 0] = np.nan
    save(tmp_path / "nan.nii.gz", parts)
    done = dime(
        "invert",
        *words.split(),
        *([] if "--method" in words else ["--method", "mmdi"]),
        "-o",
        "out.nii.gz",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.strip().count("\n") == 0, done.stderr
    assert not list(tmp_path.glob("*out.nii.gz"))
