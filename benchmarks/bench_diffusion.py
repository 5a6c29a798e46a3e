"""How long membranes from diffusion take: slow modes, signal, gradient and Jacobian, on two lattices.

Run by hand on a quiet machine, two minutes: `python benchmarks/bench_diffusion.py`. It writes diffusion.json
beside this file. Both lattices fill the original's cube; 300 measurements, 90 modes and 8 steps.
"""

import json
import os
from pathlib import Path

import torch
from machine import machine

from dime.diffusion.accuracy import seconds
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.operators import assemble
from dime.diffusion.sequence import TIMINGS_MS, pgse

WIDTH_UM, CELLS, RUNS, MODES, STEPS, SEED = 80 / 3, (4, 8), 3, 90, 8, 101


def main():
    """Run all and write benchmarks/diffusion.json."""
    load = os.getloadavg()[0]
    torch.set_num_threads(1)
    blocks = pgse(*TIMINGS_MS[1:])
    result = {}
    for cells in CELLS:
        operators = assemble(lattice(cells, WIDTH_UM / cells))
        permeability = draw("ring", operators.grid, SEED).permeability_um_per_ms
        found = seconds(operators, permeability, blocks, MODES, STEPS, RUNS)
        # what an iteration takes that renews its basis, and one that keeps it
        found["evaluation_s"] = found["modes_s"] + found["prepare_s"] + found["signal_s"]
        found["evaluation_with_gradient_s"] = found["modes_s"] + found["prepare_s"] + found["gradient_s"]
        result[f"tetrahedra_{found['tetrahedra']}"] = found
    result |= {"runs": RUNS, "steps": STEPS, "machine": machine(load)}
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("diffusion.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
