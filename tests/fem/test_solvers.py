"""The direct solvers on matrices whose solution is known."""

import numpy as np
import pytest
from scipy.sparse import diags_array, eye_array, random_array

from dime.fem import solvers


def symmetric_system(n=400, seed=0):
    """A complex symmetric indefinite matrix, a solution and its right-hand side."""
    rng = np.random.default_rng(seed)
    R = random_array((n, n), density=5 / n, rng=rng) + 1j * random_array((n, n), density=5 / n, rng=rng)
    A = (R + R.T + diags_array(rng.normal(size=n) * 4)).tocsr()
    x = rng.normal(size=n) + 1j * rng.normal(size=n)
    return A, x, A @ x


def test_superlu():
    """The solution comes back although pivots stay on the diagonal first."""
    A, x, b = symmetric_system()
    np.testing.assert_allclose(solvers.solve_sparse(A, b, "superlu"), x, rtol=1e-6)


def test_pardiso():
    """PARDISO gives the same solution."""
    if solvers._mkl() is None:
        pytest.skip("MKL is not installed: PARDISO is not tested")
    A, x, b = symmetric_system()
    np.testing.assert_allclose(solvers.solve_sparse(A, b, "pardiso"), x, rtol=1e-6)


def test_zero_diagonal_needs_pivots():
    """A permutation has no pivot on its diagonal: the second method solves it."""
    A = eye_array(4, dtype=complex).tocsr()[[1, 0, 3, 2]]
    b = np.arange(4) + 1j
    np.testing.assert_allclose(solvers.solve_sparse(A, b), b[[1, 0, 3, 2]])


def test_singular():
    """A matrix without an inverse is refused in words."""
    A = diags_array([1.0 + 0j, 0.0, 2.0])
    with pytest.raises(ValueError, match="singular"):
        solvers.solve_sparse(A, np.ones(3, complex))


def test_known_values():
    """-u'' = 0 on a line with both ends known is straight."""
    n = 21
    A = diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).astype(complex)
    u = solvers.solve_with_known(A, np.zeros(n, complex), np.array([0, n - 1]), np.array([1.0, 3.0 + 2j]))
    np.testing.assert_allclose(u, np.linspace(1, 3 + 2j, n))
