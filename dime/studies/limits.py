"""Cramer-Rao bound of stiffness in homogeneous tissue, and the scatter of the methods beside it.

In a disc of one complex modulus G* a wave is a sum of free waves, u = sum_n a_n J_n(k r) e^{i n theta} with
k = omega sqrt(rho / G*) and any complex a_n. With white Gaussian noise of deviation sigma in each channel, no
unbiased estimate of log |G*| has a standard deviation smaller than

    sd(log |G*|) = 2 sigma / (|k| ||P du/dk||),

where P projects out what a change of the amplitudes a_n (nuisance parameters) explains as well. Because u is
an analytic function of k, its derivatives with respect to log |G*| and to the loss angle differ by the factor
i. They are orthogonal, so an unknown loss does not raise the bound.

Assumption: the tissue is known to be homogeneous over a disc of known place and size, nothing else moves in
it, and the noise is white. A method that knows less scatters more. A method that knows more (a prior on
usual stiffness or smoothness) may scatter less and be biased; the bound says nothing of biased estimates.

Source: Kay 1993, Fundamentals of Statistical Signal Processing: Estimation Theory, chapter 3; Rife and
Boorstyn 1974, IEEE Trans Inf Theory 20:591 (the plane wave); Slepian-Bangs form for white noise.
"""

import numpy as np
from scipy import ndimage, special

from dime.mri import noise
from dime.physics import DENSITY_KG_M3, wavenumber
from dime.simulation.examination import simulate_phantom

TOLERANCE = 1e-3
"""Relative residual below which free waves explain a disc's wave; it is far below any noise studied."""

LIKELIHOOD_REPEATS = 4
"""Noise realisations of the maximum-likelihood fit for each one of the other methods.

The scatter of this fit shows how sharp the bound is; more realisations determine it better."""


def free_waves(y, x, k, order):
    """Free waves J_n(k r) e^{i n theta}, n = -order..order, and their derivatives with respect to k.

    Parameters: y, x (pixel,) [m] from the disc's middle; k complex [rad/m]; order.
    Returns two complex arrays (pixel, 2 order + 1), both divided by the norms of the first's columns. This
    changes neither the span nor u(k).
    """
    r, turn = np.hypot(y, x)[:, None], np.exp(1j * np.arctan2(y, x))[:, None]
    n = np.arange(-order, order + 1)
    values = special.jv(n, k * r) * turn**n
    size = np.linalg.norm(values, axis=0)
    return values / size, r * special.jvp(n, k * r) * turn**n / size


def explain(values, derivative, wave):
    """Split a wave into a sum of free waves and a residual.

    Parameters: values, derivative (pixel, n) as from `free_waves`; wave complex (pixel,).
    Returns the residual (pixel,), and P du/dk (pixel,): the effect of k that no amplitudes can imitate.
    """
    basis, _ = np.linalg.qr(values)
    amplitudes = np.linalg.lstsq(values, wave, rcond=None)[0]
    change = derivative @ amplitudes
    return wave - values @ amplitudes, change - basis @ (basis.conj().T @ change)


def deviation_bound(values, derivative, wave, k, sigma):
    """Cramer-Rao bound sd(log |G*|) = 2 sigma / (|k| ||P du/dk||), dimensionless.

    Parameters: values, derivative (pixel, n), the free waves at k [rad/m]; wave complex (pixel,) without
    noise; sigma, the noise's standard deviation per channel [wave's unit].
    """
    return 2 * sigma / (np.abs(k) * np.linalg.norm(explain(values, derivative, wave)[1]))


def least_order(y, x, wave, k):
    """Smallest order of `free_waves` that leaves less than `TOLERANCE` of a noise-free wave (pixel,).

    Assumption: higher orders, not needed by the wave, are known to be absent; they would raise the bound.
    Raises ValueError if no order suffices: the tissue is not homogeneous.
    """
    largest = int(np.abs(k) * np.hypot(y, x).max()) + 12
    for order in range(largest):
        rest, _ = explain(*free_waves(y, x, k, order), wave)
        if np.linalg.norm(rest) < TOLERANCE * np.linalg.norm(wave):
            return order
    raise ValueError(f"wave: expected free waves of one modulus in the disc, found none to order {largest}")


def maximum_likelihood(wave, y, x, k, order, steps=20):
    """Maximum-likelihood wavenumber of a noisy wave, by Gauss-Newton steps from a first guess.

    dk = <P du/dk, residual> / ||P du/dk||^2, until |dk| < 1e-9 |k| or after `steps` steps.

    Parameters: wave complex (pixel,); y, x (pixel,) [m] from the disc's middle; k, first guess [rad/m]; order
    of the free waves. Returns k, complex [rad/m]; |G*| = rho omega^2 / |k|^2.
    """
    for _ in range(steps):
        rest, change = explain(*free_waves(y, x, k, order), wave)
        step = np.vdot(change, rest) / np.vdot(change, change).real
        k = k + step
        if np.abs(step) < 1e-9 * np.abs(k):
            break
    return k


def discs(recipe, radius_m):
    """Discs of homogeneous tissue cut from simulated phantoms, each around the phantom's deepest pixel.

    Parameters: recipe, examination.Recipe of family "homogeneous" without noise; radius_m. Phantoms too
    narrow for the disc are skipped until `recipe.count` discs are found.
    Returns a list of dicts: wave complex (y, x) (0 outside), mask (y, x), y, x (y, x) [m] from the middle,
    k complex [rad/m], stiffness [Pa].
    """
    found, index, half = [], 0, int(radius_m / recipe.spacing_m) + 1
    axis = np.arange(-half, half + 1) * recipe.spacing_m
    y, x = np.meshgrid(axis, axis, indexing="ij")
    disc = np.hypot(y, x) < radius_m
    while len(found) < recipe.count:
        phantom = simulate_phantom(recipe, index)
        index += 1
        depth = ndimage.distance_transform_edt(np.pad(phantom["mask"], 1))[1:-1, 1:-1]
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        # The wave next to a driver's end is not smooth: two pixels of distance.
        if (depth[row, column] - 2) * recipe.spacing_m < radius_m:
            continue
        box = np.s_[row - half : row + half + 1, column - half : column + half + 1]
        stiffness, loss = (float(phantom[name][row, column]) for name in ("stiffness", "loss_tangent"))
        wave = np.where(disc, phantom["wave"][box], 0).astype(complex)
        k = wavenumber(stiffness, loss, recipe.frequency_hz)
        found.append({"wave": wave, "mask": disc, "y": y, "x": x, "k": k, "stiffness": stiffness})
    return found


def window_bounds(disc, radii_m, sigma):
    """`deviation_bound` (radius,) of concentric discs of several radii [m] within one of `discs`."""
    bounds = []
    for radius in radii_m:
        inside = np.hypot(disc["y"], disc["x"]) < radius
        y, x, wave = (disc[name][inside] for name in ("y", "x", "wave"))
        order = least_order(y, x, wave, disc["k"])
        bounds.append(deviation_bound(*free_waves(y, x, disc["k"], order), wave, disc["k"], sigma))
    return np.array(bounds)


def noise_of(disc, snr):
    """Standard deviation per channel of the noise that `noise.add_noise` adds to a disc's wave."""
    return np.sqrt(np.mean(np.abs(disc["wave"][disc["mask"]]) ** 2)) / snr


def scatter(disc, snr, invert, core_m, spacing_m, frequency_hz, rngs):
    """Standard deviation and bias of every method's estimate of one disc over realisations of the noise.

    The methods are given the disc alone. An estimate is the mean of log stiffness over the disc's core;
    maximum likelihood (method "likelihood") knows in addition that the disc is homogeneous.

    Parameters
    ----------
    disc : one of `discs`
    snr : float
    invert : dict of `methods.inverters`
    core_m : radius of the core [m]
    spacing_m, frequency_hz : float
    rngs : sequence of numpy.random.Generator
        One per realisation.

    Returns
    -------
    list of dict
        method; sd, bias and error (rms) of log stiffness over the realisations; pixel_sd, the standard
        deviation of one pixel (rms over the core), None for "likelihood".
    """
    core = np.hypot(disc["y"], disc["x"]) < core_m
    inside = disc["mask"]
    y, x = disc["y"][inside], disc["x"][inside]
    order = least_order(y, x, disc["wave"][inside], disc["k"])
    pixels = {method: [] for method in (*invert, "likelihood")}
    for rng in rngs:
        noisy = noise.add_noise(disc["wave"], inside, snr, rng)
        for method, stiffness in invert.items():
            pixels[method].append(np.log(stiffness(noisy, inside, spacing_m, frequency_hz)[core]))
        for _ in range(LIKELIHOOD_REPEATS):
            k = maximum_likelihood(noisy[inside], y, x, disc["k"], order)
            found = DENSITY_KG_M3 * (2 * np.pi * frequency_hz / np.abs(k)) ** 2
            pixels["likelihood"].append([np.log(found)])
            noisy = noise.add_noise(disc["wave"], inside, snr, rng)
    rows = []
    for method, values in pixels.items():
        off = np.array(values) - np.log(disc["stiffness"])  # (realisation, pixel)
        mean = off.mean(axis=1)
        pixel_sd = None if method == "likelihood" else np.sqrt(off.var(axis=0, ddof=1).mean())
        figures = {"sd": mean.std(ddof=1), "bias": mean.mean(), "error": np.sqrt(np.mean(mean**2))}
        rows.append({"method": method} | figures | {"pixel_sd": pixel_sd})
    return rows
