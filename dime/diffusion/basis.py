"""Slow modes of diffusion, and the equations reduced to them.

    A(kappa) v_k = lambda_k v_k,   H(kappa) = V^T A(kappa) V,   J_x -> V^T J_x V

Fast modes decay within a gradient: lambda_K * duration above `ENOUGH` leaves them little part in the signal.
A basis stays useful for other permeabilities nearby, and any basis of all N modes is exact for all of them.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from dime.diffusion.operators import Operators, coupled

SHIFT_PER_MS = 0.05
"""Shift of the inverse [1/ms], so that the resting state has one.

Assumption: 1 / (20 ms), near the timings' rates."""

DENSE = 400
"""Unknowns up to which, or modes from half of them on, the whole spectrum is computed."""

ENOUGH = 5.0
"""Least lambda_K * duration at which a basis counts as large enough."""


class Reduced(NamedTuple):
    """Diffusion in a basis V of K modes, float64 tensors.

    basis : (N, K), orthonormal
    free : (K, K), V^T (D K + leak) V [1/ms]
    rows : (3 faces, K), B V
    moments : (3, K, K) [um]
    start : (K,), V^T start
    volume_um3 : float
    """

    basis: np.ndarray
    free: torch.Tensor
    rows: torch.Tensor
    moments: torch.Tensor
    start: torch.Tensor
    volume_um3: float

    def rates(self, permeability):
        """H(kappa) = free + rows^T diag(kappa) rows (K, K) [1/ms], of a tensor kappa (face,) [um/ms]."""
        weighted = self.rows.unflatten(0, (-1, 3)) * permeability[:, None, None]
        return self.free + self.rows.T @ weighted.flatten(0, 1)


def slow_modes(operators, permeability_um_per_ms, count, guess=None, sweeps=1, leak_um_per_ms=0.0):
    """The slowest modes of diffusion between membranes of given permeability.

    Without a guess they are exact (Lanczos about a shift, or the whole spectrum of a small grid). With one,
    each sweep takes the best K modes in the span of X and (A + shift)^-1 X, by one sparse factorisation:
    a fifth to a third of the time. One sweep after four tetrahedra have changed sides, S is wrong by 4e-4
    and the gradient by 5e-3 of its length, for 60 modes: less than by the modes that are left out.

    Parameters
    ----------
    operators : Operators
    permeability_um_per_ms : (face,) array
    count : int
        K, at most N = 4 tetrahedra.
    guess : (N, K) array, optional
        Modes of a similar permeability.
    sweeps : int
    leak_um_per_ms : float
        See `dime.diffusion.operators.coupled`.

    Returns
    -------
    rates_per_ms : (K,), ascending; modes : (N, K), orthonormal

    Raises
    ------
    ValueError
        More modes than unknowns; see `coupled`.
    """
    size = len(operators.start)
    if not 1 <= count <= size:
        raise ValueError(f"modes: expected 1 to {size} for {size // 4} tetrahedra, found {count}")
    matrix = coupled(operators, permeability_um_per_ms, leak_um_per_ms)
    if size <= DENSE or count > size // 2:
        rates, modes = np.linalg.eigh(matrix.toarray())
        return rates[:count], modes[:, :count]
    inverse = shifted_inverse(matrix, SHIFT_PER_MS)
    if guess is None:
        solve = LinearOperator(matrix.shape, inverse.solve, dtype=float)
        span = {"v0": operators.start, "ncv": min(count + max(count // 2, 20), size)}
        rates, modes = eigsh(matrix, count, sigma=-SHIFT_PER_MS, OPinv=solve, **span)
        order = rates.argsort()
        return rates[order], modes[:, order]
    modes = guess
    for _ in range(sweeps):
        both = torch.from_numpy(np.hstack([modes, inverse.solve(modes)]))
        span = torch.linalg.qr(both)[0].numpy()  # half the time of NumPy's
        rates, turn = (one[..., :count] for one in np.linalg.eigh(span.T @ (matrix @ span)))
        modes = span @ turn
    return rates, modes


def shifted_inverse(matrix, rate_per_ms):
    """(A + s)^-1 of a sparse symmetric matrix [ms], by one factorisation: SciPy's SuperLU, with `solve`."""
    shifted = sp.csc_matrix(matrix + rate_per_ms * sp.eye_array(matrix.shape[0], format="csc"))
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return splu(shifted, **symmetric)


def reduce(operators, modes, leak_um_per_ms=0.0):
    """The equations in a basis.

    Parameters
    ----------
    operators : Operators
    modes : (N, K) array, orthonormal
    leak_um_per_ms : float

    Returns
    -------
    Reduced
    """
    free = modes.T @ (operators.free @ modes)
    if leak_um_per_ms:
        outside = operators.outer_rows @ modes
        free = free + leak_um_per_ms * outside.T @ outside
    tall = modes.reshape(-1, 4, modes.shape[1])
    moments = np.stack([modes.T @ (one @ tall).reshape(modes.shape) for one in operators.moments])
    parts = free, operators.rows @ modes, moments, operators.start @ modes
    volume = float(operators.start @ operators.start)
    return Reduced(modes, *(torch.as_tensor(np.ascontiguousarray(part)) for part in parts), volume)


def slow_basis(operators: Operators, permeability_um_per_ms, count, guess=None, leak_um_per_ms=0.0):
    """The equations in the slowest modes of a permeability: `slow_modes`, then `reduce`."""
    modes = slow_modes(operators, permeability_um_per_ms, count, guess, leak_um_per_ms=leak_um_per_ms)[1]
    return reduce(operators, modes, leak_um_per_ms)
