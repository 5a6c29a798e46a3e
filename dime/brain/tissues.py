"""Tissues of the brain as a scanner of 3 T sees them, and the fractions of a voxel that they fill.

A voxel's fractions are an array (tissue, y, x) in the order of `TISSUES`. They are at least 0 and sum to at
most 1; what is left to 1 gives no signal.
"""

from typing import NamedTuple

import torch

TISSUES = ("csf", "gm", "wm")
"""Cerebrospinal fluid, grey matter and white matter: the order of every axis `tissue`."""

LABELS = {"csf": "CSF", "gm": "grey matter", "wm": "white matter"}
"""Names for people."""


class Properties(NamedTuple):
    """What the signal of a tissue, or of each voxel, depends on: numbers or tensors that broadcast.

    proton_density : water is 1
    t1_s, t2_s : relaxation times [s]
    t2_prime_s : T2' [s], by which 1 / T2* = 1 / T2 + 1 / T2'
    diffusion_m2_per_s : D [m^2/s]
    """

    proton_density: float | torch.Tensor
    t1_s: float | torch.Tensor
    t2_s: float | torch.Tensor
    t2_prime_s: float | torch.Tensor
    diffusion_m2_per_s: float | torch.Tensor


AT_3T = {
    "csf": Properties(1.0, 4.16, 1.65, 59.1e-3, 3.19e-9),
    "gm": Properties(0.8, 1.55, 90e-3, 322e-3, 0.83e-9),
    "wm": Properties(0.7, 0.83, 70e-3, 183e-3, 0.65e-9),
}
"""Properties of each tissue at 3 T.

Source: the values of BMapEst (arXiv 2404.14739) as its repository states them.
"""


def stacked(tissues=AT_3T, device=None):
    """Properties of all tissues as float32 tensors (tissue,), in the order of `TISSUES`.

    Parameters
    ----------
    tissues : dict
        Tissue -> `Properties` of numbers.
    device : torch.device, optional

    Returns
    -------
    Properties
    """
    columns = zip(*(tissues[name] for name in TISSUES), strict=True)
    return Properties(*(torch.tensor(column, dtype=torch.float32, device=device) for column in columns))


def mixed(fractions, tissues=AT_3T):
    """Properties of voxels whose tissues mix their properties, as BMapEst has it: q = sum_t p_t q_t.

    This is a convention, not physics: in a voxel of two tissues the signals add. `dime.brain.signal` takes
    the properties of a mixture as those of one tissue.

    Parameters
    ----------
    fractions : (tissue, ...) tensor
    tissues : dict
        Tissue -> `Properties` of numbers.

    Returns
    -------
    Properties of tensors (...)
        Times are at least 1 ms, so that a voxel without tissue has a signal of 0 and not NaN.
    """
    sums = [torch.tensordot(column, fractions, 1) for column in stacked(tissues, fractions.device)]
    times = [one.clamp(min=SHORTEST_S) for one in sums[1:4]]
    return Properties(sums[0], *times, sums[4])


SHORTEST_S = 1e-3
"""Least relaxation time [s] of a mixture."""
