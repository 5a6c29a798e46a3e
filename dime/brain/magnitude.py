"""Tissue fractions of magnitude images, in which the sign of an inversion recovery is lost.

    minimise 1/2 sum (|F^H A p| - m)^2   over the fractions p of `dime.brain.convex`

Phase alternation: give the magnitudes m the phase of the model, solve the convex problem for some steps, and
repeat. The misfit never grows, but the fit ends in the minimum that belongs to the signs it began with. The
start is therefore a search: in every voxel, of all mixtures of a grid, the one whose magnitudes in the first
line of k-space are next to the measured ones. Blurring is left out there, and only there.

Source: Gerchberg and Saxton 1972, Optik 35:237, for the alternation.
Assumption: noise is small against the signal, so that magnitudes have its Gaussian law and not Rice's.
"""

import torch

from dime.brain.convex import Estimate, check_images, designs, median_sum, scale_of
from dime.brain.descent import Gram, at_least_zero, minimise, on_simplex
from dime.brain.encoding import to_lines
from dime.brain.tissues import AT_3T, TISSUES

ROUNDS, STEPS = 15, 40
"""Times that the phase is taken from the model, and steps of the descent after each."""

PARTS = 20
"""Into how many the start's grid divides a voxel."""


def estimate(images, contrasts, train, fields=None, tissues=AT_3T, mask=None, simulator="closed", start=None):
    """Tissue fractions of magnitude images.

    Parameters
    ----------
    images : (contrast, y, x) float tensor
        `train.lines` rows, in the unit of proton density.
    contrasts, train, fields, tissues, mask, simulator : as for `dime.brain.convex.estimate`
    start : (tissue, y, x) tensor, optional
        Where the descent begins; default: the search of the module's docstring.

    Returns
    -------
    Estimate
        Distance and gap are those of the convex problem with the last phases; `residual` is real.

    Raises
    ------
    ValueError
        Images of another shape, complex, negative or not finite.
    """
    _check(images, contrasts, train, fields, mask)
    maps, residuals, distances, gaps, steps = [], [], [], [], []
    for part, design in designs(contrasts, train, fields, tissues, simulator, mask, images.shape[2]):
        magnitudes = images[..., part]
        first = search(magnitudes, design) if start is None else start[..., part]
        found = _alternate(magnitudes, design, first, on_simplex)
        maps.append(found.maps)
        residuals.append(magnitudes - design.images(found.maps).abs())
        distances.append(found.distance)
        gaps.append(found.gap)
        steps.append(found.steps)
    energy = float(images.square().sum()) / 2
    gap = sum(gaps) / energy if energy else 0.0
    return Estimate(torch.cat(maps, 2), max(distances), gap, max(steps), torch.cat(residuals, 2))


def gain(images, contrasts, train, fields=None, tissues=AT_3T, mask=None, simulator="closed"):
    """Factor by which magnitude images exceed the unit of proton density.

    As `dime.brain.convex.gain`, with its assumption; the start's search then has the direction of the
    magnitudes of all contrasts of a voxel, and not their length.

    Parameters
    ----------
    images, contrasts, train, fields, tissues, mask, simulator : as for `estimate`

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As for `estimate`, or there is no signal.
    """
    _check(images, contrasts, train, fields, mask)
    scale = scale_of(images)
    maps = []
    for part, design in designs(contrasts, train, fields, tissues, simulator, mask, images.shape[2]):
        magnitudes = images[..., part] / scale
        first = search(magnitudes, design, scaled=False)
        maps.append(_alternate(magnitudes, design, first, at_least_zero).maps)
    return scale * median_sum(torch.cat(maps, 2), mask)


def search(magnitudes, design, scaled=True):
    """Mixture of every voxel whose magnitudes in the first line are next to the measured ones.

    Parameters
    ----------
    magnitudes : (contrast, y, x) float tensor
    design : Design
    scaled : bool
        Whether magnitudes are in the unit of proton density. If not, mixtures sum to any number, and the
        nearest in direction counts.

    Returns
    -------
    (tissue, y, x) float32 tensor
        0 outside the mask.
    """
    grid = mixtures(PARTS)
    if not scaled:
        grid = grid[grid.sum(1) == 1]
    first = torch.stack([signal[0] for signal in design.signals])  # (contrast, tissue, y, x)
    rows = []
    for signals, measured in zip(first.unbind(2), magnitudes.unbind(1), strict=True):
        likely = torch.einsum("gt,ctx->gcx", grid, signals).abs()
        alike, energy = torch.einsum("gcx,cx->gx", likely, measured), likely.square().sum(1)
        if scaled:
            rows.append(grid[(energy - 2 * alike).argmin(0)].T)
        else:
            best = (alike / energy.sqrt()).argmax(0)
            factor = (alike / energy).gather(0, best[None])
            rows.append(factor * grid[best].T)
    return torch.stack(rows, 1) * design.mask


def mixtures(parts):
    """All fractions that are multiples of 1 / parts and sum to at most 1: (mixture, tissue) float32."""
    steps = torch.cartesian_prod(*[torch.arange(parts + 1)] * len(TISSUES))
    return steps[steps.sum(1) <= parts] / parts


def flat_descent(images, contrasts, train, fields, mask, steps=150, rate=0.1):
    """What gradient descent from a flat start makes of magnitudes: a demonstration of minima of the sign.

    Adam changes the logits of a softmax over the tissues and nothing, all 0 at first.

    Parameters
    ----------
    images, contrasts, train, fields, mask : as for `estimate`
    steps : int
    rate : float
        Adam's.

    Returns
    -------
    (tissue, y, x) float32 tensor
    """
    ((_, design),) = designs(contrasts, train, fields, AT_3T, "closed", mask, images.shape[2])
    logits = torch.zeros(len(TISSUES) + 1, *images.shape[1:], requires_grad=True)
    optimiser = torch.optim.Adam([logits], rate)
    for _ in range(steps):
        optimiser.zero_grad()
        (design.images(logits.softmax(0)[:-1]).abs() - images).square().sum().backward()
        optimiser.step()
    return logits.detach().softmax(0)[:-1] * mask


def _alternate(magnitudes, design, maps, project):
    """Phase alternation: `Minimum` of the last round."""
    gram = Gram(design.gram())
    for _ in range(ROUNDS):
        images = torch.polar(magnitudes, design.images(maps).angle())
        target = design.adjoint(to_lines(images, design.train))
        found = minimise(gram, target, project, maps, STEPS)
        maps = found.maps
    return found


def _check(images, contrasts, train, fields, mask):
    check_images(images, contrasts, train, fields, mask)
    if images.is_complex():
        raise ValueError("images: expected magnitudes, found complex numbers")
    if (images < 0).any():
        raise ValueError("images: expected magnitudes of at least 0, found negative ones")
