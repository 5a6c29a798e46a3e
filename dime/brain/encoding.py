"""From the signal of every excitation to k-space and to the image, and back.

Phase is encoded along y and frequency along x. A line of k-space is read in one excitation, so the signal
changes from line to line and blurs the image along y; along x nothing mixes, and every column is a problem
of its own. Excitation n reads the frequency k_n of `dime.brain.sequences.line_order`:

    S_c(n, x) = sum_y F[n, y] exp(2 pi i B0(y, x) TE_c) a_c(n, y, x),
    F[n, y] = exp(-2 pi i k_n (y - N // 2) / N) / sqrt(N)

F is unitary: a signal that is the same in every excitation comes back as the image.

Assumption: the phase by B0 is that at the echo. A line lasts 2 ms, in which 50 Hz shift the image by a tenth
of a pixel; `dime.brain.scanner` can have it.
"""

import numpy as np
import torch

from dime.brain.sequences import line_order


def fourier(train, device=None):
    """F: (line, y) complex64 tensor, unitary."""
    y = np.arange(train.lines) - train.lines // 2
    turns = line_order(train)[:, None] * y / train.lines
    matrix = np.exp(-2j * np.pi * turns) / np.sqrt(train.lines)
    return torch.tensor(matrix, dtype=torch.complex64, device=device)


def to_lines(images, train):
    """Lines (..., line, x) of images (..., y, x); complex64 tensors."""
    return fourier(train, images.device) @ images.to(torch.complex64)


def to_images(lines, train):
    """Images (..., y, x) of lines (..., line, x); complex64 tensors."""
    return fourier(train, lines.device).conj().mT @ lines


def phase_of(b0_hz, contrasts, train):
    """Factor exp(2 pi i B0 TE) of every contrast: (contrast, ...) complex64 tensor.

    Parameters
    ----------
    b0_hz : (...) tensor
        Offset of the resonance [Hz].
    contrasts : sequence of Contrast
    train : Train
    """
    echoes = torch.tensor([train.echo_s + one.echo_delay_s for one in contrasts], device=b0_hz.device)
    turns = echoes.view(-1, *[1] * b0_hz.ndim) * b0_hz
    return torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)
