"""What machine a benchmark ran on, and how busy it was."""

import os
import platform

import torch


def machine(load_before):
    """Processor, versions, and the load average before and after the run."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
    }
