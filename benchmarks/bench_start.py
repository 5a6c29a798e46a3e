"""Processor time of a start from the shell, over that of `import torch`.

`python benchmarks/bench_start.py` writes start.json beside this file. Runs of all commands alternate, so that
what else the machine does is shared by them. The median of their ratios is what to read.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from machine import machine

import dime

RUNS = 9
INVERT = ["-m", "dime", "invert", str(dime.EXAMPLE_WAVE), "--frequency", "60", "-o", "stiffness.nii.gz"]
COMMANDS = {
    'python -c "import torch"': ["-c", "import torch"],
    'python -c "import dime"': ["-c", "import dime"],
    "dime --help": ["-m", "dime", "--help"],
    "dime invert wave.nii.gz": INVERT,
    "dime invert wave.nii.gz --method mmdi": [*INVERT, "--method", "mmdi"],
}
"""Of the first all others are multiples."""


def processor_seconds(words, folder):
    """Processor time of one run [s], of the process and of the system for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        for words in COMMANDS.values():
            processor_seconds(words, folder)  # to warm up
        rows = [[processor_seconds(words, folder) for words in COMMANDS.values()] for _ in range(RUNS)]
    seconds = np.array(rows)
    result = {
        "machine": machine(load),
        "processor seconds": dict(zip(COMMANDS, np.median(seconds, 0).round(3).tolist(), strict=True)),
        "over import torch": dict(
            zip(COMMANDS, np.median(seconds / seconds[:, :1], 0).round(3).tolist(), strict=True)
        ),
    }
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("start.json").write_text(text + "\n")
    print(text)
