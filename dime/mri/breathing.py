"""Motion of the body while a slice is acquired: shifts between phase offsets, ghosts and smeared phase.

Each line of k-space belongs to one moment, and a displaced body adds a linear phase to it:

    S'(kx, ky) = S(kx, ky) exp(-2 pi i (kx dx(t) + ky dy(t))),  t the moment of the line ky

A constant displacement shifts the image. One that changes from line to line makes ghosts along y, the
direction of phase encoding: a period of P lines in an image of N rows repeats the body every N / P rows.
"""

import numpy as np


def breathe(images, spacing_m, displacement_m):
    """Images of a slice that moved as a whole while its lines were acquired.

    Parameters
    ----------
    images : (offset, y, x) complex, any unit, of the body at rest
    spacing_m : pixel size [m]
    displacement_m : (offset, line, 2) [m], along x and y, towards larger x and y. The lines are the
        central ones of k-space, from the lowest ky to the highest

    Returns
    -------
    (offset, y, x) complex, in the unit of `images`. Lines that `displacement_m` lacks are zero, as
    `kspace.band_limited` leaves them.

    Raises
    ------
    ValueError : images not (offset, y, x), displacement not (offset, line, 2) for them or not finite, more
        lines than rows, spacing not positive

    Source: Wood and Henkelman, Medical Physics 13 (1986) 794.
    Assumption: the slice moves in its plane and as a rigid body, since a breath-hold leaves millimetres. The
    motion leaves no phase of its own, as after gradients without a first moment. What moves out of the image
    comes in on the other side.
    """
    images = np.asarray(images, dtype=complex)
    displacement = np.asarray(displacement_m, dtype=float)
    if images.ndim != 3:
        raise ValueError(f"images: expected (offset, y, x); got shape {images.shape}")
    offsets, rows, columns = images.shape
    if displacement.ndim != 3 or displacement.shape[::2] != (offsets, 2) or displacement.shape[1] > rows:
        raise ValueError(
            f"displacement_m: expected ({offsets}, line, 2), at most {rows} lines; got {displacement.shape}"
        )
    if not np.isfinite(displacement).all():
        raise ValueError("displacement_m: expected numbers; found NaN or infinity")
    if not spacing_m > 0:
        raise ValueError(f"spacing_m: expected a positive number; got {spacing_m}")
    lines = displacement.shape[1]
    order = (np.arange(lines) - lines // 2) % rows  # of the acquired lines, as np.fft counts them
    ky = np.fft.fftfreq(rows, spacing_m)[order][:, None]
    kx = np.fft.fftfreq(columns, spacing_m)
    dx, dy = (displacement[..., axis, None] for axis in (0, 1))  # (offset, line, 1)
    moved = np.zeros_like(images)
    moved[:, order] = np.fft.fft2(images)[:, order] * np.exp(-2j * np.pi * (kx * dx + ky * dy))
    return np.fft.ifft2(moved)


def drift(offsets, lines, largest_m, rng):
    """Draw the motion of a failed breath-hold: a slow drift with a residual breathing on it.

    Both go along one direction. The drift relaxes, 1 - exp(-t / tau). The breathing is (1 - cos) / 2 of three
    to six cycles over the acquisition, whose lengths vary by 15 %, and up to half as large as the drift.

    offsets, lines : numbers of phase offsets and of k-space lines of each, acquired one after the other;
    largest_m : largest distance from the first line's position [m]; rng : numpy.random.Generator.
    Returns (offset, line, 2) [m] along x and y, 0 at the first line, for `breathe`.
    Raises ValueError: no offset, fewer than two lines, a negative distance.

    Assumption: four offsets take 14 to 20 s, and people breathe 12 to 20 times a minute. The direction lies
    within 30 degrees of y, since the wall of the abdomen moves back and forth. Its sign, tau (0.3 to 1.5 of
    the acquisition) and the sizes are drawn uniformly, for want of measurements.
    """
    if offsets < 1 or lines < 2:
        raise ValueError(f"offsets, lines: expected at least 1 and 2; got {offsets}, {lines}")
    if not 0 <= largest_m < np.inf:
        raise ValueError(f"largest_m: expected metres >= 0; got {largest_m}")
    time = np.linspace(0, 1, offsets * lines)
    slow = 1 - np.exp(-time / rng.uniform(0.3, 1.5))
    cycles = rng.uniform(3, 6)
    ends = np.cumsum(np.clip(rng.normal(1, 0.15, 12), 0.5, 1.5)) / cycles  # the last one is beyond 1
    breath = (1 - np.cos(2 * np.pi * np.interp(time, [0, *ends], np.arange(13)))) / 2
    path = slow / slow[-1] + rng.uniform(0, 0.5) * breath
    angle = rng.uniform(-np.pi / 6, np.pi / 6)
    towards = rng.choice([-1, 1]) * np.array([np.sin(angle), np.cos(angle)])
    return (largest_m * path / path.max()).reshape(offsets, lines, 1) * towards
