"""Echoes that are known without a mesh: free water, a slab, a sphere, and two slabs with a membrane between.

    S = a^H e^{-(Delta - delta) L} a,   a = e^{-delta (L + i q X)} s

in the modes of the shape, whose rates L have closed forms and whose moments X are integrals in one dimension.
The exponentials are taken whole, without splitting. No code is shared with the solver.

Source: Grebenkov, Rev. Mod. Phys. 79 (2007), 1077-1137 (multiple correlation functions); Tanner, J. Chem.
Phys. 69 (1978), 1748-1754 (membranes).
"""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import spherical_jn

from dime.diffusion.sequence import DIFFUSIVITY_UM2_PER_MS

MODES = 60
"""Modes of a shape. Those of a slab reach rates of 3500 times its slowest one."""


class Shape(NamedTuple):
    """Modes of a shape that start from the density 1: all others never take part.

    rates_per_ms : (mode,) ascending
    moments_um : (mode, mode), of the coordinate along the gradient
    start : (mode,), of the density 1, of length 1
    """

    rates_per_ms: np.ndarray
    moments_um: np.ndarray
    start: np.ndarray


def echo(shape, block):
    """Signals of a gradient along the shape's coordinate (b,), over the signal without gradients.

    Parameters
    ----------
    shape : Shape
    block : dime.diffusion.sequence.Block
        Its directions are not used.
    """
    rates = np.diag(shape.rates_per_ms)
    mixing = np.exp(-(block.separation_ms - block.duration_ms) * shape.rates_per_ms)
    ends = [
        expm(-block.duration_ms * (rates + 1j * strength * shape.moments_um)) @ shape.start
        for strength in block.strengths
    ]
    return np.array([np.sum(mixing * np.abs(end) ** 2) for end in ends])


def free(block, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS):
    """Signals of free water (b,): e^{-b D}."""
    return np.exp(-block.b_ms_per_um2 * diffusivity_um2_per_ms)


def slab(width_um, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS, modes=MODES):
    """Modes between two reflecting walls: cos(pi k x / width), 0 <= x <= width.

    Parameters
    ----------
    width_um, diffusivity_um2_per_ms : float
    modes : int

    Returns
    -------
    Shape
    """
    wave = np.pi * np.arange(modes) / width_um

    def values(x):
        return np.cos(wave * x[:, None])

    return _on_a_line(values, wave, (0, width_um), diffusivity_um2_per_ms)


def two_slabs(width_um, permeability_um_per_ms, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS, modes=MODES):
    """Modes of two slabs with a membrane between them and reflecting walls at their outer ends.

    Even modes are those of one slab. Odd ones are sign(x) cos(w (width - |x|)), and the flux through the
    membrane, kappa times the jump of the density, asks that w tan(w width) = 2 kappa / D.

    Parameters
    ----------
    width_um : float
        Of each slab.
    permeability_um_per_ms : float
        kappa of the membrane.
    diffusivity_um2_per_ms : float
    modes : int

    Returns
    -------
    Shape
    """
    pull = 2 * permeability_um_per_ms * width_um / diffusivity_um2_per_ms

    def condition(angle):
        return angle * np.sin(angle) - pull * np.cos(angle)

    half = np.arange((modes + 1) // 2)
    odd = [brentq(condition, np.pi * n, np.pi * (n + 0.5), xtol=1e-14) for n in half]
    wave = np.concatenate([np.pi * half, odd]) / width_um
    sign_power = np.repeat([0, 1], len(half))

    def values(x):
        return np.sign(x[:, None]) ** sign_power * np.cos(wave * (width_um - np.abs(x[:, None])))

    return _on_a_line(values, wave, (-width_um, 0, width_um), diffusivity_um2_per_ms)


def sphere(radius_um, diffusivity_um2_per_ms=DIFFUSIVITY_UM2_PER_MS, modes=MODES, degrees=16):
    """Modes of a reflecting sphere: j_l(w r) P_l(cos of the angle to the gradient), j_l'(w radius) = 0.

    Parameters
    ----------
    radius_um, diffusivity_um2_per_ms : float
    modes : int
        The slowest ones of all degrees.
    degrees : int
        l = 0 to degrees - 1.

    Returns
    -------
    Shape
    """
    angle = np.linspace(1e-3, 80, 8001)
    found = [(0.0, 0)]
    for degree in range(degrees):
        slope = spherical_jn(degree, angle, derivative=True)
        for place in np.flatnonzero(slope[:-1] * slope[1:] < 0):
            ends = angle[place], angle[place + 1]
            found.append((brentq(lambda a, d=degree: spherical_jn(d, a, derivative=True), *ends), degree))
    wave, degree = (np.array(one) for one in zip(*sorted(found)[:modes], strict=True))
    r, weights = np.polynomial.legendre.leggauss(200)
    r, weights = (r + 1) / 2, weights / 2
    radial = spherical_jn(degree, wave * r[:, None])
    radial = radial / np.sqrt(weights * r**2 @ radial**2)
    low, high = np.minimum(degree[:, None], degree), np.maximum(degree[:, None], degree)
    turn = np.where(high - low == 1, high / np.sqrt(np.maximum(4.0 * high**2 - 1, 1)), 0)
    moments = radius_um * turn * (radial.T @ ((weights * r**3)[:, None] * radial))
    start = np.zeros(modes)
    start[0] = 1
    return Shape(diffusivity_um2_per_ms * (wave / radius_um) ** 2, moments, start)


def _on_a_line(values, wave, ends, diffusivity_um2_per_ms):
    """Modes on a line cut at `ends`, normalised and integrated by Gauss's rule in each part."""
    x, weights = np.polynomial.legendre.leggauss(200)
    parts = [((b - a) / 2 * (x + 1) + a, (b - a) / 2 * weights) for a, b in itertools.pairwise(ends)]
    x, weights = (np.concatenate(one) for one in zip(*parts, strict=True))
    order = np.argsort(wave, kind="stable")
    modes = values(x)[:, order]
    modes = modes / np.sqrt(weights @ modes**2)
    start = weights @ modes / np.sqrt(weights.sum())
    moments = modes.T @ ((weights * x)[:, None] * modes)
    return Shape(diffusivity_um2_per_ms * wave[order] ** 2, moments, start)
