"""Tissue fractions of complex images, where the signals of tissues add: a convex problem.

    minimise 1/2 |d - A p|^2   over p_t >= 0, sum_t p_t <= 1 in every voxel

`dime.brain.design` has A, which splits into columns; `dime.brain.descent` finds and certifies the minimum.
"""

from typing import NamedTuple

import torch
from skimage.filters import threshold_otsu

from dime.brain.descent import Gram, at_least_zero, minimise
from dime.brain.design import Design, strips
from dime.brain.encoding import to_lines
from dime.brain.scanner import Fields, uniform_fields
from dime.brain.tissues import AT_3T


class Estimate(NamedTuple):
    """Fractions that explain images best, and how far from the optimum they can be.

    fractions : (tissue, y, x) float32 tensor
    distance : no fraction is further from its optimum; inf where the data do not tell tissues apart
    gap : the misfit exceeds its minimum by no more than this part of |d|^2 / 2
    steps : of the descent
    residual : (contrast, y, x) complex64 tensor, images less model
    """

    fractions: torch.Tensor
    distance: float
    gap: float
    steps: int
    residual: torch.Tensor


def estimate(images, contrasts, train, fields=None, tissues=AT_3T, mask=None, simulator="closed", start=None):
    """Tissue fractions of complex images.

    Parameters
    ----------
    images : (contrast, y, x) complex tensor
        `train.lines` rows, in the unit of proton density.
    contrasts : sequence of Contrast
        In the order in which they are measured.
    train : Train
    fields : Fields of (y, x) tensors, optional
        Left out, those of a perfect scanner.
    tissues : dict
        Tissue -> `Properties` of numbers.
    mask : (y, x) bool tensor, optional
        Voxels that may hold tissue; default: all.
    simulator : "closed", "epg" or "isochromat"
    start : (tissue, y, x) tensor, optional
        Where the descent begins; default: the optimum without constraints, projected.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Images of another shape, not complex or not finite.
    """
    check_images(images, contrasts, train, fields, mask)
    if not images.is_complex():
        raise ValueError("images: expected complex numbers; magnitudes need dime.brain.magnitude")
    maps, residuals, distances, gaps, steps = [], [], [], [], []
    for part, design in designs(contrasts, train, fields, tissues, simulator, mask, images.shape[2]):
        target = design.adjoint(to_lines(images[..., part], train))
        found = minimise(Gram(design.gram()), target, start=None if start is None else start[..., part])
        maps.append(found.maps)
        residuals.append(images[..., part] - design.images(found.maps))
        distances.append(found.distance)
        gaps.append(found.gap)
        steps.append(found.steps)
    energy = float(images.abs().square().sum()) / 2
    gap = sum(gaps) / energy if energy else 0.0
    return Estimate(torch.cat(maps, 2), max(distances), gap, max(steps), torch.cat(residuals, 2))


def gain(images, contrasts, train, fields=None, tissues=AT_3T, mask=None, simulator="closed"):
    """Factor by which images exceed the unit of proton density.

    It is the median over the mask of sum_t p_t, where p minimises the misfit over p >= 0 alone.

    Parameters
    ----------
    images, contrasts, train, fields, tissues, mask, simulator : as for `estimate`
        Without a mask, voxels count whose sum exceeds Otsu's threshold.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As for `estimate`, or there is no signal.

    Assumption: most voxels of the mask hold nothing but these tissues, and the gain is the same everywhere.
    """
    check_images(images, contrasts, train, fields, mask)
    scale = scale_of(images)
    maps = [
        minimise(
            Gram(design.gram()), design.adjoint(to_lines(images[..., part] / scale, train)), at_least_zero
        ).maps
        for part, design in designs(contrasts, train, fields, tissues, simulator, mask, images.shape[2])
    ]
    return scale * median_sum(torch.cat(maps, 2), mask)


def area_averages(images):
    """Images of an object whose every voxel has been averaged over its area.

    K-space of frequency k is multiplied by sinc(k_y / N) sinc(k_x / N), the transform of a square voxel. What
    a scanner samples is the object itself, ringing at its edges; fractions of a voxel are averages. The
    frequencies beyond k-space, which averages fold back, are missing all the same.

    Parameters
    ----------
    images : (..., y, x) complex tensor
        With their phase; magnitudes do not allow it.

    Returns
    -------
    (..., y, x) complex64 tensor
        Their noise is no longer white: the highest frequencies are damped to 0.64 along each axis.
    """
    windows = [torch.sinc(torch.fft.fftfreq(size)) for size in images.shape[-2:]]
    spectrum = torch.fft.fft2(images) * windows[0][:, None] * windows[1]
    return torch.fft.ifft2(spectrum).to(torch.complex64)


def scale_of(images):
    """Largest magnitude of images; ValueError where it is 0."""
    scale = float(images.abs().max())
    if not scale:
        raise ValueError("images: expected a signal, found 0 everywhere")
    return scale


def median_sum(maps, mask=None):
    """Median of the sum over tissues within a mask, or above Otsu's threshold, of maps (tissue, y, x).

    Raises
    ------
    ValueError
        It is not positive.
    """
    total = maps.sum(0)
    inside = total > threshold_otsu(total.numpy()) if mask is None else mask
    median = float(total[inside].median()) if inside.any() else 0.0
    if not median > 0:
        raise ValueError("images: expected a signal in most voxels of the mask, found none")
    return median


def check_images(images, contrasts, train, fields, mask):
    """Raise ValueError unless images, fields and mask fit each other, the contrasts and the train."""
    shape = tuple(images.shape)
    if len(shape) != 3 or shape[:2] != (len(contrasts), train.lines) or not shape[2]:
        wanted = f"{len(contrasts)} contrasts of {train.lines} rows"
        raise ValueError(f"images: expected {wanted} (contrast, y, x), found {shape}")
    if not torch.isfinite(torch.view_as_real(images) if images.is_complex() else images).all():
        raise ValueError("images: expected finite numbers, found others")
    for name, other in (("mask", mask), *(fields._asdict().items() if fields is not None else ())):
        if other is not None and tuple(other.shape) != shape[1:]:
            raise ValueError(f"{name}: expected the images' grid {shape[1:]}, found {tuple(other.shape)}")


def designs(contrasts, train, fields, tissues, simulator, mask, columns):
    """Columns (slice) and `Design` of every strip of an image with so many columns."""
    fields = uniform_fields((train.lines, columns)) if fields is None else fields
    for part in strips(train, columns):
        strip = Fields(fields.b1[:, part], fields.b0_hz[:, part])
        within = None if mask is None else mask[:, part]
        yield part, Design(contrasts, train, strip, tissues, simulator, within)
