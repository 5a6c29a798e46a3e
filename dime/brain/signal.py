"""Signal of a prepared train of spoiled gradient echoes in closed form, differentiable, in torch.

A preparation changes the longitudinal magnetisation M (1 at rest), step by step:

    wait t              M <- 1 - (1 - M) exp(-t / T1)
    inversion           M <- -M
    T2 preparation t    M <- M exp(-t / T2)
    diffusion t, b      M <- M exp(-t / T2 - b D)

Excitation n of the train then sees, with a = B1 flip, E1 = exp(-TR / T1) and c = E1 cos a,

    M_n = M_ss + (M_prep - M_ss) c^n,   M_ss = (1 - E1) / (1 - c)
    s_n = PD M_n sin a exp(-TE (1 / T2 + 1 / T2'))

The first contrast begins at rest. Each later one begins where the train before it ended, M_N, after the wait.

Source: Haase 1990, Magnetic Resonance in Medicine 13:77, for M_n; Deichmann and Haase 1992, Journal of
Magnetic Resonance 96:608, for the inversion before it.
Assumption: spoiling is perfect, so no transverse magnetisation outlives a repetition (`dime.brain.epg` checks
it). Preparations are ideal: adiabatic pulses, which B1 does not change.
"""

from typing import NamedTuple

import torch


class Approach(NamedTuple):
    """The signal on its way to the steady state: s_n = steady + transient exp(n rate), all (contrast, ...).

    steady, transient : in the unit of PD
    rate : log c of each excitation, negative
    """

    steady: torch.Tensor
    transient: torch.Tensor
    rate: torch.Tensor


def approach(properties, contrasts, train, b1=1.0):
    """Signal of every contrast, as its steady state and what it begins with.

    Parameters
    ----------
    properties : Properties of numbers or tensors (...)
    contrasts : sequence of Contrast
        In the order in which they are measured.
    train : Train
    b1 : float or (...) tensor
        Flip angle over its nominal value.

    Returns
    -------
    Approach of tensors (contrast, ...)
    """
    density, t1, t2, t2_prime, diffusion = map(torch.as_tensor, properties)
    angle = train.flip_rad * torch.as_tensor(b1)
    shape = torch.broadcast_shapes(density.shape, t1.shape, angle.shape)
    rest = torch.ones((), dtype=t1.dtype, device=t1.device)

    def wait(magnetisation, seconds):
        return 1 - (1 - magnetisation) * torch.exp(-seconds / t1)

    rows, magnetisation = [], rest
    for place, one in enumerate(contrasts):
        if place:
            magnetisation = wait(magnetisation, train.recovery_s)
        for seconds in (one.inversion_s, one.second_inversion_s):
            if seconds is not None:
                magnetisation = wait(-magnetisation, seconds)
        transverse = one.t2_preparation_s + one.diffusion_s
        if transverse:
            magnetisation = magnetisation * torch.exp(-transverse / t2 - one.b_s_per_m2 * diffusion)
        recovered = torch.exp(-(train.repetition_s + one.echo_delay_s) / t1)
        factor = recovered * torch.cos(angle)
        steady = (1 - recovered) / (1 - factor)
        echo_s = train.echo_s + one.echo_delay_s
        gain = density * torch.sin(angle) * torch.exp(-echo_s * (1 / t2 + 1 / t2_prime))
        rows.append((gain * steady, gain * (magnetisation - steady), torch.log(factor)))
        magnetisation = steady + (magnetisation - steady) * factor**train.lines
    return Approach(
        *(torch.stack([part.expand(shape) for part in parts]) for parts in zip(*rows, strict=True))
    )


def closed_form(properties, contrasts, train, b1=1.0):
    """Signal of every excitation of every contrast: (contrast, line, ...) tensor in the unit of PD.

    Parameters
    ----------
    properties, contrasts, train, b1 : as for `approach`
    """
    steady, transient, rate = approach(properties, contrasts, train, b1)
    n = torch.arange(train.lines, dtype=rate.dtype, device=rate.device)
    n = n.view(-1, *[1] * (rate.ndim - 1))
    return steady[:, None] + transient[:, None] * torch.exp(n * rate[:, None])
