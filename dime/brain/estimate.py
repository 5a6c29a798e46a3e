"""Estimate the tissue of brain images, with its uncertainty: from files or arrays to maps of fractions.

images -> gain and phase of the receiver -> fractions -> noise -> deviations and intervals
"""

import warnings
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr

from dime.brain import adam, convex, magnitude
from dime.brain.bound import check_separable
from dime.brain.descent import Gram
from dime.brain.design import by_column
from dime.brain.encoding import to_lines
from dime.brain.inputs import gather
from dime.brain.render import property_image
from dime.brain.scanner import Fields, reference_signal
from dime.brain.sequence_file import read_sequences
from dime.brain.tissues import TISSUES, mixed
from dime.brain.uncertainty import interval, noise_of, uncertainty
from dime.progress import bar

MIXINGS = ("signal", "property")

LEVEL = 0.9
"""Probability of the interval that is given."""

LEAST_NOISE = 0.01
"""Noise, relative to the largest signal, at which contrasts must separate the tissues to be tried at all."""

UNEXPLAINED = 0.1
"""Share of the images' energy from which a warning says that the model does not explain them.

Assumption: ten times what noise of a thirtieth of the largest signal leaves."""


class _Slice(NamedTuple):
    """One slice as tensors, phase encoding along y, in the unit of proton density."""

    images: torch.Tensor
    fields: Fields
    mask: torch.Tensor


def estimate_tissue(
    images, sequences, *, mask=None, b1=None, b0_hz=None, mixing="signal", progress=False
) -> xr.Dataset:
    """Fractions of fluid, grey and white matter in every voxel, from images and the sequences that made them.

    With mixing "signal" the signals of a voxel's tissues add, image_c = gain * sum_t p_t s_tc. That is a
    convex problem, solved to its optimum for complex images (`dime.brain.convex`), and by alternation of the
    phase for magnitudes (`dime.brain.magnitude`). With "property" the tissues' properties mix, as in BMapEst,
    and Adam descends on magnitudes from the fractions of "signal" (`dime.brain.adam`).

    Parameters
    ----------
    images : path, list of paths, or array
        Magnitudes, or complex numbers whose phase is that of B0 and one constant. Files are one a contrast,
        (x, y) or (x, y, slice), or one with the contrasts last; arrays are (contrast, y, x) or (contrast,
        slice, y, x). Any unit: the gain of the receiver is found, see `dime.brain.convex.gain`.
    sequences : path, dict or Sequences
        See `dime.brain.sequence_file.read_sequences`.
    mask : path or array, optional
        Voxels that may hold tissue, where not 0. Left out, the largest bright piece of the images. Only three
        tissues are known, so that skull, fat and vessels need a mask that leaves them out.
    b1, b0_hz : path or array, optional
        Flip angle over its nominal value; offset of the resonance [Hz]. Left out, 1 and 0.
    mixing : "signal" or "property"
    progress : bool
        Whether to show the slices on the terminal.

    Returns
    -------
    xarray.Dataset
        `fraction` (tissue, slice, y, x), at least 0, sum at most 1; `mask` (slice, y, x); `residual`
        (slice, y, x), rms over contrasts of images less model, in the unit of proton density. With mixing
        "signal" also `sd`, the standard deviation of a fraction without constraints, `low` and `high`, the
        90 % interval cut to 0 to 1 (`dime.brain.uncertainty`), all (tissue, slice, y, x). Attrs: gain,
        phase_rad (of complex images), noise (standard deviation of a channel, in the unit of proton density),
        unexplained (share of the images' energy within the mask), mixing, simulator, kind, warnings (list of
        str), masked_by, source.

    Raises
    ------
    FileNotFoundError, ValueError
        One line: see `dime.brain.inputs.gather` and `read_sequences`; contrasts that do not separate the
        tissues, with the Cramer-Rao bound; an unknown mixing.

    Assumption: the receiver is equally sensitive everywhere, and each slice is measured by itself.

    Examples
    --------
    >>> import dime
    >>> import torch
    >>> from dataclasses import replace
    >>> from dime.brain.example import SEQUENCES
    >>> from dime.brain.scanner import acquire
    >>> sequences = SEQUENCES._replace(train=replace(SEQUENCES.train, lines=16))
    >>> truth = torch.zeros(3, 16, 16)  # fluid, grey and white matter
    >>> truth[1, 4:12, 4:12] = 1
    >>> images = acquire(truth, sequences.contrasts, sequences.train, simulator="epg").abs().numpy()
    >>> maps = dime.estimate_tissue(images, sequences, mask=truth.numpy().any(0))
    >>> round(float(maps["fraction"].sel(tissue="gm")[0, 8, 8]), 3)
    1.0
    """
    if mixing not in MIXINGS:
        raise ValueError(f"mixing: expected {' or '.join(MIXINGS)}, found {mixing!r}")
    sequences = read_sequences(sequences)
    if mixing == "property" and sequences.simulator != "closed":
        raise ValueError("mixing: property knows perfect spoiling alone, expected no spoiling_deg with it")
    largest = reference_signal(sequences.contrasts, sequences.train, sequences.tissues)
    check_separable(sequences.contrasts, sequences.train, LEAST_NOISE * largest, sequences.tissues)
    data = gather(images, sequences, mask, b1, b0_hz)
    slices = [_slice(data, sequences, row) for row in range(data.sizes["slice"])]
    full = max(slices, key=lambda one: int(one.mask.sum()))
    solver = _solver(full)
    phase_rad = _phase_rad(full, sequences) if full.images.is_complex() else None
    turn = 1 if phase_rad is None else np.exp(-1j * phase_rad)
    gain = solver.gain(full.images * turn, *_model(full, sequences))
    slices = [one._replace(images=one.images * (turn / gain)) for one in slices]
    with bar(slices, "tissue") if progress else nullcontext(slices) as shown:
        found = [_estimate(one, sequences) for one in shown]
    noise, unexplained = _noise(found, slices), _unexplained(found, slices)
    doubts = _doubts(unexplained, data)
    for text in doubts:
        warnings.warn(text, stacklevel=2)
    check_separable(sequences.contrasts, sequences.train, noise, sequences.tissues)
    maps = [_maps(*both, sequences, noise, mixing) for both in zip(slices, found, strict=True)]
    result = xr.Dataset({name: _volume([one[name] for one in maps], sequences) for name in maps[0]})
    result = result.assign(mask=data["mask"]).assign_coords(tissue=list(TISSUES))
    result.attrs = {
        "gain": gain,
        "noise": noise,
        "unexplained": unexplained,
        "mixing": mixing,
        "simulator": sequences.simulator,
        "kind": "magnitude" if phase_rad is None else "complex",
        "warnings": doubts,
        **({} if phase_rad is None else {"phase_rad": phase_rad}),
        **data.attrs,
    }
    return result


def _slice(data, sequences, row):
    """One slice of the gathered data, turned so that the phase is encoded along y."""
    one = data.isel(slice=row)
    if sequences.phase_axis == "x":
        one = one.transpose("contrast", "x", "y")
    image, mask, b1, b0_hz = (torch.tensor(one[name].values) for name in ("image", "mask", "b1", "b0_hz"))
    return _Slice(image, Fields(b1, b0_hz), mask)


def _model(one, sequences):
    """Arguments of the solvers after the images."""
    contrasts, train, tissues = sequences.contrasts, sequences.train, sequences.tissues
    return contrasts, train, one.fields, tissues, one.mask, sequences.simulator


def _solver(one):
    return convex if one.images.is_complex() else magnitude


def _phase_rad(one, sequences):
    """Phase of the receiver [rad]: that of the sum of all fractions, where these may be complex."""
    contrasts, train, fields, tissues, mask, simulator = _model(one, sequences)
    total, columns = 0, one.images.shape[2]
    for part, design in convex.designs(contrasts, train, fields, tissues, simulator, mask, columns):
        gram, lines = Gram(design.gram()), to_lines(one.images[..., part], train)
        for turned, unit in ((lines, 1), (-1j * lines, 1j)):
            total += unit * float(gram.solve(by_column(design.adjoint(turned)).double()).sum())
    return float(np.angle(total))


def _estimate(one, sequences):
    """Fractions of one slice, where signals add."""
    return _solver(one).estimate(one.images, *_model(one, sequences))


def _noise(found, slices):
    """Standard deviation of a channel over all slices with tissue."""
    variances = [
        noise_of(one, part.mask) ** 2 for one, part in zip(found, slices, strict=True) if part.mask.any()
    ]
    return float(np.mean(variances) ** 0.5)


def _unexplained(found, slices):
    """Share of the images' energy within the mask that the model leaves."""
    left = sum(
        float(one.residual[:, part.mask].abs().square().sum())
        for one, part in zip(found, slices, strict=True)
    )
    return left / sum(float(part.images[:, part.mask].abs().square().sum()) for part in slices)


def _doubts(unexplained, data):
    """What makes the maps doubtful, in words: list of str."""
    doubts = []
    if unexplained > UNEXPLAINED:
        doubts.append(
            f"{100 * unexplained:.0f} % of the images' energy is not explained: sequence, fields or tissue "
            "are other than stated, or the mask holds more than brain"
        )
    if data.attrs["masked_by"] == "brightness":
        doubts.append("no mask: all that is bright counts as brain, skull and fat too")
    return doubts


def _maps(one, found, sequences, noise, mixing):
    """Maps of one slice: (tissue, y, x) or (y, x) tensors."""
    if mixing == "property":
        return _by_properties(one, found, sequences)
    contrasts, train, *rest = _model(one, sequences)
    sure = uncertainty(one.images, found, contrasts, train, *rest, noise=noise)
    low, high = interval(sure, LEVEL)
    maps = {"fraction": found.fractions, "sd": sure.free_sd, "low": low, "high": high}
    return maps | {"residual": _rms(found.residual)}


def _by_properties(one, found, sequences):
    """Fractions and residual of one slice, where the tissues' properties mix."""
    contrasts, train, fields, tissues, *_ = _model(one, sequences)
    fractions = adam.estimate(
        one.images.abs()[None], found.fractions, contrasts, train, fields, tissues
    ).fractions[0]
    image = property_image(mixed(fractions, tissues), contrasts, train, fields)
    return {"fraction": fractions, "residual": _rms(one.images.abs() - image.abs())}


def _rms(residual):
    return residual.abs().square().mean(0).sqrt()


def _volume(maps, sequences):
    """Maps of all slices as a variable ([tissue, ]slice, y, x), phase encoding where it was."""
    values = torch.stack(maps, -3).numpy()
    values = values.swapaxes(-1, -2) if sequences.phase_axis == "x" else values
    return ("tissue", "slice", "y", "x")[-values.ndim :], values
