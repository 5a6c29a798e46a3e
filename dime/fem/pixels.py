"""What joins an image and a mesh: elements sampled on pixels, pixels read off on an outline, their noise."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from dime.fem.locate import locate_on_grid
from dime.physics import axis_m


class Sampler(NamedTuple):
    """S (pixel, unknown) and which pixels (y, x) of the mask the mesh covers, in that order."""

    matrix: csr_array
    covered: np.ndarray


def sampler(basis, mask, spacing_m):
    """The `Sampler` of an skfem.Basis of scalar elements on the mask's pixels."""
    y, x = axes_m(mask, spacing_m)
    row, column, element, local = locate_on_grid(basis.mesh, x, y)
    order = np.lexsort((column, row))
    order = order[mask[row[order], column[order]]]
    covered = np.zeros(mask.shape, bool)
    covered[row[order], column[order]] = True
    nodes = basis.element_dofs[:, element[order]]  # (node, pixel)
    weights = np.stack([basis.elem.lbasis(local[:, order], i)[0] for i in range(len(nodes))])
    pixel = np.broadcast_to(np.arange(len(order)), nodes.shape)
    shape = (len(order), basis.N)
    return Sampler(csr_array((weights.ravel(), (pixel.ravel(), nodes.ravel())), shape=shape), covered)


def axes_m(mask, spacing_m):
    """Pixel centres along y and x [m], the image's centre at 0 as in `phantom.from_maps`."""
    return tuple(axis_m(n, spacing_m) for n in mask.shape)


def local_fit(pixels, values, places, spacing_m, radius_m):
    """Values at places on a mask's outline: a quadratic fitted to the nearest pixels, a half disc's number.

    Parameters: pixels (n, 2), values (n,) complex, places (m, 2), radius_m of the half disc. Returns (m,).
    """
    count = min(len(pixels), max(18, round(np.pi / 2 * (radius_m / spacing_m) ** 2)))
    nearest = cKDTree(pixels).query(places, count)[1]
    x, y = np.moveaxis(pixels[nearest] - places[:, None], -1, 0) / radius_m  # (place, pixel)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    return (np.linalg.pinv(terms)[:, :1] @ values[nearest][..., None])[:, 0, 0]


def rigid_motion(mask):
    """A constant and two slopes over the mask's pixels, orthonormal (pixel, 3).

    So moves, through the slice, tissue that moves as a whole.
    """
    rows, columns = np.nonzero(mask)
    return np.linalg.qr(np.stack([np.ones(len(rows)), rows, columns], 1))[0]
