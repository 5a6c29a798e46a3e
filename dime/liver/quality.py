"""Judge an examination from itself: eight numbers, one quality from 0 to 1, and a distance from the training.

No number needs a truth. A logistic regression turns them into q = 1 / (1 + exp(w.z + c)), the chance that the
reading is good; z are the transformed and standardised numbers. `fit` needs scikit-learn, `score` does not.
"""

import numpy as np
from scipy import ndimage

from dime.inversion.filters import band_pass
from dime.inversion.masked_wave import crop, extend
from dime.metrics import overlap
from dime.mri.elastography import wrap
from dime.physics import helmholtz_factor

NUMBERS = {
    "moving": (0.0, lambda x: x),
    "phase_residual_rad": (np.pi / np.sqrt(3), np.log),
    "uncertainty": (1.0, np.log),
    "wave_residual": (1.0, lambda x: x),
    "segmenters_dice": (0.0, lambda x: np.log(1.01 - x)),
    "maps_log_ratio": (1.0, lambda x: np.log(x + 0.01)),
    "area_m2": (0.0, lambda x: np.log(x + 1e-3)),
    "entropy": (1.0, lambda x: x),
}
"""The eight numbers of `measures`: the worst value, which stands for one that is missing, and the transform.

Assumption: the worst phase residual is a uniform phase's, the worst uncertainty and ratio a factor of e."""

SURROUNDINGS_M = 15e-3
"""Width of the zone about the predicted liver in which the segmenter's doubt is averaged [m]: 10 pixels."""

PASSED_PER_M = (4 / 0.256, 80.0)
"""Band of the wave in which the wave equation is tested [cycles/m]: the low cut of MMDI, against bulk motion,
and wavelengths from 12 mm, softer than any liver at 60 Hz."""

RIM_M, DECAY_M = 8e-3, 10e-3
"""Rim of the liver in which the wave equation is not tested, as the filter sees one side only, and decay of
the wave's extension past the outline [m], as in MMDI."""

COMPONENTS = 32
"""Directions in which `fit_density` keeps the variance of the bottleneck; the others share one."""


def measures(segmentation, other, waves, maps, other_stiffness=None):
    """Eight numbers that say how well an examination went, over R, the reportable region of the segmenter.

    moving : share of R in which |U| exceeds 3 sqrt(2) times its noise per channel, sqrt(2 / N) times the rms
        phase residual of the slice: noise alone does so once in 8000 pixels.
    phase_residual_rad : rms over R of the part of the phase offsets that no first harmonic explains.
    uncertainty : mean over R of the Laplace scale of log stiffness.
    wave_residual : relative residual of the wave equation with the map, see `equation_residual`.
    segmenters_dice : Dice coefficient of the two segmenters' livers.
    maps_log_ratio : median over R of |log| of the ratio of two networks' maps.
    area_m2 : area of R over all slices [m^2].
    entropy : mean binary entropy [bit] of the liver's probability within 15 mm of the predicted liver.

    Parameters
    ----------
    segmentation, other : dime.liver.segmentation.Segmentation
        Livers of the two segmenters; the region is the first one's reportable part.
    waves : xarray.Dataset
        From `cohort.first_harmonic`: phase (slice, offset, y, x) [rad], wave (slice, y, x) [rad], mask; attrs
        spacing_m, frequency_hz. None where no liver was found.
    maps : xarray.Dataset
        From `methods.invert` with "dime": stiffness [Pa], uncertainty; None where there is no map.
    other_stiffness : (slice, y, x) array [Pa], optional
        Map of the other network.

    Returns
    -------
    dict
        Name -> float; NaN where a number cannot be had, as the noise of three offsets.
    """
    found = dict.fromkeys(NUMBERS, np.nan) | {"area_m2": 0.0}
    if segmentation.liver.any() or other.liver.any():
        found["segmenters_dice"] = overlap.dice(segmentation.liver, other.liver)
    region = segmentation.reportable
    if segmentation.liver.any() and waves is not None:
        spacing = waves.attrs["spacing_m"]
        found["entropy"] = _entropy(segmentation.probability, segmentation.liver, spacing)
        found["area_m2"] = float(np.count_nonzero(region) * spacing**2)
    if waves is None or not region.any():
        return found
    scale = waves.attrs["spacing_m"], waves.attrs["frequency_hz"]
    wave, mask, rows = waves["wave"].values, waves["mask"].values, _used(region)
    moving, left = 0, []
    for row in rows:
        here = phase_residual(waves["phase"].values[row], wave[row])[:, region[row]]
        noise = np.sqrt(2 / len(here) * np.mean(here**2))
        moving += np.count_nonzero(np.abs(wave[row][region[row]]) > 3 * np.sqrt(2) * noise)
        left.append(here)
    if waves.sizes["offset"] > 3:  # three leave no residual
        found["moving"] = float(moving / region.sum())
        found["phase_residual_rad"] = float(np.sqrt(np.mean(np.concatenate(left, axis=1) ** 2)))
    if maps is None:
        return found
    stiffness = maps["stiffness"].values
    known = region & (stiffness > 0)
    if not known.any():
        return found
    found["uncertainty"] = float(maps["uncertainty"].values[known].mean())
    found["wave_residual"] = equation_residual(wave, mask, stiffness, *scale)
    if other_stiffness is not None and (both := known & (other_stiffness > 0)).any():
        found["maps_log_ratio"] = float(np.median(np.abs(np.log(stiffness[both] / other_stiffness[both]))))
    return found


def phase_residual(phase, wave):
    """Part of wrapped phase offsets that a constant and a first harmonic do not explain [rad].

    r_j = wrap(phi_j - Re(U e^{2 pi i j / N}) - c) sqrt(N / (N - 3)), with c the circular mean over offsets. A
    constant and a harmonic take three of N degrees of freedom, so the rms of r is the noise of the phase. An
    offset unwrapped to the wrong branch leaves a residual too.

    Parameters
    ----------
    phase : (offset, y, x) array [rad]
        At least four offsets: three fit exactly, and the residual is then 0.
    wave : (y, x) complex array [rad]

    Returns
    -------
    (offset, y, x) array
    """
    n = len(phase)
    turns = np.exp(2j * np.pi * np.arange(n) / n)[:, None, None]
    left = phase - (wave * turns).real
    left = wrap(left - np.angle(np.exp(1j * left).sum(axis=0)))
    return left * np.sqrt(n / (n - 3)) if n > 3 else np.zeros_like(left)


def equation_residual(wave, mask, stiffness, spacing_m, frequency_hz):
    """Relative residual of the wave equation lap(u) = -rho omega^2 u / G* with a map, all slices together.

    sqrt(sum |L - e^{i d} E|^2 / sum (|L|^2 + |E|^2)), L = lap(u), E = -rho omega^2 u / |G*|, with u the wave
    in `PASSED_PER_M` and d the loss angle that fits best: 0 where the map explains the wave, 1 where lap(u)
    and u have nothing to do with each other. It takes milliseconds, `dime.inversion.residual` seconds.

    Parameters
    ----------
    wave, mask, stiffness : (slice, y, x) arrays
        Complex, any unit; bool; [Pa].
    spacing_m, frequency_hz : float

    Returns
    -------
    float
        NaN where no pixel lies deeper than `RIM_M` in the mask.

    Assumption: G* varies little over a wavelength, as in every direct inversion.
    """
    laps, expected = [], []
    for row in _used(mask):
        boxed, inside, where = crop(wave[row], mask[row], int(np.ceil(0.5 / PASSED_PER_M[0] / spacing_m)))
        u = band_pass(extend(boxed, inside, spacing_m, DECAY_M), spacing_m, *PASSED_PER_M)
        local = np.zeros(inside.shape)
        local[where[0]] = stiffness[row][where[1]]
        deep = (ndimage.distance_transform_edt(inside) * spacing_m > RIM_M) & (local > 0)
        laps.append(ndimage.laplace(u, mode="wrap")[deep] / spacing_m**2)
        expected.append(-helmholtz_factor(frequency_hz) * u[deep] / local[deep])
    L, E = (np.concatenate(parts) if parts else np.zeros(0) for parts in (laps, expected))
    total = np.sum(np.abs(L) ** 2 + np.abs(E) ** 2)
    if total == 0:
        return np.nan
    turn = np.exp(1j * np.angle(np.vdot(E, L)))
    return float(np.sqrt(np.sum(np.abs(L - turn * E) ** 2) / total))


def _used(mask):
    """Slices in which a mask is not empty."""
    return np.flatnonzero(mask.any(axis=(1, 2)))


def _entropy(probability, liver, spacing_m):
    """Mean binary entropy [bit] of a probability within `SURROUNDINGS_M` of the liver, in its slices."""
    near = [ndimage.distance_transform_edt(~one) * spacing_m < SURROUNDINGS_M for one in liver[_used(liver)]]
    p = np.clip(probability[_used(liver)][np.array(near)], 1e-6, 1 - 1e-6).astype(float)
    return float(np.mean(-p * np.log2(p) - (1 - p) * np.log2(1 - p)))


def fit(numbers, bad, seed=0):
    """Fit the quality: a logistic regression of bad results on the numbers, as plain values.

    Parameters
    ----------
    numbers : list of dict
        From `measures`, one per examination.
    bad : (examination,) bool array
        Both kinds must occur.

    Returns
    -------
    dict
        mean, sd, low, high (of the transformed numbers) and weights by name; missing (the weight of a missing
        number), intercept. `score` takes it; it can be written as JSON.

    Raises
    ------
    ValueError
        All results are good, or all are bad.

    Assumption: good and bad results have equal weight, as their shares in a planted set are arbitrary.
    """
    from sklearn.linear_model import LogisticRegression

    bad = np.asarray(bad, bool)
    if bad.all() or not bad.any():
        raise ValueError(f"bad: expected good and bad results, found {int(bad.sum())} bad of {bad.size}")
    x, missing = _transformed(numbers)
    mean, sd = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    inputs = np.column_stack([(x - mean) / sd, missing])
    found = LogisticRegression(class_weight="balanced", random_state=seed).fit(inputs, bad)
    *weights, absent = (float(w) for w in found.coef_[0])
    by_name = {"mean": mean, "sd": sd, "low": x.min(axis=0), "high": x.max(axis=0), "weights": weights}
    model = {name: dict(zip(NUMBERS, map(float, values), strict=True)) for name, values in by_name.items()}
    return model | {"missing": absent, "intercept": float(found.intercept_[0])}


def score(model, numbers):
    """Quality q from 0 (bad) to 1 (good) of one examination.

    q = 1 / (1 + exp(sum_i w_i (x_i - mean_i) / sd_i + w_missing m + c)), with x_i the transformed number,
    kept within the range that `fit` saw, and m the share of numbers that are missing.

    model : dict from `fit`; numbers : dict from `measures`, in which NaN counts as the worst value.
    """
    (x,), (missing,) = _transformed([numbers])
    logit = model["intercept"] + model["missing"] * missing
    for name, value in zip(NUMBERS, x, strict=True):
        kept = np.clip(value, model["low"][name], model["high"][name])
        logit += model["weights"][name] * (kept - model["mean"][name]) / model["sd"][name]
    return float(1 / (1 + np.exp(np.clip(logit, -50, 50))))


def _transformed(numbers):
    """Transformed numbers (examination, number), the worst where one is missing, and the share missing."""
    raw = np.array([[row[name] for name in NUMBERS] for row in numbers], float)
    absent = ~np.isfinite(raw)
    worst = np.array([worst for worst, _ in NUMBERS.values()])
    raw = np.where(absent, worst, raw)
    columns = [change(np.maximum(raw[:, i], 0)) for i, (_, change) in enumerate(NUMBERS.values())]
    return np.maximum(np.column_stack(columns), -20), absent.mean(axis=1)


def fit_density(bottlenecks, validation):
    """Gaussian law of the segmenter's bottleneck, from which `distance` measures how unusual an image is.

    The channels are standardised. The `COMPONENTS` directions of largest variance keep their variance, and
    the others share their mean one, since there are hardly more slices than channels.

    Source: Tipping and Bishop 1999, J R Stat Soc B 61:611; Lee et al. 2018, NeurIPS 31 (the use).

    Parameters
    ----------
    bottlenecks, validation : (slice, channel) arrays
        Of the training slices, and of validation slices, which set the limit.

    Returns
    -------
    dict
        mean, axes (component, channel), rest (by channel) and limit, the distance of 95 % of the validation
        slices; plain values.
    """
    x = np.asarray(bottlenecks, float)
    mean, sd = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    _, singular, axes = np.linalg.svd((x - mean) / sd, full_matrices=False)
    variance = singular**2 / max(len(x) - 1, 1)
    kept = min(COMPONENTS, np.count_nonzero(variance > 1e-9), x.shape[1] - 1)
    rest = max(variance[kept:].sum() / (x.shape[1] - kept), 1e-3)
    scaled = axes[:kept] / np.sqrt(variance[:kept])[:, None]
    density = {"mean": mean, "sd": sd, "axes": scaled, "spread": np.sqrt(variance[:kept]), "rest": rest}
    density = {name: np.asarray(value).tolist() for name, value in density.items()}
    return density | {"limit": float(np.quantile(distance(density, validation), 0.95))}


def distance(density, bottleneck):
    """Mahalanobis distance of slices from the training, over the root of the number of channels.

    Training slices have a rms of about 1.

    Parameters
    ----------
    density : dict
        From `fit_density`.
    bottleneck : (slice, channel) array

    Returns
    -------
    (slice,) array
    """
    z = (np.asarray(bottleneck, float) - density["mean"]) / density["sd"]
    scores = z @ np.asarray(density["axes"]).T  # unit variance each
    along = np.sum((scores * density["spread"]) ** 2, axis=-1)
    across = np.maximum(np.sum(z**2, axis=-1) - along, 0)
    return np.sqrt((np.sum(scores**2, axis=-1) + across / density["rest"]) / z.shape[-1])
