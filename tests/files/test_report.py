"""Metrics files are strict JSON, equal for equal results, and missing ones are named."""

import json

import numpy as np
import pytest

from dime.files import report


def test_what_cannot_be_computed_is_null_and_digits_are_bounded(tmp_path):
    path = tmp_path / "metrics/m.json"
    report.write(path, {"r": float("nan"), "x": [1 / 3, np.inf], "n": 3, "name": "a"})
    assert json.loads(path.read_text()) == {"r": None, "x": [0.33333333, None], "n": 3, "name": "a"}
    assert report.number(None) == "-" and report.number(-0.126, "+.2f") == "-0.13"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cohort\.json: missing; no stage of the pipeline writes it"):
        report.read(tmp_path / "cohort.json")
