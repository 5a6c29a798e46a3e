"""The command line does what the notebooks do; what is wrong is one line and exit code 2."""

import os
import subprocess
import sys

import numpy as np
import pytest

from dime import dataset


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
    one = dataset.simulate_phantom(dataset.Recipe("homogeneous", 2, 4, frequency_hz=30.0, spacing_m=3e-3), 1)
    np.testing.assert_array_equal(data["wave"].values[1], one["wave"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("simulate --family homogeneous --count 0 --seed 4 -o set.zarr", "count: expected at least 1"),
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
