"""Tasks side by side: order, errors as they were raised, one thread, an environment that is left alone."""

import os
import re
from functools import partial

import numpy as np
import pytest
import torch

from dime.processes import run_all


def tell(number):
    """Its number, the process, and the threads of torch and of BLAS there."""
    return number, os.getpid(), torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def refuse(path):
    raise FileNotFoundError(f"{path}: no such file")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks_from_processes_of_one_thread(workers, monkeypatch):
    """What is not imported by name, such as a function of a notebook, runs too."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = dict(os.environ)
    tasks = [partial(tell, number) for number in range(4)] + [lambda: np.arange(3)]
    *found, array = run_all(tasks, workers)
    assert [one[0] for one in found] == [0, 1, 2, 3] and array.tolist() == [0, 1, 2]
    assert {one[2:] for one in found} == {(1, "1")}
    assert (os.getpid() in {one[1] for one in found}) == (workers == 1)
    assert dict(os.environ) == before and run_all([], workers) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_the_one_that_the_task_raised(workers):
    with pytest.raises(FileNotFoundError, match=re.escape("a.nii: no such file")) as caught:
        run_all([partial(refuse, "a.nii"), partial(refuse, "a.nii")], workers)
    assert str(caught.value) == "a.nii: no such file"


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="workers: expected at least 1, found 0"):
        run_all([partial(tell, 1)], 0)
