"""Signal of a prepared train of spoiled gradient echoes by Bloch's equations, isochromat by isochromat.

A voxel is `ISOCHROMATS` magnetisation vectors (x, y, z), over which the spoiling gradient of each repetition
spreads one turn. Pulse n turns every vector by the flip angle a around an axis of phase phi_n in the plane,

    R_n = R_z(phi_n) R_x(a) R_z(-phi_n),   phi_n = n (n + 1) / 2 times `train.spoiling_rad`

Then x and y decay by T2, z recovers by T1, and isochromat j turns by 2 pi j / J around z. The signal is the
mean of x + i y at the echo, seen in the phase of the pulse. A T2 preparation tips by 90 degrees, waits and
tips back.

This module shares no equation with `dime.brain.signal` and `dime.brain.epg`, which it checks.

Source: Bloch 1946, Physical Review 70:460; Zur et al. 1991, Magnetic Resonance in Medicine 21:251, for phi_n.
Assumption: as in `dime.brain.epg`: ideal preparations that crush what is transverse, z evened out over the
voxel between two contrasts, T2' on the echo only.
"""

import numpy as np

ISOCHROMATS = 256
"""More than the turns of a train, so that no dephased signal comes back into phase by the grid."""


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

    Raises
    ------
    ValueError
        The train has as many lines as a voxel has isochromats, so that they come back into phase.
    """
    if train.lines >= ISOCHROMATS:
        raise ValueError(f"train: expected fewer than {ISOCHROMATS} lines, found {train.lines}")
    *properties, b1 = np.broadcast_arrays(*properties, b1)
    density, t1, t2, t2_prime, diffusion = (np.ravel(one).astype(float) for one in properties)
    pulse = turn_about_x(train.flip_rad * np.ravel(b1))
    spins = np.zeros((len(t1), 3, ISOCHROMATS))  # (voxel, component, isochromat)
    spins[:, 2] = 1
    rows = []
    for place, one in enumerate(contrasts):
        if place:
            relax(spins, train.recovery_s, t1, t2)
        prepare(spins, one, t1, t2, diffusion)
        repetition_s, echo_s = (seconds + one.echo_delay_s for seconds in (train.repetition_s, train.echo_s))
        transverse = run(spins, pulse, repetition_s, echo_s, t1, t2, train)
        rows.append(transverse * density * np.exp(-echo_s / t2_prime))
        crush(spins)
        spins[:, 2] = spins[:, 2].mean(axis=1, keepdims=True)
    return np.stack(rows).reshape(len(rows), train.lines, *b1.shape)


def prepare(spins, contrast, t1, t2, diffusion):
    """Inversions, T2 and diffusion preparation of a contrast, in place."""
    for seconds in (contrast.inversion_s, contrast.second_inversion_s):
        if seconds is not None:
            spins[:] = turn_about_x(np.pi) @ spins
            crush(spins)
            relax(spins, seconds, t1, t2)
    if contrast.t2_preparation_s or contrast.diffusion_s:
        spins[:] = turn_about_x(np.pi / 2) @ spins
        relax(spins, contrast.t2_preparation_s + contrast.diffusion_s, t1, t2)
        spins[:, :2] *= np.exp(-contrast.b_s_per_m2 * diffusion)[:, None, None]
        spins[:] = turn_about_x(-np.pi / 2) @ spins
        crush(spins)


def run(spins, pulse, repetition_s, echo_s, t1, t2, train):
    """Excite once for each line, in place; mean transverse magnetisation at each echo (line, voxel)."""
    spread = turn_about_z(2 * np.pi * np.arange(ISOCHROMATS) / ISOCHROMATS)  # (isochromat, 3, 3)
    (cosine, sine) = spread[:, 0, 0], spread[:, 1, 0]
    signal = np.empty((train.lines, len(t1)))
    for n in range(train.lines):
        phase = n * (n + 1) / 2 * train.spoiling_rad
        spins[:] = turn_about_z(phase) @ pulse @ turn_about_z(-phase) @ spins
        relax(spins, echo_s, t1, t2)
        x, y = spins[:, 0].mean(axis=1), spins[:, 1].mean(axis=1)
        # a pulse of phase 0 tips z towards -y: the signal is the part that points there
        signal[n] = np.sin(phase) * x - np.cos(phase) * y
        relax(spins, repetition_s - echo_s, t1, t2)
        x, y = spins[:, 0].copy(), spins[:, 1].copy()
        spins[:, 0] = cosine * x - sine * y
        spins[:, 1] = sine * x + cosine * y
    return signal


def relax(spins, seconds, t1, t2):
    """Let x and y decay and z recover, in place."""
    spins[:, :2] *= np.exp(-seconds / t2)[:, None, None]
    kept = np.exp(-seconds / t1)[:, None]
    spins[:, 2] *= kept
    spins[:, 2] += 1 - kept


def crush(spins):
    """Take away what is transverse, in place."""
    spins[:, :2] = 0


def turn_about_x(angle):
    """Rotation about x, (..., 3, 3); a positive angle [rad] turns z towards -y."""
    c, s, zero, one = _parts(angle)
    return _matrix((one, zero, zero), (zero, c, -s), (zero, s, c))


def turn_about_z(angle):
    """Rotation about z, (..., 3, 3); a positive angle [rad] turns x towards y."""
    c, s, zero, one = _parts(angle)
    return _matrix((c, -s, zero), (s, c, zero), (zero, zero, one))


def _parts(angle):
    c, s = np.cos(angle), np.sin(angle)
    return c, s, np.zeros_like(c), np.ones_like(c)


def _matrix(*rows):
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
