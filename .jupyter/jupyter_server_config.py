"""Settings of `make lab`: source notebooks are saved clean, and JupyterLab starts in a container too.

A pipeline stage depends on the bytes of its notebook. A notebook in `notebooks/` that was run and saved, but
not edited, must therefore be the same file as before: without outputs, and without what a kernel adds.
"""

import os
import sys
import warnings
from pathlib import Path

import nbformat
from nbstripout import strip_output

SOURCES = Path(__file__).resolve().parents[1] / "notebooks"
"""Executed notebooks lie in `results/` and keep their outputs."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""Of every source notebook; a kernel would add its version."""

PASSING = ["cell.metadata.collapsed", "cell.metadata.execution", "cell.metadata.scrolled"]
"""What running and viewing leave in a cell's metadata."""


def save_clean(model, path, contents_manager, **_):
    """Take outputs, counts and kernel versions out of a source notebook that is about to be saved."""
    place = Path(contents_manager.root_dir, path).resolve()
    if model["type"] == "notebook" and place.is_relative_to(SOURCES):
        notebook = nbformat.from_dict(model["content"])
        notebook.metadata = METADATA
        model["content"] = strip_output(
            notebook, keep_output=False, keep_count=False, keep_id=True, extra_keys=PASSING
        )


c = get_config()  # noqa: F821
c.FileContentsManager.pre_save_hook = save_clean
warnings.filterwarnings("ignore", "Overriding existing pre_save_hook")  # every extension has it set again
if hasattr(os, "geteuid"):
    c.ServerApp.allow_root = os.geteuid() == 0  # a container's only user
if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    c.ServerApp.open_browser = False  # the address is printed
