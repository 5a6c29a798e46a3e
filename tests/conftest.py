"""One BLAS thread per process, set before NumPy loads: many small solves are slower on several.

Threads of a process that has more, as notebooks have, sleep while they wait. Where several processes share
the processors, threads that spin take most of them.
"""

import os
import sys
from types import SimpleNamespace

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_collection_modifyitems(items):
    """The pipeline first: it lasts longest, and the other files run beside it."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture
def here(monkeypatch, capsys):
    """The command line within this process, without the seconds of its imports: exit code and words."""

    def call(*words, cwd):
        from dime import cli

        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["dime", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code, stdout=said.out, stderr=said.err)

    return call
