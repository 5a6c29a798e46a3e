"""Many examinations on disk: solved in parallel, restartable, equal bytes for equal recipes, checked."""

import logging
import shutil
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dask
import distributed
import numpy as np
import zarr

from dime.fem import forward
from dime.files.datasets import check_replaceable
from dime.files.sources import code_digest
from dime.files.whole import alone, named, partial_path, take_name
from dime.progress import bar
from dime.simulation.examination import Recipe, simulate_phantom
from dime.simulation.shaking import DIRECTION, ENCODED

BLOCK = 8
"""Phantoms per task and per chunk on disk: large enough to hide scheduling, small enough to lose little."""

WORKER_ENVIRONMENT = {f"{library}_NUM_THREADS": 1 for library in ("OMP", "MKL", "OPENBLAS")}
"""One BLAS thread each, as in Dask's own, but without its MALLOC_TRIM_THRESHOLD_: that gives every matrix
back to the system, which then clears the same pages for the next, a third of the time of a solve."""


def simulate(recipe: Recipe, path: str | Path, workers: int = 2, scheduler: str | None = None) -> None:
    """Simulate a dataset to disk, in parallel, continuing where a killed run stopped.

    The data grow beside `path` (`partial_path`) and take its name when they are whole. Bytes depend on the
    recipe alone, not on the number of workers or their order. Unfinished work of another recipe or of other
    source code is not continued but replaced. A recipe that turns out to be impossible leaves nothing.

    Parameters
    ----------
    recipe : examination.Recipe
    path : path
        Zarr folder; replaced if it exists.
    workers : int
        Processes of the local cluster, at most one for `BLOCK` phantoms and Dask's setting `num_workers`.
    scheduler : str, optional
        Address of an existing Dask cluster (tcp://...) to use instead; it must see `path`.

    Raises
    ------
    ValueError
        No worker, no scheduler at the address, another process that writes `path`, something there that is
        no dataset, or what `forward.solve` and `families.draw` refuse.
    OSError
        `path` cannot be written.

    Examples
    --------
    >>> import dime
    >>> recipe = dime.Recipe("homogeneous", count=1, seed=7, spacing_m=5e-3)
    >>> dime.simulate(recipe, "phantom.zarr", workers=1)
    >>> dime.load("phantom.zarr")["wave"].shape
    (1, 48, 48)
    """
    path = Path(path).absolute()
    check_replaceable(path)
    with alone(path), named(path):
        _simulate(recipe, path, workers, scheduler)


def _simulate(recipe, path, workers, scheduler):
    partial = partial_path(path)
    done, begun = partial / "done", partial / "begun.txt"
    identity = f"{recipe.to_json()}\n{code_digest(__name__)}\n"
    with _client(min(workers, -(-recipe.count // BLOCK)), scheduler) as client:
        if not begun.is_file() or begun.read_text() != identity:
            shutil.rmtree(partial, ignore_errors=True)
            _create(recipe, partial)
            done.mkdir()
            begun.write_text(identity)
        blocks = [b for b in range(-(-recipe.count // BLOCK)) if not (done / str(b)).is_file()]
        args = [recipe] * len(blocks), blocks, [partial] * len(blocks)
        futures = client.map(_simulate_block, *args, pure=False)
        refused = None
        try:
            for task in _progress(distributed.as_completed(futures), len(blocks), path.name):
                task.result()
        except ValueError as error:
            client.cancel(futures)
            refused = error
    if refused:  # now that no worker writes any more
        shutil.rmtree(partial, ignore_errors=True)
        raise refused
    shutil.rmtree(done)
    begun.unlink()
    take_name(partial, path)


def _progress(tasks, total, name):
    """A bar; where there is none, because it would flood a log, a line for each tenth of the work."""
    with bar(tasks, name, total) as shown:
        for number, task in enumerate(shown, start=1):
            yield task
            if shown.disable and 10 * number // total > 10 * (number - 1) // total:
                print(f"{name}: {100 * number // total} %", file=sys.stderr, flush=True)


@contextmanager
def _client(workers, scheduler):
    """A client of a scheduler, or of a local cluster, whose workers Dask limits to one BLAS thread each."""
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout=5)
        except (OSError, ValueError) as error:
            raise ValueError(f"scheduler: expected a running one, none answers at {scheduler}") from error
        with client:
            yield client
        return
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, found {workers}")
    settings = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}))
        workers = min(workers, dask.config.get("num_workers", workers))
        with _deaf_to_interrupts():
            cluster = stack.enter_context(distributed.LocalCluster(n_workers=workers, **settings))
        yield stack.enter_context(distributed.Client(cluster))


@contextmanager
def _deaf_to_interrupts():
    """Processes that are started meanwhile do not hear Ctrl-C: who started them stops them in silence."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _simulate_block(recipe, block, partial):
    """Simulate one chunk; its file in `done` appears after its data, so that a kill in between repeats it."""
    rows = range(block * BLOCK, min((block + 1) * BLOCK, recipe.count))
    results = [simulate_phantom(recipe, index) for index in rows]
    group = zarr.open_group(partial, mode="r+")
    for name in results[0]:
        group[name][rows.start : rows.stop] = np.stack([np.asarray(result[name]) for result in results])
    (partial / "done" / str(block)).touch()


def _create(recipe, partial):
    """The empty dataset: all metadata, no chunk yet."""
    side, axis = recipe.matrix, recipe.axis_m
    shapes = {
        "wave": ((side, side), "complex64", {"units": "m", "long_name": "displacement, first harmonic"}),
        "stiffness": ((side, side), "float32", {"units": "Pa", "long_name": "|G*|"}),
        "loss_tangent": ((side, side), "float32", {"units": "1"}),
        "mask": ((side, side), "bool", {}),
        "label": ((), "string", {}),
    }
    dims = {name: ("phantom", "y", "x")[: len(shape) + 1] for name, (shape, _, _) in shapes.items()}
    if recipe.offsets:
        shapes["phase"] = (
            (recipe.offsets, side, side),
            "float32",
            {"units": "rad", "long_name": "wrapped phase"},
        )
        shapes["magnitude"] = ((recipe.offsets, side, side), "float32", {"units": "1"})
        dims |= {name: ("phantom", "offset", "y", "x") for name in ("phase", "magnitude")}
    if recipe.physics in DIRECTION:
        components = list("xyz")[: forward.COMPONENTS[recipe.physics]]
        shapes["displacement"] = (
            (len(components), side, side),
            "complex64",
            {"units": "m", "long_name": "displacement, every component, as the tissue moves"},
        )
        dims["displacement"] = ("phantom", "component", "y", "x")
        shapes["wave"][2]["component"] = ENCODED[recipe.physics]
    attrs = {"frequency_hz": recipe.frequency_hz, "spacing_m": recipe.spacing_m}
    attrs["recipe"] = recipe.to_json()
    group = zarr.open_group(partial, mode="w", attributes=attrs)
    for name, (shape, dtype, variable_attrs) in shapes.items():
        group.create_array(
            name,
            shape=(recipe.count, *shape),
            chunks=(BLOCK, *shape),
            dtype=dtype,
            dimension_names=dims[name],
            attributes=variable_attrs,
        )
    if recipe.physics in DIRECTION:
        names = group.create_array(
            "component", shape=(len(components),), dtype="string", dimension_names=("component",)
        )
        names[:] = np.array(components, dtype=object)
    for name in ("y", "x"):
        group.create_array(
            name, data=axis, chunks=(side,), dimension_names=(name,), attributes={"units": "m"}
        )
