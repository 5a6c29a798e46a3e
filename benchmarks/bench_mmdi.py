"""How fast MMDI and its peers are, and how near MMDI comes to the authors' maps.

`OMP_NUM_THREADS=1 python benchmarks/bench_mmdi.py` writes mmdi.json beside this file. The agreement table
needs DIME_REFERENCE, see tests/released.py.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import released

from dime import mmdi, peers

RUNS = 9


def median_seconds(call):
    """Median over RUNS runs, after one to warm up."""
    call()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def timings():
    """A 256 x 256 slice whose every pixel is inverted, and four slices of it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256] * 1.0e-3
    wave = np.exp(-1j * 200 * (x + 0.3 * y)) + 0.05 * rng.standard_normal((2, 256, 256)).T.dot([1, 1j])
    mask = np.ones(wave.shape, bool)
    methods = {"mmdi": mmdi.invert} | {f.__name__: f for f in (peers.ahi, peers.mdev, peers.kmdev, peers.lfe)}
    out = {name: median_seconds(lambda f=f: f(wave, mask, 1.0e-3, 60.0)) for name, f in methods.items()}
    out["mmdi, four slices"] = median_seconds(
        lambda: [mmdi.invert(wave, mask, 1.0e-3, 60.0) for _ in range(4)]
    )
    return out


def agreement_table():
    """r and median ratio per case; the means are over the cases that the settings were not chosen on, except
    in vivo, where all slices were used to choose how directions combine. `input restored` rows are ceilings:
    two complex numbers of the input are fitted to each map, see tests/released.py."""
    table = {}
    for study in released.STUDIES:
        for depth in (10, 20):
            cases = {c: released.compare_case(study, c, depth) for c in released.CASES}
            table[f"{study}, default, eroded {depth} px"] = summary(cases, released.CALIBRATION)
        for name, settings in (("", released.AS_THEIRS), (", 11 mm window", released.AS_THEIRS_11_MM)):
            found = {c: released.compare_restored(study, c, settings) for c in released.CASES}
            for number, depth in enumerate((10, 20)):
                row = summary({c: found[c][0][number] for c in found}, released.CALIBRATION)
                row["c, phase in degrees"] = {
                    c: round(float(np.degrees(np.angle(found[c][1])))) for c in found
                }
                table[f"{study}, input restored{name}, eroded {depth} px"] = row
    slices = {n: released.compare_slice(n) for n in released.SLICES}
    table["study 3 in vivo, default, eroded 5 px"] = summary(slices, ())
    return table


def summary(cases, calibration):
    """Per case r and ratio, and their means over the cases outside the calibration."""
    held_out = np.array([cases[c] for c in cases if c not in calibration])
    return {
        "r": {c: round(cases[c][0], 3) for c in cases},
        "ratio": {c: round(cases[c][1], 3) for c in cases},
        "mean r outside calibration": round(held_out[:, 0].mean(), 3),
        "mean ratio outside calibration": round(held_out[:, 1].mean(), 3),
    }


if __name__ == "__main__":
    result = {"seconds": {name: round(s, 4) for name, s in timings().items()}}
    if released.folder():
        result["agreement with the authors' MMDI"] = agreement_table()
    else:
        print("DIME_REFERENCE is not set: no agreement table")
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("mmdi.json").write_text(text + "\n")
    print(text)
