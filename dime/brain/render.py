"""Image of voxel properties through the closed form: fast and differentiable, for property mixing.

The signal of `dime.brain.signal` is s_n = steady + transient exp(n rate). Its steady part is the image
itself, as F is unitary. Of its transient part, few excitations n_j tell all others, since decays are smooth
in n:

    exp(n rate) = sum_j L_j(n) exp(n_j rate),   error < `TOLERANCE` for every rate <= 0

so that the image is steady + F^H sum_j diag(L_j) F (transient exp(n_j rate)): one Fourier transform along y
for each of 14 excitations instead of 64.

Source: Cheng et al. 2005, SIAM Journal on Scientific Computing 26:1389, for the interpolative decomposition;
the excitations are chosen by a pivoted QR factorisation.
"""

from functools import lru_cache

import numpy as np
import torch
from scipy.linalg import lstsq, qr

from dime.brain.encoding import phase_of
from dime.brain.sequences import line_order
from dime.brain.signal import approach

TOLERANCE = 1e-5
"""Largest error of a decay that begins with 1."""

RATES = np.append(0, -np.geomspace(1e-6, 30, 1000))
"""Rates at which the error is measured: from no decay to one within the first repetition."""


def property_image(properties, contrasts, train, fields=None):
    """Image of every contrast, of voxels that have one signal each.

    Parameters
    ----------
    properties : Properties of (..., y, x) tensors or numbers, at least one a tensor
        `train.lines` rows; axes in front are subjects or tissues.
    contrasts : sequence of Contrast
    train : Train
    fields : Fields, optional
        B1 and B0 [Hz] of (y, x) or (..., y, x); left out, 1 and 0.

    Returns
    -------
    (contrast, ..., y, x) complex tensor in the unit of proton density
        Of the precision of the properties. Magnitudes are within 1e-4 of the sum over all lines.

    Raises
    ------
    ValueError
        The properties have another number of rows than the train has lines.
    """
    steady, transient, rate = approach(properties, contrasts, train, 1.0 if fields is None else fields.b1)
    if steady.shape[-2] != train.lines:
        raise ValueError(f"properties: expected {train.lines} rows, one a line, found {steady.shape[-2]}")
    if fields is not None:
        phase = phase_of(fields.b0_hz, contrasts, train)
        phase = phase.view(len(contrasts), *[1] * (steady.ndim - phase.ndim), *phase.shape[1:])
        steady, transient = steady * phase, transient * phase
    excitations, shares = told_by_few(train.lines)
    frequency = np.argsort(line_order(train) % train.lines)  # excitation that reads the frequency of each row
    shares = torch.as_tensor(shares[:, frequency], dtype=rate.dtype, device=rate.device)
    spectrum = sum(
        share[:, None] * torch.fft.fft(transient * torch.exp(n * rate), dim=-2)
        for n, share in zip(excitations.tolist(), shares, strict=True)
    )
    return steady + torch.fft.ifft(spectrum, dim=-2)


@lru_cache
def told_by_few(lines):
    """Excitations that tell all others of a train: n_j, and the shares L_j(n) of the module's equation.

    Parameters
    ----------
    lines : int

    Returns
    -------
    excitations : (few,) int array, rising
    shares : (few, line) float array
    """
    decays = np.exp(np.outer(RATES, np.arange(lines)))
    chosen = qr(decays, mode="r", pivoting=True)[1]
    for count in range(1, lines + 1):
        excitations = np.sort(chosen[:count])
        shares = lstsq(decays[:, excitations], decays)[0]
        if np.abs(decays[:, excitations] @ shares - decays).max() < TOLERANCE:
            break
    return excitations, shares
