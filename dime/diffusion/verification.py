"""How far is the solver from solutions that are known without it?

Meshes on which they are known, and the signals there; the notebook `01-solver` and tests compare them.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from skfem import MeshTet

from dime.diffusion import analytic, conforming
from dime.diffusion.basis import reduce, slow_modes
from dime.diffusion.grid import make_grid
from dime.diffusion.operators import assemble, coupled
from dime.diffusion.pulses import prepare, propagate, signal, spectrum
from dime.diffusion.sequence import pgse

ABSENT_UM_PER_MS = 1e6
"""Permeability of a face that is no membrane: D / (kappa h) is 4e-6 for tetrahedra of h = 0.5 um."""

STEPS = 64
"""Steps of a gradient where other errors are asked for."""


def bar(ends_um, cells, width_um=None):
    """A bar along x, one cell wide, of six tetrahedra a cell.

    Parameters
    ----------
    ends_um : (float, float)
    cells : int
    width_um : float, optional
        Across; default: the length of a cell.

    Returns
    -------
    Grid
    """
    along = np.linspace(*ends_um, cells + 1)
    across = np.array([0, along[1] - along[0] if width_um is None else width_um])
    mesh = MeshTet.init_tensor(along, across, across)
    return make_grid(mesh.p.T, mesh.t.T)


def ball(radius_um, refinements):
    """A ball of 8^(refinements + 1) tetrahedra whose outer points lie on the sphere."""
    mesh = MeshTet.init_ball(refinements)
    return make_grid(radius_um * mesh.p.T, mesh.t.T)


def open_faces(grid):
    """Permeability of faces that are no membranes (face,) [um/ms]."""
    return np.full(len(grid.faces), ABSENT_UM_PER_MS)


def signals(grid, permeability_um_per_ms, blocks, modes=None, steps=STEPS, leak_um_per_ms=0.0):
    """Signals (measurement,) of a mesh by the solver, in all modes or the slowest ones."""
    operators = assemble(grid)
    modes = len(operators.start) if modes is None else modes
    vectors = slow_modes(operators, permeability_um_per_ms, modes, leak_um_per_ms=leak_um_per_ms)[1]
    reduced = reduce(operators, vectors, leak_um_per_ms)
    return signal(reduced, permeability_um_per_ms, prepare(reduced, blocks, steps)).numpy()


def whole_signals(reduced, permeability_um_per_ms, blocks):
    """Signals (measurement,) of a basis by matrix exponentials of whole gradients: nothing is split."""
    spectral = spectrum(reduced, torch.as_tensor(permeability_um_per_ms))
    turn, start = spectral.turn.numpy(), (spectral.turn.T @ reduced.start).numpy()
    moments = turn.T @ reduced.moments.numpy() @ turn
    start = start / np.sqrt(reduced.volume_um3)
    shapes = (
        (analytic.Shape(spectral.rates.numpy(), np.tensordot(direction, moments, 1), start), block)
        for block in blocks
        for direction in block.directions
    )
    return np.concatenate([analytic.echo(shape, block) for shape, block in shapes])


def along_x(duration_ms, separation_ms, b_ms_per_um2):
    """Blocks of one timing with its gradient along x."""
    return pgse((duration_ms, separation_ms), b_ms_per_um2=b_ms_per_um2, directions=[[1, 0, 0]])


def free_decay(b_ms_per_um2, timing_ms=(5, 6), length_um=60, cells=120, modes=80):
    """Signals (b,) of the spins that start in the middle third of a bar: walls are too far to be met.

    S = <a of all, e^{-H (Delta - delta)} a of the middle>, which is the sum of all magnetisation at the echo
    when only the middle third was magnetised. Spins move by 4.9 um (root mean square) within 6 ms.
    """
    blocks = along_x(*timing_ms, b_ms_per_um2)
    operators = assemble(bar((-length_um / 2, length_um / 2), cells))
    grid = operators.grid
    permeability = open_faces(grid)
    reduced = reduce(operators, slow_modes(operators, permeability, modes)[1])
    middle = np.repeat(np.abs(grid.centres_um[:, 0]) < length_um / 6, 4) * operators.start
    spectral = spectrum(reduced, torch.as_tensor(permeability))
    (pulses,) = prepare(reduced, blocks, STEPS)
    parts = [reduced, reduced._replace(start=torch.as_tensor(middle @ reduced.basis))]
    every, some = (propagate(one, spectral, pulses)[1].end[0] for one in parts)
    mixing = torch.exp(-pulses.mixing_ms * spectral.rates)[:, None]
    return (mixing * every.conj() * some).sum(0).real.numpy() / (middle @ middle)


def slope(b_ms_per_um2, signals):
    """Least-squares slope of ln S by b [um^2/ms]."""
    return float(np.polyfit(b_ms_per_um2, np.log(signals), 1)[0])


def order(sizes, errors):
    """Slope of ln error by ln size: the order of convergence."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def slab_signals(blocks, width_um=10, cells=40, steps=STEPS):
    """Signals (b,) of a slab between reflecting walls: of the solver, and in closed form."""
    grid = bar((0, width_um), cells)
    return signals(grid, open_faces(grid), blocks, steps=steps), analytic.echo(
        analytic.slab(width_um), blocks[0]
    )


def membrane_signals(blocks, permeability_um_per_ms, width_um=5, cells=40):
    """Signals (b,) of two slabs with a membrane between: of the solver, and in closed form."""
    grid = bar((-width_um, width_um), cells)
    at_membrane = np.abs(grid.points_um[grid.faces, 0]).max(1) < 1e-9
    permeability = np.where(at_membrane, permeability_um_per_ms, ABSENT_UM_PER_MS)
    shape = analytic.two_slabs(width_um, permeability_um_per_ms)
    return signals(grid, permeability, blocks), analytic.echo(shape, blocks[0])


def sphere_signals(blocks, radius_um=6, refinements=2, modes=60):
    """Signals (b,) of a reflecting sphere: of the solver, and in closed form."""
    grid = ball(radius_um, refinements)
    found = signals(grid, open_faces(grid), blocks, min(modes, 4 * len(grid.tetrahedra)))
    return found, analytic.echo(analytic.sphere(radius_um), blocks[0])


def conforming_errors(grid, permeabilities_um_per_ms, blocks):
    """Largest difference from continuous elements for each permeability of all faces, without splitting."""
    known, operators = conforming.signals(grid, blocks), assemble(grid)
    reduced = reduce(operators, np.eye(len(operators.start)))
    ones = np.ones(len(grid.faces))
    found = [whole_signals(reduced, one * ones, blocks) for one in permeabilities_um_per_ms]
    return [float(np.abs(one - known).max()) for one in found]


def rotation_error(geometry, blocks, modes, seed=0):
    """Largest change of the signal when mesh and gradients turn together."""
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    grid = geometry.grid
    turned = make_grid(grid.points_um @ turn.T, grid.tetrahedra)
    permeability = geometry.permeability_um_per_ms
    found = signals(grid, permeability, blocks, modes, 16)
    blocks = [block._replace(directions=block.directions @ turn.T) for block in blocks]
    return float(np.abs(signals(turned, permeability, blocks, modes, 16) - found).max())


def mass_errors(operators, permeability_um_per_ms, leak_um_per_ms, seed=0):
    """How far magnetisation is from being conserved, within walls that reflect and walls that leak.

    For any density u, d/dt int u = -kappa_out int_outside u. Densities are drawn at the four vertices of each
    tetrahedron; the integral over the outside is area times mean, without the solver's matrices.

    Returns
    -------
    reflecting, leaky : float
        Error of d/dt int u, over the norm of A u.
    """
    grid = operators.grid
    values = np.random.default_rng(seed).standard_normal(grid.tetrahedra.shape)
    factor = np.linalg.cholesky((np.ones((4, 4)) + np.eye(4)) / 20)
    state = (np.sqrt(grid.volumes_um3)[:, None] * (values @ factor)).ravel()
    owners = grid.outer_sides
    on_face = (grid.tetrahedra[owners][:, :, None] == grid.outer_faces[:, None]).any(2)
    first, *others = np.moveaxis(grid.points_um[grid.outer_faces], 1, 0)
    areas = np.linalg.norm(np.cross(*(one - first for one in others)), axis=1) / 2
    outside = np.sum(areas * (values[owners] * on_face).sum(1) / 3)
    errors = []
    for leak in (0.0, leak_um_per_ms):
        rate = coupled(operators, permeability_um_per_ms, leak) @ state
        errors.append(float(np.abs(operators.start @ rate - leak * outside) / np.linalg.norm(rate)))
    return tuple(errors)
