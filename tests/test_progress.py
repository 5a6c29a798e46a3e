"""Progress bars: in a terminal they show and vanish; in a pipe there is nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dime

LOOP = """
import time
from dime.progress import bar
with bar(range(4), "slices") as slices:
    for one in slices:
        time.sleep(0.4)
"""


def in_terminal(code):
    """What a terminal of 80 columns receives from Python code."""
    pty = pytest.importorskip("pty")
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    kept = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    subprocess.run([sys.executable, "-c", code], stderr=theirs, env=kept, check=True)
    os.close(theirs)
    seen = os.read(ours, 65536)
    os.close(ours)
    return seen.decode()


def test_a_bar_shows_in_a_terminal_and_vanishes():
    seen = in_terminal(LOOP)
    assert "slices:" in seen and "4/4" in seen
    assert seen.rstrip("\r").rpartition("\r")[2].strip() == ""  # the last thing written is an empty line


def test_a_pipe_gets_nothing():
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def test_one_module_alone_brings_bars():
    """Every other one would show its bar where `bar` shows none."""
    folder = Path(dime.__file__).parent
    found = [path.name for path in folder.rglob("*.py") if "tqdm" in path.read_text("utf-8")]
    assert found == ["progress.py"]
