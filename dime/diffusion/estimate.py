"""Estimate membranes and their permeability: from a signal, its sequence and a mesh to faces and labels.

signal -> normalised, with its noise -> one or several fits -> how many of them hold each face
"""

import time
import warnings
from contextlib import contextmanager

import numpy as np
import xarray as xr

from dime.diffusion import faces, labels
from dime.diffusion.calibration import aligned, inclusion
from dime.diffusion.dictionary import Dictionary
from dime.diffusion.doubts import examined, of_fit, of_input
from dime.diffusion.geometries import compartments
from dime.diffusion.inputs import gather
from dime.diffusion.mesh_file import read_mesh
from dime.diffusion.operators import assemble
from dime.diffusion.sequence_file import read_sequence
from dime.diffusion.shape_scores import mirror
from dime.diffusion.stopped_fit import Kept, digest, load, save
from dime.files.sources import code_digest
from dime.progress import bar

METHODS = ("labels", "faces")

MOST_TETRAHEDRA = 6000
"""Largest mesh that is accepted: the solver was tried up to 5376 tetrahedra, "lattice:8"."""

SECONDS = 2.0
"""Time between two writings of an unfinished fit [s]."""


def estimate_permeability(
    signal, sequence, mesh, *, method="labels", noise=None, seed=0, fits=1, progress=False, resume=None
) -> xr.Dataset:
    """Membranes between the tetrahedra of a mesh, from a diffusion signal and the sequence that measured it.

    The signal of any permeabilities kappa (face,) is that of the Bloch-Torrey equation
    (`dime.diffusion.pulses`). Method "faces" descends on kappa of every face (`dime.diffusion.faces`), as the
    original does. Method "labels" searches for compartments, whose borders are the membranes and closed by
    construction (`dime.diffusion.labels`).

    Parameters
    ----------
    signal : path or array
        One number a measurement, see `dime.diffusion.inputs.gather`.
    sequence : path, dict or Sequence
        See `dime.diffusion.sequence_file.read_sequence`.
    mesh : path, str or Grid
        See `dime.diffusion.mesh_file.read_mesh`; "lattice:4" is the original's.
    method : "labels" or "faces"
    noise : float, optional
        Standard deviation relative to the signal at b = 0. Left out, it is read off repeated measurements
        at b = 0, or taken for `dime.diffusion.inputs.NOISE`.
    seed : int
        What all randomness follows from; fit n = 0, 1, ... has seed + n. With "labels" it starts from the
        shape of the dictionary whose signal is the n-th nearest, whatever the seed.
    fits : int
        Several show which faces any explanation of the signal holds, and which it need not.
    progress : bool
        Whether to show a bar on the terminal.
    resume : path, optional
        NumPy file that keeps an unfinished fit, from which the same call goes on. It stays: delete it
        when the result is safe.

    Returns
    -------
    xarray.Dataset
        Of the fit with the least chi: `permeability_um_per_ms` and `membrane` (face,), `outer_membrane`
        (outer_face,) on the outside of every piece but the largest, `label` (tetrahedron,), the pieces that
        the membranes divide the mesh into, the largest 0. Of every fit: `chi` (fit,), the misfit in units of
        the noise. Where there are several: `share` (face,) and `outer_share` (outer_face,), the share of fits
        that hold a face, each fit or its mirror image, whichever is more like the best (in its cells with
        "labels", in its membranes with "faces": `dime.diffusion.calibration.aligned`). The mesh: `points_um`
        (point, axis), `tetrahedron_points`, `face_points`, `outer_face_points`. The signal: `measured` and
        `fitted` (measurement,), in the order of the sequence's blocks. Attrs: method, noise, noise_from,
        seed, diffusivity_um2_per_ms, strongest_mt_per_m, mirror (whether the mesh is its own mirror image
        through its middle), trace (list of dict, of the best fit), warnings (list of str).

    Raises
    ------
    FileNotFoundError, ValueError
        One line: see `gather`, `read_sequence`, `read_mesh`; an unknown method, fewer than one fit, a
        negative seed; more than `MOST_TETRAHEDRA`; a file of another unfinished fit; equations that the
        solver of eigenvalues or of linear equations gives up on.

    Assumption: water everywhere, one diffusivity, no relaxation, and an outside that reflects spins. A
    symmetric echo is the same for the mirror image, so that either may be found.

    Examples
    --------
    >>> import dime
    >>> from dime.diffusion import acquisition, geometries, mesh_file, sequence
    >>> ball = geometries.draw("ball", mesh_file.read_mesh("lattice:2"), 1)
    >>> timing = {"duration_ms": 10, "separation_ms": 60}
    >>> weights = {"b_ms_per_um2": [0, 1], "directions": 6}
    >>> signal = acquisition.acquire(ball, sequence.pgse(tuple(timing.values()), **weights), 0.01, 0)
    >>> found = dime.estimate_permeability(signal, {"blocks": [timing | weights]}, "lattice:2", noise=0.01)
    >>> bool(found["chi"][0] < 1)  # the membranes explain the signal to within its noise
    True
    """
    if method not in METHODS:
        raise ValueError(f"method: expected {' or '.join(METHODS)}, found {method!r}")
    for name, value, least in (("fits", fits, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, found {value}")
    sequence, grid = read_sequence(sequence), read_mesh(mesh)
    if len(grid.tetrahedra) > MOST_TETRAHEDRA:
        raise ValueError(
            f"mesh: expected at most {MOST_TETRAHEDRA} tetrahedra, which is what was tried, found "
            f"{len(grid.tetrahedra)}"
        )
    data = gather(signal, sequence, noise)
    run = _digest(data, sequence, grid, method, seed)
    kept = Kept([]) if resume is None else load(resume, run)
    operators = assemble(grid, sequence.diffusivity_um2_per_ms)
    doubts = of_input(data, sequence)
    with _shown(progress, fits) as show, _solved():
        for number in range(len(kept.fits), fits):
            show(number, "start", None)
            if kept.start is None:
                kept = kept._replace(start=_start(method, operators, sequence.blocks))
                _keep(resume, run, kept)
            on_step = _keeper(resume, run, kept, show)
            one = _fit(method, operators, sequence.blocks, data, seed, number, kept, on_step)
            kept = Kept([*kept.fits, one], kept.start)
            _keep(resume, run, kept)
    done = [_closed(fit, grid) for fit in kept.fits[:fits]]
    best = examined(min(done, key=lambda fit: fit.chi), operators, sequence.blocks)
    doubts += of_fit(best, sequence.blocks, data)
    for text in doubts:
        warnings.warn(text, stacklevel=2)
    result = _dataset(best, done, grid, data)
    result.attrs = {
        "method": method,
        "noise": data.noise,
        "noise_from": data.noise_from,
        "seed": seed,
        "diffusivity_um2_per_ms": sequence.diffusivity_um2_per_ms,
        "strongest_mt_per_m": sequence.strongest_mt_per_m,
        "mirror": mirror(grid)[0] is not None,
        "trace": best.fit.trace,
        "warnings": doubts,
    }
    return result


def _start(method, operators, blocks):
    """What all fits of a method start from: dict of arrays."""
    if method == "faces":
        return {}
    return labels.dictionary_for(operators, blocks, labels.Settings())._asdict()


def _fit(method, operators, blocks, data, seed, number, kept, on_step):
    """One fit of a run by its number, from its beginning or from the state that was kept."""
    given, going = (operators, blocks, data.signal, data.noise), {"state": kept.state, "on_step": on_step}
    if method == "faces":
        settings = faces.Settings(stages=_by_timing(blocks), seed=seed + number)
        return faces.estimate(*given, settings, **going)
    going |= {"dictionary": Dictionary(**kept.start), "rank": number}
    return labels.estimate(*given, labels.Settings(), seed=seed + number, **going)


@contextmanager
def _solved():
    """Say in one line what the solvers of eigenvalues and of linear equations give up on."""
    try:
        yield
    except (RuntimeError, np.linalg.LinAlgError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"simulator: expected equations that can be solved, found: {said}") from error


def _closed(fit, grid):
    """The fit with the outer faces that close every piece but the largest, which is taken for the outside."""
    pieces = compartments(grid, fit.membrane)
    return fit._replace(outer_membrane=pieces[grid.outer_sides] > 0)


def _digest(data, sequence, grid, method, seed):
    """What makes two runs the same: signal, sequence, mesh, method, noise, seed and the code."""
    parts = [part for block in sequence.blocks for part in block]
    mesh = grid.points_um, grid.tetrahedra
    code = code_digest("dime.diffusion.estimate")
    return digest(*data, sequence.diffusivity_um2_per_ms, *parts, *mesh, method, seed, code)


def _by_timing(blocks):
    """Blocks of each timing, the longest mixing time first: stages of the descent, as in the original."""
    timings = [(one.duration_ms - one.separation_ms, one.duration_ms) for one in blocks]
    return tuple(
        tuple(place for place, one in enumerate(timings) if one == timing) for timing in sorted(set(timings))
    )


def _keep(resume, run, kept):
    """Write what a run has reached, if it is to be written."""
    if resume is not None:
        save(resume, run, kept)


def _keeper(resume, run, kept, show):
    """What a method calls every few iterations with its state: shows it, and writes it now and then."""
    written = time.monotonic()

    def on_step(state):
        nonlocal written
        show(len(kept.fits), f"step {int(state['iteration'])}", state)
        if time.monotonic() - written >= SECONDS:
            _keep(resume, run, kept._replace(state=state))
            written = time.monotonic()

    return on_step


@contextmanager
def _shown(progress, fits):
    """A function of the finished fits, what is done and a state, which moves a bar."""
    if not progress:
        yield lambda count, doing, state: None
        return
    with bar(name="membranes", total=fits) as shown:

        def show(count, doing, state):
            trace = [] if state is None else state.get("trace", [])
            reached = f", chi {trace[-1]['chi']:.2f}" if len(trace) else ""
            shown.set_description(f"membranes: fit {count + 1} of {fits}, {doing}{reached}", refresh=False)
            shown.update(count - shown.n)

        yield show


def _dataset(best, fits, grid, data):
    """What was found, and the mesh that it was found on."""
    fit = best.fit
    content = {
        "permeability_um_per_ms": ("face", fit.permeability_um_per_ms),
        "membrane": ("face", fit.membrane),
        "outer_membrane": ("outer_face", fit.outer_membrane),
        "label": ("tetrahedron", compartments(grid, fit.membrane)),
        "chi": ("fit", np.array([one.chi for one in fits])),
        "measured": ("measurement", data.signal),
        "fitted": ("measurement", best.signal),
        "points_um": (("point", "axis"), grid.points_um),
        "tetrahedron_points": (("tetrahedron", "corner"), grid.tetrahedra),
        "face_points": (("face", "face_corner"), grid.faces),
        "outer_face_points": (("outer_face", "face_corner"), grid.outer_faces),
    }
    if len(fits) > 1:
        inner, outer = _shares(fit, fits, grid)
        content |= {"share": ("face", inner), "outer_share": ("outer_face", outer)}
    return xr.Dataset(content)


def _shares(best, fits, grid):
    """Share of fits that hold each face (face,), and each on the outside (outer face,).

    Of a fit and its mirror image the one counts that is more like the best: of the cells of labels, as in
    `dime.diffusion.calibration.ensemble`; of the membranes of faces, which need not close a cell.
    """
    inner, cells = mirror(grid)
    outer = mirror(grid._replace(faces=grid.outer_faces))[0]  # the same of the faces on the outside
    held = [np.array([fit.membrane for fit in fits]), np.array([fit.outer_membrane for fit in fits])]
    if inner is not None:
        if best.labels is None:
            members, like, images = held[0], best.membrane, inner
        else:
            members, like, images = np.array([fit.labels for fit in fits]) > 0, best.labels > 0, cells
        turned = (aligned(members, like, images) != members).any(1)[:, None]
        held = [np.where(turned, one[:, to], one) for one, to in zip(held, (inner, outer), strict=True)]
    return [inclusion(one) for one in held]
