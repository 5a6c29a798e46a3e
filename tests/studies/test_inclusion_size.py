"""Phantoms with one inclusion: the size and contrast that were asked for, all else equal."""

import numpy as np
import pytest

from dime.metrics import inclusions
from dime.physics import shear_wavelength
from dime.studies import inclusion_size


def test_inclusion_has_the_diameter_and_contrast_asked_for():
    """Area pi (d lambda)^2 / 4 with lambda = sqrt(G / rho) / f around it; twice as stiff; same body."""
    data = inclusion_size.simulate_inclusions([0.75, 1.5], 2.0, 1, 90, 20.0)
    found = inclusions.judge_study({"truth": data["stiffness"].values}, data)
    assert found["diameter_wavelengths"].tolist() == pytest.approx([0.75, 1.5], rel=0.05)
    assert found["contrast"].tolist() == pytest.approx([2, 2])
    assert found["recovered_contrast"].tolist() == pytest.approx([100, 100])
    assert (data["mask"].values[0] == data["mask"].values[1]).all()
    base = [np.median(s[m]) for s, m in zip(data["stiffness"].values, data["mask"].values, strict=True)]
    assert base[0] == base[1]


def test_equal_seeds_give_equal_waves_and_another_body_another():
    first, again = (inclusion_size.simulate_inclusions([1.0], 2.0, 2, 91, 20.0) for _ in range(2))
    assert (first["wave"].values == again["wave"].values).all()
    assert not (first["mask"].values[0] == first["mask"].values[1]).all()


def test_an_inclusion_larger_than_its_body_is_refused():
    with pytest.raises(ValueError, match="diameter_wavelengths: expected an inclusion that fits"):
        inclusion_size.body_with_inclusion(9.0, 2.0, 60.0, np.random.default_rng(1))
    assert (
        shear_wavelength(inclusion_size.STIFFNESS_PA[1], 60.0) * 2
        < inclusion_size.BODY_M[0] - 2 * inclusion_size.CLEARANCE_M
    )
