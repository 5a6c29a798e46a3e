"""Which work runs side by side? Independent tasks in processes of one thread each, by Dask."""

import os
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from dime.progress import bar

THREADS = [f"{library}_NUM_THREADS" for library in ("OMP", "MKL", "OPENBLAS")]


def run_all(tasks, workers=2, name=""):
    """Call every task and collect what they return, in their order.

    Parallelism is over tasks: each process has one thread, so that results do not depend on the number of
    processes. A bar shows how many tasks are done (`dime.progress.bar`).

    Parameters
    ----------
    tasks : sequence of callables without arguments
        Usually `functools.partial` of a module's function. What they hold and return is pickled.
    workers : int
        Processes, at most Dask's setting `num_workers` (DASK_NUM_WORKERS). One process is this one, and so it
        is for one task.
    name : str
        Of the bar.

    Returns
    -------
    list

    Raises
    ------
    ValueError
        No worker; and what a task raises, after which no further task begins.

    Examples
    --------
    >>> from functools import partial
    >>> run_all([partial(pow, 2, 3), partial(pow, 2, 4)])
    [8, 16]
    """
    tasks = list(tasks)
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, found {workers}")
    workers = min(workers, len(tasks))
    if workers > 1:
        import dask

        workers = min(workers, dask.config.get("num_workers", workers))
    with bar(name=name, total=len(tasks)) as shown, _one_thread():
        return (
            _in_processes(tasks, workers, shown) if workers > 1 else [_done(task(), shown) for task in tasks]
        )


def _in_processes(tasks, workers, shown):
    import dask

    calls = [dask.delayed(task, pure=False, traverse=False)() for task in tasks]
    try:
        with dask.callbacks.Callback(posttask=lambda *_: shown.update()):
            return list(dask.compute(*calls, scheduler="processes", num_workers=workers, chunksize=1))
    except Exception as error:  # Dask's copy of it, whose text holds a traceback
        raise getattr(error, "exception", error) from None


def _done(result, shown):
    shown.update()
    return result


@contextmanager
def _one_thread():
    """Processes that are started meanwhile have one thread, and so have the libraries of this one."""
    hashing = os.environ.get("PYTHONHASHSEED", "6640")  # as Dask would set it for good
    with environment(dict.fromkeys(THREADS, "1") | {"PYTHONHASHSEED": hashing}), threadpool_limits(1):
        yield


@contextmanager
def environment(changes):
    """Give processes that are started meanwhile some environment variables: a dict of name -> text."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
