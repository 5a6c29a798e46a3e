"""Which work runs side by side? Independent tasks in processes of one thread each, by Dask."""

import os
import sys
from contextlib import contextmanager

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
        Processes. One process is this one, and so it is for one task.
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
    with bar(name=name, total=len(tasks)) as shown, _one_thread():
        if min(workers, len(tasks)) < 2:
            return [_done(task(), shown) for task in tasks]
        return _in_processes(tasks, min(workers, len(tasks)), shown)


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
    """Processes that are started meanwhile have one thread, and so has torch in this one, if it is loaded."""
    before = {name: os.environ.get(name) for name in (*THREADS, "PYTHONHASHSEED")}  # Dask sets the last
    os.environ |= dict.fromkeys(THREADS, "1")
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
