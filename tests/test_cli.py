"""The command line does what the notebooks do; what is wrong is one line and exit code 2."""

import importlib.resources
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nibabel
import numpy as np
import pytest
from waves import phase_offsets

from dime.files import datasets, maps
from dime.inversion import methods
from dime.learning import checkpoints
from dime.network.unet import UNet, load_model
from dime.simulation import examination

ROOT = Path(__file__).parent.parent


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
    data = datasets.load(tmp_path / "set.zarr", ("wave", "stiffness", "loss_tangent", "mask"))
    assert data.attrs["frequency_hz"] == 30 and data["x"].values[1] - data["x"].values[0] == pytest.approx(
        3e-3
    )
    one = examination.simulate_phantom(
        examination.Recipe("homogeneous", 2, 4, frequency_hz=30.0, spacing_m=3e-3), 1
    )
    np.testing.assert_array_equal(data["wave"].values[1], one["wave"])


def test_a_process_ends_with_one_line_and_exit_code_2(tmp_path):
    """What the other tests ask within this process holds for a process of its own, workers included."""
    words = "simulate --family liver --count 1 --seed 4 --frequency 60000 -o set.zarr"
    done = dime(*words.split(), cwd=tmp_path)
    assert done.returncode == 2 and "mesh too coarse for" in done.stderr
    assert done.stderr.strip().count("\n") == 0 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simulate --family homogeneous --count 0 --seed 4 -o set.zarr", "count: expected at least 1"),
        ("simulate --family livr --count 1 --seed 4 -o set.zarr", "family: expected one of homogeneous"),
        ("simulate --family liver --count 1 --seed 4 --physics 4d -o set.zarr", "physics: expected one of"),
        (
            "simulate --family liver --count 1 --seed 4 -o /dev/null",
            "/dev/null: expected the name of a",
        ),
        ("run nowhere.ipynb out.ipynb", "nowhere.ipynb: no such notebook"),
        ("paper nowhere.typ out.pdf", "nowhere.typ: no such paper"),
        ("summary --results nowhere", "compare-homogeneous.json: missing"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, here, words, message):
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [".", "mine"])
def test_a_simulation_spares_a_folder_of_other_files(tmp_path, here, place):
    """It would replace the folder by its dataset."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    words = f"simulate --family homogeneous --count 1 --seed 4 --spacing 5 -o {place}"
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 2 and "found a folder of other files" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def plane_wave(shape=(60, 50), wavelength_px=15.0):
    """A plane wave along x in an ellipse, as (x, y) arrays."""
    x, y = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    mask = ((x - 30) / 28) ** 2 + ((y - 25) / 22) ** 2 < 1
    return np.where(mask, np.exp(-2j * np.pi * x / wavelength_px), 0), mask


def save(path, values, zooms=(2.0, 2.0, 5.0)):
    image = nibabel.Nifti1Image(values, np.diag([-zooms[0], zooms[1], zooms[2], 1]))
    nibabel.save(image, path)


def test_invert_takes_every_layout_and_keeps_grid_and_affine(tmp_path, here):
    """60 Hz, 2 mm, 15 pixels: c = 1.8 m/s, mu = 3.24 kPa, from (wrapped) offsets, parts and complex alike.

    (x, y, n) and (x, y, z, n), (x, y, 2) and (x, y, z, 2), (x, y) and (x, y, z)."""
    wave, mask = plane_wave()
    steps = np.exp(2j * np.pi * np.arange(4) / 4)
    phase = np.angle(np.exp(1j * 4.0 * (wave[..., None] * steps).real))
    phase = np.where(mask[..., None], phase, 0).astype(np.float32)
    parts = np.stack([wave.real, wave.imag], axis=-1).astype(np.float32)
    wave = wave.astype(np.complex64)
    for values, kind, slices in (
        (phase, "offsets (inferred), 4 offsets, 1 slice, phases in rad (by their jumps)", 1),
        (np.stack([phase, phase], axis=2), "offsets (inferred), 4 offsets, 2 slices", 2),
        (parts, "real-imag (inferred), 1 slice", 1),
        (np.stack([parts] * 3, axis=2), "real-imag (inferred), 3 slices", 3),
        (wave, "complex (inferred), 1 slice", 1),
        (np.stack([wave] * 3, axis=-1), "complex (inferred), 3 slices", 3),
    ):
        save(tmp_path / "wave.nii.gz", values)
        done = here(*"invert wave.nii.gz --frequency 60 --method mmdi -o out.nii.gz".split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"layout {kind}" in done.stdout and "pixel 2 mm" in done.stdout
        assert "tissue 64 % of the image" in done.stdout and "% of the tissue trusted" in done.stdout
        out = nibabel.load(tmp_path / "out.nii.gz")
        assert out.shape == (60, 50, slices)
        np.testing.assert_array_equal(out.affine, nibabel.load(tmp_path / "wave.nii.gz").affine)
        for values in np.moveaxis(out.get_fdata(), 2, 0):
            assert np.median(values[mask]) == pytest.approx(3.24, rel=0.05)
            assert not values[~mask].any()


def test_invert_unwraps_phases_from_0_to_2_pi_and_says_so_where_it_does_not(tmp_path, here):
    """The plane wave of 3.24 kPa in phases of either range, and unwrapped in an arbitrary unit."""
    wave, mask = plane_wave()
    steps = np.exp(2j * np.pi * np.arange(4) / 4)
    phase = 4.0 * (wave[..., None] * steps).real
    for values, kind in (
        (np.mod(phase, 2 * np.pi), "phases in rad (by their jumps)"),
        (100 * phase, "phases taken as unwrapped (no jumps)"),
    ):
        save(tmp_path / "wave.nii.gz", np.where(mask[..., None], values, 0).astype(np.float32))
        done = here(*"invert wave.nii.gz --frequency 60 --method mmdi -o out.nii.gz".split(), cwd=tmp_path)
        assert kind in done.stdout
        found = nibabel.load(tmp_path / "out.nii.gz").get_fdata()[mask]
        assert np.median(found) == pytest.approx(3.24, rel=0.05)


def test_phases_of_any_unit_are_unwrapped_by_jumps_by_sidecar_or_as_told(tmp_path, here):
    """A Siemens scanner: the jumps give the period away, or a sidecar or an option states it."""
    wave, mask = plane_wave()
    phase = np.angle(np.exp(1j * phase_offsets(4.0 * wave, 8)))
    stored = np.where(mask[..., None], np.round(phase / np.pi * 4096), 0).astype(np.int16)
    save(tmp_path / "wave.nii.gz", stored)
    for options, fields, said in (
        ("", None, "phases of period 8192 (by their jumps)"),
        ("--phase-period 8192", None, "phases of period 8192 (as given)"),
        ("", {"PhasePeriod": 8192}, "phases of period 8192 (by wave.json)"),
    ):
        if fields:
            (tmp_path / "wave.json").write_text(json.dumps(fields))
        words = f"invert wave.nii.gz --frequency 60 --method mmdi -o out.nii.gz {options}"
        done = here(*words.split(), cwd=tmp_path)
        assert said in done.stdout
        found = nibabel.load(tmp_path / "out.nii.gz").get_fdata()[mask]
        assert np.median(found) == pytest.approx(3.24, rel=0.05)


def test_every_method_says_where_to_trust_it(tmp_path, here):
    """The right half of the wave is noise: MMDI is trusted on the left."""
    wave, mask = plane_wave()
    noise = np.random.default_rng(1).standard_normal((2, *wave.shape))
    noisy = np.where(mask & (np.arange(60)[:, None] > 30), noise[0] + 1j * noise[1], wave)
    save(tmp_path / "wave.nii.gz", noisy.astype(np.complex64))
    words = "invert wave.nii.gz --frequency 60 --method mmdi -o out.nii.gz --trusted trusted.nii.gz"
    assert here(*words.split(), cwd=tmp_path).returncode == 0
    found = nibabel.load(tmp_path / "trusted.nii.gz").get_fdata()[..., 0]
    assert found[10:24, 20:30].mean() > 0.8 and found[40:][mask[40:]].mean() < 0.1


def test_invert_warns_of_a_mask_that_is_oriented_otherwise(tmp_path, here):
    wave, mask = plane_wave()
    save(tmp_path / "wave.nii.gz", wave.astype(np.complex64))
    flipped = nibabel.Nifti1Image(mask.astype(np.uint8), np.diag([2.0, 2.0, 5.0, 1.0]))
    nibabel.save(flipped, tmp_path / "mask.nii.gz")
    words = "invert wave.nii.gz --frequency 60 --method mmdi --mask mask.nii.gz -o out.nii.gz"
    with pytest.warns(UserWarning, match="mask.nii.gz: its header says RAS, the wave's LAS; voxels"):
        assert here(*words.split(), cwd=tmp_path).returncode == 0


def test_outputs_may_have_any_name(tmp_path, network, here):
    """Names that a map might be written under first: what lies there stays, what is asked for comes."""
    save(tmp_path / "wave.nii.gz", plane_wave()[0].astype(np.complex64))
    (tmp_path / "partial-out.nii.gz").write_bytes(b"mine")
    words = (
        f"invert wave.nii.gz --frequency 60 --model {network} -o out.nii.gz --uncertainty whole-out.nii.gz"
    )
    assert here(*words.split(), cwd=tmp_path).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "wave.nii.gz",
        "partial-out.nii.gz",
        "out.nii.gz",
        "out.json",
        "whole-out.nii.gz",
        "whole-out.json",
    }
    assert (tmp_path / "partial-out.nii.gz").read_bytes() == b"mine"


def test_invert_finds_the_sign_of_time_and_checks_with_it(tmp_path, here):
    """A damped plane wave and its conjugate: one map by the pretrained network, as much of the wave left."""
    wave, _ = plane_wave()
    x = 2e-3 * np.arange(60)[:, None]
    left = {}
    for name, values in (("forwards", wave * np.exp(-12 * x)), ("backwards", wave.conj() * np.exp(-12 * x))):
        save(tmp_path / "wave.nii.gz", values.astype(np.complex64))
        words = f"invert wave.nii.gz --frequency 60 --check -o {name}.nii.gz"
        done = here(*words.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        left[name] = done.stdout.partition("leaves ")[2]
    forwards, backwards = (nibabel.load(tmp_path / f"{name}.nii.gz").get_fdata() for name in left)
    np.testing.assert_allclose(backwards, forwards, rtol=1e-5)
    assert left["forwards"] == left["backwards"] and float(left["forwards"].partition(" %")[0]) <= 10


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """An untrained network on disk: what it answers is beside the point here."""
    folder = tmp_path_factory.mktemp("model")
    checkpoints.save_model(UNet((8, 8, 8)), {}, folder)
    return folder


def test_invert_writes_uncertainty_and_trust_beside_the_map(tmp_path, network, here):
    """On the wave's grid, 0 outside the mask; a slice without tissue stays 0 in all of them."""
    wave, mask = plane_wave()
    save(tmp_path / "wave.nii.gz", np.stack([wave, wave], axis=-1).astype(np.complex64))
    save(tmp_path / "mask.nii.gz", np.stack([mask, np.zeros_like(mask)], axis=-1).astype(np.uint8))
    words = (
        "invert wave.nii.gz --frequency 60 --spacing 1.5 --mask mask.nii.gz --layout complex -o out.nii.gz"
    )
    words += f" --model {network} --uncertainty scale.nii.gz --trusted trusted.nii.gz"
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dime, layout complex, 2 slices" in done.stdout and "pixel 1.5 mm" in done.stdout
    maps = {name: nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("out", "scale", "trusted")}
    for image in maps.values():
        assert image.shape == (60, 50, 2)
        np.testing.assert_array_equal(image.affine, nibabel.load(tmp_path / "wave.nii.gz").affine)
        assert not image.get_fdata()[~mask].any() and not image.get_fdata()[..., 1].any()
    assert (maps["out"].get_fdata()[mask, 0] > 0).all() and (maps["scale"].get_fdata()[mask, 0] > 0).all()
    assert set(np.unique(maps["trusted"].get_fdata())) <= {0, 1}


def test_invert_says_what_of_the_wave_its_map_leaves(tmp_path, here):
    """A plane wave in homogeneous tissue, which MMDI inverts well: at most a tenth of it is left."""
    wave, _ = plane_wave()
    save(tmp_path / "wave.nii.gz", wave.astype(np.complex64))
    words = "invert wave.nii.gz --frequency 60 --method mmdi --check -o out.nii.gz"
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    left = float(done.stdout.partition("leaves ")[2].partition(" %")[0])
    assert 0 <= left <= 10


def changed(folder, source):
    """A copy of a network whose weights are not those that its card describes."""
    shutil.copytree(source, folder)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")


def recarded(folder, source, change):
    """A copy of a network with another card."""
    shutil.copytree(source, folder)
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("wave.nii.gz", "wave.nii.gz: expected the frequency of the vibration, found none"),
        ("wave.nii.gz --frequency 0", "frequency: expected 1 to 1000 Hz"),
        ("wave.nii.gz --frequency nan", "frequency: expected 1 to 1000 Hz"),
        ("wave.nii.gz --frequency fast", "Invalid value for '--frequency'"),
        ("wave.nii.gz --frequency 60 --spacing 25", "expected a spacing of 0.2 to 10 mm, found 25 mm"),
        ("wave.nii.gz --frequency 60 --spacing 0.1", "expected a spacing of 0.2 to 10 mm, found 0.1 mm"),
        ("fine.nii.gz --frequency 60", "fine.nii.gz: expected a spacing of 0.2 to 10 mm, found 0.05 mm"),
        ("oblong.nii.gz --frequency 60", "oblong.nii.gz: expected square pixels, found 2 x 3 mm"),
        ("one.nii.gz --frequency 60", "expected at least 3 phase offsets, found 1"),
        ("wave.nii.gz --frequency 60 --layout offsets", "expected at least 3 phase offsets, found 2"),
        ("wave.nii.gz --frequency 60 --layout complex", "layout complex does not fit values of type float"),
        ("wave.nii.gz --frequency 60 --layout phases", "layout: expected one of offsets, real-imag"),
        ("nan.nii.gz --frequency 60", "nan.nii.gz: 3 of"),
        ("hole.nii.gz --frequency 60", "hole.nii.gz: 3 of"),
        ("still.nii.gz --frequency 60", "still.nii.gz: expected motion between the phase offsets"),
        (
            "even.nii.gz --frequency 60",
            "wave: expected a vibration, found the same value everywhere inside the mask",
        ),
        (
            "even.nii.gz --frequency 60 --method dime",
            "wave: expected a vibration, found the same value everywhere inside the mask",
        ),
        ("colours.nii.gz --frequency 60", "colours.nii.gz: expected numbers, found colours (R, G, B)"),
        ("short.nii --frequency 60", "short.nii"),
        ("zero.nii.gz --frequency 60", "zero.nii.gz: expected tissue, found no pixel that differs"),
        ("unstated.nii.gz --frequency 60", "unstated.nii.gz: the header states no pixel"),
        ("oblong.nii.gz --frequency 60 --spacing 2", "oblong.nii.gz: expected square pixels"),
        ("polar.nii.gz --frequency 60", "polar.nii.gz: expected real and imaginary part"),
        ("wave.nii.gz --frequency 60 --component 2", "component: expected three components of motion"),
        ("moving.nii.gz --frequency 60 --phase-units ell", "phase units: expected one of rad, mrad"),
        ("moving.nii.gz --frequency 60 --phase-period 0", "phase period: expected a positive number"),
        ("moving.nii.gz --frequency 60 --phase-units deg --phase-period 360", "found both"),
        ("folder.nii --frequency 60", "folder.nii: expected phase.nii, phase.nii.gz or DICOM files"),
        ("image.mgz --frequency 60 --spacing 2", "image.mgz: not a NIfTI file"),
        ("analyze.img --frequency 60 --spacing 2", "analyze.img: not a NIfTI file"),
        ("wave.nii.gz --frequency 60 --mask signed.nii.gz", "signed.nii.gz: expected 0 outside"),
        ("wave.nii.gz --frequency 60 --mask none.nii.gz", "none.nii.gz: no such file"),
        ("wave.nii.gz --frequency 60 --mask empty.nii.gz", "empty.nii.gz: the mask is empty"),
        ("wave.nii.gz --frequency 60 --mask small.nii.gz", "small.nii.gz: expected the wave's shape"),
        ("wave.nii.gz --frequency 60 --method magic", "method: expected one of dime, mmdi"),
        (
            "wave.nii.gz --frequency 60 --method dime --model nowhere",
            "nowhere: expected the folder of a trained network",
        ),
        ("wave.nii.gz --frequency 60 --method dime --model changed", "SHA-256 differs from the one in"),
        (
            "wave.nii.gz --frequency 60 --method dime --model bare",
            "card.json: expected the card of a network",
        ),
        ("wave.nii.gz --frequency 60 --method dime --model wider", "not of the architecture in"),
        ("wave.nii.gz --frequency 60 --uncertainty u.nii.gz", "--uncertainty: only method dime has one"),
        ("none.nii.gz --frequency 60", "none.nii.gz: no such file"),
        ("text.nii.gz --frequency 60", "text.nii.gz"),
        ("cut.nii.gz --frequency 60", "cut.nii.gz: damaged or not whole"),
        ("torn.nii.gz --frequency 60", "torn.nii.gz: damaged or not whole"),
        ("wave.nii.gz --frequency 60 --mask cut.nii.gz", "cut.nii.gz: damaged or not whole"),
        ("wave.nii.gz --frequency 60 --mask nan.nii.gz", "nan.nii.gz: expected finite values"),
        ("wave.nii.gz --frequency 6000", "frequency: expected 1 to 1000 Hz, found 6000"),
    ],
)
def test_invert_refuses_in_one_line_and_writes_nothing(tmp_path, network, here, words, message):
    wave, mask = plane_wave()
    parts = np.stack([wave.real, wave.imag], axis=-1).astype(np.float32)
    save(tmp_path / "wave.nii.gz", parts)
    save(tmp_path / "unstated.nii.gz", parts, (1.0, 1.0, 1.0))
    save(tmp_path / "polar.nii.gz", np.stack([np.abs(wave), np.angle(wave)], -1).astype(np.float32))
    save(tmp_path / "moving.nii.gz", phase_offsets(wave).astype(np.float32))
    save(tmp_path / "signed.nii.gz", np.where(mask, 1, -1).astype(np.int16))
    nibabel.save(nibabel.MGHImage(parts, np.diag([2.0, 2.0, 5.0, 1.0])), tmp_path / "image.mgz")
    nibabel.save(nibabel.AnalyzeImage(parts, None), tmp_path / "analyze.img")
    (tmp_path / "folder.nii").mkdir()
    save(tmp_path / "fine.nii.gz", parts, (0.05, 0.05, 5.0))
    save(tmp_path / "oblong.nii.gz", parts, (2.0, 3.0, 5.0))
    save(tmp_path / "one.nii.gz", parts[..., :1])
    save(tmp_path / "zero.nii.gz", np.zeros_like(parts))
    save(tmp_path / "empty.nii.gz", np.zeros(mask.shape, np.uint8))
    save(tmp_path / "small.nii.gz", mask[:10, :10].astype(np.uint8))
    parts[30:33, 25, 0] = np.nan
    save(tmp_path / "nan.nii.gz", parts)
    parts[30:33, 25] = np.nan
    save(tmp_path / "hole.nii.gz", parts)
    save(tmp_path / "still.nii.gz", np.where(mask[..., None], [7.0] * 4, 0).astype(np.float32))
    save(tmp_path / "even.nii.gz", np.where(mask, 2 + 1j, 0).astype(np.complex64))
    save(tmp_path / "colours.nii.gz", np.ones((60, 50, 1), [(name, "u1") for name in "RGB"]))
    save(tmp_path / "short.nii", np.ones((60, 50), np.complex64))
    (tmp_path / "short.nii").write_bytes((tmp_path / "short.nii").read_bytes()[:5000])
    (tmp_path / "text.nii.gz").write_text("no image")
    whole = (tmp_path / "wave.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: 2 * len(whole) // 3])
    torn = len(whole) // 2
    (tmp_path / "torn.nii.gz").write_bytes(whole[:torn] + bytes([whole[torn] ^ 255]) + whole[torn + 1 :])
    changed(tmp_path / "changed", network)
    recarded(tmp_path / "bare", network, lambda card: card.pop("architecture"))
    recarded(tmp_path / "wider", network, lambda card: card["architecture"].update(widths=[4, 8, 99]))
    before = set(tmp_path.iterdir())
    method = [] if "--method" in words else ["--method", "mmdi"]
    done = here("invert", *words.split(), *method, "-o", "out.nii.gz", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.strip().count("\n") == 0, done.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ("-o out.png", "out.png: expected a name that ends in .nii or .nii.gz"),
        ("-o out.nii.gz --uncertainty u.png", "u.png: expected a name that ends in .nii or .nii.gz"),
        ("-o out.nii.gz --uncertainty nowhere/u.nii.gz", "nowhere: no such folder"),
        ("-o out.nii.gz --uncertainty out.nii.gz", "expected another name, as it would replace another outp"),
        ("-o wave.nii.gz", "expected another name, as it would replace a file of wave.nii.gz"),
        (
            "--mask tissue.nii.gz -o tissue.nii.gz",
            "expected another name, as it would replace a file of",
        ),
        ("-o out.nii.gz --dicom nowhere/series", "nowhere: no such folder"),
        ("-o out.nii.gz --model nowhere", "nowhere: expected the folder of a trained network"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_any_is(tmp_path, network, here, outputs, message):
    wave, _ = plane_wave()
    save(tmp_path / "wave.nii.gz", wave.astype(np.complex64))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    words = f"invert wave.nii.gz --frequency 60 --model {network} {outputs}"
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.strip().count("\n") == 0, done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_second_map_that_fails_half_way_leaves_the_first_as_it_was(tmp_path, monkeypatch):
    """The disk is full when the uncertainty is written: yesterday's stiffness stays, nothing beside it."""
    save(tmp_path / "wave.nii.gz", plane_wave()[0].astype(np.complex64))
    (tmp_path / "out.nii.gz").write_bytes(b"yesterday's")
    save_image = nibabel.save

    def full_disk(image, path):
        if "scale" in path.name:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save_image(image, path)

    monkeypatch.setattr(nibabel, "save", full_disk)
    made = {tmp_path / name: (np.ones((1, 50, 60)), {}, "") for name in ("out.nii.gz", "scale.nii.gz")}
    with pytest.raises(OSError, match=r"scale.nii.gz: cannot be written \(no space"):
        maps.write_maps(made, tmp_path / "wave.nii.gz")
    assert {path.name for path in tmp_path.iterdir()} == {"wave.nii.gz", "out.nii.gz"}
    assert (tmp_path / "out.nii.gz").read_bytes() == b"yesterday's"


def test_the_version_is_told(tmp_path, here):
    done = here("--version", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == f"dime {metadata.version('dime')}\n"


def test_the_pretrained_network_is_the_default():
    """That a built wheel holds it: tests/test_wheel.py."""
    pretrained = importlib.resources.files("dime") / "weights" / "pretrained"
    assert Path(str(pretrained)) == methods.PRETRAINED
    load_model(methods.PRETRAINED)


def test_a_trained_network_is_released_with_its_card(tmp_path, here):
    """`dime release` copies weights and card, and names the file that says what the training cost."""
    checkpoints.save_model(UNet((8, 8, 8)), {"seed": 3}, tmp_path / "run")
    words = f"release {tmp_path / 'run'} --commit abc -o {tmp_path / 'shipped'}".split()
    refused = here(*words, cwd=tmp_path)
    assert refused.returncode == 2 and "effort.json: missing" in refused.stderr
    (tmp_path / "run/effort.json").write_text(json.dumps({"hours": 1.0}))
    assert here(*words, cwd=tmp_path).returncode == 0
    assert load_model(tmp_path / "shipped")[1]["commit"] == "abc"
