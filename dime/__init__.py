"""Stiffness imaging by MR elastography: simulate waves, invert them, compare the inversions.

Rooms, each a question; a room imports only rooms before it:

physics      Which constants and relations do all share?
progress     How far is a long loop?
processes    Which work runs side by side?
phantoms     Which tissue, where?
mri          What does a scanner record?
fem          Which wave does tissue carry?
metrics      How far, how alike, how sure?
files        What is on disk?
simulation   What is one examination, and many?
learning     How does any network learn?
network      How does a network turn a wave into stiffness?
inversion    How stiff is it, by any method?
plotting     How does it look?
reporting    What did a run find?
liver        Which voxels are liver, and how stiff is it there? (a companion)
records      How stiff is a liver, judged from images and records without a wave? (a companion)
brain        Which tissue made these brain images? (a companion)
diffusion    How permeable are these membranes? (a companion)
studies      What does one notebook ask? (for notebooks alone)
authors      What did the DIME authors release? (for notebooks alone)

The names below are imported when they are first used: `import dime` loads neither NumPy nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dime.brain.estimate import estimate_tissue
    from dime.diffusion.estimate import estimate_permeability
    from dime.fem.forward import solve
    from dime.files.datasets import load
    from dime.files.maps import write_map
    from dime.files.waves import EXAMPLE_WAVE, read_wave
    from dime.inversion.methods import invert
    from dime.inversion.registry import METHODS
    from dime.liver.examination import examine_liver
    from dime.mri.elastography import acquire
    from dime.network.unet import load_model
    from dime.phantoms.families import draw
    from dime.plotting.viewer import view
    from dime.records.prediction import predict_stiffness
    from dime.reporting.examination_page import write_report
    from dime.simulation.dataset import simulate
    from dime.simulation.examination import Recipe

EXPORTS = {
    "EXAMPLE_WAVE": "dime.files.waves:EXAMPLE_WAVE",
    "METHODS": "dime.inversion.registry:METHODS",
    "Recipe": "dime.simulation.examination:Recipe",
    "acquire": "dime.mri.elastography:acquire",
    "draw": "dime.phantoms.families:draw",
    "estimate_permeability": "dime.diffusion.estimate:estimate_permeability",
    "estimate_tissue": "dime.brain.estimate:estimate_tissue",
    "examine_liver": "dime.liver.examination:examine_liver",
    "invert": "dime.inversion.methods:invert",
    "load": "dime.files.datasets:load",
    "load_model": "dime.network.unet:load_model",
    "predict_stiffness": "dime.records.prediction:predict_stiffness",
    "read_wave": "dime.files.waves:read_wave",
    "simulate": "dime.simulation.dataset:simulate",
    "solve": "dime.fem.forward:solve",
    "view": "dime.plotting.viewer:view",
    "write_map": "dime.files.maps:write_map",
    "write_report": "dime.reporting.examination_page:write_report",
}
"""Public name -> "module:name"."""

__all__ = [
    "EXAMPLE_WAVE",
    "METHODS",
    "Recipe",
    "acquire",
    "draw",
    "estimate_permeability",
    "estimate_tissue",
    "examine_liver",
    "invert",
    "load",
    "load_model",
    "predict_stiffness",
    "read_wave",
    "simulate",
    "solve",
    "view",
    "write_map",
    "write_report",
]


def __getattr__(name):
    if name not in EXPORTS:
        raise AttributeError(f"module 'dime' has no attribute {name!r}")
    module, attribute = EXPORTS[name].split(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *EXPORTS})
