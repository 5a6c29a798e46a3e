"""A wave is opened by what its file or folder is, with its magnitude, components or signals."""

import json
import sys
import warnings
from types import ModuleType, SimpleNamespace

import nibabel
import numpy as np
import pytest
from waves import phase_offsets, save_nifti, travelling

from dime.files import opening
from dime.files.maps import write_map
from dime.files.scans import read_scan, write_scan_map
from dime.files.waves import read_wave

U, DISC = travelling(side=40)
OFFSETS = np.where(DISC[..., None, None], phase_offsets(U)[:, :, None], 0).astype(np.float32)
MAGNITUDE = np.broadcast_to(np.where(DISC, 100, 1)[..., None, None], OFFSETS.shape).astype(np.float32)


def silently(path, frequency_hz=60.0, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_wave(path, frequency_hz, **named)


@pytest.fixture
def scanner(monkeypatch):
    """A stand-in for the reader of DICOM folders: 60 Hz, air of noise."""
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, OFFSETS.shape)
    phase = np.where(DISC[..., None, None], OFFSETS, noise).astype(np.float32)
    image = nibabel.Nifti1Image(phase, np.diag([-2.0, -2.0, 5.0, 1.0]))
    image.header.set_xyzt_units("mm")
    sidecar = {"MechanicalFrequency": 60.0, "PhaseUnits": "rad", "NumberOfPhaseOffsets": 4}
    module = ModuleType("dime.files.dicom")
    module.read = lambda folder: (image, phase, sidecar, MAGNITUDE)
    monkeypatch.setitem(sys.modules, "dime.files.dicom", module)
    monkeypatch.setattr("dime.files.dicom", module, raising=False)


def test_a_folder_of_other_files_goes_to_the_reader_of_dicom(tmp_path, scanner):
    """Frequency and unit by the headers, tissue by the bright magnitude; maps lie where the series does."""
    series = tmp_path / "series"
    series.mkdir()
    (series / "0001").write_bytes(b"an image")
    waves = silently(series, frequency_hz=None)
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
    np.testing.assert_array_equal(waves["magnitude"].values[0], MAGNITUDE[:, :, 0, 0].T)
    assert waves.attrs["frequency_hz"] == 60 and "(bright magnitude)" in waves.attrs["read_as"]
    assert "phases in rad (by its headers)" in waves.attrs["read_as"]
    write_map(tmp_path / "map.nii", np.ones((1, 40, 40)), series)
    np.testing.assert_array_equal(nibabel.load(tmp_path / "map.nii").affine, np.diag([-2.0, -2.0, 5.0, 1.0]))


def test_an_examination_is_read_from_dicom_too(tmp_path, scanner):
    (tmp_path / "0001").write_bytes(b"an image")
    scan = read_scan(tmp_path)
    assert scan["magnitude"].shape == scan["phase"].shape == (1, 4, 40, 40)
    expected = OFFSETS[:, :, 0].T[:, DISC.T]
    np.testing.assert_allclose(scan["phase"].values[0][:, DISC.T], expected, atol=1e-6)
    write_scan_map(tmp_path / "map.nii", DISC.T[None], scan)
    image = nibabel.load(tmp_path / "map.nii")
    np.testing.assert_array_equal(image.affine, np.diag([-2.0, -2.0, 5.0, 1.0]))
    np.testing.assert_array_equal(image.get_fdata()[..., 0], DISC)


def test_a_folder_with_a_phase_gives_its_magnitude(tmp_path):
    save_nifti(tmp_path / "phase.nii.gz", OFFSETS)
    save_nifti(tmp_path / "magnitude.nii.gz", MAGNITUDE[..., 0])
    (tmp_path / "phase.json").write_text('{"MechanicalFrequency": 50}')
    waves = silently(tmp_path, frequency_hz=None)
    assert waves.attrs["source"] == str(tmp_path / "phase.nii.gz") and waves.attrs["frequency_hz"] == 50
    np.testing.assert_array_equal(waves["magnitude"].values[0], MAGNITUDE[:, :, 0, 0].T)
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)
    assert silently(tmp_path / "phase.nii.gz", frequency_hz=None).identical(waves)
    save_nifti(tmp_path / "wave.nii.gz", OFFSETS)
    assert "magnitude" not in silently(tmp_path / "wave.nii.gz", frequency_hz=50)


def test_a_magnitude_of_another_plane_than_the_phase_beside_it_is_refused(tmp_path):
    save_nifti(tmp_path / "phase.nii.gz", OFFSETS)
    turned = np.diag([2.0, 2.0, 5.0, 1.0])[[0, 2, 1, 3]]
    nibabel.save(nibabel.Nifti1Image(MAGNITUDE[..., 0], turned), tmp_path / "magnitude.nii.gz")
    with pytest.raises(ValueError, match=r"magnitude.nii.gz: expected the grid of phase.nii.gz"):
        read_wave(tmp_path, 50.0)
    mask = save_nifti(tmp_path / "mask.nii", DISC.astype(np.uint8))
    with pytest.warns(UserWarning, match=r"magnitude.nii.gz: expected the grid .* it is left out"):
        assert "magnitude" not in read_wave(tmp_path, 50.0, mask_path=mask)


def test_with_a_mask_a_magnitude_of_another_shape_is_left_out(tmp_path):
    """One magnitude for each slice, where a liver's reading takes one for each offset; half the pixels."""
    save_nifti(tmp_path / "phase.nii.gz", OFFSETS)
    save_nifti(tmp_path / "magnitude.nii.gz", MAGNITUDE[..., 0])
    mask = save_nifti(tmp_path / "mask.nii", DISC.astype(np.uint8))
    with pytest.warns(UserWarning, match=r"magnitude.nii.gz: expected the phase's shape .* it is left out"):
        assert "magnitude" not in read_scan(tmp_path, mask=mask, frequency_hz=60.0)
    save_nifti(tmp_path / "magnitude.nii.gz", MAGNITUDE[::2, ::2, :, 0])
    with pytest.warns(UserWarning, match=r"magnitude: expected the wave's grid .* it is left out"):
        assert "magnitude" not in read_wave(tmp_path, 60.0, mask_path=mask)


def test_three_components_are_told_from_offsets_where_sizes_tell(tmp_path):
    """The second component is the wave, the others are still: 5 axes in both orders, and 4 of one slice. A
    warning says there what they may be instead."""
    five = np.zeros((*OFFSETS.shape, 3), np.float32)
    five[..., 1] = OFFSETS
    expected = silently(save_nifti(tmp_path / "one.nii", OFFSETS))["wave"]
    orders = {"last": five, "before": five.swapaxes(3, 4)}
    for name, values in orders.items():
        path = save_nifti(tmp_path / f"{name}.nii", values)
        np.testing.assert_allclose(silently(path, component=2)["wave"], expected, atol=1e-6, err_msg=name)
    path = save_nifti(tmp_path / "flat.nii", five[:, :, 0])
    with pytest.warns(
        UserWarning, match="flat.nii: its axis of 3 is read as components of motion in one slice"
    ):
        np.testing.assert_allclose(read_wave(path, 60.0, component=2)["wave"], expected, atol=1e-6)


def test_three_offsets_of_three_components_are_read_with_a_warning(tmp_path):
    three = np.where(DISC[..., None, None], phase_offsets(U, 3)[:, :, None], 0)
    values = np.stack([0 * three, three, 0 * three], -1).astype(np.float32)
    with pytest.warns(UserWarning, match="a.nii: its last two axes have length 3; the last is taken for the"):
        waves = read_wave(save_nifti(tmp_path / "a.nii", values), 60.0, component=2)
    np.testing.assert_allclose(waves["wave"].values[0][DISC.T], U.T[DISC.T], atol=1e-5)


def test_complex_signals_of_phase_offsets_give_phase_and_magnitude(tmp_path):
    signal = (MAGNITUDE * np.exp(1j * OFFSETS)).astype(np.complex64)
    waves = silently(save_nifti(tmp_path / "a.nii", signal), layout="offsets")
    np.testing.assert_allclose(waves["wave"].values[0][DISC.T], U.T[DISC.T], atol=1e-5)
    np.testing.assert_array_equal(waves["mask"].values[0], DISC.T)


@pytest.mark.parametrize(
    "field",
    [
        {"phase_units": "deg"},
        {"PHASE_PERIOD": 4096},
        {"PhaseRange": [0, 360]},
        {"phaseWrapped": False},
    ],
)
def test_phases_of_signals_are_in_radians_whatever_a_sidecar_says(tmp_path, field):
    """The wave wraps, so that a period or none at all would be refused or make another wave."""
    signal = (MAGNITUDE * np.exp(4j * OFFSETS)).astype(np.complex64)
    path = save_nifti(tmp_path / "a.nii", signal)
    expected = silently(path, layout="offsets")["wave"]
    (tmp_path / "a.json").write_text(json.dumps(field))
    np.testing.assert_array_equal(silently(path, layout="offsets")["wave"], expected)


def test_a_variable_is_refused_for_a_file_that_has_none(tmp_path):
    with pytest.raises(ValueError, match=r"a.nii: variable: only a .mat file has variables, found 'u'"):
        opening.open_wave(save_nifti(tmp_path / "a.nii", OFFSETS), "u")


@pytest.fixture
def writer(monkeypatch):
    """A stand-in for the writer of DICOM series, which says what it was given; it can be full."""
    state = SimpleNamespace(full=False)

    def write_series(folder, values, image, *, description, like):
        folder.mkdir()
        (folder / "0001.dcm").write_text(f"{values.shape} {np.median(values[DISC]):.0f} {description} {like}")
        if state.full:
            raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr("dime.files.dicom_out.write_series", write_series)
    return state


@pytest.mark.parametrize("full", [False, True], ids=["written", "disk full"])
def test_stiffness_becomes_a_series_with_the_maps_or_not_at_all(tmp_path, scanner, writer, here, full):
    """Through a stand-in of the writer: (x, y, slice) [kPa], like the folder that was read."""
    (tmp_path / "series").mkdir()
    (tmp_path / "series/0001").write_bytes(b"an image")
    writer.full = full
    done = here(*"invert series --method mmdi -o map.nii --dicom out".split(), cwd=tmp_path)
    written = {path.name for path in tmp_path.iterdir()} - {"series"}
    if full:
        assert done.returncode == 2 and "out: cannot be written (no space left" in done.stderr and not written
    else:
        assert done.returncode == 0 and written == {"map.nii", "map.json", "out"}, done.stderr
        said = (tmp_path / "out/0001.dcm").read_text()
        assert said == "(40, 40, 1) 3 stiffness |G*| [kPa] by mmdi series"


def test_a_folder_of_nifti_becomes_a_series_of_its_own(tmp_path, writer, here):
    (tmp_path / "scan").mkdir()
    save_nifti(tmp_path / "scan/phase.nii.gz", OFFSETS)
    done = here(*"invert scan --frequency 60 --method mmdi -o map.nii --dicom out".split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/0001.dcm").read_text().endswith("by mmdi None")


def test_a_folder_of_dicom_stays_one_when_maps_are_written_into_it(tmp_path, scanner, here):
    """At any depth; a folder of NIfTI files alone is still refused."""
    (tmp_path / "series/1").mkdir(parents=True)
    (tmp_path / "series/1/0001").write_bytes(bytes(128) + b"DICM")
    words = "invert series --method mmdi -o series/map.nii.gz".split()
    for _ in range(2):
        done = here(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / "series/1/0001").unlink()
    done = here(*words, cwd=tmp_path)
    assert done.returncode == 2 and "series: expected phase.nii, phase.nii.gz or DICOM files" in done.stderr
