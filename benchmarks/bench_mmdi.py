"""How fast MMDI and its peers are, and how near MMDI comes to the authors' maps.

`OMP_NUM_THREADS=1 python benchmarks/bench_mmdi.py` writes mmdi.json beside this file. The agreement table
needs DIME_REFERENCE, see dime/authors/mmdi_agreement.py.
"""

import json
import timeit
from pathlib import Path

import numpy as np

from dime.authors import mmdi_agreement
from dime.inversion import direct, mmdi

RUNS = 9


def median_seconds(call):
    """Median over RUNS runs, after one to warm up."""
    call()
    return float(np.median(timeit.repeat(call, number=1, repeat=RUNS)))


def timings():
    """A 256 x 256 slice whose every pixel is inverted, and four slices of it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256] * 1.0e-3
    wave = np.exp(-1j * 200 * (x + 0.3 * y)) + 0.05 * rng.standard_normal((2, 256, 256)).T.dot([1, 1j])
    mask = np.ones(wave.shape, bool)
    methods = {"mmdi": mmdi.invert} | {
        f.__name__: f for f in (direct.ahi, direct.mdev, direct.kmdev, direct.lfe)
    }
    out = {name: median_seconds(lambda f=f: f(wave, mask, 1.0e-3, 60.0)) for name, f in methods.items()}
    out["mmdi, four slices"] = median_seconds(
        lambda: [mmdi.invert(wave, mask, 1.0e-3, 60.0) for _ in range(4)]
    )
    return out


if __name__ == "__main__":
    result = {"seconds": {name: round(s, 4) for name, s in timings().items()}}
    if mmdi_agreement.folder():
        result["agreement with the authors' MMDI"] = mmdi_agreement.agreement_table()
    else:
        print("DIME_REFERENCE is not set: no agreement table")
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("mmdi.json").write_text(text + "\n")
    print(text)
