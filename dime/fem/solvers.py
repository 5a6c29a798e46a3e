"""Solve complex symmetric sparse systems directly: SuperLU, or in 3D PARDISO where it is installed.

SciPy's SuperLU in its symmetric mode runs wherever SciPy does. MKL's PARDISO exploits complex symmetry (half
the work and memory) and is used where its library is found: `pip install mkl`, x86 only.
"""

import ctypes
import os
import sys
from functools import cache
from glob import glob

import numpy as np
from scipy.sparse import triu
from scipy.sparse.linalg import splu

SYMMETRIC = dict(permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=dict(SymmetricMode=True))
RESIDUAL = 1e-9  # a larger relative residual means that pivots were too small: try the next method
COMPLEX_SYMMETRIC = 6  # PARDISO's matrix type


def solve_sparse(A, b, method="auto"):
    """Solve A x = b for a complex symmetric (not Hermitian) sparse matrix.

    The symmetric mode of SuperLU orders A + A^T and keeps pivots on the diagonal. It is two to four times
    faster than the default mode, which follows if the residual is too large.

    Parameters
    ----------
    A : sparse (n, n) complex; b : (n,) complex
    method : "superlu", "pardiso" or "auto": PARDISO, where it is found, for matrices of three-dimensional
        meshes (see `dense_rows`), else SuperLU

    Returns
    -------
    x : (n,) complex

    Raises
    ------
    ValueError : singular matrix (an undamped resonance, or no driver and no loss).
    """
    A = A.tocsc()
    attempts = [lambda: splu(A, **SYMMETRIC).solve(b), lambda: splu(A).solve(b)]
    if method == "pardiso" or (method == "auto" and dense_rows(A) and _mkl() is not None):
        attempts.insert(0, lambda: pardiso(A, b))
    for attempt in attempts:
        try:
            x = attempt()
        except RuntimeError:  # an exactly zero pivot
            continue
        if np.linalg.norm(A @ x - b) <= RESIDUAL * np.linalg.norm(b):
            return x
    raise ValueError("the wave equation is singular here: expected some loss, or a frequency off resonance")


def dense_rows(A):
    """True if a matrix has over 40 entries per row, as of three-dimensional meshes, where SuperLU is slow."""
    return A.nnz > 40 * A.shape[0]


def pardiso(A, b):
    """Solve A x = b, A complex symmetric, by MKL's PARDISO with scaling and weighted matching.

    Raises
    ------
    RuntimeError : PARDISO reports an error, or is not installed.

    Source: Schenk and Gaertner (2006), Electron. Trans. Numer. Anal. 23, 158-179.
    """
    mkl = _mkl()
    if mkl is None:
        raise RuntimeError("MKL's PARDISO was not found: pip install mkl")
    upper = triu(A, format="csr")
    upper.sort_indices()
    n = A.shape[0]
    values = np.ascontiguousarray(upper.data, np.complex128)
    rows, columns = upper.indptr.astype(np.int32), upper.indices.astype(np.int32)
    b = np.ascontiguousarray(b, np.complex128)
    x = np.empty_like(b)
    handle, iparm = np.zeros(64, np.int64), np.zeros(64, np.int32)
    mtype, error = np.array([COMPLEX_SYMMETRIC], np.int32), np.zeros(1, np.int32)
    iparm[[0, 1, 7, 9, 10, 12, 20, 34]] = 1, 2, 2, 8, 1, 1, 1, 1  # see MKL's table of pardiso's iparm
    one, size = np.array([1], np.int32), np.array([n], np.int32)
    silent, unused = np.zeros(1, np.int32), np.zeros(n, np.int32)

    def call(phase):
        phase = np.array([phase], np.int32)
        arguments = (
            handle,
            one,
            one,
            mtype,
            phase,
            size,
            values,
            rows,
            columns,
            unused,
            one,
            iparm,
            silent,
            b,
            x,
            error,
        )
        mkl.pardiso(*(a.ctypes.data_as(ctypes.c_void_p) for a in arguments))
        return error[0]

    try:
        if call(13):  # analyse, factor, solve
            raise RuntimeError(f"PARDISO reports error {error[0]}")
    finally:
        call(-1)  # release its memory
    return x


def solve_with_known(A, b, known, values, method="auto"):
    """Solve A u = b with u[known] = values, by moving the known columns to the right-hand side.

    Parameters: A sparse (n, n); b (n,); known (m,) indices; values (m,) complex. Returns u (n,) complex.
    """
    u = np.zeros(A.shape[0], dtype=np.complex128)
    u[known] = values
    free = np.setdiff1d(np.arange(len(u)), known)
    rows = A.tocsr()[free]
    u[free] = solve_sparse(rows[:, free], (b - A @ u)[free], method)
    return u


@cache
def _mkl():
    """MKL's runtime library from $MKLROOT or Python's own environment, or None."""
    folders = [os.environ.get("MKLROOT", ""), sys.prefix]
    names = ("lib/libmkl_rt.so*", "lib/intel64/libmkl_rt.so*", "Library/bin/mkl_rt*.dll")
    patterns = [f"{folder}/{name}" for folder in folders if folder for name in names]
    for path in (found for pattern in patterns for found in glob(pattern)):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None
