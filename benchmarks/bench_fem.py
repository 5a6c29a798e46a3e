"""How fast waves are simulated: phantoms per second, memory, cost against unknowns, solvers compared.

Run by hand: `OMP_NUM_THREADS=1 python benchmarks/bench_fem.py`, which writes benchmarks/fem.json. PARDISO
needs `pip install mkl`, the peer `pip install ngsolve`; each is left out where it is missing.
"""

import json
import os
import platform
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.sparse.linalg import splu
from skfem import Basis, ElementTetP1, ElementTetP2, ElementTriP2, ElementVector, MeshTet

from dime.fem import antiplane, drivers, elastic, forward, rheology, sizing, solvers
from dime.phantoms import families
from dime.phantoms.phantom import render
from dime.physics import DENSITY_KG_M3, axis_m, shear_wavelength

FREQUENCY_HZ = 60.0
AXIS_M = axis_m(256, 1e-3)  # a field of 256 x 256 mm
FAMILIES = ("homogeneous", "heterogeneous", "liver")


def timed(function, *arguments):
    """Seconds that a call takes, and its value."""
    start = time.perf_counter()
    value = function(*arguments)
    return time.perf_counter() - start, value


def peak_memory_gb():
    """Most memory this process has held so far [GB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def simulate(task):
    """Draw, mesh, solve, evaluate and write one phantom; unknowns, peak memory [GB]."""
    family, seed, folder = task
    rng = np.random.default_rng(seed)
    phantom = families.draw(family, rng)
    start = rng.random()
    field = forward.solve(phantom, drivers.Driver(start, start + 0.3), FREQUENCY_HZ)
    wave = field.sample(AXIS_M, AXIS_M).astype(np.complex64)
    truth = render(phantom, AXIS_M, AXIS_M)["stiffness"].values.astype(np.float32)
    np.savez(Path(folder) / f"{family}{seed}.npz", wave=wave, stiffness=truth)
    return field.basis.N, peak_memory_gb()


def throughput(workers, count=48):
    """Phantoms per second of each family, from drawing to disk."""
    rates = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(simulate, [("homogeneous", seed, folder) for seed in range(2 * workers)]))  # imports
        for family in FAMILIES:
            tasks = [(family, seed, folder) for seed in range(count)]
            seconds, results = timed(lambda tasks=tasks: list(pool.map(simulate, tasks, chunksize=2)))
            unknowns, memory = zip(*results, strict=True)
            rates[family] = {
                "workers": workers,
                "phantoms_per_s": count / seconds,
                "mean_unknowns": float(np.mean(unknowns)),
                "peak_memory_gb": max(memory),
            }
    return rates


def disc(edge_m, radius_m=0.1):
    """The antiplane matrix of a free homogeneous disc of 3 kPa with a given edge length, and its basis."""
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    tissue = SimpleNamespace(
        outline=radius_m * np.stack([np.cos(t), np.sin(t)], 1),
        interfaces=(),
        stiffness=lambda x, y: np.full(np.shape(x), 3000.0),
        loss_tangent=lambda x, y: np.full(np.shape(x), 0.2),
    )
    modulus = rheology.complex_modulus(tissue)
    wavelength = float(shear_wavelength(modulus(np.zeros(1), np.zeros(1)), FREQUENCY_HZ)[0])
    basis = Basis(sizing.fit_mesh(tissue, [], FREQUENCY_HZ, wavelength / edge_m), ElementTriP2(), intorder=4)
    return modulus, basis


def cube(cells, side_m=0.04):
    """The Taylor-Hood matrix of a held cube, its load, and the unknowns that are free."""
    axis = np.linspace(0, side_m, cells + 1)
    basis = Basis(MeshTet.init_tensor(axis, axis, axis), ElementVector(ElementTetP2()), intorder=4)
    pressure = basis.with_element(ElementTetP1())
    A, b = elastic.assemble_elastic(
        basis,
        pressure,
        lambda x, y: np.full(np.shape(x), 3000 + 600j),
        FREQUENCY_HZ,
        body_force=lambda x: np.ones_like(x),
    )
    free = np.setdiff1d(np.arange(A.shape[0]), basis.get_dofs().flatten())
    return A.tocsr()[free][:, free].tocsc(), b[free]


def cost_of_unknowns():
    """Seconds of mesh, assembly and solution against unknowns, and the exponent of the solution's."""
    rows = []
    for edge_m in (6e-3, 4e-3, 2.8e-3, 2e-3, 1.4e-3, 1e-3):
        mesh_s, (modulus, basis) = timed(disc, edge_m)
        assembly_s, (A, _) = timed(antiplane.assemble_antiplane, basis, modulus, FREQUENCY_HZ)
        b = np.ones(basis.N, complex)
        solve_s = np.median([timed(solvers.solve_sparse, A, b, "superlu")[0] for _ in range(3)])
        rows.append(
            {"unknowns": basis.N, "mesh_s": mesh_s, "assembly_s": assembly_s, "solve_s": float(solve_s)}
        )
    n, s = (np.array([row[key] for row in rows]) for key in ("unknowns", "solve_s"))
    return {"rows": rows, "solve_exponent": float(np.polyfit(np.log(n), np.log(s), 1)[0])}


def compare_solvers():
    """Seconds of each direct solver on the same matrices: discs (antiplane) and cubes (Taylor-Hood)."""
    methods = {
        "superlu default": lambda A, b: splu(A).solve(b),
        "superlu symmetric": lambda A, b: splu(A, **solvers.SYMMETRIC).solve(b),
    }
    if solvers._mkl() is not None:
        methods["pardiso symmetric"] = solvers.pardiso
    rows = []
    for edge_m in (4e-3, 2e-3, 1.4e-3):
        modulus, basis = disc(edge_m)
        A, _ = antiplane.assemble_antiplane(basis, modulus, FREQUENCY_HZ)
        rows += [
            compare(name, method, "antiplane", A.tocsc(), np.ones(basis.N, complex))
            for name, method in methods.items()
        ]
        peer = ngsolve_seconds(basis.mesh)
        if peer is not None:
            rows.append({"problem": "antiplane", "unknowns": basis.N, "solver": "ngsolve", **peer})
    for cells in (5, 8):
        A, b = cube(cells)
        rows += [compare(name, method, "3d", A, b) for name, method in methods.items()]
    return rows


def compare(name, method, problem, A, b):
    """One row of the comparison: median seconds of three and the relative residual."""
    trials = [timed(method, A, b) for _ in range(3 if problem == "antiplane" else 1)]
    residual = np.linalg.norm(A @ trials[0][1] - b) / np.linalg.norm(b)
    return {
        "problem": problem,
        "unknowns": A.shape[0],
        "solver": name,
        "solve_s": float(np.median([seconds for seconds, _ in trials])),
        "relative_residual": float(residual),
    }


def ngsolve_seconds(mesh):
    """Assembly and solution by NGSolve on the same triangles with f = 1, or None where it is missing.

    On a free disc u = -1/(rho omega^2) exactly: the returned error says that it solved the same equation.
    """
    try:
        import ngsolve as ng
        from netgen.meshing import Element1D, Element2D, FaceDescriptor, MeshPoint, Pnt
        from netgen.meshing import Mesh as NetgenMesh
    except ImportError:
        return None
    ng.SetNumThreads(1)
    net = NetgenMesh(dim=2)
    numbers = [net.Add(MeshPoint(Pnt(x, y, 0))) for x, y in mesh.p.T]
    face = net.Add(FaceDescriptor(surfnr=1, domin=1, bc=1))
    for triangle in mesh.t.T:
        net.Add(Element2D(face, [numbers[v] for v in triangle]))
    for ends in mesh.facets[:, mesh.boundary_facets()].T:
        net.Add(Element1D([numbers[v] for v in ends], index=1))
    rho_omega2 = DENSITY_KG_M3 * (2 * np.pi * FREQUENCY_HZ) ** 2
    G = complex(3000 * np.exp(1j * np.arctan(0.2)))
    space = ng.H1(ng.Mesh(net), order=2, complex=True)
    u, v = space.TnT()
    form = ng.BilinearForm(space, symmetric=True)
    form += (G * ng.grad(u) * ng.grad(v) - rho_omega2 * u * v) * ng.dx
    load = ng.LinearForm(space)
    load += v * ng.dx
    assembly_s, _ = timed(lambda: (form.Assemble(), load.Assemble()))
    wave = ng.GridFunction(space)

    def invert():
        wave.vec.data = form.mat.Inverse(inverse="sparsecholesky") * load.vec

    solve_s = float(np.median([timed(invert)[0] for _ in range(3)]))
    error = abs(complex(wave(ng.Mesh(net)(0.01, 0.02))) * rho_omega2 + 1)
    return {"assembly_s": assembly_s, "solve_s": solve_s, "relative_error": error}


def slab_liver(seed=3, elements_per_wavelength=4, thickness_m=0.03):
    """One liver as a slab: unknowns, seconds from mesh to image, memory."""
    phantom = families.draw("liver", np.random.default_rng(seed))
    seconds, field = timed(
        lambda: forward.solve(
            phantom,
            drivers.Driver(0.1, 0.35, profile="smooth"),
            FREQUENCY_HZ,
            physics="3d",
            thickness_m=thickness_m,
            elements_per_wavelength=elements_per_wavelength,
        )
    )
    sample_s, _ = timed(field.sample, AXIS_M, AXIS_M)
    return {
        "unknowns": field.matrix.shape[0],
        "seconds": seconds + sample_s,
        "peak_memory_gb": peak_memory_gb(),
        "elements_per_wavelength": elements_per_wavelength,
        "solver": "pardiso",
    }


def main():
    """Run all and write benchmarks/fem.json."""
    result = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_before": os.getloadavg()[0],
            "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        }
    }
    result["throughput"] = [
        {"family": family, **row} for workers in (1, 2) for family, row in throughput(workers).items()
    ]
    result["cost"] = cost_of_unknowns()
    result["solvers"] = compare_solvers()
    if solvers._mkl() is not None:
        result["slab_liver"] = slab_liver()
    result["machine"]["load_after"] = os.getloadavg()[0]
    text = json.dumps(result, indent=1, default=lambda number: number.item())  # NumPy's numbers
    Path(__file__).with_name("fem.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
