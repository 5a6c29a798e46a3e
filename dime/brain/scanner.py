"""A scanner that images fractions of tissue: fields, signal of three simulators, k-space, noise.

    S_c(n, x) = sum_{y, t} F[n, y] exp(2 pi i B0 TE_c) p_t s_{t,c,n}(B1)      fractions p_t at (y, x)

With mixing "signal" the signals of a voxel's tissues add, as they do in nature; with "property" its tissues
make one tissue with properties in between, as in BMapEst.

Fractions may lie on a grid `factor` times finer than the image. K-space is then summed over the fine voxels,
and the lines x lines frequencies that the train reads make the image. An image on the image's own grid is not
that of the same fractions on a finer one: a voxel that is a square and not a point damps the frequency k of
each axis by

    sin(pi k / N) / (factor sin(pi k / (N factor))),   which is .64 at the edge of k-space for large factors.
"""

from typing import NamedTuple

import numpy as np
import torch

from dime.brain import epg, isochromat
from dime.brain.encoding import phase_of, to_images
from dime.brain.render import property_image, told_by_few
from dime.brain.sequences import line_order
from dime.brain.signal import approach, closed_form
from dime.brain.tissues import AT_3T, TISSUES, Properties, mixed, stacked

B1_TABLE = np.linspace(0.6, 1.3, 29)
"""Values of B1 at which a simulator's signal is computed; between them it is interpolated linearly."""

SIMULATORS = {"epg": epg.signals, "isochromat": isochromat.signals}
"""Simulators that work through a table over B1."""

MODES = 6
"""Products of a function of the line and one of B1 that make up a table to within 1e-7 of its largest."""

READOUT_NODES = 5
"""Times of a line's readout at which decay and phase are computed; a polynomial gives the rest."""


class Fields(NamedTuple):
    """What differs from place to place in the scanner, (y, x) tensors.

    b1 : flip angle over its nominal value
    b0_hz : offset of the resonance [Hz]
    """

    b1: torch.Tensor
    b0_hz: torch.Tensor


def uniform_fields(shape):
    """Fields of a perfect scanner: B1 = 1, B0 = 0, float32 (y, x)."""
    return Fields(torch.ones(shape), torch.zeros(shape))


def original_fields(density):
    """Fields of BMapEst in the middle slice.

        B1 = exp(-(.4 x^2 + .2 y^2)), divided by its mean
        B0 = 7 / (.05 + d) - 45 / (.3 + d) less its mean [Hz],   d = .4 x^2 + .2 (y - .7)^2

    Means are weighted by the proton density; x and y run from -1 to 1.

    Parameters
    ----------
    density : (y, x) tensor
        Proton density; not 0 everywhere.

    Returns
    -------
    Fields of float32 tensors (y, x)

    Source: the fields of BMapEst (arXiv 2404.14739) as its repository states them, at z = 0.
    Assumption: -1 and 1 are the outer edges of the image, so that a finer grid samples the same fields.
    """
    y, x = (torch.tensor((2 * np.arange(size) + 1) / size - 1, dtype=torch.float32) for size in density.shape)
    y, x = torch.meshgrid(y, x, indexing="ij")
    weight = density / density.sum()
    d = 0.4 * x**2 + 0.2 * (y - 0.7) ** 2
    b1 = torch.exp(-(0.4 * x**2 + 0.2 * y**2))
    b0_hz = 7 / (0.05 + d) - 45 / (0.3 + d)
    return Fields(b1 / (weight * b1).sum(), b0_hz - (weight * b0_hz).sum())


def acquire(fractions, contrasts, train, tissues=AT_3T, fields=None, mixing="signal", simulator="closed"):
    """Images of fractions of tissue, without noise.

    Parameters
    ----------
    fractions : (tissue, y, x) float tensor
        In the order of `TISSUES`; square, of `train.lines` voxels a side or a whole number of times that.
    contrasts : sequence of Contrast
        In the order in which they are measured.
    train : Train
    tissues : dict
        Tissue -> `Properties` of numbers.
    fields : Fields, optional
        On the grid of the fractions; left out, those of a perfect scanner.
    mixing : "signal" or "property"
        Property mixing is for the closed form on the image's own grid.
    simulator : "closed", "epg" or "isochromat"
        The isochromats also have what happens while a line is read: T2* decay, and B0, which shifts the image
        along x. The others take the whole line at its echo.

    Returns
    -------
    (contrast, y, x) complex64 tensor
        `train.lines` voxels a side, in the unit of proton density.

    Raises
    ------
    ValueError
        An unknown mixing or simulator, a grid that does not fit, numbers that are not finite, or tissue
        where B1 lies outside `B1_TABLE`.
    """
    fractions = fractions.float()
    fields = uniform_fields(fractions.shape[1:]) if fields is None else fields
    factor = _factor(fractions, fields, train)
    if mixing == "property":
        if simulator != "closed" or factor > 1:
            raise ValueError("mixing: property needs the closed form and a grid of the image's size")
        return property_image(mixed(fractions, tissues), contrasts, train, fields)
    if mixing != "signal":
        raise ValueError(f"mixing: expected signal or property, found {mixing!r}")
    tissue_b1 = fields.b1[fractions.sum(0) > 0]
    if simulator != "closed" and ((tissue_b1 < B1_TABLE[0]) | (tissue_b1 > B1_TABLE[-1])).any():
        raise ValueError(f"fields: expected B1 of {B1_TABLE[0]} to {B1_TABLE[-1]} in tissue, found others")
    times_s, shares = _readout(train) if simulator == "isochromat" else (torch.zeros(1), torch.ones(1, 1))
    course = fractions * _course(times_s, fields, tissues)  # (time, tissue, y, x)
    rising = np.arange(train.lines) - train.lines // 2
    along_y, along_x = _kernel(line_order(train), train, factor), _kernel(rising, train, factor)
    back_x = _kernel(rising, train, 1).conj()
    modes = _modes(fields.b1, contrasts, train, tissues, simulator)
    images = []
    for (over_lines, over_places), phase in zip(modes, phase_of(fields.b0_hz, contrasts, train), strict=True):
        lines = along_y @ (over_places * (course * phase)[:, :, None])  # (time, tissue, mode, line, x)
        lines = torch.einsum("tnr,jtrnx->njx", over_lines.to(torch.complex64), lines)
        samples = torch.einsum("njx,kx,jk->nk", lines, along_x, shares.to(torch.complex64))
        images.append(to_images(samples @ back_x, train))
    return torch.stack(images)


def tissue_signals(b1, contrasts, train, tissues=AT_3T, simulator="closed"):
    """Signal of each tissue in every excitation at every place, one contrast after the other.

    Parameters
    ----------
    b1 : (y, x) tensor
        Flip angle over its nominal value. For "epg" and "isochromat" it is cut to `B1_TABLE`.
    contrasts, train, tissues, simulator : as for `acquire`

    Yields
    ------
    (line, tissue, y, x) float32 tensor
        In the unit of proton density, for each contrast.

    Raises
    ------
    ValueError
        The simulator is unknown.
    """
    for over_lines, over_places in _modes(b1, contrasts, train, tissues, simulator):
        yield torch.einsum("tnr,tryx->ntyx", over_lines, over_places)


def _modes(b1, contrasts, train, tissues, simulator):
    """Signals of tissues as sums of few products: yield (tissue, line, mode), (tissue, mode, y, x)."""
    if simulator == "closed":
        properties = Properties(*(one[:, None, None] for one in stacked(tissues)))
        excitations, shares = told_by_few(train.lines)
        n = torch.tensor(excitations)[:, None, None]
        over_lines = torch.tensor(np.vstack([np.ones(train.lines), shares]).T, dtype=torch.float32)
        over_lines = over_lines.expand(len(TISSUES), -1, -1)
        for parts in zip(*approach(properties, contrasts, train, b1), strict=True):
            steady, transient, rate = (part[:, None] for part in parts)
            yield over_lines, torch.cat([steady, transient * torch.exp(n * rate)], dim=1)
    elif simulator in SIMULATORS:
        place = (b1.clamp(*B1_TABLE[[0, -1]]) - B1_TABLE[0]) / (B1_TABLE[1] - B1_TABLE[0])
        below = place.long().clamp(max=len(B1_TABLE) - 2)
        for rows in b1_table(contrasts, train, tissues, simulator):
            left, size, right = torch.linalg.svd(rows.transpose(0, 1), full_matrices=False)
            right = (size[..., None] * right)[:, :MODES]
            yield left[..., :MODES], torch.lerp(right[..., below], right[..., below + 1], place - below)
    else:
        raise ValueError(f"simulator: expected closed, {' or '.join(SIMULATORS)}, found {simulator!r}")


def b1_table(contrasts, train, tissues=AT_3T, simulator="epg"):
    """Signal of each tissue in every excitation at the values of `B1_TABLE`.

    Returns
    -------
    (contrast, line, tissue, b1) float32 tensor
    """
    properties = Properties(*(one[:, None].numpy() for one in stacked(tissues)))
    return torch.tensor(SIMULATORS[simulator](properties, contrasts, train, B1_TABLE), dtype=torch.float32)


def reference_signal(contrasts, train, tissues=AT_3T):
    """Largest signal of any tissue in the first line of any contrast, to which noise is related."""
    return float(closed_form(stacked(tissues), contrasts, train)[:, 0].abs().max())


def add_noise(images, snr, reference, rng):
    """Images with complex Gaussian noise.

    Parameters
    ----------
    images : (...) complex tensor
    snr : float
        `reference` over the standard deviation of the noise in the real part, and in the imaginary one.
    reference : float
        See `reference_signal`.
    rng : numpy Generator

    Returns
    -------
    (...) complex64 tensor

    Raises
    ------
    ValueError
        The SNR is not positive.
    """
    if not snr > 0:
        raise ValueError(f"snr: expected a positive number, found {snr}")
    real, imaginary = torch.tensor(rng.standard_normal((2, *images.shape)) * reference / snr)
    return (images + torch.complex(real, imaginary)).to(torch.complex64)


def _factor(fractions, fields, train):
    """How many times finer the grid of the fractions is than the image's."""
    shape = tuple(fractions.shape)
    size = shape[-1]
    if shape != (len(TISSUES), size, size) or size % train.lines or not size:
        raise ValueError(
            f"fractions: expected {len(TISSUES)} tissues on a square grid of {train.lines} voxels "
            f"or a multiple, found {shape}"
        )
    if tuple(fields.b1.shape) != shape[1:] or tuple(fields.b0_hz.shape) != shape[1:]:
        raise ValueError(
            f"fields: expected the grid of the fractions {shape[1:]}, found {tuple(fields.b1.shape)}"
        )
    for name, field in (("fractions", fractions), ("fields: b1", fields.b1), ("fields: b0_hz", fields.b0_hz)):
        if not torch.isfinite(field).all():
            raise ValueError(f"{name}: expected finite numbers, found others")
    return size // train.lines


def _kernel(frequency, train, factor):
    """F of `dime.brain.encoding` at the places of the fine voxels, over the factor: (line, fine)."""
    place = (np.arange(train.lines * factor) + 0.5) / factor - 0.5 - train.lines // 2
    turns = np.exp(-2j * np.pi * np.outer(frequency, place) / train.lines)
    return torch.tensor(turns / np.sqrt(train.lines) / factor, dtype=torch.complex64)


def _readout(train):
    """Times from the echo [s] and their shares in each sample of a line, (node,) and (node, sample).

    The nodes are Chebyshev's, the shares Lagrange's polynomials.
    """
    sampled = (np.arange(train.lines) - train.lines // 2) * train.dwell_s
    nodes = np.cos(np.pi * (np.arange(READOUT_NODES) + 0.5) / READOUT_NODES) * train.lines / 2 * train.dwell_s
    shares = [
        np.prod([(sampled - other) / (node - other) for other in nodes if other != node], axis=0)
        for node in nodes
    ]
    return (torch.tensor(np.array(one), dtype=torch.float32) for one in (nodes, shares))


def _course(times_s, fields, tissues):
    """What decay and B0 make of each tissue's signal around the echo: (time, tissue, y, x) complex64."""
    properties = stacked(tissues)
    times_s = times_s[:, None, None, None]
    decay = (1 / properties.t2_s + 1 / properties.t2_prime_s)[:, None, None] * times_s
    return torch.polar(
        torch.exp(-decay).expand(-1, -1, *fields.b0_hz.shape).contiguous(),
        (2 * torch.pi * fields.b0_hz * times_s).expand(-1, len(TISSUES), -1, -1).contiguous(),
    )
