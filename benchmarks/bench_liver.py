"""How long the examination of a liver takes: the whole command and its steps, on one core and on two.

Run by hand on a quiet machine, four minutes: `python benchmarks/bench_liver.py`. It writes liver.json beside
this file. An examination of four slices is simulated and written as NIfTI. `dime liver` then starts anew for
every run, as a user starts it, so that its seconds hold the imports, the files read and written, and the
pictures. The steps are those of reading.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
from machine import machine

from dime.liver.examination import METHODS
from dime.liver.report import READING
from dime.simulation import abdominal

CORES = (1, 2)
RUNS = 5
SEED, SUBJECT = 290, 0


def write_exam(folder):
    """Magnitude and phase of one simulated examination as NIfTI, x to the patient's left, y to the back."""
    exam = abdominal.examine(SEED, SUBJECT, "F2")
    pixel = -1e3 * abdominal.SPACING_M
    for name in ("magnitude", "phase"):
        values = np.transpose(exam[name].astype(np.float32), (3, 2, 0, 1))
        nibabel.save(nibabel.Nifti1Image(values, np.diag([pixel, pixel, 10, 1])), folder / f"{name}.nii.gz")


def one_run(folder, method, cores):
    """Seconds of one start of the command, and those of its steps."""
    out = folder / "out"
    command = [sys.executable, "-m", "dime", "liver", str(folder), "-o", str(out), "--frequency", "60"]
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    begun = time.perf_counter()
    subprocess.run(
        [*command, "--method", method],
        check=True,
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": str(cores)},
        preexec_fn=lambda: os.sched_setaffinity(0, chosen),
    )
    seconds = time.perf_counter() - begun
    return seconds, json.loads((out / READING).read_text())["seconds"]


def measure(folder, method, cores):
    """Medians over the runs, after one to warm up."""
    one_run(folder, method, cores)
    runs = [one_run(folder, method, cores) for _ in range(RUNS)]
    steps = {name: float(np.median([run[1][name] for run in runs])) for name in runs[0][1]}
    return {
        "method": method,
        "cores": cores,
        "seconds": float(np.median([run[0] for run in runs])),
        "steps": steps,
    }


def main():
    """Run all and write benchmarks/liver.json."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_exam(folder)
        rows = [measure(folder, method, cores) for method in METHODS for cores in CORES]
    result = {"examination": rows, "runs": RUNS, "slices": 4, "machine": machine(load)}
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("liver.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
