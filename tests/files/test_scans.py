"""An examination is seen from the feet whatever its file's axes, and refused where it is broken."""

import json
import warnings

import nibabel
import numpy as np
import pytest
from nibabel import orientations

from dime.files import scans
from dime.mri.elastography import wrap

SHAPE = (2, 4, 36, 44)
"""Slices, offsets, rows and columns."""

ZOOMS_MM = (1.5, 1.5, 10.0)


def images(amplitude_rad):
    """A phase, and a magnitude that is the same in no two views: (slice, offset, y, x).

    Air is noise; the body is an ellipse off the centre, its left back quarter twice as bright.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[2], : SHAPE[3]]
    body = np.hypot((y - 16) / 13, (x - 19) / 16) < 1
    wave = amplitude_rad * np.exp(-1j * (0.5 * x + 0.3 * y + np.arange(2)[:, None, None]))
    turns = np.exp(2j * np.pi * np.arange(SHAPE[1]) / SHAPE[1])[:, None, None]
    motion = (wave[:, None] * turns).real + 0.02 * rng.standard_normal(SHAPE)
    phase = np.where(body, wrap(motion), rng.uniform(-np.pi, np.pi, SHAPE))
    bright = 1 + ((y > 16) & (x > 19))
    magnitude = np.where(body, bright, 0.02) * (1 + 0.1 * rng.random(SHAPE))
    return phase.astype(np.float32), magnitude.astype(np.float32)


PHASE, MAGNITUDE = images(4.5)
"""4.5 rad wrap."""

LIVER = np.zeros((2, *SHAPE[2:]), bool)
LIVER[:, 9:20, 8:18] = True


def in_file(values, codes="LPS", zooms_mm=ZOOMS_MM):
    """Images (slice, [offset,] y, x) seen from the feet as a NIfTI image whose axes go as `codes` say."""
    axes = (3, 2, 0, 1) if values.ndim == 4 else (2, 1, 0)
    affine = np.diag([-zooms_mm[0], -zooms_mm[1], zooms_mm[2], 1.0])
    affine[:3, 3] = 20, 30, -40
    image = nibabel.Nifti1Image(values.transpose(axes), affine)
    change = [orientations.axcodes2ornt(one) for one in ("LPS", codes)]
    image = image.as_reoriented(orientations.ornt_transform(*change))
    image.header.set_xyzt_units("mm")
    return image


def from_feet(image):
    """Values (slice, y, x) of an image in any orientation, seen from the feet, slices upwards."""
    change = [orientations.io_orientation(image.affine), orientations.axcodes2ornt("LPS")]
    return np.asarray(image.as_reoriented(orientations.ornt_transform(*change)).dataobj).transpose(2, 1, 0)


def folder(tmp_path, codes="LPS", phase=PHASE, magnitude=MAGNITUDE, suffix=".nii", sidecar=True, **made):
    """A folder with an examination; returns it."""
    for name, values in (("phase", phase), ("magnitude", magnitude)):
        if values is not None:
            nibabel.save(in_file(values, codes, **made), tmp_path / f"{name}{suffix}")
    if sidecar:
        (tmp_path / "phase.json").write_text(json.dumps({"MechanicalFrequency": 60}))
    return tmp_path


def save_mask(tmp_path, values=LIVER, codes="LPS"):
    path = tmp_path / "mask.nii"
    nibabel.save(in_file(values.astype(np.uint8), codes), path)
    return path


def silently(*words, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return scans.read_scan(*words, **named)


def refused(tmp_path, error, message, *words, **named):
    """The message of a refusal, one line; no file was written."""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=message) as caught:
        scans.read_scan(*words, **named)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_an_examination_is_read_as_it_was_written(tmp_path, suffix):
    """Seen from the feet in the file, too: the arrays come back as they are, with the sidecar's frequency."""
    scan = silently(folder(tmp_path, suffix=suffix))
    np.testing.assert_allclose(scan["phase"], PHASE, atol=2e-6)
    np.testing.assert_array_equal(scan["magnitude"], MAGNITUDE)
    assert scan["phase"].dims == ("slice", "offset", "y", "x") and scan["phase"].dtype == np.float32
    assert scan.attrs["spacing_m"] == pytest.approx(1.5e-3) and scan.attrs["frequency_hz"] == 60
    assert scan.attrs["source"] == str(tmp_path / f"phase{suffix}")
    assert scan.attrs["read_as"] == "2 slices, 4 offsets, phases in rad (by their jumps)"


CODES = ["LPS", "RAS", "LAS", "RPS", "PLS", "ARS", "PRS", "ALS", "LPI", "RAI", "ARI"]


@pytest.mark.parametrize("codes", CODES)
def test_left_is_left_in_a_file_of_any_orientation(tmp_path, codes):
    """Axes mirrored or swapped: the images are seen from the feet; slices keep the order of the file."""
    scan = silently(folder(tmp_path, codes), mask=save_mask(tmp_path, codes=codes))
    upwards = slice(None) if codes[2] == "S" else slice(None, None, -1)
    np.testing.assert_allclose(scan["phase"][upwards], PHASE, atol=2e-6)
    np.testing.assert_array_equal(scan["magnitude"][upwards], MAGNITUDE)
    np.testing.assert_array_equal(scan["mask"][upwards], LIVER)
    assert scan["mask"].dtype == bool


@pytest.mark.parametrize("codes", CODES)
def test_a_map_lands_on_the_grid_of_the_phase(tmp_path, codes):
    """What is bright in the magnitude is bright in a map of it, voxel by voxel and in the patient's space."""
    scan = silently(folder(tmp_path, codes, suffix=".nii.gz"))
    scans.write_scan_map(tmp_path / "out" / "map.nii.gz", scan["magnitude"][:, 0], scan)
    written, phase, stored = (
        nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("out/map", "phase", "magnitude")
    )
    assert written.shape == phase.shape[:3]
    np.testing.assert_allclose(written.affine, phase.affine)
    np.testing.assert_array_equal(written.get_fdata(), stored.get_fdata()[..., 0])
    np.testing.assert_allclose(from_feet(written), MAGNITUDE[:, 0])
    assert nibabel.aff2axcodes(written.affine) == tuple(codes)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PLS"])
def test_a_single_slice_has_three_axes(tmp_path, codes):
    """(x, y, offset): one slice, and its map lies in the file's plane."""
    for name, values in (("phase", PHASE), ("magnitude", MAGNITUDE)):
        image = in_file(values[:1], codes)
        flat = nibabel.Nifti1Image(np.asarray(image.dataobj)[:, :, 0], image.affine, image.header)
        nibabel.save(flat, tmp_path / f"{name}.nii")
    scan = silently(tmp_path, frequency_hz=50.0)
    np.testing.assert_allclose(scan["phase"], PHASE[:1], atol=2e-6)
    assert scan.attrs["read_as"].startswith("1 slice, 4 offsets")
    scans.write_scan_map(tmp_path / "map.nii", scan["magnitude"][:, 0], scan)
    written = nibabel.load(tmp_path / "map.nii")
    np.testing.assert_allclose(from_feet(written), MAGNITUDE[:1, 0])
    np.testing.assert_allclose(written.affine, image.affine)


def test_axes_of_length_1_at_the_end_are_left_out(tmp_path):
    image = in_file(PHASE)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine), tmp_path / "p.nii")
    scan = scans.read_scan(tmp_path / "p.nii", mask=save_mask(tmp_path), frequency_hz=60.0)
    np.testing.assert_allclose(scan["phase"], PHASE, atol=2e-6)


def test_the_phase_alone_is_enough_with_a_mask(tmp_path):
    """By its own name, without a magnitude; what lies outside the mask may be NaN and reads as 0."""
    phase = np.where(LIVER[:, None], PHASE, np.nan).astype(np.float32)
    nibabel.save(in_file(phase), tmp_path / "scan7.nii.gz")
    scan = silently(tmp_path / "scan7.nii.gz", mask=save_mask(tmp_path), frequency_hz=60.0)
    assert "magnitude" not in scan and np.isfinite(scan["phase"]).all()
    inside = np.broadcast_to(LIVER[:, None], SHAPE)
    np.testing.assert_allclose(scan["phase"].values[inside], PHASE[inside], atol=2e-6)
    assert not scan["phase"].values[~inside].any()


def test_the_magnitude_may_lie_elsewhere(tmp_path):
    """One that is given replaces the folder's, even where the folder has two."""
    other = tmp_path / "other.nii"
    nibabel.save(in_file(2 * MAGNITUDE), other)
    folder(tmp_path)
    nibabel.save(in_file(MAGNITUDE), tmp_path / "magnitude.nii.gz")
    np.testing.assert_array_equal(silently(tmp_path, magnitude=other)["magnitude"], 2 * MAGNITUDE)


def test_the_frequency_that_is_given_replaces_the_sidecars_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"phase.json: MechanicalFrequency is 60 Hz, 40 Hz as given is used"):
        assert scans.read_scan(folder(tmp_path), frequency_hz=40.0).attrs["frequency_hz"] == 40


def test_the_pixel_that_is_given_replaces_the_headers_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"phase.nii: its header says a pixel of 1.5 x 1.5 mm"):
        scan = scans.read_scan(folder(tmp_path), spacing_m=2e-3)
    assert scan.attrs["spacing_m"] == 2e-3


TURN = 2 * np.pi

STORED = {
    "from 0": (lambda phase: phase % TURN, {}),
    "12 bits, by jumps": (lambda phase: np.round((phase + np.pi) / TURN * 4095), {}),
    "degrees": (np.degrees, {"phase_units": "deg"}),
    "12 bits, period": (lambda phase: np.round(phase / TURN * 4096), {"phase_period": 4096}),
    "12 bits, scale": (lambda phase: np.round(phase / TURN * 4096), {"phase_scale": TURN / 4096}),
    "mrad, scale": (lambda phase: 1000 * phase, {"phase_scale": 1e-3}),
    "odd period, scale": (lambda phase: 123 * phase, {"phase_scale": 1 / 123}),
}


@pytest.mark.parametrize("name", STORED)
def test_phases_of_any_unit_come_as_radians(tmp_path, name):
    """Up to a rounding of the file, and to a constant where 0 is stored as another number."""
    store, told = STORED[name]
    scan = silently(folder(tmp_path, phase=store(PHASE).astype(np.float32)), **told)
    off = np.exp(1j * (scan["phase"].values - PHASE))
    np.testing.assert_allclose(off, off.mean() / abs(off.mean()), atol=5e-3)
    assert np.abs(scan["phase"]).max() <= np.float32(np.pi)


def test_the_noise_in_the_air_tells_the_period_where_nothing_wraps(tmp_path):
    """Tissue moves by 0.3 rad: no jumps, but the air fills -4096 to 4096."""
    phase, magnitude = images(0.3)
    body = magnitude > 0.5
    scan = silently(folder(tmp_path, phase=np.round(phase / np.pi * 4096).astype(np.float32)))
    np.testing.assert_allclose(scan["phase"].values[body], phase[body], atol=2e-3)


@pytest.mark.parametrize("told", [{"phase_scale": TURN / 4096}, {"phase_period": 4096}])
def test_whole_numbers_that_do_not_wrap_need_their_scale(tmp_path, told):
    """Motion of 0.3 rad in 12 bits, and a mask in place of the air: nothing but the user tells the period."""
    phase, _ = images(0.3)
    stored = np.round(phase / TURN * 4096).astype(np.float32)
    exam, mask = folder(tmp_path, phase=stored, magnitude=None), save_mask(tmp_path)
    message = (
        r"phase.nii: expected wrapped phases in rad \(a range of 7 at most\), found -\d+ to \d+; give --"
    )
    refused(tmp_path, ValueError, f"{message}phase-scale", exam, mask=mask)
    scan = silently(exam, mask=mask, **told)
    inside = np.broadcast_to(LIVER[:, None], SHAPE)
    np.testing.assert_allclose(scan["phase"].values[inside], phase[inside], atol=1e-3)
    assert "as given" in scan.attrs["read_as"]


def test_a_sidecar_may_state_the_unit(tmp_path):
    folder(tmp_path, phase=np.degrees(PHASE))
    fields = {"MechanicalFrequency": "55.5", "PhaseUnits": "degrees"}
    (tmp_path / "phase.json").write_text(json.dumps(fields))
    scan = silently(tmp_path)
    np.testing.assert_allclose(scan["phase"], PHASE, atol=1e-5)
    assert scan.attrs["frequency_hz"] == 55.5 and "by phase.json" in scan.attrs["read_as"]


@pytest.mark.parametrize("codes", ["LSP", "SLP", "PSL"])
def test_slices_that_are_not_axial_are_read_with_a_mask_alone(tmp_path, codes):
    """The segmenters know axial slices; with a mask there is a warning."""
    exam = folder(tmp_path, codes, zooms_mm=(1.5, 1.5, 1.5))
    said = f"phase.nii: expected axial slices, found axes {codes}"
    with pytest.raises(ValueError, match=said):
        scans.read_scan(exam)
    image = nibabel.load(tmp_path / "magnitude.nii")
    mask = np.ones(image.shape[:3], np.uint8)
    nibabel.save(nibabel.Nifti1Image(mask, image.affine), tmp_path / "mask.nii")
    with pytest.warns(UserWarning, match=said):
        scan = scans.read_scan(exam, mask=tmp_path / "mask.nii")
    stored = image.get_fdata().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(scan["magnitude"], stored, rtol=1e-6)


def test_a_file_that_states_no_orientation_is_taken_as_it_is_with_a_warning(tmp_path):
    for name, values in (("phase", PHASE), ("magnitude", MAGNITUDE)):
        image = in_file(values)
        image.set_qform(None, 0)
        image.set_sform(None, 0)
        nibabel.save(image, tmp_path / f"{name}.nii")
    with pytest.warns(UserWarning, match=r"phase.nii: its header states no orientation; x is taken"):
        scan = scans.read_scan(tmp_path, frequency_hz=60.0)
    np.testing.assert_allclose(scan["phase"], PHASE, atol=2e-6)


def moved(image, by_mm):
    affine = image.affine.copy()
    affine[0, 3] += by_mm
    return nibabel.Nifti1Image(np.asarray(image.dataobj), affine, image.header)


def test_a_magnitude_that_lies_elsewhere_is_taken_by_index_with_a_warning(tmp_path):
    nibabel.save(moved(in_file(MAGNITUDE), 12), folder(tmp_path) / "magnitude.nii")
    with pytest.warns(UserWarning, match=r"magnitude.nii: its header places it 12 mm from phase.nii"):
        scan = scans.read_scan(tmp_path)
    np.testing.assert_array_equal(scan["magnitude"], MAGNITUDE)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (in_file(MAGNITUDE, "RPS"), r"LPS, 1.5 x 1.5 mm\), found RPS, 1.5 x 1.5 mm"),
        (in_file(MAGNITUDE, "LPI"), r"LPS, 1.5 x 1.5 mm\), found LPI, 1.5 x 1.5 mm"),
        (in_file(MAGNITUDE, zooms_mm=(1.6, 1.6, 10)), r"LPS, 1.5 x 1.5 mm\), found LPS, 1.6 x 1.6 mm"),
    ],
    ids=["mirrored", "upside down", "pixel"],
)
def test_a_magnitude_on_another_grid_is_refused(tmp_path, image, found):
    nibabel.save(image, folder(tmp_path) / "magnitude.nii")
    message = rf"magnitude.nii: expected the grid of phase.nii \({found}"
    refused(tmp_path, ValueError, message, tmp_path)


def changed(values, place, value):
    values = values.copy()
    values[place] = value
    return values


BROKEN = {
    "other slices": (
        {"magnitude": MAGNITUDE[:1]},
        r"magnitude.nii: expected the phase's shape \(44, 36, 2, 4\), found \(44, 36, 1, 4\)",
    ),
    "other pixels": (
        {"magnitude": MAGNITUDE[..., :40]},
        r"magnitude.nii: expected the phase's shape \(44, 36, 2, 4\), found \(40, 36, 2, 4\)",
    ),
    "fewer offsets": (
        {"magnitude": MAGNITUDE[:, :3]},
        r"magnitude.nii: expected the phase's shape \(44, 36, 2, 4\), found \(44, 36, 2, 3\)",
    ),
    "two offsets": (
        {"phase": PHASE[:, :2], "magnitude": MAGNITUDE[:, :2]},
        r"phase.nii: expected at least 3 phase offsets, found 2",
    ),
    "NaN in the phase": (
        {"phase": changed(PHASE, (0, 1, 2, slice(3, 6)), np.nan)},
        r"phase.nii: expected finite values, found 3 that are not",
    ),
    "infinity in the magnitude": (
        {"magnitude": changed(MAGNITUDE, (0, 0, 0, 0), np.inf)},
        r"magnitude.nii: expected finite values, found 1 that are not",
    ),
    "constant offsets": (
        {"phase": np.repeat(PHASE[:, :1], 4, axis=1)},
        r"phase.nii: expected phase offsets that differ, found all alike",
    ),
    "dark magnitude": (
        {"magnitude": 0 * MAGNITUDE},
        r"magnitude.nii: expected a magnitude, found 0 everywhere",
    ),
    "negative magnitude": (
        {"magnitude": MAGNITUDE - 0.5},
        r"magnitude.nii: expected a magnitude, found values below 0",
    ),
    "coarse": ({"zooms_mm": (4.5, 4.5, 10)}, r"phase.nii: expected a pixel of at most 4 mm, found 4.5 mm"),
    "no pixel": (
        {"zooms_mm": (1, 1, 1)},
        r"phase.nii: the header states no pixel \(1 x 1 in mm, .*--spacing",
    ),
    "oblong pixel": ({"zooms_mm": (1.5, 2, 10)}, r"phase.nii: expected square pixels, found 1.5 x 2 mm"),
    "no frequency": (
        {"sidecar": False},
        r"phase.nii: expected the frequency of the vibration, found none; give --frequency \[Hz\]",
    ),
    "unwrapped phase": (
        {"phase": 40 * np.sin(np.arange(4))[:, None, None] * np.linspace(0, 1, 44) + 0 * PHASE},
        r"phase.nii: expected wrapped phases in rad \(a range of 7 at most\), found .*; give --phase-scale",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_examination_that_nothing_can_be_read_from_is_refused(tmp_path, name):
    """One line that begins with the file, and says what was expected and found."""
    made, message = BROKEN[name]
    said = refused(tmp_path, ValueError, message, folder(tmp_path, **made))
    assert said.startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"frequency_hz": 5000.0}, r"phase.nii: frequency: expected 1 to 1000 Hz, found 5000"),
        ({"frequency_hz": 0.0}, r"phase.nii: frequency: expected 1 to 1000 Hz, found 0"),
        ({"frequency_hz": np.nan}, r"phase.nii: frequency: expected 1 to 1000 Hz, found nan"),
        ({"spacing_m": 5e-3}, r"phase.nii: expected a pixel of at most 4 mm, found 5 mm"),
        ({"spacing_m": 1.5}, r"phase.nii: expected a spacing of 0.2 to 10 mm, found 1500 mm"),
        ({"phase_scale": 0.0}, r"phase scale: expected a positive number, found 0"),
        ({"phase_scale": np.inf}, r"phase scale: expected a positive number, found inf"),
        (
            {"phase_scale": 1.0, "phase_units": "rad"},
            "phase scale: expected it in place of .*, found both",
        ),
        ({"phase_period": -1.0}, r"phase period: expected a positive number, found -1"),
        ({"phase_units": "furlongs"}, r"phase units: expected one of .*, found 'furlongs'"),
        ({"phase_scale": 0.01}, r"phase.nii: phases of period 628.32 \(as given\), but neighbouring values"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(tmp_path, named, message):
    refused(tmp_path, ValueError, message, folder(tmp_path), **named)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "phase.json: expected a sidecar in JSON, cannot be read"),
        ('{"MechanicalFrequency": "fast"}', "phase.json: MechanicalFrequency: expected a number .*'fast'"),
        ('{"MechanicalFrequency": [60]}', r"phase.json: MechanicalFrequency: expected a number .*\[60\]"),
        ("{}", r"phase.nii: expected the frequency of the vibration, found none; give --frequency"),
        ('{"MechanicalFrequency": null}', r"phase.nii: expected the frequency of the vibration, found none"),
    ],
)
def test_a_sidecar_that_makes_no_sense_is_refused(tmp_path, text, message):
    (folder(tmp_path) / "phase.json").write_text(text)
    refused(tmp_path, ValueError, message, tmp_path)


@pytest.mark.parametrize("name", ["phase", "magnitude"])
def test_two_files_of_one_name_are_refused(tmp_path, name):
    """phase.nii beside phase.nii.gz: which of them is meant cannot be known."""
    nibabel.save(in_file(PHASE), folder(tmp_path) / f"{name}.nii.gz")
    message = f"{tmp_path}: expected one of {name}.nii and {name}.nii.gz, found both"
    refused(tmp_path, ValueError, message, tmp_path)


def test_an_examination_without_a_magnitude_needs_a_mask(tmp_path):
    """A folder, or the phase alone."""
    folder(tmp_path, magnitude=None)
    for exam in (tmp_path, tmp_path / "phase.nii"):
        refused(tmp_path, ValueError, f"^{exam}: no magnitude: give --mask$", exam)


def test_a_folder_without_a_phase_and_a_file_that_is_not_there_are_refused(tmp_path):
    folder(tmp_path, phase=None)
    refused(tmp_path, FileNotFoundError, f"{tmp_path}: expected phase.nii, phase.nii.gz or DICOM", tmp_path)
    absent = tmp_path / "absent"
    refused(tmp_path, FileNotFoundError, f"{absent}: no such file or folder", absent)
    refused(
        tmp_path, FileNotFoundError, f"{absent}: no such file", tmp_path / "magnitude.nii", magnitude=absent
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (0 * LIVER, r"mask.nii: the mask is empty"),
        (LIVER[:1], r"mask.nii: expected the wave's shape \(44, 36, 2\), found \(44, 36, 1\)"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path, values, message):
    mask = save_mask(tmp_path, values)
    refused(tmp_path, ValueError, message, folder(tmp_path, magnitude=None), mask=mask)


def test_values_inside_a_mask_must_be_finite_and_move(tmp_path):
    """What is broken outside the mask does not matter, inside it does."""
    mask = save_mask(tmp_path)
    for value, place, message in (
        (np.nan, (1, 2, 10, 10), r"phase.nii: expected finite values, found 1 that are not"),
        (
            0.5,
            (slice(None), slice(None), slice(9, 20), slice(8, 18)),
            r"phase.nii: expected phase offsets that",
        ),
    ):
        folder(tmp_path, phase=changed(PHASE, place, value), magnitude=None)
        refused(tmp_path, ValueError, message, tmp_path, mask=mask)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((9, 8), np.float32),
            r"expected \(x, y, slice, offset\) or \(x, y, offset\), found shape \(9, 8\)",
        ),
        (np.zeros((9, 8, 2, 4, 3), np.float32), r"or \(x, y, offset\), found shape \(9, 8, 2, 4, 3\)"),
        (np.zeros((9, 8, 2), np.float32), r"expected at least 3 phase offsets, found 2"),
        (
            np.zeros((9, 8, 4), np.complex64),
            r"expected real numbers, found complex ones; store magnitude and",
        ),
    ],
    ids=["two axes", "five axes", "two offsets", "complex"],
)
def test_axes_that_are_no_offsets_are_refused(tmp_path, values, message):
    """Sidecar, mask and magnitude do not help."""
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2, 2, 5, 1.0])), tmp_path / "phase.nii")
    refused(
        tmp_path, ValueError, f"{tmp_path / 'phase.nii'}: .*{message}", tmp_path, mask=save_mask(tmp_path)
    )


@pytest.mark.parametrize("content", [b"", b"no image", b"\x1f\x8b\x08\x00broken"])
def test_a_file_that_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "phase.nii.gz").write_bytes(content)
    refused(tmp_path, ValueError, "phase.nii.gz: ", tmp_path, mask=save_mask(tmp_path))


def test_checks_of_arrays_name_what_they_are():
    """Without files the messages say phase, magnitude and mask; images that are whole pass."""
    scans.check_images(PHASE, MAGNITUDE)
    scans.check_images(PHASE, None, LIVER)
    scans.check_scale(1.5e-3, 60.0)
    for given, message in (
        ((PHASE[:, 0], MAGNITUDE[:, 0]), "phase: expected at least 3 phase offsets, found 0"),
        ((PHASE,), "no magnitude: give a mask"),
        ((PHASE, MAGNITUDE[:1]), "magnitude: expected the phase's shape"),
        ((PHASE, None, LIVER[:1]), r"mask: expected the phase's slices \(44, 36, 2\), found \(44, 36, 1\)"),
        ((PHASE, None, ~np.ones_like(LIVER)), "mask: the mask is empty"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            scans.check_images(*given)
    for spacing_m in (0.0, -1e-3, np.nan, 4.1e-3):
        with pytest.raises(ValueError, match=r"^spacing_m, frequency_hz: expected a pixel of at most 4 mm"):
            scans.check_scale(spacing_m, 60.0)
