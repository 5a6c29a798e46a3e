"""Physical constants and relations that all of the package shares: tissue density, wavelength, pixel axis.

This module imports nothing of the package, so that every module and every stage may use it.
"""

import numpy as np

DENSITY_KG_M3 = 1000.0
"""Density of soft tissue that every method here assumes [kg/m3]."""

WORKING_PIXEL_M_PER_S = 0.09
"""Frequency times pixel of the training data [m/s]: 1.5 mm at 60 Hz."""


def axis_m(count, spacing_m):
    """Pixel centres along one side of an image, centred on 0 [m].

    Parameters
    ----------
    count : int
        Pixels along the side.
    spacing_m : float

    Returns
    -------
    (count,) array [m]
        (i - (count - 1) / 2) spacing_m, increasing.
    """
    return (np.arange(count) - (count - 1) / 2) * spacing_m


def shear_wavelength(modulus, frequency_hz):
    """Wavelength c/f of shear waves [m], rho c^2 = 2 |G|^2 / (|G| + G'), from G* [Pa]."""
    size = np.abs(modulus)
    return np.sqrt(2 * size**2 / (DENSITY_KG_M3 * (size + np.real(modulus)))) / frequency_hz


def wavenumber(stiffness_pa, loss_tangent, frequency_hz):
    """k = omega sqrt(rho / G*) [rad/m], complex, of |G*| [Pa] and tan(delta); Im k < 0: e^{-ikx} decays."""
    modulus = stiffness_pa * np.exp(1j * np.arctan(loss_tangent))
    return 2 * np.pi * frequency_hz * np.sqrt(DENSITY_KG_M3 / modulus)


def helmholtz_factor(frequency_hz):
    """rho omega^2 [Pa/m^2], so that |G*| = rho omega^2 |u| / |lap(u)|."""
    return DENSITY_KG_M3 * (2 * np.pi * frequency_hz) ** 2
