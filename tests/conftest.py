"""One BLAS thread per process, set before NumPy loads: many small solves are slower on several."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
