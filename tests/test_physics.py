"""Shared relations: one pixel axis, and a wavelength and a wavenumber that agree."""

import numpy as np
import pytest

from dime import physics


@pytest.mark.parametrize("count", [1, 4, 5])
def test_the_pixel_axis_is_centred_and_evenly_spaced(count):
    axis = physics.axis_m(count, 2e-3)
    assert axis.shape == (count,)
    np.testing.assert_allclose(axis, -axis[::-1], atol=0)
    np.testing.assert_allclose(np.diff(axis), 2e-3)


@pytest.mark.parametrize("loss_tangent", [0.0, 0.3])
def test_wavelength_and_wavenumber_belong_together(loss_tangent):
    """lambda = 2 pi / Re k; rho omega^2 = |G*| |k|^2; a lossless wave of 3 kPa at 60 Hz is 28.9 mm long."""
    modulus = 3000 * np.exp(1j * np.arctan(loss_tangent))
    k = physics.wavenumber(3000.0, loss_tangent, 60.0)
    assert physics.shear_wavelength(modulus, 60.0) == pytest.approx(2 * np.pi / k.real)
    assert physics.helmholtz_factor(60.0) == pytest.approx(3000 * abs(k) ** 2)
    assert k.imag <= 0
    if loss_tangent == 0:
        assert physics.shear_wavelength(modulus, 60.0) == pytest.approx(np.sqrt(3) / 60)
