"""Check a stiffness map against the wave it was made from: find the part of the wave it does not explain.

The wave is computed from div(G* grad u) + rho omega^2 u = 0 with the map's G* and the wave on the mask's rim,
and subtracted from the measured one. No truth is needed, so the check works in patients too.

Values measured at the rim are noisy or extrapolated, and a weakly damped slice would magnify these errors. So
the rim's wave is fitted to the wave inside by a few least-squares steps from its measured value.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize
from scipy.sparse.linalg import lsqr

from dime.fem.pixels import rigid_motion
from dime.inversion.masked_wave import check_field
from dime.inversion.objective import Problem

ELEMENTS_PER_WAVELENGTH = 12.0
"""Elements per wavelength of the map's softest quarter: twice nonlinear inversion's, as less is fitted."""

LOSS_TANGENTS = (0.02, 1.0)
"""Range of the loss tangent where it is fitted. Assumption: one value for the slice; without any loss, a
resonance would magnify the errors of the rim's wave."""

ITERATIONS = 10
"""Least-squares iterations for the rim's wave, from its measured value. Assumption: few, so that the fit
removes the rim's noise and not the map's errors."""


class Residual(NamedTuple):
    """Result of `wave_residual`.

    residual : (y, x) array, |measured - computed| over the measured wave's rms, 0 outside the mask
    relative_rms : rms of the residual over the tissue; 0 if all is explained, about 1 if nothing is
    loss_tangent : the loss tangent given, or the one that fits best
    """

    residual: np.ndarray
    relative_rms: float
    loss_tangent: object


def wave_residual(stiffness, loss_tangent, wave, mask, spacing_m, frequency_hz):
    """Residual between a measured wave and the wave computed with a stiffness map (antiplane motion).

    A constant and a slope (the tissue moving as a whole) count neither in the wave nor in the residual. A
    correct map leaves only the noise, a relative rms of sqrt(2) / SNR, with the SNR of one channel.

    Parameters
    ----------
    stiffness : (y, x) array [Pa], positive inside the mask
    loss_tangent : None, float or (y, x) array
        None: one value for the slice, fitted so that the residual is least.
    wave : (y, x) complex array, any unit
    mask : (y, x) bool array
    spacing_m, frequency_hz : float
        Pixel size [m], vibration frequency [Hz].

    Returns
    -------
    Residual

    Raises
    ------
    ValueError
        See `dime.inversion.masked_wave.check_field`; a stiffness that is not positive inside the mask.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    bad = np.count_nonzero(~(np.asarray(stiffness)[mask] > 0))
    if bad:
        raise ValueError(
            f"stiffness: expected positive values [Pa] inside the mask, found {bad} that are not"
        )
    rigid = rigid_motion(mask)
    wave[mask] -= rigid @ (rigid.T @ wave[mask])
    given = 0.0 if loss_tangent is None else loss_tangent
    problem = Problem(
        wave, mask, stiffness, spacing_m, frequency_hz, given, ELEMENTS_PER_WAVELENGTH, 1.0, 0.01
    )
    m, loss, g = problem.split(problem.start)

    def left(loss):
        u, factors, A, _ = problem.solve(m, loss, g)
        start = problem.data - problem.deformation(problem.image.matrix @ u)
        response = problem.response(factors, A)
        return np.abs(start - response @ lsqr(response, start, iter_lim=ITERATIONS)[0])

    if loss_tangent is None:
        search = {"bounds": LOSS_TANGENTS, "method": "bounded", "options": {"xatol": 0.01}}
        loss = optimize.minimize_scalar(lambda t: np.mean(left(t) ** 2), **search).x
        given = float(loss)
    values = left(loss)
    residual = np.zeros(mask.shape)
    residual[problem.image.covered] = values
    return Residual(residual, float(np.sqrt(np.mean(values**2))), given)


def of_slices(stiffness, waves):
    """`relative_rms` of every slice that has tissue, with the loss tangent fitted.

    Parameters
    ----------
    stiffness : xarray.DataArray
        (..., y, x) [Pa].
    waves : xarray.Dataset
        `wave` complex and `mask` bool of that shape; attrs `spacing_m`, `frequency_hz`.

    Returns
    -------
    list of float
    """
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    wave, mask = waves["wave"].values, waves["mask"].values
    rows = [row for row in np.ndindex(mask.shape[:-2]) if mask[row].any()]
    maps = stiffness.values
    return [wave_residual(maps[row], None, wave[row], mask[row], *scale).relative_rms for row in rows]
