"""The lines of k-space as a linear function of tissue fractions, where the signals of tissues add.

    d_c(n, x) = sum_{t, y} A[(c, n), (t, y)] p_t(y, x),   A = F[n, y] exp(2 pi i B0 TE_c) s_{c,n,t}(B1(y, x))

Each column x of the image has a matrix A of its own and no other column enters. With white noise, all that
the data say of the real fractions p is in A's Gram matrix G = Re(A^H A) and in Re(A^H d):

    |d - A p|^2 = |d|^2 - 2 p . Re(A^H d) + p . G p
"""

import torch

from dime.brain.encoding import fourier, phase_of, to_images
from dime.brain.scanner import tissue_signals
from dime.brain.tissues import AT_3T, TISSUES

STRIP_FLOATS = 2**25
"""Numbers that the Gram matrices of one strip of columns may hold; 256 MB in double precision."""


class Design:
    """A of a strip of columns, and what follows from it.

    Parameters
    ----------
    contrasts : sequence of Contrast
        In the order in which they are measured.
    train : Train
    fields : Fields of (y, x) tensors
        x may be any number of columns, of which the strip consists.
    tissues : dict
        Tissue -> `Properties` of numbers.
    simulator : "closed", "epg" or "isochromat"
    mask : (y, x) bool tensor, optional
        Voxels that may hold tissue; default: all.
    """

    def __init__(self, contrasts, train, fields, tissues=AT_3T, simulator="closed", mask=None):
        self.train = train
        self.fourier = fourier(train)
        self.signals = list(tissue_signals(fields.b1, contrasts, train, tissues, simulator))
        self.phase = phase_of(fields.b0_hz, contrasts, train).to(torch.complex64)
        self.mask = torch.ones(fields.b1.shape, dtype=torch.bool) if mask is None else mask

    def lines(self, fractions):
        """A p: lines (contrast, line, x) complex64 of fractions (tissue, y, x)."""
        inside = (fractions * self.mask).float()
        rows = []
        for signal, phase in zip(self.signals, self.phase, strict=True):
            voxels = torch.einsum("ntyx,tyx->nyx", signal, inside)
            rows.append(torch.einsum("ny,nyx->nx", self.fourier, voxels * phase))
        return torch.stack(rows)

    def images(self, fractions):
        """Images (contrast, y, x) complex64 of fractions (tissue, y, x)."""
        return to_images(self.lines(fractions), self.train)

    def adjoint(self, lines):
        """Re(A^H d): (tissue, y, x) float32 of lines (contrast, line, x)."""
        total = torch.zeros(len(TISSUES), *self.mask.shape)
        for signal, phase, line in zip(self.signals, self.phase, lines, strict=True):
            back = (self.fourier.conj()[:, :, None] * line[:, None] * phase.conj()).real
            total += torch.einsum("ntyx,nyx->tyx", signal, back)
        return total * self.mask

    def gram(self, phases=None):
        """G of every column.

        Parameters
        ----------
        phases : (contrast, y, x) complex tensor of modulus 1, optional
            Phase of each image. Given, only what is in phase with the image counts, which is all that a
            magnitude image tells of a small change.

        Returns
        -------
        (column, tissue y, tissue y) float64 tensor
            Unknowns in the order of a flattened (tissue, y). Voxels outside the mask have 0.
        """
        rows, columns = self.mask.shape
        size = len(TISSUES) * rows
        held = torch.nonzero(self.mask.any(0))[:, 0]  # columns with tissue
        some = torch.zeros(len(held), size, size)
        for place, (signal, phase) in enumerate(zip(self.signals, self.phase, strict=True)):
            signal = signal[..., held]
            encoded = self.fourier[:, :, None] * (phase * self.mask)[:, held]  # (line, y, x)
            if phases is None:
                parts = torch.view_as_real(encoded)
                matrix = torch.einsum("nyxr,ntyx->xrnty", parts, signal)
                matrix = matrix.reshape(len(held), 2 * self.train.lines, size)
            else:
                lines = torch.einsum("nyx,ntyx->xnty", encoded, signal.to(torch.complex64))
                matrix = self.fourier.conj().T @ lines.reshape(len(held), self.train.lines, size)
                matrix = (phases[place][:, held].conj().T[:, :, None] * matrix).real
            some.baddbmm_(matrix.mT, matrix)
        total = torch.zeros(columns, size, size, dtype=torch.float64)
        total[held] = some.double()
        return total


def strips(train, columns):
    """Slices of columns whose Gram matrices fit in `STRIP_FLOATS`."""
    width = max(1, STRIP_FLOATS // (len(TISSUES) * train.lines) ** 2)
    return [slice(start, start + width) for start in range(0, columns, width)]


def by_column(maps):
    """Vectors (column, tissue y) of maps (tissue, y, x)."""
    return maps.permute(2, 0, 1).flatten(1)


def by_tissue(vectors):
    """Maps (tissue, y, x) of vectors (column, tissue y)."""
    return vectors.unflatten(1, (len(TISSUES), -1)).permute(1, 2, 0)
