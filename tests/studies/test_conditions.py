"""Errors under changed conditions, of methods whose errors are known."""

import numpy as np
import pytest

from dime.physics import DENSITY_KG_M3
from dime.simulation import examination
from dime.studies import conditions

SPACING_M = 1.5e-3


def test_tissue_stays_when_the_conditions_change():
    """A method that says 3 kPa everywhere errs alike at every frequency; wavelengths: c / (f dx) pixels."""
    recipe = examination.Recipe("homogeneous", 3, 20, snr=20.0)
    constant = {"mmdi": lambda wave, mask, *_: 3e3 * mask}
    table = conditions.sweep([recipe], constant, 0.01, "frequency_hz", [30.0, 60.0])
    found = conditions.summarise(table, "frequency_hz")
    low, high = (entry["mean"] for entry in found["methods"]["mmdi"]["mape"])
    assert low == pytest.approx(high, rel=1e-3)
    truth = [examination.simulate_phantom(recipe, i)["stiffness"].max() for i in range(3)]
    assert high == pytest.approx(100 * np.mean(np.abs(3e3 / np.array(truth) - 1)), rel=1e-3)
    assert found["cases"] == 3 and found["frequency_hz"] == [30.0, 60.0] and found["covered"] == [1.0, 1.0]
    speed = np.sqrt(np.median(truth) / DENSITY_KG_M3)
    assert found["wavelength_px"] == pytest.approx([speed / f / SPACING_M for f in (30, 60)], rel=1e-3)
