"""Bad input ends with exit code 2 and a line that names file and field; nothing is written."""

import json
import re
import struct
import warnings

import h5py
import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from waves import phase_offsets, save_nifti, travelling

from dime.files.waves import read_wave

U, DISC = travelling(side=32)
OFFSETS = np.where(DISC[..., None, None], phase_offsets(U)[:, :, None], 0).astype(np.float32)
"""(x, y, slice, offset) = (32, 32, 1, 4) [rad], within -pi to pi."""
PARTS = np.where(DISC[..., None], np.stack([U.real, U.imag], -1), 0).astype(np.float32)
NOISE = np.random.default_rng(0).standard_normal(OFFSETS.shape)
MAGNITUDE = np.where(DISC[..., None, None], 400 + 4 * NOISE, np.abs(NOISE)).astype(np.float32)
JUMPS = np.where(DISC[..., None, None], np.angle(np.exp(4j * OFFSETS)), 0)
"""Wrapped: the amplitude is four times larger."""

HEADER = {"pixdim": 76, "xyzt_units": 123, "sform_code": 254, "srow_x": 280, "dim": 40, "datatype": 70}
"""Bytes of NIfTI-1 at which fields begin."""


def nifti(values=OFFSETS, name="wave.nii", sidecar=None, patch=None, cut=None, **named):
    """A maker of an image with some fields of its header replaced, or its end cut off; and its sidecar."""

    def make(folder):
        path = save_nifti(folder / name, values, **named)
        raw = bytearray(path.read_bytes())
        for field, (form, *numbers) in (patch or {}).items():
            struct.pack_into(form, raw, HEADER[field], *numbers)
        path.write_bytes(raw[:cut])
        text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
        if sidecar is not None:
            (folder / f"{name.split('.')[0]}.json").write_text(text)
        return name

    return make


def raw(content, name):
    def make(folder):
        (folder / name).write_bytes(content)
        return name

    return make


def mat(cut=None, sidecar=None, **content):
    def make(folder):
        savemat(folder / "wave.mat", content)
        (folder / "wave.mat").write_bytes((folder / "wave.mat").read_bytes()[:cut])
        if sidecar:
            (folder / "wave.json").write_text(json.dumps(sidecar))
        return "wave.mat"

    return make


def hdf5(cut=None, kind=None, head=b""):
    """HDF5 with the offsets, whose variables are of a MATLAB class or of none."""

    def make(folder):
        path = folder / "wave.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            made = file.create_dataset("u", data=OFFSETS.T)
            if kind:
                made.attrs["MATLAB_class"] = np.bytes_(kind)
        path.write_bytes((head.ljust(512, b"\0") + path.read_bytes()[512:])[:cut])
        return "wave.mat"

    return make


def scan(phase=OFFSETS, magnitude=MAGNITUDE, sidecar=None, **more):
    """A folder of an examination, and perhaps further images."""

    def make(folder):
        (folder / "scan").mkdir()
        for name, values in {"phase.nii": phase, "magnitude.nii": magnitude, **more}.items():
            if values is not None:
                save_nifti(folder / "scan" / name.replace("_", "."), values)
        (folder / "scan/phase.json").write_text(json.dumps(sidecar or {}))
        return "scan"

    return make


def other_format(folder):
    nibabel.save(nibabel.MGHImage(OFFSETS, np.diag([2, 2, 5, 1.0])), folder / "wave.mgz")
    return "wave.mgz"


def colours(folder):
    values = np.zeros((32, 32, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / "wave.nii")
    return "wave.nii"


def changed(place, value, values=OFFSETS):
    values = np.array(values)
    values[place] = value
    return values


AT = "--frequency 60"
PAIR = changed((slice(None), slice(None), 0, slice(2)), OFFSETS[:, :, 0, :2])[:, :, :, :2]

WAVES = {
    "cut in its header": (nifti(cut=200), AT, "wave.nii: not a NIfTI file"),
    "cut in its values": (nifti(cut=5000), AT, "wave.nii: cannot be read|wave.nii: not a NIfTI file"),
    "cut, compressed": (nifti(name="wave.nii.gz", cut=3000), AT, "wave.nii.gz: damaged or not whole"),
    "empty file": (raw(b"", "wave.nii"), AT, "wave.nii: not a NIfTI file"),
    "text": (raw(b"a letter to a friend " * 40, "wave.nii"), AT, "wave.nii: not a NIfTI file"),
    "picture": (raw(b"\x89PNG\r\n\x1a\n" + bytes(400), "wave.nii"), AT, "wave.nii: not a NIfTI file"),
    "other format": (other_format, AT, "wave.mgz: not a NIfTI file"),
    "one DICOM file": (raw(bytes(128) + b"DICM", "1.dcm"), AT, "1.dcm: found one DICOM file; .* folder"),
    "colours": (colours, AT, r"wave.nii: expected numbers, found colours \(R, G, B\)"),
    "no such file": (lambda folder: "wave.nii", AT, "wave.nii: no such file"),
    "magnitude for phase": (nifti(MAGNITUDE), AT, "wave.nii: expected phases, found values .* magnitudes"),
    "stiffness for phase": (
        nifti(OFFSETS[:, :, 0], sidecar={"Software": "dime", "Quantity": "stiffness"}),
        AT,
        "wave.json: Quantity: expected a wave beside it, found a map of stiffness",
    ),
    "one image": (nifti(OFFSETS[..., 0, 0]), AT, r"wave.nii: layout offsets does not fit shape \(32, 32\)"),
    "one offset": (nifti(OFFSETS[..., :1]), AT, "wave.nii: expected at least 3 phase offsets, found 1"),
    "two offsets": (
        nifti(PAIR, sidecar={"NumberOfPhaseOffsets": 2}),
        AT,
        r"wave.nii: expected at least 3 phase offsets, found 2 \(by wave.json\)",
    ),
    "an offset is missing": (
        nifti(sidecar={"NumberOfPhaseOffsets": 5}),
        AT,
        "wave.json: NumberOfPhaseOffsets: expected the 4 of the image, found 5",
    ),
    "offsets in words": (
        nifti(sidecar={"NumberOfPhaseOffsets": "four"}),
        AT,
        "wave.json: NumberOfPhaseOffsets: expected a number, found 'four'",
    ),
    "uneven offsets": (
        nifti(sidecar={"TriggerTimes": [0, 0.004, 0.008, 0.016]}),
        AT,
        "wave.json: TriggerTimes: expected evenly spaced phase offsets, found",
    ),
    "a time is missing": (
        nifti(sidecar={"TriggerTimes": [0, 0.004, 0.008]}),
        AT,
        "wave.json: TriggerTimes: expected 4 times",
    ),
    "one offset at all times": (
        nifti(sidecar={"TriggerTimes": [0.1] * 4}),
        AT,
        "wave.json: TriggerTimes: expected evenly spaced",
    ),
    "pixel 0": (nifti(patch={"pixdim": ("<4f", 1, 0, 0, 0)}), AT, "wave.nii: the header states no pixel"),
    "pixel NaN": (
        nifti(patch={"pixdim": ("<4f", 1, *[np.nan] * 3)}),
        AT,
        "wave.nii: the header states no pixel .found nan",
    ),
    "pixel infinite": (
        nifti(patch={"pixdim": ("<4f", 1, np.inf, np.inf, 1)}),
        AT,
        "wave.nii: the header states no pixel",
    ),
    "pixel of 20 mm": (
        nifti(zooms=(20.0, 20.0, 20.0)),
        AT,
        "wave.nii: expected a spacing of 0.2 to 10 mm, found 20 mm",
    ),
    "pixel that nobody gave": (
        nifti(zooms=(1.0, 1.0, 1.0), unit=None),
        AT,
        "wave.nii: the header states no pixel .1 x 1 without",
    ),
    "pixel against the affine": (
        nifti(patch={"pixdim": ("<4f", 1, 3, 3, 5)}),
        AT,
        "wave.nii: the header contradicts itself",
    ),
    "oblong pixel": (nifti(zooms=(2.0, 3.0, 5.0)), AT, "wave.nii: expected square pixels, found 2 x 3 mm"),
    "affine NaN": (
        nifti(patch={"srow_x": ("<4f", *[np.nan] * 4)}),
        AT,
        "wave.nii: expected a header with a finite affine",
    ),
    "shear": (
        nifti(patch={"srow_x": ("<4f", 2, 1, 0, 0)}),
        AT,
        "wave.nii: (expected rectangular pixels|the header contradicts)",
    ),
    "unknown type": (nifti(patch={"datatype": ("<h", 999)}), AT, "wave.nii: not a NIfTI file"),
    "axes of 0": (nifti(patch={"dim": ("<8h", 4, 0, 32, 1, 4, 1, 1, 1)}), AT, "wave.nii: "),
    "not finite": (
        nifti(changed((16, 16, 0, 1), np.nan)),
        AT,
        r"wave.nii: 1 of \d+ pixels of the tissue are not finite",
    ),
    "no motion": (nifti(0 * OFFSETS + DISC[..., None, None]), AT, "wave.nii: expected motion between"),
    "nothing": (nifti(0 * OFFSETS), AT, "wave.nii: expected tissue, found no pixel"),
    "three components": (
        nifti(np.repeat(OFFSETS[..., None], 3, -1)),
        AT,
        "wave.nii: found three components of motion; choose one with --component",
    ),
    "no frequency": (nifti(), "", "wave.nii: expected the frequency of the vibration, .*--frequency"),
    "frequency 0": (
        nifti(sidecar={"MechanicalFrequency": 0}),
        "",
        "wave.nii: frequency: expected 1 to 1000 Hz",
    ),
    "frequency NaN": (
        nifti(sidecar='{"MechanicalFrequency": NaN}'),
        "",
        r"wave.json: MechanicalFrequency: expected a number \[Hz\], found nan",
    ),
    "frequency true": (
        nifti(sidecar={"MechanicalFrequency": True}),
        "",
        "wave.json: MechanicalFrequency: expected a number .*True",
    ),
    "frequency in words": (
        nifti(sidecar={"MechanicalFrequency": "60 Hz"}),
        "",
        "wave.json: MechanicalFrequency: .*'60 Hz'",
    ),
    "no JSON": (nifti(sidecar="frequency: 60"), AT, "wave.json: expected a sidecar in JSON, cannot be read"),
    "JSON without end": (nifti(sidecar='{"Units": "rad"'), AT, "wave.json: expected a sidecar in JSON"),
    "nested beyond reason": (nifti(sidecar="[" * 100_000), AT, "wave.json: expected a sidecar in JSON"),
    "a list": (nifti(sidecar=[60]), AT, "wave.json: expected an object with fields, found list"),
    "unknown unit": (
        nifti(sidecar={"PhaseUnits": "furlong"}),
        AT,
        "wave.json: PhaseUnits: expected one of rad, .*'furlong'",
    ),
    "period below 0": (
        nifti(sidecar={"PhasePeriod": -4096}),
        AT,
        "wave.json: PhasePeriod: expected a positive number",
    ),
    "range of one number": (
        nifti(sidecar={"PhaseRange": [4096]}),
        AT,
        "wave.json: PhaseRange: expected a positive number or",
    ),
    "unit that the jumps deny": (
        nifti(np.round(JUMPS / np.pi * 4096), sidecar={"PhaseUnits": "rad"}),
        AT,
        "wave.nii: phases in rad .by wave.json., but neighbouring values jump by 8192",
    ),
    "unwrapped, but it jumps": (
        nifti(JUMPS, sidecar={"PhaseWrapped": False}),
        AT,
        "wave.nii: PhaseWrapped is false .*jump by 6.28",
    ),
    "wrapped, of no period": (
        nifti(123 * OFFSETS, sidecar={"PhaseWrapped": True}),
        AT,
        "wave.nii: PhaseWrapped is true .*nothing tells the period",
    ),
    "wrapped, perhaps": (
        nifti(sidecar={"PhaseWrapped": "yes"}),
        AT,
        "wave.json: PhaseWrapped: expected true or false, found 'yes'",
    ),
    "sensitivity 0": (
        nifti(sidecar={"MotionEncodingSensitivity": [8, 0, 8]}),
        AT,
        "wave.json: MotionEncodingSensitivity: expected numbers other than 0",
    ),
    "sensitivity in words": (
        nifti(sidecar={"MotionEncodingSensitivity": "high"}),
        AT,
        "wave.json: MotionEncodingSensitivity: expected a number, found 'high'",
    ),
    "unknown option": (nifti(), f"{AT} --phase-units ell", "phase units: expected one of rad"),
    "negative amplitude": (
        nifti(PARTS),
        f"{AT} --layout amplitude-phase",
        "wave.nii: expected an amplitude in the first channel",
    ),
    "parts that are none": (nifti(np.abs(PARTS)), AT, "wave.nii: expected real and imaginary part"),
    "variable of NIfTI": (
        nifti(),
        f"{AT} --variable u",
        "wave.nii: variable: only a .mat file has variables",
    ),
    "empty folder": (
        lambda folder: (folder / "scan").mkdir() or "scan",
        AT,
        "scan: expected phase.nii, phase.nii.gz or DICOM files",
    ),
    "folder without a phase": (scan(phase=None), AT, "scan: expected phase.nii, phase.nii.gz or DICOM files"),
    "folder with two": (
        scan(phase_nii=OFFSETS, **{"phase.nii.gz": OFFSETS}),
        AT,
        "scan: expected one of phase.nii and phase.nii.gz, found both",
    ),
    "swapped": (
        scan(MAGNITUDE, OFFSETS),
        AT,
        "phase.nii: magnitude: expected positive values, found .*below 0",
    ),
    "dark magnitude": (scan(magnitude=0 * MAGNITUDE), AT, "phase.nii: magnitude: .*found 0 everywhere"),
    "magnitude of another grid": (
        scan(magnitude=MAGNITUDE[:30]),
        AT,
        r"phase.nii: magnitude: expected the wave's grid \(32, 32, 1\)",
    ),
    "empty .mat": (raw(b"", "wave.mat"), AT, "wave.mat: not a MATLAB file, or not whole"),
    "text named .mat": (raw(b"u = [1 2 3];\n" * 40, "wave.mat"), AT, "wave.mat: not a MATLAB file"),
    ".mat cut in its header": (mat(u=OFFSETS, cut=100), AT, "wave.mat: not a MATLAB file, or not whole"),
    ".mat cut in its values": (mat(u=OFFSETS, cut=3000), AT, "wave.mat: not a MATLAB file, or not whole"),
    ".mat without variables": (mat(), AT, "wave.mat: expected an array .*, found no numbers"),
    ".mat with a text": (mat(note="nothing"), AT, "wave.mat: expected an array .*, found no numbers"),
    ".mat with a map": (mat(map=DISC * 3.0), AT, r"wave.mat: expected an array .*, found map \(32 x 32\)"),
    ".mat with two waves": (
        mat(u=OFFSETS, v=U),
        AT,
        r"wave.mat: expected one variable .*u \(32 x 32 x 1 x 4\), v \(32 x 32\)",
    ),
    ".mat without that variable": (
        mat(u=OFFSETS),
        f"{AT} --variable w",
        r"wave.mat: variable: expected one of u .*, found 'w'",
    ),
    ".mat without pixel": (mat(u=OFFSETS), AT, "wave.mat: expected a variable with the pixel, .*--spacing"),
    ".mat with an oblong pixel": (
        mat(u=OFFSETS, spacing_mm=[2, 3, 5]),
        AT,
        "wave.mat: expected square pixels, found 2 x 3 mm",
    ),
    ".mat with an empty mask": (
        mat(u=OFFSETS, spacing_mm=2, mask=0 * DISC),
        AT,
        "wave.mat: mask: the mask is empty",
    ),
    ".mat of an unknown unit": (
        mat(u=OFFSETS, spacing_mm=2, PhaseUnits="ell"),
        AT,
        "wave.mat: PhaseUnits: expected one of rad",
    ),
    ".mat with infinite values": (
        mat(u=changed((16, 16), np.inf), spacing_mm=2, mask=DISC),
        AT,
        "wave.mat: 1 of .* are not finite",
    ),
    ".mat against its sidecar": (
        mat(u=OFFSETS, spacing_mm=2, freq=60, sidecar={"MechanicalFrequency": 50}),
        "",
        "wave.json: MechanicalFrequency: expected 60.0 as in wave.mat, found 50",
    ),
    "HDF5 of another program": (hdf5(), AT, "wave.mat: expected variables of MATLAB, found HDF5 of another"),
    "7.3 cut": (hdf5(3000, "single"), AT, "wave.mat: not a MATLAB file, or not whole"),
    "7.3 without variables": (
        hdf5(head=b"MATLAB 7.3"),
        AT,
        "wave.mat: expected an array .*, found no numbers",
    ),
}

LIVERS = {
    "magnitude for phase": (scan(MAGNITUDE / 100), "phase.nii: expected phases, found values .* magnitudes"),
    "swapped": (scan(MAGNITUDE, OFFSETS), "expected a magnitude, found values below 0|expected phases"),
    "an offset is missing": (
        scan(sidecar={"NumberOfPhaseOffsets": 8}),
        "phase.json: NumberOfPhaseOffsets: expected the 4",
    ),
    "three components": (
        scan(np.repeat(OFFSETS[..., None], 3, -1)),
        r"phase.nii: expected \(x, y, slice, offset\) or",
    ),
    "unknown unit": (scan(sidecar={"PhaseUnits": "ell"}), "phase.json: PhaseUnits: expected one of rad"),
    ".mat without a magnitude": (mat(u=OFFSETS, spacing_mm=2), "wave.mat: no magnitude: give --mask"),
}


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def refused(done, message):
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("dime: ") and re.search(message, line), line


@pytest.mark.parametrize("name", WAVES)
def test_a_wave_that_cannot_be_read_is_refused(tmp_path, here, name):
    make, options, message = WAVES[name]
    path = make(tmp_path)
    before = contents(tmp_path)
    done = here("invert", path, *options.split(), "--method", "mmdi", "-o", "map.nii.gz", cwd=tmp_path)
    refused(done, message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", LIVERS)
def test_an_examination_that_cannot_be_read_is_refused(tmp_path, here, name):
    make, message = LIVERS[name]
    path = make(tmp_path)
    before = contents(tmp_path)
    refused(here("liver", path, "--frequency", "60", "-o", "out", cwd=tmp_path), message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (DISC[:30, :, None], r"mask.nii: expected the wave's shape \(32, 32, 1\)"),
        (0 * DISC[..., None], "mask.nii: the mask is empty"),
        (DISC[..., None] - 2.0, "mask.nii: expected 0 outside and positive inside"),
        (np.where(DISC, 1, np.nan)[..., None], "mask.nii: expected finite values"),
    ],
)
def test_a_mask_that_does_not_suit_is_refused(tmp_path, here, values, message):
    nifti()(tmp_path)
    save_nifti(tmp_path / "mask.nii", values.astype(np.float32))
    before = contents(tmp_path)
    words = "invert wave.nii --frequency 60 --method mmdi --mask mask.nii -o map.nii"
    refused(here(*words.split(), cwd=tmp_path), message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ("-o map.nii", "map.json: expected no file, or one that dime has written"),
        (
            "-o wave.nii.gz",
            "wave.nii.gz: expected another name, as its sidecar wave.json would replace a file of wave.nii",
        ),
        (
            "-o one.nii --trusted one.nii.gz",
            "one.nii.gz: expected another name, as its sidecar one.json would replace another output",
        ),
        ("-o one.nii --dicom mine", "mine: expected a new name or a folder of an earlier DICOM series"),
        ("-o one.txt", "one.txt: expected a name that ends in .nii or .nii.gz"),
    ],
)
def test_outputs_never_replace_what_dime_has_not_made(tmp_path, here, outputs, message):
    """Somebody's map.json, the wave's own sidecar, and a folder of other files."""
    nifti(sidecar={"PhaseUnits": "rad"})(tmp_path)
    (tmp_path / "map.json").write_text("{}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    before = contents(tmp_path)
    refused(here(*f"invert wave.nii --frequency 60 --method mmdi {outputs}".split(), cwd=tmp_path), message)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("read", ["scan", "scan/phase.nii"])
@pytest.mark.parametrize(
    "output", ["magnitude.nii", "phase.nii", "magnitude.nii.gz", "phase.nii.gz", "nested/../magnitude.nii"]
)
def test_outputs_never_replace_a_part_of_the_examination(tmp_path, here, read, output):
    """Nor stand beside it under another ending: the folder could not be read again."""
    scan()(tmp_path)
    (tmp_path / "scan/nested").mkdir()
    before = contents(tmp_path)
    words = f"invert {read} --frequency 60 --method mmdi -o one.nii --trusted scan/{output}"
    refused(
        here(*words.split(), cwd=tmp_path), f"{output}: expected another name, as it would replace a file of"
    )
    assert contents(tmp_path) == before


def test_outputs_never_replace_an_image_of_dicom(tmp_path, here):
    (tmp_path / "series/1").mkdir(parents=True)
    (tmp_path / "series/1/0001.nii").write_bytes(bytes(128) + b"DICM")
    before = contents(tmp_path)
    done = here(*"invert series --frequency 60 -o series/1/0001.nii".split(), cwd=tmp_path)
    refused(done, "0001.nii: expected another name, as it would replace a file of series")
    assert contents(tmp_path) == before


def test_a_map_that_would_share_a_sidecar_with_mat_is_refused_by_both_names(tmp_path, here):
    mat(u=OFFSETS, spacing_mm=2)(tmp_path)
    done = here(*"invert wave.mat --frequency 60 -o wave.nii.gz".split(), cwd=tmp_path)
    refused(done, "wave.nii.gz: .* as its sidecar wave.json would replace a file of wave.mat")


def readable(path, frequency_hz=None):
    """Read a wave or refuse it in one line; anything else is a traceback for people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            waves = read_wave(path, frequency_hz)
        except (ValueError, OSError) as error:
            assert path.stem in str(error)
        else:
            assert waves["wave"].shape == waves["mask"].shape and np.isfinite(waves["wave"]).all()


FUZZ = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=8))
@FUZZ
def test_a_header_of_any_bytes_is_read_or_refused(tmp_path, changes):
    path = tmp_path / "wave.nii"
    if not path.exists():
        nifti()(tmp_path)
        path.rename(tmp_path / "whole")
    content = bytearray((tmp_path / "whole").read_bytes())
    for place, byte in changes:
        content[place] = byte
    path.write_bytes(content)
    readable(path, 60.0)
    path.unlink()


NUMBERS = st.floats(allow_nan=True) | st.integers() | st.sampled_from([0, 4, 60, 6.2832])
WORDS = st.sampled_from(["", "rad", "deg", "60", "m", "1e999", "nan", "yes"]) | st.text(max_size=4)
PLAIN = st.none() | st.booleans() | NUMBERS | WORDS
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=2)
)
NAMES = st.sampled_from(
    "MechanicalFrequency NumberOfPhaseOffsets MotionEncodingSensitivity PhaseUnits PhasePeriod PhaseRange "
    "PhaseWrapped TriggerTimes Units mechanical_frequency Quantity Software".split()
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
@FUZZ
def test_a_sidecar_of_any_values_is_read_or_refused(tmp_path, fields):
    path = tmp_path / "wave.nii"
    if not path.exists():
        nifti()(tmp_path)
    (tmp_path / "wave.json").write_text(json.dumps(fields))
    readable(path)
