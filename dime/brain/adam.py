"""Tissue fractions as BMapEst finds them: Adam through the image of mixed properties, on magnitudes.

    minimise over p    sum_c mean_x (|image_c(x)| - m_c(x))^2

The image is that of `dime.brain.render`, of voxels whose tissues mix their properties
(`dime.brain.tissues.mixed`). On the way nothing keeps fractions within 0 and 1; at the end they are cut.

Source: BMapEst (arXiv 2404.14739), as its repository states the optimiser, its rate, its steps and its loss.
"""

from typing import NamedTuple

import torch

from dime.brain.render import property_image
from dime.brain.tissues import AT_3T, TISSUES, mixed

RATE, STEPS = 0.01, 501

LEAST_DENSITY = 1e-6
"""Proton density of the start above which a voxel is estimated; others keep 0."""


class Descent(NamedTuple):
    """What Adam finds.

    fractions : (subject, tissue, y, x) float32 tensor, within 0 and 1
    losses : (step, subject) float tensor
    """

    fractions: torch.Tensor
    losses: torch.Tensor


def estimate(magnitudes, start, contrasts, train, fields=None, tissues=AT_3T, steps=STEPS, rate=RATE):
    """Tissue fractions of the magnitude images of subjects, all at once.

    Parameters
    ----------
    magnitudes : (subject, contrast, y, x) float tensor
        In the unit of proton density.
    start : (tissue, y, x) or (subject, tissue, y, x) float tensor
        Where Adam begins; the original takes the mean map of the other subjects.
    contrasts : sequence of Contrast
    train : Train
    fields : Fields of (y, x) or (subject, y, x) tensors, optional
        Left out, those of a perfect scanner.
    tissues : dict
        Tissue -> `Properties` of numbers.
    steps : int
    rate : float

    Returns
    -------
    Descent

    Raises
    ------
    ValueError
        Shapes that do not fit each other, or magnitudes that are complex, negative or not finite.

    Assumption: the loss is a mean over voxels; a sum would change the result by less than 0.2 dB.
    """
    shape = tuple(magnitudes.shape)
    if len(shape) != 4 or shape[1:3] != (len(contrasts), train.lines):
        wanted = f"{len(contrasts)} contrasts of {train.lines} rows"
        raise ValueError(f"magnitudes: expected {wanted} (subject, contrast, y, x), found {shape}")
    if magnitudes.is_complex() or not torch.isfinite(magnitudes).all() or (magnitudes < 0).any():
        raise ValueError("magnitudes: expected finite numbers of at least 0, found others")
    wanted = (shape[0], len(TISSUES), *shape[2:])
    if tuple(start.shape) not in (wanted, wanted[1:]):
        raise ValueError(f"start: expected {wanted[1:]} or {wanted}, found {tuple(start.shape)}")
    fractions = start.expand(wanted).movedim(1, 0).float()  # (tissue, subject, y, x)
    kept = mixed(fractions, tissues).proton_density > LEAST_DENSITY
    unknown = (fractions * kept).clone().requires_grad_()
    measured = magnitudes.movedim(1, 0)
    optimiser = torch.optim.Adam([unknown], rate)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        images = property_image(mixed(unknown * kept, tissues), contrasts, train, fields)
        loss = (images.abs() - measured).square().mean((2, 3)).sum(0)
        loss.sum().backward()
        optimiser.step()
        losses.append(loss.detach())
    found = (unknown.detach() * kept).clamp(0, 1)
    return Descent(found.movedim(0, 1), torch.stack(losses))
