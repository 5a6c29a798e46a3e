"""Nonlinear inversion: fit the stiffness until its finite-element wave matches the measured one.

Direct inversions differentiate the wave and assume locally homogeneous tissue. This one solves the wave
equation div(G* grad u) + rho omega^2 u = 0 without that assumption and changes G* until u fits. It is slow
and accurate: a target for the fast methods. Motion is antiplane, so one displacement component suffices.
`dime.inversion.objective` defines J, whose minimum is sought, its linear response R and its matrix V. A
Gauss-Newton step from q = log G* and g, the wave on the outline, solves

(R^H R / s^2 + V) step = -(R^H P(S u - d) / s^2 + V q)

by conjugate gradients; V acts on q alone. V and the diagonal of R^H R precondition them.

Assumption: second-order steps. Descent with a limited memory (L-BFGS) is far from the minimum after hundreds
of steps and leaves the errors of the start, because stiffness hardly changes u where the wave is weak.

Source: Van Houten et al. 2001, Magn Reson Med 45:827 (finite elements, measured boundary values); Vogel &
Oman 1996, SIAM J Sci Comput 17:227 (in V the weights of total variation lag behind); Bekas, Kokiopoulou &
Saad 2007, Appl Numer Math 57:1214 (random signs estimate a diagonal).
"""

import numpy as np
from scipy import ndimage
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, cg, splu

from dime.fem.pixels import rigid_motion
from dime.inversion import mmdi
from dime.inversion.masked_wave import Inverted, check_field
from dime.inversion.objective import Problem

ENOUGH = 1e-4
"""Gauss-Newton ends when a step lowers J by less than this part of it."""

PROBES = 6
"""Random images of signs that estimate the diagonal of R^H R; it only preconditions."""


def nonlinear(
    wave,
    mask,
    spacing_m,
    frequency_hz,
    *,
    loss_tangent=None,
    elements_per_wavelength=6.0,
    total_variation_m=0.0006,
    least_noise=0.01,
    iterations=30,
):
    """Stiffness by nonlinear inversion: finite elements, total variation, Gauss-Newton steps.

    Parameters
    ----------
    wave : complex array (y, x)
        First harmonic, any unit; values outside the mask are ignored.
    mask : bool array (y, x)
        Its largest connected part is inverted; other parts keep the starting value with confidence 0.
    spacing_m, frequency_hz : float
        Pixel size [m], vibration frequency [Hz].
    loss_tangent : None, float or array (y, x)
        tan(delta), held fixed if given. None: it is estimated with the stiffness, as a map too.
    elements_per_wavelength : float
        Edges of the mesh per wavelength of the softest quarter of the starting map; they also set the
        resolution of the stiffness. Assumption: 6, where quadratic elements are right to 1-2 %.
    total_variation_m : float
        l, the length that weighs the total variation [m]; larger gives rougher maps. Assumption: 0.6 mm; of
        0.3 to 2.5 mm, 0.6 and 1 mm had the least error (2.9 %), averaged over the three families of the
        validation set at a signal-to-noise ratio of 20. Homogeneous tissue asks for less, livers for 1.5 mm.
    least_noise : float
        Lower bound of sigma, the noise found in the wave, as a fraction of the wave's rms.
    iterations : int
        Largest number of Gauss-Newton steps; ten are usual.

    Returns
    -------
    Inverted
        stiffness [Pa]; confidence 0..1, the share of the wave's energy around a pixel that the
        computed wave explains.

    Raises
    ------
    ValueError
        See `dime.inversion.masked_wave.check_field`; a field of view smaller than MMDI's widest window (the
        starting map is MMDI's); a mask without interior; a loss tangent that is negative or of another shape.
    """
    wave, mask = check_field(wave, mask, spacing_m, frequency_hz)
    rigid = rigid_motion(mask)
    wave[mask] -= rigid @ (rigid.T @ wave[mask])
    start = _starting_map(wave, mask, spacing_m, frequency_hz)
    settings = loss_tangent, elements_per_wavelength, total_variation_m, least_noise
    problem = Problem(wave, mask, start, spacing_m, frequency_hz, *settings)
    found = problem.evaluate(problem.start)
    for _ in range(iterations):
        before, found = found.value, _step(problem, found)
        if before - found.value < ENOUGH * before:
            break
    return _maps(problem, found, mask, spacing_m, start)


def _step(problem, state):
    """The state after one Gauss-Newton step within the bounds, or the same if none lowers J."""
    gradient, response, variation = problem.linearise(state)
    n, x = problem.linear.N, state.unknowns
    free = ~((x <= problem.low) & (gradient >= 0) | (x >= problem.high) & (gradient <= 0))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, len(problem.data)))
    diagonal = np.mean([np.abs(response.rmatvec(row)) ** 2 for row in signs], 0)
    diagonal = state.weight * np.concatenate([d + 1e-3 * d.mean() for d in np.split(diagonal, [n])])
    near = splu((variation + diags_array(diagonal[:n])).tocsc())

    def curvature(v):
        v = (v * free).view(complex)
        change = state.weight * response.rmatvec(response.matvec(v))
        change[:n] += variation @ v[:n]
        return change.view(float) * free

    def precondition(v):
        v = (v * free).view(complex)
        tissue = near.solve(v[:n].real) + 1j * near.solve(v[:n].imag)
        return np.concatenate([tissue, v[n:] / diagonal[n:]]).view(float) * free

    square = len(x), len(x)
    H, M = (LinearOperator(square, matvec=f, dtype=float) for f in (curvature, precondition))
    change = cg(H, -gradient * free, rtol=0.1, maxiter=100, M=M)[0]
    for length in (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16):
        found = problem.evaluate(np.clip(x + length * change, problem.low, problem.high))
        if found.value < state.value:
            return found
    return state


def _maps(problem, state, mask, spacing_m, start):
    """Stiffness and confidence on the pixels; mask pixels just off the mesh take the nearest values."""
    m = problem.split(state.unknowns)[0]
    covered = problem.image.covered
    stiffness, residual, measured = np.zeros((3, *covered.shape))
    stiffness[covered] = np.exp(problem.stiffness_image.matrix @ m)
    residual[covered] = np.abs(state.residual) ** 2
    measured[covered] = np.abs(problem.data) ** 2
    width = max(3, round(0.01 / spacing_m))
    left, all_of_it = (ndimage.uniform_filter(a, width) for a in (residual, measured))
    confidence = np.clip(1 - left / np.where(all_of_it > 0, all_of_it, np.inf), 0, 1)
    distance, nearest = ndimage.distance_transform_edt(~covered, return_indices=True)
    rim = mask & ~covered & (distance <= 3)
    apart = mask & ~covered & ~rim
    for values in (stiffness, confidence):
        values[rim] = values[tuple(nearest)][rim]
    stiffness[apart] = start[apart]
    return Inverted(np.where(mask, stiffness, 0), np.where(mask & ~apart, confidence, 0))


def _starting_map(wave, mask, spacing_m, frequency_hz):
    """MMDI's stiffness within a factor 2 of its median, smoothed over 5 mm inside the mask."""
    found = mmdi.invert(wave, mask, spacing_m, frequency_hz).stiffness
    middle = np.median(found[mask])
    values = np.where(mask, np.log(np.clip(found, middle / 2, 2 * middle)), 0)
    sums, weight = (ndimage.gaussian_filter(a, 0.005 / spacing_m) for a in (values, mask.astype(float)))
    return np.where(mask, np.exp(sums / np.where(mask, weight, 1)), 0)
