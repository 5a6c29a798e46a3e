"""How long stiffness without a wave takes: a simulated examination, a checked table, a prediction.

Run by hand on a quiet machine, two minutes: `python benchmarks/bench_records.py`. It writes records.json
beside this file. All run on one core but the command, which starts anew as a user starts it: its seconds for
one and for many examinations tell the time to start from the time of an examination.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import machine

from dime.records import cohort, dataset, frame, images, table
from dime.records.prediction import predict_stiffness

EXAMS, ROWS, RUNS, SEED = 20, 5000, 5, 3


def median_seconds(work):
    """Median over the runs, after one to warm up."""
    work()
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


def command(folder, rows):
    """Predict some rows of a cohort by the command."""
    part = folder / f"{rows}.csv"
    pd.read_csv(folder / "cohort" / dataset.RECORDS).head(rows).to_csv(part, index=False)
    words = ["records", "predict", str(part), "--images", str(folder / "cohort" / dataset.FILES)]
    words += ["-o", str(folder / "out.csv")]
    subprocess.run([sys.executable, "-m", "dime", *words], check=True, capture_output=True)


def main():
    """Run all and write benchmarks/records.json."""
    load = os.getloadavg()[0]
    torch.set_num_threads(1)
    records, truth = cohort.draw_cohort("internal", ROWS, ROWS, SEED)
    one = truth.iloc[0], records.iloc[0] | {"t1w": True, "t2w": True, "dwi": True}
    seen = images.scan(*one, (SEED, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset.simulate_files("internal", EXAMS, SEED, folder / "cohort")
        records.to_csv(folder / "table.csv", index=False)
        few = folder / "cohort" / dataset.RECORDS, folder / "cohort" / dataset.FILES
        result = {
            "simulate_one_examination_s": median_seconds(lambda: images.scan(*one, (SEED, 0))),
            "frame_one_examination_s": median_seconds(lambda: frame.framed(seen)),
            f"check_a_table_of_{ROWS}_rows_s": median_seconds(lambda: table.read_table(folder / "table.csv")),
            "predict_one_examination_s": median_seconds(lambda: predict_stiffness(*few)) / EXAMS,
            "command_one_examination_s": median_seconds(lambda: command(folder, 1)),
            f"command_{EXAMS}_examinations_s": median_seconds(lambda: command(folder, EXAMS)),
        }
    result |= {"runs": RUNS, "machine": machine(load)}
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("records.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
