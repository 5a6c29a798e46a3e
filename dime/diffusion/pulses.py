"""Signal of pulsed-gradient spin echoes in a reduced basis, and its derivative by the adjoint.

    S = a^H e^{-H (Delta - delta)} a / volume,   a = e^{-delta (H + i q J_g)} start

The second gradient's propagator is the first one's conjugate, so that one gradient is propagated, not two,
and S is real and positive: a symmetric echo has no phase. Each gradient is Strang's splitting in n steps,

    e^{-H dt/2} U e^{-i q dt d} U^T e^{-H dt/2},   J_g = U diag(d) U^T,

whose factors U serve all b-values of a direction and all permeabilities of a basis. The derivative is that
of the splitting itself, so that it is exact for any number of steps:

    dS = sum_factors tr(G_E^T dE),   d e^{-t H} = Q (Phi * Q^T dH Q) Q^T,   Phi_ij = divided difference

Source: Strang, SIAM J. Numer. Anal. 5 (1968), 506-517; Najfeld and Havel, Adv. Appl. Math. 16 (1995),
321-375.
"""

from typing import NamedTuple

import torch

STEPS = 16
"""Steps of a gradient. Errors of S: see notebooks/diffusion/01-solver.ipynb."""


class Pulses(NamedTuple):
    """The gradients of one block in one basis.

    turn : (direction, K, K), U of each direction
    phase : (direction, K, b) complex, e^{-i q dt d}
    step_ms, mixing_ms : float, dt and Delta - delta
    steps : int
    """

    turn: torch.Tensor
    phase: torch.Tensor
    step_ms: float
    mixing_ms: float
    steps: int


class Echo(NamedTuple):
    """What the propagation of one block leaves for its derivative.

    turn : (direction, K, K), from the basis of J_g to the eigenbasis of H
    kicked : list of (direction, K, b) complex, the states after each kick, in the eigenbasis of H
    end : (direction, K, b) complex, a in the eigenbasis of H
    """

    turn: torch.Tensor
    kicked: list
    end: torch.Tensor


class Spectrum(NamedTuple):
    """H = Q diag(rates) Q^T, (K,) and (K, K)."""

    rates: torch.Tensor
    turn: torch.Tensor

    def decay(self, time_ms):
        """e^{-t H} (K, K)."""
        return (self.turn * torch.exp(-time_ms * self.rates)) @ self.turn.T

    def through_decay(self, cotangent, time_ms):
        """From dS/d(e^{-t H}) (..., K, K), in the eigenbasis of H, to dS/dH there."""
        low = torch.minimum(self.rates[:, None], self.rates)
        gap = time_ms * (self.rates[:, None] - self.rates).abs()
        ratio = torch.where(gap > 1e-12, -torch.expm1(-gap) / gap.clamp(min=1e-12), 1.0)
        return cotangent * (-time_ms * torch.exp(-time_ms * low) * ratio)


def spectrum(reduced, permeability):
    """Eigenvalues and eigenvectors of H(kappa), of a tensor kappa (face,) [um/ms]."""
    return Spectrum(*torch.linalg.eigh(reduced.rates(permeability)))


def prepare(reduced, blocks, steps=STEPS):
    """The gradients of a sequence in a basis: list of Pulses, for any permeability."""
    prepared, known = [], {}
    for block in blocks:
        if (key := block.directions.tobytes()) not in known:
            known[key] = places_along(reduced, block.directions)
        mixing_ms = block.separation_ms - block.duration_ms
        prepared.append(gradient(known[key], block.strengths, block.duration_ms, mixing_ms, steps))
    return prepared


def places_along(reduced, directions):
    """J_g = U diag(d) U^T of each direction: d (direction, K) [um] and U (direction, K, K)."""
    return torch.linalg.eigh(torch.einsum("da,akl->dkl", torch.as_tensor(directions), reduced.moments))


def gradient(places, strengths, duration_ms, mixing_ms, steps):
    """The Pulses of one gradient of several strengths (b,) [rad/um/ms] along the directions of `places`."""
    along_um, turn = places
    step_ms = duration_ms / steps
    angle = along_um[:, :, None] * torch.as_tensor(strengths) * step_ms
    return Pulses(turn, torch.exp(-1j * angle), step_ms, mixing_ms, steps)


def propagate(reduced, spectral, pulses):
    """Signals (direction, b) of one block, and its Echo.

    Parameters
    ----------
    reduced : Reduced
    spectral : Spectrum of H
    pulses : Pulses
    """
    echo = after_gradient(reduced, spectral, pulses)
    mixing = torch.exp(-pulses.mixing_ms * spectral.rates)
    signal = (mixing[:, None] * echo.end.abs().square()).sum(1)
    return signal / reduced.volume_um3, echo


def after_gradient(reduced, spectral, pulses):
    """The Echo of one gradient: the magnetisation that it leaves, and all before it."""
    turn = spectral.turn.T @ pulses.turn
    half, step = (torch.exp(-t * spectral.rates)[:, None] for t in (pulses.step_ms / 2, pulses.step_ms))
    state = turn.mT @ (half * (spectral.turn.T @ reduced.start)[:, None])
    kicked = [_times(turn, state * pulses.phase)]
    for _ in range(pulses.steps - 1):
        kicked.append(_times(turn, _times(turn.mT, step * kicked[-1]) * pulses.phase))
    return Echo(turn, kicked, half * kicked[-1])


def signal(reduced, permeability, prepared):
    """Signals of a sequence over the signal without gradients.

    Parameters
    ----------
    reduced : Reduced
    permeability : (face,) array or tensor [um/ms]
    prepared : list of Pulses, from `prepare` with the same basis

    Returns
    -------
    (measurement,) float64 tensor, in the order block, direction, b-value
    """
    spectral = spectrum(reduced, torch.as_tensor(permeability))
    return torch.cat([propagate(reduced, spectral, pulses)[0].flatten() for pulses in prepared])


def cotangent(reduced, spectral, pulses, echo, weights):
    """dL/dH in the eigenbasis of H for dL/dS = weights, or one for each measurement.

    Parameters
    ----------
    reduced, spectral, pulses, echo : see `propagate`
    weights : (direction, b) tensor, or None

    Returns
    -------
    (K, K) symmetric tensor, or (direction, b, K, K) where weights is None: dS/dH of each
    """
    each = weights is None
    mixing = torch.exp(-pulses.mixing_ms * spectral.rates)
    unit = (1 if each else weights[:, None, :]) / reduced.volume_um3
    pull = 2 * unit * mixing[:, None] * echo.end
    total = gradient_cotangent(reduced, spectral, pulses, echo, pull, each)
    mixing_sum = outer(unit * echo.end, echo.end, each)
    total = total + spectral.through_decay(mixing_sum, pulses.mixing_ms)
    return (total + total.mT) / 2


def gradient_cotangent(reduced, spectral, pulses, echo, pull, each):
    """dL/dH through one gradient, in the eigenbasis of H, not made symmetric.

    Parameters
    ----------
    reduced, spectral, pulses, echo : see `after_gradient`
    pull : (direction, K, b) complex, p with dL = Re(p^H d end)
    each : bool, one matrix for each measurement in place of their sum
    """
    turn, rates, start = echo.turn, spectral.rates, spectral.turn.T @ reduced.start
    half, step = (torch.exp(-t * rates) for t in (pulses.step_ms / 2, pulses.step_ms))
    half_sum = outer(pull, echo.kicked[-1], each)
    pull = _times(turn.mT, half[:, None] * pull) * pulses.phase.conj()
    after = []
    for _ in range(pulses.steps - 1):
        after.append(_times(turn, pull))
        pull = _times(turn.mT, step[:, None] * after[-1]) * pulses.phase.conj()
    first = _times(turn, pull)
    half_sum = half_sum + outer(first, start[:, None].expand(first.shape).to(first.dtype), each)
    total = spectral.through_decay(half_sum, pulses.step_ms / 2)
    if after:
        before = torch.stack(echo.kicked[-2::-1], -1)
        step_sum = outer(torch.stack(after, -1), before, each)
        total = total + spectral.through_decay(step_sum, pulses.step_ms)
    return total


def _times(matrices, states):
    """Real matrices times complex states (direction, K, b), as one real product."""
    real = torch.view_as_real(states.contiguous()).flatten(-2)
    return torch.view_as_complex((matrices @ real).unflatten(-1, (-1, 2)))


def outer(left, right, each):
    """Re(conj(l) r^T) summed over steps and all measurements (K, K), or of each (direction, b, K, K).

    left, right : (direction, K, b[, step]) complex
    """
    left, right = (one if one.ndim == 4 else one[..., None] for one in (left, right))
    order, kept = ((0, 2, 1, 3), 3) if each else ((1, 0, 2, 3), 1)
    left, right = (torch.view_as_real(one.permute(order).contiguous()).flatten(kept) for one in (left, right))
    return left @ right.mT
