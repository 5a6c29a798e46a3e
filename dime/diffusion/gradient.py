"""Derivative of the signal by the permeability of every face: for an optimiser, or in full.

    dS/dkappa_f = sum over the face's three rows r of r^T (dS/dH) r,   r = (B V)_f

The basis V is held fixed. For all N modes that is exact, because a basis is then only a change of
coordinates; for fewer it leaves out how the slow modes turn towards the fast ones. Eigenvectors are never
differentiated: they have no derivative where eigenvalues meet.
"""

import torch

from dime.diffusion.pulses import cotangent, propagate, spectrum

FACES_AT_ONCE = 128
"""Faces whose matrices are in memory at once: 40 MB for 200 modes."""


class Signal(torch.autograd.Function):
    """Signals (measurement,) of a permeability (face,) [um/ms], with the adjoint as derivative.

    Call as `Signal.apply(permeability, reduced, prepared)`; see `dime.diffusion.pulses.signal`.
    """

    @staticmethod
    def forward(ctx, permeability, reduced, prepared):
        spectral = spectrum(reduced, permeability.detach())
        runs = [propagate(reduced, spectral, pulses) for pulses in prepared]
        ctx.kept = reduced, prepared, spectral, [echo for _, echo in runs]
        ctx.shapes = [one.shape for one, _ in runs]
        return torch.cat([one.flatten() for one, _ in runs])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, weights):
        reduced, prepared, spectral, echoes = ctx.kept
        parts = weights.split([one.numel() for one in ctx.shapes])
        total = sum(
            cotangent(reduced, spectral, pulses, echo, part.reshape(shape))
            for pulses, echo, part, shape in zip(prepared, echoes, parts, ctx.shapes, strict=True)
        )
        rows = reduced.rows @ spectral.turn
        return ((rows @ total) * rows).sum(1).unflatten(0, (-1, 3)).sum(1), None, None


def jacobian(reduced, permeability, prepared):
    """Signals and their full derivative.

    Parameters
    ----------
    reduced : Reduced
    permeability : (face,) tensor [um/ms]
    prepared : list of Pulses

    Returns
    -------
    signal : (measurement,); derivative : (measurement, face) [ms/um], float64 tensors
    """
    spectral = spectrum(reduced, permeability)
    rows = reduced.rows @ spectral.turn
    signals, derivatives = [], []
    for pulses in prepared:
        one, echo = propagate(reduced, spectral, pulses)
        signals.append(one.flatten())
        derivatives.append(by_face(rows, cotangent(reduced, spectral, pulses, echo, None).flatten(0, 1)))
    return torch.cat(signals), torch.cat(derivatives)


def by_face(rows, matrices):
    """Sum over each face's three rows r of r^T G r, for many symmetric matrices G (measurement, K, K).

    Each face's sum of r r^T is made once, its upper triangle, for all measurements: a sixth of the work of
    one product with the rows for each.

    Parameters
    ----------
    rows : (3 faces, K) tensor
    matrices : (measurement, K, K) tensor

    Returns
    -------
    (measurement, face) tensor
    """
    first, second = torch.triu_indices(rows.shape[1], rows.shape[1])
    weights = matrices[:, first, second] * torch.where(first == second, 1.0, 2.0)
    found = []
    for some in rows.unflatten(0, (-1, 3)).split(FACES_AT_ONCE):
        squares = some.mT @ some
        found.append(weights @ squares[:, first, second].T)
    return torch.cat(found, 1)
