"""The models' limits, their parameters recovered from one frequency, and causality."""

import numpy as np
import pytest

from dime.fem import rheology


@pytest.mark.parametrize("model", rheology.MODELS)
def test_every_model_keeps_the_reference(model):
    """At the reference frequency every model returns the modulus it was made from."""
    modulus = np.array([2000 + 300j, 5000 + 2000j, 1000 + 0j])
    np.testing.assert_allclose(rheology.at_frequency(modulus, 60.0, model, 60.0), modulus, rtol=1e-12)


def test_parameters_come_back():
    """A modulus made by a model at 40 Hz, moved to 80 Hz, is the model's own at 80 Hz."""
    cases = {
        "kelvin_voigt": lambda f: rheology.kelvin_voigt(f, 2000.0, 3.0),
        "springpot": lambda f: rheology.springpot(f, 500.0, 0.3),
        "zener": lambda f: rheology.zener(f, 2000.0, 900.0, 1 / (80 * np.pi)),
        "hysteretic": lambda f: rheology.hysteretic(3000.0, 0.4),
    }
    for model, truth in cases.items():
        assert rheology.at_frequency(truth(40.0), 80.0, model, 40.0) == pytest.approx(truth(80.0), rel=1e-12)


def test_limits():
    """Zener is mu_0 slow and mu_0 + mu_1 fast; a springpot is a spring at alpha = 0, a dashpot at 1."""
    assert rheology.zener(1e-9, 2000.0, 900.0, 0.01) == pytest.approx(2000, rel=1e-6)
    assert rheology.zener(1e9, 2000.0, 900.0, 0.01) == pytest.approx(2900, rel=1e-6)
    assert rheology.springpot(50.0, 2000.0, 0.0) == pytest.approx(2000)
    assert rheology.springpot(50.0, 3.0, 1.0) == pytest.approx(rheology.kelvin_voigt(50.0, 0.0, 3.0))


def test_springpot_phase():
    """delta = alpha pi / 2 at every frequency, and |G*| grows as omega^alpha."""
    low, high = rheology.springpot(30.0, 700.0, 0.2), rheology.springpot(60.0, 700.0, 0.2)
    assert np.angle(low) == pytest.approx(0.1 * np.pi)
    assert abs(high) / abs(low) == pytest.approx(2**0.2)


def test_bad_input():
    """One line that names the field."""
    with pytest.raises(ValueError, match="rheology: expected one of"):
        rheology.at_frequency(1000j, 60.0, "maxwell")
    with pytest.raises(ValueError, match="zener model expects"):
        rheology.at_frequency(1000 + 2000j, 50.0, "zener")
    with pytest.raises(ValueError, match="reference_hz"):
        rheology.at_frequency(1000.0, 50.0, "zener", 0.0)
