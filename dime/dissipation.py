"""Which way time runs in a wave: tissue takes energy from it, and never gives any.

With u e^{i omega t} and the band-passed wave v, G* lap(v) = -rho omega^2 v gives
Im(conj(v) lap(v)) = rho omega^2 |v|^2 G'' / |G*|^2 > 0. Of u e^{-i omega t}, the conjugate, it is negative.

Summed over the tissue this is the energy that flows in through its outline and stays: what the stiffness does
in between can only send it to and fro. White noise adds nothing on average, as the channels' are independent;
gains a and b of the two channels scale the sum by a b; the band-pass takes their offsets and slow motion off.
"""

import math

import numpy as np
from scipy import ndimage

from dime import filters

SPEEDS_M_S = (0.8, 4.0)
"""Of the shear waves that the band passes: |G*| from 0.6 to 16 kPa, what soft organs have."""

RIM_M_PER_S = 0.5
"""Frequency times width of the rim left out, 8 mm at 60 Hz: the band-pass knows but one side of it."""


def dissipation(wave, mask, spacing_m, frequency_hz):
    """Energy that tissue takes from a wave at e^{i omega t}; negative: the wave is at e^{-i omega t}.

    sum Im(conj(v) lap(v)) / sqrt(sum |v|^2 sum |lap(v)|^2) over the tissue within its rim, v the wave in the
    band of `SPEEDS_M_S`, each channel of unit deviation: the sine of the loss angle where G* is uniform.

    Parameters
    ----------
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
    spacing_m, frequency_hz : float

    Returns
    -------
    float
        -1 to 1; 0 of a wave without an imaginary or without a real part, which tells nothing.

    Assumption: no energy comes from across the slice in greater measure than tissue takes. On simulated waves
    (SNR 3 to 20, motion at the edge, in-plane motion, loss tangents from 0.02) and measured livers it holds.
    """
    widths = RIM_M_PER_S, SPEEDS_M_S[1] / 2  # of the rim, and of the margin that lets the wave fade
    rim, margin = (math.ceil(width / (spacing_m * frequency_hz)) for width in widths)
    parts = [np.where(mask, part, 0) for part in (wave.real, wave.imag)]
    deviations = [part[mask].std() for part in parts]
    if min(deviations) == 0:
        return 0.0
    real, imaginary = (part / deviation for part, deviation in zip(parts, deviations, strict=True))
    boxed, tissue, _ = filters.crop(real + 1j * imaginary, mask, margin)
    extended = filters.extend(boxed, tissue, spacing_m, RIM_M_PER_S / frequency_hz)
    low, high = (frequency_hz / speed for speed in SPEEDS_M_S[::-1])
    passed = filters.band_pass(extended, spacing_m, low, high)
    inner = ndimage.binary_erosion(tissue, iterations=rim)
    v, laplacian = (image[inner if inner.any() else tissue] for image in (passed, ndimage.laplace(passed)))
    return float(np.vdot(v, laplacian).imag / (np.linalg.norm(v) * np.linalg.norm(laplacian)))
