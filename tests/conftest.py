"""One BLAS thread per process, set before NumPy loads: many small solves are slower on several."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """The pipeline first: it lasts longest, and the other files run beside it."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")
