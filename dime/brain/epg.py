"""Signal of a prepared train of spoiled gradient echoes by extended phase graphs, in NumPy.

The magnetisation of a voxel that a gradient turns k times in each direction is a Fourier series over the
voxel: configurations F_k and F_-k* (transverse) and Z_k (longitudinal). A pulse of flip angle a mixes them,

    F_k   <- cos^2(a/2) F_k + sin^2(a/2) F_-k* - i sin a Z_k
    F_-k* <- sin^2(a/2) F_k + cos^2(a/2) F_-k* + i sin a Z_k
    Z_k   <- -i/2 sin a F_k + i/2 sin a F_-k* + cos a Z_k

in the frame of the pulse. A repetition decays them, F by exp(-TR / T2) and Z_k by exp(-TR / T1) with Z_0 on
its way to 1, shifts F_k to F_k+1 by the spoiling gradient, and turns F into the frame of the next pulse,
which is n + 1 increments of `train.spoiling_rad` ahead of that of pulse n. The signal is that of F_0.

Source: Weigel 2015, Journal of Magnetic Resonance Imaging 41:266, for the matrices; Zur et al. 1991, Magnetic
Resonance in Medicine 21:251, for the quadratic phase of the pulses.
Assumption: preparations are ideal, as in `dime.brain.signal`, and crush what is transverse. Between two
contrasts diffusion and motion even out Z, so that Z_0 alone is handed on. T2' acts on the echo only: the
configurations that come back from an earlier repetition are small, and their T2' decay is left out.
"""

import numpy as np


def signals(properties, contrasts, train, b1=1.0):
    """Signal of every excitation of every contrast.

    Parameters
    ----------
    properties : Properties of numbers or arrays (...)
    contrasts : sequence of Contrast
        In the order in which they are measured.
    train : Train
    b1 : float or (...) array
        Flip angle over its nominal value.

    Returns
    -------
    (contrast, line, ...) float array
        In the unit of PD, in phase with the pulse.
    """
    *properties, angle = np.broadcast_arrays(*properties, train.flip_rad * np.asarray(b1))
    density, t1, t2, t2_prime, diffusion = (np.asarray(one, dtype=float) for one in properties)
    rows, z = [], np.ones(t1.shape)
    for place, one in enumerate(contrasts):
        if place:
            z = 1 - (1 - z) * np.exp(-train.recovery_s / t1)
        for seconds in (one.inversion_s, one.second_inversion_s):
            if seconds is not None:
                z = 1 - (1 + z) * np.exp(-seconds / t1)
        z = z * np.exp(-(one.t2_preparation_s + one.diffusion_s) / t2 - one.b_s_per_m2 * diffusion)
        repetition_s, echo_s = (seconds + one.echo_delay_s for seconds in (train.repetition_s, train.echo_s))
        signal, z = _run(z, np.exp(-repetition_s / t1), np.exp(-repetition_s / t2), angle, train)
        rows.append(density * np.exp(-echo_s / t2 - echo_s / t2_prime) * signal)
    return np.stack(rows)


def _run(z, e1, e2, angle, train):
    """Transverse magnetisation at each pulse (line, ...), and Z_0 after a train that begins with Z_0 = z."""
    highest = train.lines // 2 + 1  # what is dephased further cannot come back within the train
    up, down, along = (np.zeros((highest + 1, *z.shape), dtype=complex) for _ in range(3))
    along[0] = z
    sine, cosine = np.sin(angle), np.cos(angle)
    stays, swaps = (1 + cosine) / 2, (1 - cosine) / 2
    signal = np.empty((train.lines, *z.shape))
    for n in range(train.lines):
        tipped = 1j * sine * along
        along = 0.5j * sine * (down - up) + cosine * along
        up, down = stays * up + swaps * down - tipped, swaps * up + stays * down + tipped
        signal[n] = -up[0].imag
        along *= e1
        along[0] += 1 - e1
        turn = np.exp(-1j * (n + 1) * train.spoiling_rad)
        up *= e2 * turn
        down *= e2 * np.conj(turn)
        up[1:] = up[:-1].copy()
        down[:-1] = down[1:].copy()
        down[-1] = 0
        up[0] = down[0].conj()
    return signal, along[0].real
