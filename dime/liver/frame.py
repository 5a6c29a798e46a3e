"""Bring images to the field of view that the segmenters learnt on, and their masks back.

A segmenter's bottleneck is a mean over the whole image, so more air or less would count as another body.
"""

import numpy as np

FIELD_M = 0.384
"""Side of the training's field of view [m], that of `simulation.abdominal`."""


def frame(images, spacing_m):
    """Images cut or filled up about their middle to a square of `FIELD_M`.

    What is filled up holds values of the outermost lines in random order, which are noise where these lie in
    the air. The order is the same in every call, so that magnitude and phase fit together.

    Parameters
    ----------
    images : (..., y, x) array
    spacing_m : float

    Returns
    -------
    (..., n, n) array
        n = `FIELD_M` / spacing.
    """
    count, rng = side(spacing_m), np.random.default_rng(0)
    lines = _fit(images, count, rng).swapaxes(-1, -2)
    return np.ascontiguousarray(_fit(lines, count, rng).swapaxes(-1, -2))


def unframe(framed, shape):
    """Undo `frame` for a mask or a map: 0 where the frame does not reach.

    Parameters
    ----------
    framed : (..., n, n) array
    shape : (y, x)
        Of the images.

    Returns
    -------
    (..., y, x) array
    """
    found = np.zeros((*framed.shape[:-2], *shape), framed.dtype)
    inner, outer = zip(*(_places(size, framed.shape[-1]) for size in shape), strict=True)
    found[..., *inner] = framed[..., *outer]
    return found


def side(spacing_m):
    """Pixels along a side of the frame."""
    return round(FIELD_M / spacing_m)


def _places(size, count):
    """Where the images' lines lie that the frame holds, and where these lie in the frame."""
    kept = min(size, count)
    first, other = (size - kept) // 2, (count - kept) // 2
    return slice(first, first + kept), slice(other, other + kept)


def _fit(images, count, rng):
    """Lines along y cut or filled up to a number."""
    size, width = images.shape[-2:]
    inner, _ = _places(size, count)
    if size >= count:
        return images[..., inner, :]
    border = images[..., [0, -1], :].reshape(*images.shape[:-2], -1)
    lines = rng.choice(border, (count - size) * width, axis=-1).reshape(*images.shape[:-2], -1, width)
    before = (count - size) // 2
    return np.concatenate([lines[..., :before, :], images, lines[..., before:, :]], axis=-2)
