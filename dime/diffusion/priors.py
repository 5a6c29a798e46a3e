"""What membranes are expected to look like: smooth along a surface, and closed.

    p_f = sigmoid(-log10(kappa_f) / 0.5)                  how much face f is a membrane, kappa in um/ms
    continuity = mean over pairs of stopgrad(1 - |p_i - p_j|) huber_5(log10 kappa_i - log10 kappa_j)
    manifold   = mean over edges of -tau log(e^{-k^2/tau} + e^{-(k - 2)^2/tau}),   k = sum of p at the edge

Pairs are faces that share an edge. The gate lets a membrane meet open faces without being blurred by them.
The second is 0 where every edge belongs to no membrane or to two, as in a closed surface.

Source: Spinverse, arXiv 2603.04638, and its settings.

Assumption: both are means, over pairs and over edges; the paper's weights are then of the size of its loss.
"""

from typing import NamedTuple

import numpy as np
import torch

WIDTH = 0.5
"""Decades of kappa over which p goes from a quarter of the way on one side to the other. Source: settings."""

HUBER = 5.0
"""Decades beyond which differences count linearly: more than the whole range of kappa. Source: settings."""

TAU = 0.1
"""Softness of the choice between 0 and 2 membranes at an edge. Source: settings."""


class Edges(NamedTuple):
    """How the faces between tetrahedra meet, as index tensors.

    pairs : (2, pair), faces that share an edge
    faces, edges : (meeting,), a face and the number of one of its edges, for edges within the grid only
    count : number of edges within the grid
    """

    pairs: torch.Tensor
    faces: torch.Tensor
    edges: torch.Tensor
    count: int


def edges_of(grid):
    """The pairs and the edges of a grid's inner faces.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    Edges

    Assumption: the outside reflects, so that its faces are no unknowns and a membrane may end at it. Pairs
    are those of all inner faces; the edges that must carry 0 or 2 membranes are those off the outside.
    """
    corners = np.array([[0, 1], [0, 2], [1, 2]])
    ends = np.concatenate([grid.faces[:, corners], grid.outer_faces[:, corners]]).reshape(-1, 2)
    number = np.unique(ends, axis=0, return_inverse=True)[1].ravel()
    inner, outer = np.split(number, [3 * len(grid.faces)])
    face = np.repeat(np.arange(len(grid.faces)), 3)
    order = inner.argsort(kind="stable")
    face, inner = face[order], inner[order]
    pairs = []
    for shift in range(1, np.bincount(inner).max(initial=1)):
        same = inner[shift:] == inner[:-shift]
        pairs.append(np.stack([face[:-shift][same], face[shift:][same]]))
    within = ~np.isin(inner, outer)
    edges, which = np.unique(inner[within], return_inverse=True)
    pairs = np.concatenate(pairs, 1) if pairs else np.zeros((2, 0), int)
    return Edges(*(torch.as_tensor(one) for one in (pairs, face[within], which.ravel())), len(edges))


def membership(log10_permeability):
    """p (face,): 1 for membranes, 0 for open faces, 1/2 at 1 um/ms, of log10 of kappa [um/ms]."""
    return torch.sigmoid(-log10_permeability / WIDTH)


def continuity(edges, log10_permeability):
    """Mean gated difference of neighbouring faces.

    Parameters
    ----------
    edges : Edges
    log10_permeability : (face,) float tensor, log10 of kappa [um/ms]

    Returns
    -------
    scalar tensor
    """
    first, second = log10_permeability[edges.pairs]
    p = membership(log10_permeability.detach())
    gate = 1 - (p[edges.pairs[0]] - p[edges.pairs[1]]).abs()
    apart = torch.nn.functional.huber_loss(first, second, reduction="none", delta=HUBER)
    return (gate * apart).sum() / max(len(gate), 1)


def manifold(edges, log10_permeability):
    """Mean distance of the edges within the grid from belonging to no membrane or to two.

    Parameters
    ----------
    edges : Edges
    log10_permeability : (face,) float tensor, log10 of kappa [um/ms]

    Returns
    -------
    scalar tensor
        1 for an edge that ends a surface, up to the softness tau log 2.
    """
    p = membership(log10_permeability)
    meeting = p.new_zeros(edges.count).index_add(0, edges.edges, p[edges.faces])
    exponents = torch.stack([meeting**2, (meeting - 2) ** 2]) / -TAU
    return (-TAU * torch.logsumexp(exponents, 0)).sum() / max(edges.count, 1)
