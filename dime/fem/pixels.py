"""Connect images and meshes: sample elements on pixels, fit pixels on an outline, estimate their noise."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from dime.fem.locate import locate_on_grid
from dime.physics import axis_m


class Sampler(NamedTuple):
    """Sampling matrix S (pixel, unknown) and the bool image (y, x) of the pixels covered, in S's order."""

    matrix: csr_array
    covered: np.ndarray


def sampler(basis, mask, spacing_m):
    """Sample an skfem.Basis of scalar elements on the pixels of a mask (y, x); returns a `Sampler`."""
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
    """Values at places on a mask's outline, each from a quadratic fitted to the nearest pixels.

    The fit takes as many pixels as a half disc of radius_m holds, at least 18. Parameters: pixels (n, 2) [m],
    values (n,) complex, places (m, 2) [m], spacing_m, radius_m [m]. Returns (m,) complex.
    """
    count = min(len(pixels), max(18, round(np.pi / 2 * (radius_m / spacing_m) ** 2)))
    nearest = cKDTree(pixels).query(places, count)[1]
    x, y = np.moveaxis(pixels[nearest] - places[:, None], -1, 0) / radius_m  # (place, pixel)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    return (np.linalg.pinv(terms)[:, :1] @ values[nearest][..., None])[:, 0, 0]


def rigid_motion(mask):
    """Orthonormal basis (pixel, 3) of a constant and two slopes over the mask's pixels.

    It spans the motion through the slice of tissue that moves as a whole.
    """
    rows, columns = np.nonzero(mask)
    return np.linalg.qr(np.stack([np.ones(len(rows)), rows, columns], 1))[0]
