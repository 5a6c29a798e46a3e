"""Limit an image to the part of k-space that a scan acquires."""

import numpy as np


def acquired_lines(shape, acquired):
    """Bool mask (y, x) of the acquired samples of k-space, the central block, in the order of `np.fft`."""
    rows, columns = (np.fft.fftfreq(n, 1 / n) for n in shape)
    keep = [(f >= -(a // 2)) & (f < a - a // 2) for f, a in zip((rows, columns), acquired, strict=True)]
    return keep[0][:, None] & keep[1]


def band_limited(signal, acquired):
    """Restrict a complex image (y, x) to the acquired central block of its k-space."""
    if tuple(acquired) == signal.shape:
        return signal
    return np.fft.ifft2(np.fft.fft2(signal) * acquired_lines(signal.shape, acquired))


def sampled_noise(shape, acquired, rng):
    """Complex noise (y, x) of the acquired samples, standard deviation 1 in each of its two parts."""
    noise = rng.standard_normal((2, *shape))
    share = np.prod(acquired) / np.prod(shape)
    return band_limited(noise[0] + 1j * noise[1], acquired) / np.sqrt(share)
