"""Least squares over tissue fractions, column by column, with a certificate of how far the optimum can be.

    minimise f(p) = 1/2 p.G p - b.p   over p_t >= 0, sum_t p_t <= 1 in every voxel

FISTA descends: a gradient step of length 1/L from an extrapolated point, then the projection P of each voxel,

    z <- max(z - m, 0),   m = max(0, max_k (z_(1) + ... + z_(k) - 1) / k),   z_(1) >= z_(2) >= ...

The extrapolation restarts where it points uphill. Two numbers certify a point p. With its projected step
q = P(p - grad f(p) / L), r = p - q and G = C C^T, no fraction of the optimum p* is further from q than

    |q_i - p*_i| <= sqrt((G^-1)_ii) |C^-1 (L - G) r|,

and f(p) exceeds the minimum by no more than the duality gap, the sum over voxels of

    grad f . p - min(0, min_t grad_t f).

Source: Beck and Teboulle 2009, SIAM Journal on Imaging Sciences 2:183 (FISTA); O'Donoghue and Candes 2015,
Foundations of Computational Mathematics 15:715 (restart); Jaggi 2013, ICML 28:427 (gap). The distance: the
optimality of p* towards q and that of the projection towards p* add up to (G e - (L - G) r).e <= 0 for
e = q - p*.
"""

from typing import NamedTuple

import torch

from dime.brain.design import by_column, by_tissue
from dime.brain.tissues import TISSUES

TOLERANCE = 5e-4
"""Certified distance of every fraction to its optimum at which the descent stops.

Two starts then agree to 1e-3."""

STEPS = 1000
"""Most steps, which columns take whose tissues the data do not tell apart."""

ROUNDING = 1e-7
"""Pivot of G over its largest eigenvalue below which G is singular, as it was summed in single precision."""

CHECK = 20
"""Steps between two certificates."""


class Minimum(NamedTuple):
    """What `minimise` finds.

    maps : (tissue, y, x) float32 tensor
    distance : largest possible |q_i - p*_i|; inf where G is singular
    gap : the sum of f(p) over columns exceeds its minimum by no more
    steps : of the descent
    """

    maps: torch.Tensor
    distance: float
    gap: float
    steps: int


def on_simplex(maps):
    """Projection onto p >= 0, sum p <= 1: along axis 1 of a (column, tissue, y) tensor."""
    sums = maps.sort(dim=1, descending=True).values.cumsum(1)
    count = torch.arange(1, maps.shape[1] + 1, dtype=maps.dtype)[:, None]
    excess = ((sums - 1) / count).amax(1, keepdim=True)
    return (maps - excess.clamp(min=0)).clamp(min=0)


def at_least_zero(maps):
    """Projection onto p >= 0."""
    return maps.clamp(min=0)


def minimise(gram, target, project=on_simplex, start=None, steps=STEPS, tolerance=TOLERANCE):
    """Minimise f over the set that `project` projects onto.

    Parameters
    ----------
    gram : Gram
    target : (tissue, y, x) tensor
        b.
    project : function
        Of a (column, tissue, y) tensor, `on_simplex` or `at_least_zero`. The gap is that of the former.
    start : (tissue, y, x) tensor, optional
        Default: the optimum without constraints, projected.
    steps : int
        At most.
    tolerance : float
        Certified distance at which the descent stops.

    Returns
    -------
    Minimum
    """
    system, b = gram.system, gram.shrink(by_column(target).double())
    if not len(b):
        return Minimum(torch.zeros_like(target), 0.0, 0.0, 0)
    first = gram.solve(by_column(target).double()) if start is None else by_column(start).double()

    def onto(vectors):
        return project(vectors.unflatten(1, (len(TISSUES), -1))).flatten(1)

    point = ahead = onto(gram.shrink(first)) * system.inside
    momentum = torch.ones(len(b), 1, dtype=b.dtype)
    best, distance, gap = point.clone(), *torch.zeros(2, len(b), dtype=b.dtype)
    left = torch.arange(len(b))  # columns that go on
    for step in range(1, steps + 1):
        following = onto(ahead - (system.times(ahead) - b) / system.largest)
        uphill = ((ahead - following) * (following - point)).sum(1, keepdim=True) > 0
        momentum = torch.where(uphill, 1, momentum)
        grown = (1 + torch.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + torch.where(uphill, 0, (momentum - 1) / grown) * (following - point)
        point, momentum = following, grown
        if step % CHECK == 0 or step == steps:
            gradient = system.times(point) - b
            best[left] = onto(point - gradient / system.largest)
            reached = system.distance(point - best[left])
            lowest = gradient.unflatten(1, (len(TISSUES), -1)).amin(1).clamp(max=0).sum(1)
            distance[left], gap[left] = reached, (gradient * point).sum(1) - lowest
            far = reached > tolerance
            if not far.any():
                break
            system, left = system.only(far), left[far]
            point, ahead, momentum, b = point[far], ahead[far], momentum[far], b[far]
    return Minimum(by_tissue(gram.spread(best)).float(), float(distance.max()), float(gap.sum()), step)


class System(NamedTuple):
    """G of some columns and what is made of it once, (column, ...) tensors.

    matrices : G, (column, unknown, unknown); factor : C, of G with `largest` outside the mask
    largest : estimate of the largest eigenvalue, (column, 1); inside : unknowns within the mask
    regular : whether G has an inverse (column,); variance : (G^-1)_ii, inf where it has none
    """

    matrices: torch.Tensor
    factor: torch.Tensor
    largest: torch.Tensor
    inside: torch.Tensor
    regular: torch.Tensor
    variance: torch.Tensor

    def times(self, vectors):
        """G v of vectors (column, unknown)."""
        return torch.einsum("xij,xj->xi", self.matrices, vectors)

    def distance(self, moved):
        """Largest possible |q_i - p*_i| of each column (column,), of r = p - q (column, unknown)."""
        pull = self.largest * moved - self.times(moved)
        reach = torch.linalg.solve_triangular(self.factor, pull[..., None], upper=False)[..., 0].norm(dim=1)
        return torch.where(self.regular, reach * self.variance.amax(1).sqrt(), torch.inf)

    def only(self, chosen):
        """The columns of a bool tensor."""
        return System(*(one[chosen] for one in self)) if not chosen.all() else self


class Gram:
    """Gram matrices of columns, without the unknowns that are outside the mask in every column.

    Parameters
    ----------
    matrices : (column, unknown, unknown) float64 tensor
        G, of `dime.brain.design.Design.gram`. Unknowns whose diagonal is 0 are outside the mask: they are 0.
    rounding : float
        Pivot over the largest eigenvalue below which G counts as singular.
    """

    def __init__(self, matrices, rounding=ROUNDING):
        inside = torch.diagonal(matrices, dim1=1, dim2=2) > 0
        self.shape = inside.shape
        self.columns = torch.nonzero(inside.any(1))[:, 0]
        self.unknowns = torch.nonzero(inside.any(0))[:, 0]
        matrices = matrices[self.columns[:, None, None], self.unknowns[:, None], self.unknowns]
        inside = self.shrink(inside)
        largest = _largest(matrices)
        factor, failed = torch.linalg.cholesky_ex(matrices + torch.diag_embed(~inside * largest))
        pivots = torch.diagonal(factor, dim1=1, dim2=2) ** 2
        regular = (failed == 0) & (pivots > rounding * largest).all(1)
        factor = torch.where(regular[:, None, None], factor, torch.eye(factor.shape[1], dtype=factor.dtype))
        variance = torch.diagonal(torch.cholesky_inverse(factor), dim1=1, dim2=2)
        variance = torch.where(regular[:, None], variance, torch.inf).where(inside, 0)
        self.system = System(matrices, factor, largest, inside, regular, variance)

    def solve(self, vectors):
        """G^-1 v of vectors (column, unknown), 0 where G is singular."""
        found = torch.cholesky_solve(self.shrink(vectors)[..., None], self.system.factor)[..., 0]
        return self.spread(torch.where(self.system.regular[:, None], found, 0))

    def inverse_diagonal(self):
        """(G^-1)_ii, (column, unknown): inf where G is singular, 0 outside the mask."""
        return self.spread(self.system.variance)

    def shrink(self, vectors):
        """Vectors (column, unknown) without what is outside the mask in every column."""
        return vectors[self.columns[:, None], self.unknowns]

    def spread(self, vectors):
        """The inverse of `shrink`, with 0 outside."""
        whole = torch.zeros(self.shape, dtype=vectors.dtype)
        whole[self.columns[:, None], self.unknowns] = vectors
        return whole


def _largest(matrices):
    """Estimate of the largest eigenvalue (column, 1), a little above it, by ten power iterations."""
    vector = torch.ones(*matrices.shape[:2], 1, dtype=matrices.dtype)
    for _ in range(10):
        vector = matrices @ vector
        vector = vector / vector.norm(dim=1, keepdim=True).clamp(min=1e-300)
    return 1.05 * (matrices @ vector).norm(dim=1) + 1e-300
