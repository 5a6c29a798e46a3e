"""`dime run`: one notebook as a stage, with checked parameters; bad input is one line and harms nothing."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import nbformat
import pytest

from dime.files import yaml12
from dime.reporting import stage

ROOT = Path(__file__).parent.parent


def notebook(path, *cells):
    """A notebook with a parameters cell and the given code cells."""
    parameters = nbformat.v4.new_code_cell(
        'count = 1\nscale = 1.0\nname = "a"', metadata={"tags": ["parameters"]}
    )
    content = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
    content.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(content, path)
    return path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cuont": 2}, "unknown parameter 'cuont'"),
        ({"count": "2"}, "'count' must be int"),
        ({"count": True}, "'count' must be int"),
        ({"scale": "1e-3"}, "'scale' must be float"),
    ],
)
def test_unknown_or_mistyped_parameter_is_refused_before_anything_runs(tmp_path, given, message):
    marker = tmp_path / "ran"
    source = notebook(tmp_path / "n.ipynb", f"open({str(marker)!r}, 'w')")
    with pytest.raises(ValueError, match=message):
        stage.execute(source, tmp_path / "out.ipynb", given)
    assert not marker.exists() and not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("text", ["6e1", "1e-3", "60", ".5"])
def test_a_number_of_any_form_is_taken_for_a_float(tmp_path, text):
    """YAML 1.1 takes 6e1 for a word; DVC reads version 1.2, and so does `dime run`."""
    notebook(tmp_path / "n.ipynb")
    stage.check_parameters(tmp_path / "n.ipynb", {"scale": yaml12.parse(text, "-p")})


def test_a_number_in_quotes_is_refused_with_what_to_write(tmp_path):
    with pytest.raises(ValueError, match=r"'scale' must be float like 1\.0, found str '6e1'; write it w"):
        stage.check_parameters(notebook(tmp_path / "n.ipynb"), {"scale": "6e1"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("n.ipynb o.ipynb -p count=[1", "-p count=[1: expected YAML, found '[1'"),
        ("n.ipynb o.ipynb -p =1", "-p =1: expected NAME=VALUE"),
        ("n.ipynb o.ipynb -p count", "-p count: expected NAME=VALUE"),
        ("n.ipynb o.ipynb --params a --params-file broken.yaml", "broken.yaml, line 3: expected YAML"),
        ("n.ipynb o.ipynb --params a --params-file latin.yaml", "latin.yaml: expected text in UTF-8"),
        ("n.ipynb o.ipynb --params a --params-file list.yaml", "list.yaml: no block 'a'"),
        ("n.ipynb o.ipynb --params a --params-file none.yaml", "none.yaml: no such file"),
        ("n.ipynb n.ipynb", "n.ipynb: expected another file than the notebook"),
        ("n.ipynb ./folder/../n.ipynb", "expected another file than the notebook"),
        ("n.ipynb link.ipynb", "link.ipynb: expected another file than the notebook"),
        ("n.ipynb folder", "folder: expected the name of a notebook to write"),
        ("n.ipynb o.txt", "o.txt: expected the name of a notebook to write"),
        ("n.ipynb list.yaml/o.ipynb", "list.yaml/o.ipynb: cannot be written"),
        ("folder o.ipynb", "folder: is a folder"),
        ("list.yaml o.ipynb", "list.yaml: not a notebook"),
        ("bad.ipynb o.ipynb", "bad.ipynb: the cell tagged 'parameters' fails"),
    ],
)
def test_run_refuses_in_one_line_and_spares_the_source(tmp_path, here, words, message):
    source = notebook(tmp_path / "n.ipynb", "raise RuntimeError('it ran')")
    broken = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("count = nothing", metadata={"tags": ["parameters"]})]
    )
    nbformat.write(broken, tmp_path / "bad.ipynb")
    (tmp_path / "broken.yaml").write_text("a: 1\nb: [1\n")
    (tmp_path / "latin.yaml").write_bytes("a: \xe4".encode("latin-1"))
    (tmp_path / "list.yaml").write_text("- 1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.ipynb").symlink_to("n.ipynb")
    before, text = sorted(tmp_path.rglob("*")), source.read_bytes()
    done = here("run", *words.split(), cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert message in done.stderr and "partial" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before and source.read_bytes() == text


def test_a_source_notebook_is_no_output(here):
    """`dime run` of one source to another, in the project."""
    words = "run notebooks/methods/03-efficiency.ipynb notebooks/methods/01-mmdi.ipynb"
    done = here(*words.split(), cwd=ROOT)
    assert done.returncode == 2 and "expected a file outside of notebooks/" in done.stderr


def test_a_stop_by_ctrl_c_is_one_line_and_leaves_nothing(tmp_path):
    """The terminal sends SIGINT to the whole group: command and kernel."""
    begun = tmp_path / "begun"
    notebook(tmp_path / "n.ipynb", "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)")
    words = [sys.executable, "-m", "dime", "run", "n.ipynb", "o.ipynb"]
    started = subprocess.Popen(
        words,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(
            signal.signal, signal.SIGINT, signal.SIG_DFL
        ),  # a job in the background ignores it
    )
    while not begun.exists():
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    _, said = started.communicate(timeout=30)
    begun.unlink()
    assert started.returncode == 130 and said.splitlines()[-1] == "dime: stopped" and "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["n.ipynb"]


def test_integer_is_taken_for_a_float(tmp_path):
    stage.check_parameters(notebook(tmp_path / "n.ipynb"), {"scale": 2, "count": 3})


def test_notebook_without_parameters_cell_is_refused(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), tmp_path / "n.ipynb")
    with pytest.raises(ValueError, match="expected one cell tagged 'parameters', found 0"):
        stage.declared_parameters(tmp_path / "n.ipynb")


def test_missing_block_names_file_and_block(tmp_path):
    (tmp_path / "params.yaml").write_text("train: {epochs: 1}\n")
    assert stage.read_block(tmp_path / "params.yaml", "train") == {"epochs": 1}
    with pytest.raises(ValueError, match=r"params.yaml: no block 'trian'"):
        stage.read_block(tmp_path / "params.yaml", "trian")


def run(command, folder, environment):
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_executions_are_byte_identical_and_a_failed_one_leaves_nothing(tmp_path, here):
    """Two runs give equal files; a failing cell keeps the earlier output and exits 1 with one line.

    The first run is a process of its own, the others are this one: each has a kernel of its own.
    """
    source = notebook(
        tmp_path / "n.ipynb",
        "print(count)",
        "import sys; print('log', file=sys.stderr)",
        "[count] * 3",
        "from IPython.display import HTML\nHTML('<script>play()</script>')",
    )
    words = "run", str(source), "a.ipynb", "-p", "count=7"
    done = run([sys.executable, "-m", "dime", *words], tmp_path, os.environ)
    assert done.returncode == 0, done.stderr
    done = here("run", str(source), "b.ipynb", "-p", "count=7", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "a.ipynb").read_bytes()
    assert first == (tmp_path / "b.ipynb").read_bytes()
    assert b'"7\\n"' in first
    assert b"<script>play()</script>" in first, "films are kept"

    notebook(source, "raise RuntimeError('no tissue')")
    failed = here("run", str(source), "a.ipynb", cwd=tmp_path)
    assert failed.returncode == 1
    assert "RuntimeError: no tissue" in failed.stderr.splitlines()[-1]
    assert (tmp_path / "a.ipynb").read_bytes() == first
    assert not list(tmp_path.glob("*.partial*"))


def test_command_line_says_in_one_line_what_is_wrong(tmp_path, here):
    source = notebook(tmp_path / "n.ipynb")
    done = here("run", str(source), "o.ipynb", "-p", "seeed=1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0 and "unknown parameter 'seeed'" in done.stderr
