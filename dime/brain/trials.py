"""Estimates of a known brain: convergence, lost signs, the wrong mixing, the reliability of intervals."""

import time
from typing import NamedTuple

import numpy as np
import torch

from dime.brain import adam, convex, magnitude
from dime.brain.anatomy import draw, fractions_of
from dime.brain.descent import Gram, minimise
from dime.brain.encoding import to_lines
from dime.brain.scanner import Fields, acquire, add_noise, original_fields
from dime.brain.scores import scores
from dime.brain.signal import closed_form
from dime.brain.tissues import AT_3T, TISSUES, mixed, stacked
from dime.brain.uncertainty import coverage, partial, uncertainty


class Brain(NamedTuple):
    """A brain whose fractions (tissue, y, x) are known; the voxels that hold tissue (y, x); fields."""

    fractions: torch.Tensor
    mask: torch.Tensor
    fields: Fields


class Trial(NamedTuple):
    """An estimate of a known brain: `Estimate`, seconds, and the scores of `dime.brain.scores`."""

    found: convex.Estimate
    seconds: float
    scores: list


def known(fractions):
    """`Brain` of fractions (tissue, y, x), in the fields of the original."""
    density = mixed(fractions).proton_density
    return Brain(fractions, fractions.sum(0) > 0, original_fields(density))


def labelled_or_drawn(slices, seed, size):
    """The first labelled slice, or a deformed template where there is none.

    Parameters
    ----------
    slices : xarray.Dataset
        Of `dime.brain.labelled.convert`.
    seed : int
        Of the template.
    size : int
        Voxels along a side.

    Returns
    -------
    brain : Brain
    origin : str
        Where it comes from, for people.
    """
    if slices.sizes["subject"]:
        first = slices.isel(subject=0)
        return known(
            fractions_of(first["label"].values, size)
        ), f"{first['name'].item()} of {first['source'].item()}"
    drawn = draw(1, seed)
    return known(fractions_of(drawn["label"].values[0], size)), drawn.attrs["source"]


def measure(brain, contrasts, train, noise, seed, mixing="signal", simulator="epg"):
    """Complex images (contrast, y, x) of a brain, with noise of a standard deviation in each channel.

    See `dime.brain.scanner.acquire` for the other arguments.
    """
    clean = acquire(brain.fractions, contrasts, train, AT_3T, brain.fields, mixing, simulator)
    return add_noise(clean, 1.0, noise, np.random.default_rng(seed))


def attempt(images, brain, contrasts, train, tissues=AT_3T, fields=None, start=None):
    """Estimate a brain from complex images, or from magnitudes, with its true mask.

    Parameters
    ----------
    images : (contrast, y, x) tensor
    brain : Brain
    contrasts : sequence of Contrast
    train : Train
    tissues, fields : what the estimate supposes; default: the truth
    start : (tissue, y, x) tensor, optional

    Returns
    -------
    Trial
    """
    estimate = convex.estimate if images.is_complex() else magnitude.estimate
    fields = brain.fields if fields is None else fields
    begun = time.perf_counter()
    found = estimate(images, contrasts, train, fields, tissues, brain.mask, start=start)
    seconds = time.perf_counter() - begun
    return Trial(found, seconds, scores(found.fractions, brain.fractions))


def convergence(images, brain, contrasts, train, starts, steps, tolerance):
    """How far the descent is from the optimum after some steps, from several starts.

    Parameters
    ----------
    images, brain, contrasts, train : as for `attempt`, complex
    starts : dict
        Name -> (tissue, y, x) tensor.
    steps : sequence of int
    tolerance : float
        To which the optimum is known, in a descent of its own from the first start.

    Returns
    -------
    list of dict
        start, steps, distance (largest difference of a fraction from the optimum), certified (bound on it).
    """
    problem = contrasts, train, brain.fields, AT_3T, "closed", brain.mask
    ((_, design),) = convex.designs(*problem, images.shape[2])
    gram, target = Gram(design.gram()), design.adjoint(to_lines(images, train))
    best = minimise(gram, target, tolerance=tolerance, steps=20 * max(steps)).maps
    rows = []
    for name, start in starts.items():
        for count in steps:
            found = minimise(gram, target, start=start * brain.mask, steps=count, tolerance=tolerance)
            distance = float((found.maps - best).abs().max())
            about = {"start": name, "steps": count, "certified": found.distance}
            rows.append(about | {"distance": distance})
    return rows


def misfit_of_shares(pair, truth, shares, contrasts, train):
    """Misfit of a voxel of two tissues for every share of the second, with signs and without.

    Parameters
    ----------
    pair : two of `TISSUES`
    truth : float
        True share of the second.
    shares : (share,) array
    contrasts, train : as for `attempt`; the first line counts

    Returns
    -------
    dict
        "kept" and "lost" -> (share,) array, over the sum of the squared signals.
    """
    signals = closed_form(stacked(), contrasts, train)[:, 0].double().numpy()
    first, second = (signals[:, TISSUES.index(one), None] for one in pair)
    likely, true = (first + share * (second - first) for share in (np.asarray(shares), truth))
    energy = (true**2).sum()
    return {
        "kept": ((likely - true) ** 2).sum(0) / energy,
        "lost": ((np.abs(likely) - np.abs(true)) ** 2).sum(0) / energy,
    }


def mixings(brain, contrasts, train, noise, seed, steps=adam.STEPS):
    """Images of both mixings, each read by the model of both.

    Images are of the closed form, so that the mixing is all that is wrong. The model of signal mixing is
    given complex images. That of property mixing is given the magnitudes, and starts from what the other has
    found, at least 0.01 in every voxel of tissue, lest its slow descent be counted as a price.

    Parameters
    ----------
    brain, contrasts, train, noise, seed : as for `measure`
    steps : int
        Of Adam.

    Returns
    -------
    dict
        (mixing of the images, mixing of the model) -> fractions (tissue, y, x).
    """
    found = {}
    for made in ("signal", "property"):
        images = measure(brain, contrasts, train, noise, seed, made, "closed")
        found[made, "signal"] = attempt(images, brain, contrasts, train).found.fractions
        magnitudes = images.abs()[None]
        start = found[made, "signal"].clamp(min=0.01) * brain.mask
        descent = adam.estimate(magnitudes, start, contrasts, train, brain.fields, steps=steps)
        found[made, "property"] = descent.fractions[0]
    return found


def reliability(brain, contrasts, train, noise, levels, repeats, seed, signs="kept"):
    """Share of partial fractions that lie in their intervals.

    Parameters
    ----------
    brain, contrasts, train, noise : as for `measure`
    levels : sequence of float
        Probabilities that the intervals promise.
    repeats : int
        Realisations of the noise.
    seed : int
    signs : "kept" or "lost"

    Returns
    -------
    shares : dict
        Kind of interval -> (repeat, level) array.
    last : Uncertainty
        Of the last realisation.
    """
    within = partial(brain.fractions, brain.mask)
    shares = {"free": [], "active": []}
    for repeat in range(repeats):
        images = measure(brain, contrasts, train, noise, [seed, repeat], simulator="closed")
        images = images if signs == "kept" else images.abs()
        found = attempt(images, brain, contrasts, train).found
        sure = uncertainty(images, found, contrasts, train, brain.fields, mask=brain.mask)
        for kind, rows in shares.items():
            rows.append(coverage(sure, brain.fractions, within, levels, kind).numpy())
    return {kind: np.array(rows) for kind, rows in shares.items()}, sure


def psnr_by_tissue(fractions, brain):
    """Tissue -> PSNR [dB] of estimated fractions (tissue, y, x) of a brain."""
    return {row["tissue"]: row["psnr_db"] for row in scores(fractions, brain.fractions)}
