"""How sure estimated fractions are: standard deviations and intervals of two kinds.

The misfit's curvature in a column is G / s^2, with s the noise per channel (`dime.brain.design`). Two
intervals follow:

`free`     the estimate without constraints, G^-1 Re(A^H d), has the covariance s^2 G^-1 for every truth. Its
           interval, cut to [0, 1], holds a fraction between 0 and 1 as often as it says, and one of 0 or 1
           more often, as there it misses on one side only. It is the calibrated one.
`active`   Laplace's approximation at the constrained estimate: across constraints that are active nothing may
           move, so that the covariance is that of the directions left. It is narrower. It takes the active
           constraints for true, so that at 90 % and above a fraction between 0 and 1 escapes it more often
           than it says, the more so the larger the noise.
"""

from typing import NamedTuple

import torch
from scipy.stats import norm

from dime.brain.convex import check_images, designs
from dime.brain.descent import ROUNDING, Gram
from dime.brain.design import by_column, by_tissue
from dime.brain.encoding import to_lines
from dime.brain.tissues import AT_3T, TISSUES

KINDS = ("free", "active")

BINDING = 1e-4
"""Distance to a constraint below which it is active."""

STIFFNESS = 1e6
"""Curvature across active constraints, as a multiple of G's largest element, which holds them."""


class Uncertainty(NamedTuple):
    """Centre and standard deviation of both kinds, (tissue, y, x) float32 tensors; and the noise.

    free, free_sd : estimate without constraints; inf where the data do not tell tissues apart
    active, active_sd : estimate with constraints
    noise : standard deviation of each channel of the images
    """

    free: torch.Tensor
    free_sd: torch.Tensor
    active: torch.Tensor
    active_sd: torch.Tensor
    noise: float


def uncertainty(
    images, found, contrasts, train, fields=None, tissues=AT_3T, mask=None, simulator="closed", noise=None
):
    """Uncertainty of an estimate.

    Parameters
    ----------
    images : (contrast, y, x) tensor
        Complex, or magnitudes.
    found : Estimate
        Of these images by `dime.brain.convex`, or by `dime.brain.magnitude` if they are magnitudes.
    contrasts, train, fields, tissues, mask, simulator : as for the estimate
    noise : float, optional
        Standard deviation of each channel; default: from the residual, see `noise_of`.

    Returns
    -------
    Uncertainty

    Raises
    ------
    ValueError
        As for the estimate; or noise is neither given nor told by the residual.

    Assumption: the model is right, and of magnitudes the signs too. What fields, properties or signs that are
    wrong do to the fractions is not in it.
    """
    check_images(images, contrasts, train, fields, mask)
    if noise is None:
        noise = noise_of(found, mask)
    parts = []
    for part, design in designs(contrasts, train, fields, tissues, simulator, mask, images.shape[2]):
        maps, data, phases = found.fractions[..., part], images[..., part], None
        if not images.is_complex():
            phases = torch.polar(torch.ones_like(data), design.images(maps).angle())
            data = data * phases
        matrices = design.gram(phases)
        gram = Gram(matrices)
        free = gram.solve(by_column(design.adjoint(to_lines(data, train))).double())
        active = Gram(_held(matrices, maps), ROUNDING / STIFFNESS)
        variances = (one.inverse_diagonal() for one in (gram, active))
        free_sd, active_sd = (noise * variance.sqrt() for variance in variances)
        parts.append([by_tissue(one).float() for one in (free, free_sd, active_sd)])
    free, free_sd, active_sd = (torch.cat(one, 2) for one in zip(*parts, strict=True))
    return Uncertainty(free, free_sd, found.fractions, active_sd, noise)


def interval(uncertain, level, kind="free"):
    """Ends of the interval of every fraction, cut to [0, 1].

    Parameters
    ----------
    uncertain : Uncertainty
    level : float
        Probability, 0 to 1.
    kind : "free" or "active"

    Returns
    -------
    low, high : (tissue, y, x) tensors

    Raises
    ------
    ValueError
        The level or the kind is unknown.
    """
    if kind not in KINDS or not 0 < level < 1:
        raise ValueError(f"interval: expected {' or '.join(KINDS)} and 0 to 1, found {kind!r} and {level}")
    centre, deviation = getattr(uncertain, kind), getattr(uncertain, f"{kind}_sd")
    reach = float(norm.ppf((1 + level) / 2)) * deviation
    return (centre - reach).clamp(0, 1), (centre + reach).clamp(0, 1)


def coverage(uncertain, truth, within, levels, kind="free"):
    """Share of true fractions that lie in their intervals, for each level.

    Parameters
    ----------
    uncertain : Uncertainty
    truth : (tissue, y, x) tensor
    within : (tissue, y, x) bool tensor
        Fractions that count; see `partial`.
    levels : sequence of float
    kind : "free" or "active"

    Returns
    -------
    (level,) float tensor
    """
    ends = [interval(uncertain, level, kind) for level in levels]
    held = [(low - BINDING <= truth) & (truth <= high + BINDING) for low, high in ends]
    return torch.stack([one[within].float().mean() for one in held])


def partial(truth, mask):
    """Fractions (tissue, y, x) of more than 2 and less than 98 % within a mask (y, x): bool tensor."""
    return (truth > 0.02) & (truth < 0.98) & mask


def noise_of(found, mask=None):
    """Standard deviation of each channel's noise from the residual of an estimate.

    The sum of squares is divided by how many numbers the images hold within the mask, less the directions
    that no active constraint holds.

    Parameters
    ----------
    found : Estimate
    mask : (y, x) bool tensor, optional

    Returns
    -------
    float

    Raises
    ------
    ValueError
        There are not more numbers than directions.
    """
    inside = torch.ones(found.residual.shape[1:], dtype=torch.bool) if mask is None else mask
    residual = found.residual[:, inside]
    zero, full = _active(found.fractions)
    bound = torch.where(full, zero.sum(0) + 1, zero.sum(0))
    left = (len(TISSUES) - bound)[inside].sum().item()
    numbers = residual.numel() * (2 if residual.is_complex() else 1)
    if numbers <= left:
        raise ValueError("noise: expected its standard deviation, since so few contrasts do not tell it")
    return (residual.abs().double().square().sum().item() / (numbers - left)) ** 0.5


def _active(fractions):
    """Which fractions (tissue, y, x) are 0, and which voxels (y, x) are full."""
    return fractions < BINDING, fractions.sum(0) > 1 - BINDING


def _held(matrices, fractions):
    """Gram matrices with a curvature across every active constraint that lets nothing move there."""
    zero, full = _active(fractions)
    held = torch.diag_embed(by_column(zero).double())
    held += torch.diag_embed(full.T.double()).repeat(1, len(TISSUES), len(TISSUES))  # of (column, y, y)
    diagonal = torch.diagonal(matrices, dim1=1, dim2=2)
    inside = (diagonal > 0).double()
    stiffness = STIFFNESS * diagonal.amax(1)[:, None, None]
    return matrices + stiffness * held * inside[:, None] * inside[:, :, None]
