"""How near membranes that were found lie to the true ones: distance, open edges, faces, volume.

A symmetric echo cannot tell a shape from its mirror image through a point, so every comparison is also made
with the mirror image, and the better one counts; clouds are centred on their mean, as in the original.
"""

import numpy as np
from scipy.spatial import cKDTree


def cloud(points_um, faces):
    """Points that cover faces: barycentric places (i, j, k)/3, ten a face: (10 faces, 3) [um].

    Source: the original's settings, for ten points a face.
    Assumption: the original draws ten random places a face; these are even and repeatable.
    """
    weights = np.array([(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)]) / 3
    return (weights @ points_um[faces]).reshape(-1, 3)


def chamfer(points_um, found, true):
    """Chamfer distance CD-L2 [um^2]: mean squared distance to the other's nearest point, both ways, summed.

    Parameters
    ----------
    points_um : (point, 3) array
    found, true : (face, 3) int arrays
        Points of each face.

    Returns
    -------
    float
        The lesser of the distances to the truth and to its mirror image; inf where no face was found.

    Source: the original's metric (arXiv 2603.04638), with both clouds centred.
    """
    if not len(found) or not len(true):
        return float("inf")
    ours, theirs = (cloud(points_um, faces) for faces in (found, true))
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    tree = cKDTree(ours)
    return min(
        float((cKDTree(other).query(ours)[0] ** 2).mean() + (tree.query(other)[0] ** 2).mean())
        for other in (theirs, -theirs)
    )


def bad_edges(faces):
    """Share of the edges of a set of faces that do not belong to exactly two of them, NaN where it is empty.

    Parameters
    ----------
    faces : (face, 3) int array
        All that close the surface, those on the outside too.
    """
    if not len(faces):
        return float("nan")
    edges = np.sort(np.asarray(faces)[:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2), 1)
    count = np.unique(edges, axis=0, return_counts=True)[1]
    return float((count != 2).mean())


def mirror(grid):
    """The mirror image of a grid through its middle, if the grid is its own.

    Returns
    -------
    faces : (face,) int, the face that each becomes; tetrahedra : (tetrahedron,) int; or None, None
    """
    middle = (grid.points_um.min(0) + grid.points_um.max(0)) / 2
    distance, image = cKDTree(grid.points_um).query(2 * middle - grid.points_um)
    if distance.max() > 1e-6 * np.ptp(grid.points_um):
        return None, None
    found = []
    for simplices in (grid.faces, grid.tetrahedra):
        number = {tuple(one): row for row, one in enumerate(np.sort(simplices, 1).tolist())}
        images = [number.get(tuple(one)) for one in np.sort(image[simplices], 1).tolist()]
        if None in images:
            return None, None
        found.append(np.array(images))
    return tuple(found)


def agreement(geometry, membrane, labels=None):
    """Precision and recall of faces, and Dice of compartments, against the truth or its mirror image.

    Parameters
    ----------
    geometry : Geometry, the truth
    membrane : (face,) bool array, found
    labels : (tetrahedron,) int array, optional
        Found; 0 is outside the cells.

    Returns
    -------
    dict
        `precision`, `recall` (NaN without a found face) and, with labels, `dice` of all cells together; of
        truth and mirror image the one with the larger F1 of faces.
    """
    faces, tetrahedra = mirror(geometry.grid)
    images = [(geometry.membrane, geometry.labels > 0)]
    if faces is not None:
        images.append((geometry.membrane[faces], geometry.labels[tetrahedra] > 0))
    scored = []
    for true, cells in images:
        hits, found = int((membrane & true).sum()), int(membrane.sum())
        score = {"precision": hits / found if found else float("nan"), "recall": hits / true.sum()}
        if labels is not None:
            ours = np.asarray(labels) > 0
            score["dice"] = 2 * float((ours & cells).sum()) / float(ours.sum() + cells.sum())
        scored.append((hits / (found + true.sum()), score))
    return max(scored, key=lambda one: one[0])[1]


def surface_scores(geometry, membrane, outer_membrane):
    """Chamfer distance and share of bad edges of what was found.

    Parameters
    ----------
    geometry : Geometry, the truth
    membrane : (face,) bool array; outer_membrane : (outer face,) bool array, found

    Returns
    -------
    dict
        `chamfer_um2` over faces between tetrahedra, `chamfer_closed_um2` with those on the outside;
        `bad_edges` and `bad_edges_inner` likewise, as shares.
    """
    grid = geometry.grid
    inner = grid.faces[membrane]
    closed = np.concatenate([inner, grid.outer_faces[outer_membrane]])
    true = grid.faces[geometry.membrane]
    true_closed = np.concatenate([true, grid.outer_faces[geometry.outer_membrane]])
    return {
        "chamfer_um2": chamfer(grid.points_um, inner, true),
        "chamfer_closed_um2": chamfer(grid.points_um, closed, true_closed),
        "bad_edges": bad_edges(closed),
        "bad_edges_inner": bad_edges(inner),
    }
