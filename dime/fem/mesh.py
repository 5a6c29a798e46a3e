"""Triangulate an outline: points along its curves and a graded hexagonal lattice inside."""

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.spatial import Delaunay, cKDTree
from skfem import MeshTri
from skimage.measure import points_in_poly

from dime.fem.locate import point_at

CORNER_RAD = np.deg2rad(30)  # a vertex where an outline turns more than this is kept
GRADING = 0.3  # the edge length may grow by this much per length travelled
BREAK_GRADING = 0.4  # edge length per distance from a break (the end of a driver)
BREAK_DEPTH = 50  # the edge length at a break is the local one divided by this
POINTS_ON_AN_INTERFACE = 16  # fewest points on an interface, so that a small inclusion keeps its shape
CLEARANCE = 0.6  # free distance between lattice and curve, in edge lengths; > 0.5 keeps curve edges Delaunay


def mesh_region(outline, size, interfaces=(), breaks=(), *, fine=True):
    """Triangulate the inside of an outline so that no element crosses it or an interface.

    The lattice is hexagonal with edge h_min * sqrt(3)**level. Each level keeps a third of the points of the
    one below, so coarse and fine regions join without new points. Points on the curves are about one local
    edge length apart. Curve edges missing from the Delaunay triangulation are halved until it holds them.

    Parameters
    ----------
    outline : (n, 2) array, closed polygon, first point not repeated [m]
    size : callable, (x, y) arrays [m] -> wanted edge length [m]
    interfaces : sequence of (m, 2) arrays, closed curves that element edges follow [m]
    breaks : fractions of the outline's arc length where a vertex is placed
    fine : whether to refine the mesh at the breaks: where a driver ends, the wave has a singularity r**(1/2)
        that would spoil the whole field

    Returns
    -------
    skfem.MeshTri

    Raises
    ------
    ValueError : outline that is not a polygon, or that crosses itself.

    Source: Ruppert (1995), J. Algorithms 18, 548-585, for the halving of missing edges.
    """
    outline = check_polygon(outline, "outline")
    interfaces = [check_polygon(curve, "interface") for curve in interfaces]
    far_edge, h_min = _graded_size(outline, size, interfaces)
    edge, rings = _refine_at(point_at(outline, breaks if fine else ()), far_edge)
    points, segments, n_outline = _curve_points(outline, interfaces, breaks, edge)
    lattice = _lattice(outline, far_edge, h_min)
    lattice = np.concatenate([lattice[edge(*lattice.T) == far_edge(*lattice.T)], rings])
    ends = points[segments]
    tree = cKDTree(np.concatenate([points, ends.mean(1)]))
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    spacing = np.zeros(len(points))
    np.maximum.at(spacing, segments, length[:, None])
    distance, nearest = tree.query(lattice)
    free = CLEARANCE * np.maximum(edge(*lattice.T), np.concatenate([spacing, length])[nearest])
    lattice = lattice[distance > free]
    ring = points[:n_outline]
    lattice = lattice[points_in_poly(lattice, ring)]
    points, n_lattice = np.concatenate([lattice, points]), len(lattice)
    points, triangles = _triangulate(points, segments + n_lattice, n_outline)
    corners = points[triangles]
    area = _area(corners)
    triangles = triangles[(area > 1e-9 * h_min**2) & points_in_poly(corners.mean(1), ring)]
    points = _smooth(points, triangles, n_lattice)
    used, triangles = np.unique(triangles, return_inverse=True)
    return MeshTri(np.ascontiguousarray(points[used].T), np.ascontiguousarray(triangles.reshape(-1, 3).T))


def check_polygon(curve, name):
    """Return the closed polygon as an (n, 2) float array [m], or raise ValueError naming what is wrong."""
    curve = np.asarray(curve, dtype=float)
    if curve.ndim != 2 or curve.shape[1] != 2 or len(curve) < 3:
        raise ValueError(f"{name}: expected an (n, 2) array of 3 points or more [m], got {curve.shape}")
    if not np.isfinite(curve).all():
        raise ValueError(f"{name}: expected finite coordinates [m], got NaN or infinity")
    if np.array_equal(curve[0], curve[-1]):
        curve = curve[:-1]
    return curve


def mean_edge_length(mesh):
    """Mean edge length of each element [m], shape (element,)."""
    vertex = mesh.p[:, mesh.t]  # (axis, corner, element)
    return np.linalg.norm(vertex - np.roll(vertex, 1, axis=1), axis=0).mean(0)


def _area(corners):
    """Area of triangles, corners (triangle, corner, axis)."""
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return 0.5 * np.abs(ax * by - ay * bx)


def _graded_size(outline, size, interfaces):
    """Edge length h_min * sqrt(3)**level as a function of place, from the wanted sizes on a raster.

    Smaller sizes spread to their surroundings: h(x) = min_y h(y) + GRADING |x - y|.
    """
    low, high = outline.min(0), outline.max(0)
    d = (high - low).max() / 160
    x, y = (np.arange(a - d, b + 2 * d, d) for a, b in zip(low, high, strict=True))
    xx, yy = np.meshgrid(x, y)
    near = points_in_poly(np.stack([xx, yy], -1).reshape(-1, 2), outline).reshape(xx.shape)
    near = ndimage.binary_dilation(near, iterations=2)  # `size` is evaluated no farther out than this
    wanted = np.full(xx.shape, np.inf)
    wanted[near] = size(xx[near], yy[near])
    wanted = ndimage.minimum_filter(wanted, 3)  # between raster points, the finer neighbour counts
    for curve in interfaces:
        along = np.linalg.norm(np.roll(curve, -1, axis=0) - curve, axis=1)
        fine = point_at(curve, np.linspace(0, 1, int(along.sum() / d) + POINTS_ON_AN_INTERFACE))
        column, row = np.rint((fine - low + d) / d).astype(int).T
        inside = (row >= 0) & (row < len(y)) & (column >= 0) & (column < len(x))
        at = (row[inside], column[inside])
        wanted[at] = np.minimum(wanted[at], along.sum() / POINTS_ON_AN_INTERFACE)
    h_min = wanted.min()
    graded = wanted
    for level in h_min * 3 ** np.arange(0, np.log(wanted[near].max() / h_min) / np.log(3) + 0.25, 0.25):
        distance = ndimage.distance_transform_edt(wanted > level * 3**0.25) * d
        graded = np.minimum(graded, level + GRADING * distance)
    # sizes are powers of sqrt(3) times an offset: choose the offset that gives the fewest points
    rung = np.log(graded) / np.log(np.sqrt(3))
    ladders = [np.floor(rung - phase + 1e-6) + phase for phase in np.arange(12) / 12]
    edge = np.sqrt(3) ** min(ladders, key=lambda q: np.sum(3.0 ** -q[near]))
    h_min = edge[near].min()
    edge = np.maximum(edge, h_min)

    def edge_at(px, py):
        at = [
            np.clip(np.rint((q - q0 + d) / d).astype(int), 0, n - 1)
            for q, q0, n in zip((py, px), low[::-1], edge.shape, strict=True)
        ]
        return edge[tuple(at)]

    return edge_at, h_min


def _refine_at(centres, far_edge):
    """Edge length that shrinks towards the centres (n, 2), and rings of points that have it."""
    if len(centres) == 0:
        return far_edge, np.empty((0, 2))
    tree, local = cKDTree(centres), far_edge(*centres.T)

    def edge(x, y):
        distance, nearest = tree.query(np.stack([x, y], -1))
        near = np.maximum(BREAK_GRADING * distance, local[nearest] / BREAK_DEPTH)
        return np.minimum(near, far_edge(x, y))

    rings, angles, growth = [], 2 * np.pi * np.arange(16) / 16, 1 + BREAK_GRADING
    for number, (centre, h) in enumerate(zip(centres, local, strict=True)):
        radii = h / BREAK_DEPTH * growth ** np.arange(np.log(4 * BREAK_DEPTH) / np.log(growth))
        turn = angles + (np.arange(len(radii)) % 2 * np.pi / 16)[:, None]
        points = centre + (radii[:, None, None] * np.stack([np.cos(turn), np.sin(turn)], -1)).reshape(-1, 2)
        rings.append(points[(tree.query(points)[1] == number) & (edge(*points.T) < far_edge(*points.T))])
    return edge, np.concatenate(rings)


def _resample(curve, edge, breaks):
    """Points along a closed curve about `edge(x, y)` apart; corners and breaks (arc fractions) stay."""
    side = np.roll(curve, -1, axis=0) - curve
    s = np.concatenate([[0], np.cumsum(np.linalg.norm(side, axis=1))])
    heading = np.arctan2(side[:, 1], side[:, 0])
    turn = np.abs(np.angle(np.exp(1j * (heading - np.roll(heading, 1)))))
    kept = np.unique(np.concatenate([(s[:-1] / s[-1])[turn > CORNER_RAD], np.asarray(breaks, float) % 1.0]))
    kept = kept[np.diff(kept, append=2.0) > 1e-9] if len(kept) else np.zeros(1)
    t = []
    for a, b in zip(kept, np.append(kept[1:], kept[0] + 1), strict=True):
        near = (b - a) * np.geomspace(1e-5, 0.5, 100)
        fine = np.unique(np.concatenate([[a, b], a + near, b - near, np.linspace(a, b, 4 * len(curve) + 33)]))
        density = s[-1] / edge(*point_at(curve, fine).T)
        count = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(fine))])
        n = max(int(np.ceil(count[-1] - 0.1)), 1)
        t.append(np.interp(np.arange(n) * count[-1] / n, count, fine))
    t = np.concatenate(t)
    points = point_at(curve, t)

    # chords cut a bend short: move the points out until the chords enclose the curve's own area
    cross = curve[:, 0] * np.roll(curve[:, 1], -1) - curve[:, 1] * np.roll(curve[:, 0], -1)
    swept = np.concatenate([[0], np.cumsum(cross) / 2])
    swept = np.floor(t) * swept[-1] + np.interp(t % 1.0 * s[-1], s, swept)
    ahead = np.roll(points, -1, axis=0)
    lost = np.diff(swept, append=swept[0] + cross.sum() / 2)
    lost -= (points[:, 0] * ahead[:, 1] - points[:, 1] * ahead[:, 0]) / 2
    width = np.linalg.norm(ahead - points, axis=1)
    shift = (lost + np.roll(lost, 1)) / (width + np.roll(width, 1))
    tangent = ahead - np.roll(points, 1, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return points + shift[:, None] * np.stack([tangent[:, 1], -tangent[:, 0]], 1)


def _curve_points(outline, interfaces, breaks, edge):
    """Points on all curves (n, 2), pairs that element edges join (m, 2), number of pairs on the outline."""
    points = _resample(outline, edge, breaks)
    ring = np.arange(len(points))
    segments = [np.stack([ring, np.roll(ring, -1)], 1)]
    for curve in interfaces:
        new = _resample(curve, edge, ())
        # an interface is left out where it meets the outline or another interface
        middle = points[np.concatenate(segments)].mean(1)
        keep = cKDTree(np.concatenate([points, middle])).query(new)[0] > 0.5 * edge(*new.T)
        keep &= points_in_poly(new, outline)
        number = np.where(keep, len(points) + np.cumsum(keep) - 1, -1)
        pair = np.stack([number, np.roll(number, -1)], 1)
        segments.append(pair[(pair >= 0).all(1)])
        points = np.concatenate([points, new[keep]])
    return points, np.concatenate(segments), len(segments[0])


def _lattice(outline, edge, h_min):
    """Nested hexagonal lattice points of the outline's bounding box, thinned where `edge` allows."""
    low, high = outline.min(0), outline.max(0)
    width, height = high - low
    j = np.arange(int(height / (h_min * np.sqrt(3) / 2)) + 2)
    i = np.arange(-len(j) // 2 - 1, int(width / h_min) + 2)
    i, j = (a.ravel() for a in np.meshgrid(i, j))
    points = low + h_min * np.stack([i + j / 2, j * np.sqrt(3) / 2], 1)
    within = (points[:, 0] >= low[0]) & (points[:, 0] <= high[0])
    points, i, j = points[within], i[within], j[within]
    wanted = np.rint(np.log(edge(*points.T) / h_min) / np.log(np.sqrt(3))).astype(int)
    keep = wanted == 0
    member, step = np.ones(len(i), bool), 1
    for level in range(1, wanted.max() + 1):
        if level % 2:  # (1, 1) and (-1, 2) span the sublattice sqrt(3) times as wide
            member &= (i // step - j // step) % 3 == 0
        else:
            step *= 3
            member &= (i % step == 0) & (j % step == 0)
        keep |= member & (wanted == level)
    return points[keep]


def _triangulate(points, segments, n_outline, rounds=6):
    """Delaunay triangulation that holds every segment, by halving those it misses.

    The first `n_outline` segments are the outline's. Where interfaces cross or touch, a few of their edges
    stay missing: an element there sees both sides.
    """
    on_outline = np.arange(len(segments)) < n_outline
    for _ in range(rounds):
        triangles = Delaunay(points).simplices.astype(np.int64)
        edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
        ordered = np.sort(segments, 1)
        n = len(points)
        missing = ~np.isin(ordered[:, 0] * n + ordered[:, 1], edges[:, 0] * n + edges[:, 1])
        if not missing.any():
            break
        a, b = segments[missing].T
        middle = n + np.arange(len(a))
        points = np.concatenate([points, (points[a] + points[b]) / 2])
        segments = np.concatenate([segments[~missing], np.stack([a, middle], 1), np.stack([middle, b], 1)])
        on_outline = np.concatenate([on_outline[~missing], on_outline[missing], on_outline[missing]])
    else:
        triangles = Delaunay(points).simplices
        if on_outline[-2 * len(a) :].any():
            raise ValueError("outline: expected a curve that does not cross or touch itself")
    return points, triangles


def _smooth(points, triangles, n_lattice, steps=3):
    """Move lattice points to the mean of their neighbours, unless a triangle loses over 60 % of its area."""
    a, b = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).T
    n = len(points)
    neighbour = coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n)).tocsr()
    count = np.maximum(neighbour.sum(1), 1)
    for _ in range(steps):
        moved = points.copy()
        moved[:n_lattice] = ((neighbour @ points) / count[:, None])[:n_lattice]
        before, after = (_area(p[triangles]) for p in (points, moved))
        bad = np.unique(triangles[after < 0.4 * before])
        moved[bad] = points[bad]
        points = moved
    return points
