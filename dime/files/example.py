"""Where the scan lies that comes with the package."""

from pathlib import Path

EXAMPLE_SCAN = Path(__file__).parents[1] / "data" / "demo"
"""A simulated examination, made by `dime.simulation.demo`: a liver with a stiff lesion in four slices, 60 Hz.
phase.nii.gz [rad], wrapped, and magnitude.nii.gz, both (x, y, slice, offset); mask.nii.gz; truth.nii.gz, its
stiffness [kPa]; and the sidecar phase.json."""
