"""A signal is divided by its measurements at b = 0, with the noise that they show; bad ones are refused."""

import numpy as np
import pytest

from dime.diffusion.inputs import gather
from dime.diffusion.sequence_file import read_sequence


def sequence(b, directions=6, **more):
    block = {"duration_ms": 10, "separation_ms": 60, "b_ms_per_um2": b, "directions": directions}
    return read_sequence({"blocks": [block | more]})


NORMALISED = sequence([1, 2])
RAW = sequence([0, 1, 2])
SIGNAL = np.tile([0.4, 0.2], 6)


def raw(scale=1000.0, noise=0.0):
    values = np.tile([1, 0.4, 0.2], 6) + noise * np.random.default_rng(0).normal(size=18)
    return scale * values


def test_a_signal_in_any_unit_is_divided_by_that_at_b_0():
    found = gather(raw(), RAW, 0.02)
    np.testing.assert_allclose(found.signal, SIGNAL)
    assert found[1:] == (0.02, "stated")


def test_every_timing_is_divided_by_its_own():
    block = {"duration_ms": 10, "b_ms_per_um2": [0, 1, 2], "directions": 6}
    both = read_sequence({"blocks": [{**block, "separation_ms": gap} for gap in (60, 20)]})
    found = gather(np.concatenate([raw(1000), raw(500)]), both, 0.02)
    np.testing.assert_allclose(found.signal, np.tile(SIGNAL, 2))


def test_repeats_say_the_noise():
    """600 measurements at b = 0: the deviation of their deviation is 3 %."""
    many = sequence([0, 1], 600)
    values = np.tile([1, 0.4], 600) + 0.02 * np.random.default_rng(3).normal(size=1200)
    found = gather(70 * values, many)
    assert found.noise == pytest.approx(0.02, rel=0.1) and found.noise_from == "repeats"


def test_noise_that_nothing_says_is_assumed():
    for values, given in ((SIGNAL, NORMALISED), (raw(), RAW)):
        assert gather(values, given)[1:] == (0.01, "assumed")


def test_repeats_that_differ_by_rounding_say_no_noise():
    values = raw(1.0)
    values[::3] *= 1 + 1e-15 * np.arange(6)
    assert len(set(values[::3])) > 1 and gather(values, RAW)[1:] == (0.01, "assumed")


def test_repeats_that_scatter_without_bounds_are_refused_unless_the_noise_is_stated():
    values = raw()
    values[::3] = [100, 4000, 10, 200, 50, 100]
    message = r"^signal: noise of the measurements at b = 0: expected at most 0\.5, found 2\.1$"
    with pytest.raises(ValueError, match=message):
        gather(values, RAW)
    assert gather(values, RAW, 0.1).noise_from == "stated"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.txt", "0.4 0.2\n" * 6),
        ("s.csv", "signal\n" + "0.4\n0.2\n" * 6),
        ("s.csv", "# made by hand\n" + "0.4,0.2," * 6),
        ("s.tsv", "0.4;0.2\n" * 6 + "\n\n"),
    ],
)
def test_text_is_read_with_or_without_a_heading(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    np.testing.assert_allclose(gather(tmp_path / name, NORMALISED).signal, SIGNAL)


def test_numpy_files_are_read(tmp_path):
    np.save(tmp_path / "s.npy", SIGNAL[:, None])
    np.savez(tmp_path / "s.npz", signal=SIGNAL, b=np.arange(3))
    for name in ("s.npy", "s.npz"):
        np.testing.assert_allclose(gather(tmp_path / name, NORMALISED).signal, SIGNAL)


def put(value, place=3):
    changed = SIGNAL.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("values", "given", "noise", "message"),
    [
        (SIGNAL[1:], NORMALISED, None, "signal: expected 12 numbers, as the sequence says, found 11"),
        (
            put(np.nan),
            NORMALISED,
            None,
            "signal: expected finite values, found 1 that are not, first number 4",
        ),
        (put(1.06), NORMALISED, None, "signal above 1: expected at most 1 + 5 times the noise of 0.01"),
        (100 * SIGNAL, NORMALISED, None, "signal above 1"),
        (put(-0.06), NORMALISED, None, "signal below 0: expected at least - 5 times the noise of 0.01"),
        (SIGNAL + 0j, NORMALISED, None, "signal: expected real numbers, found complex ones"),
        (SIGNAL.reshape(2, 6), NORMALISED, None, "signal: expected one list of numbers, found shape (2, 6)"),
        (np.full(12, 0.5), NORMALISED, None, "signal: expected a signal that changes, found 0.5 everywhere"),
        (-raw(), RAW, None, "signal: expected a positive signal at b = 0, found -1000"),
        (
            SIGNAL,
            NORMALISED,
            -0.01,
            "noise: expected above 0 and at most 0.5, relative to b = 0, found -0.01",
        ),
        (SIGNAL, NORMALISED, 5.0, "noise: expected above 0 and at most 0.5, relative to b = 0, found 5"),
        (SIGNAL, NORMALISED, float("nan"), "noise: expected above 0 and at most 0.5"),
    ],
)
def test_a_signal_that_cannot_be_is_refused_in_one_line(values, given, noise, message):
    with pytest.raises(ValueError) as error:
        gather(values, given, noise)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_noise_may_carry_a_signal_a_little_beyond():
    assert gather(put(1.04), NORMALISED).signal.max() > 1
    assert gather(put(-0.04), NORMALISED).signal.min() < 0
    assert gather(put(1.2), NORMALISED, 0.05).noise == 0.05


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.txt", b"0.4 high 0.2", "s.txt: expected numbers, found 'high'"),
        ("s.txt", b"", "s.txt: expected numbers, found 'none'"),
        ("s.txt", b"\xff\xfe0", "s.txt: expected text in UTF-8"),
        ("s.npy", b"\x93NUMPY", "s.npy: expected a NumPy file, found a broken or another one"),
        ("s.npz", b"PK\x03\x04", "s.npz: expected a NumPy file, found a broken or another one"),
        ("s.nii.gz", b"", "s.nii.gz: expected a name that ends in .txt, .csv, .tsv, .npy, .npz"),
    ],
)
def test_files_that_hold_no_signal_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as error:
        gather(tmp_path / name, NORMALISED)
    assert message in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv: no such file"):
        gather(tmp_path / "none.csv", NORMALISED)
    np.savez(tmp_path / "s.npz", a=SIGNAL, b=SIGNAL)
    with pytest.raises(ValueError, match=r"s\.npz: expected one array, or one named signal, found 2"):
        gather(tmp_path / "s.npz", NORMALISED)
