"""Run a notebook as a pipeline stage, with checked parameters and reproducible bytes.

papermill executes the notebook. This module adds three things that a pipeline needs. An unknown or mistyped
parameter is an error before anything runs (papermill only warns). The executed notebook appears under its
name only when every cell has passed. What changes from run to run (times, random cell ids) is removed, so
that a rerun gives identical bytes.
"""

import base64
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import nbformat
import papermill
from papermill.engines import NBClientEngine, papermill_engines

from dime.files import project, yaml12
from dime.files.pictures import with_palette
from dime.files.whole import alone, whole
from dime.processes import environment
from dime.progress import bar

KERNEL, ENGINE = "python3", "watched"


def declared_parameters(notebook):
    """Names and default values in a notebook's cell tagged `parameters`.

    Parameters
    ----------
    notebook : path
        Source notebook.

    Returns
    -------
    dict
        Name -> default value, evaluated (parameters are literals: numbers, strings, lists).

    Raises
    ------
    FileNotFoundError
        The notebook does not exist.
    ValueError
        It is no notebook, has no cell tagged `parameters` or more than one, or the cell fails.
    """
    notebook = Path(notebook)
    if not notebook.is_file():
        raise FileNotFoundError(f"{notebook}: {'is a folder' if notebook.is_dir() else 'no such notebook'}")
    try:
        content = nbformat.read(notebook, as_version=4)
        nbformat.validate(content)
    except Exception as error:  # of JSON, of its schema, or of text that is not UTF-8
        raise ValueError(f"{notebook}: not a notebook ({str(error).splitlines()[0][:80]})") from None
    cells = [
        cell.source
        for cell in content.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
    ]
    if len(cells) != 1:
        raise ValueError(f"{notebook}: expected one cell tagged 'parameters', found {len(cells)}")
    namespace = {}
    try:
        exec(cells[0], namespace)
    except Exception as error:
        raise ValueError(f"{notebook}: the cell tagged 'parameters' fails ({error})") from None
    return {name: value for name, value in namespace.items() if not name.startswith("__")}


def check_parameters(notebook, given):
    """Check that a notebook declares the given parameters and that their types are those of the defaults.

    An integer is accepted where the default is a float; nothing else is converted.

    Raises
    ------
    ValueError
        The message names the notebook, the parameter and what was expected.
    """
    declared = declared_parameters(notebook)
    for name, value in given.items():
        if name not in declared:
            raise ValueError(f"{notebook}: unknown parameter {name!r}; it has {', '.join(declared)}")
        expected = type(declared[name])
        if isinstance(value, int) and not isinstance(value, bool) and expected is float:
            continue
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            hint = "; write it without quotes" if isinstance(value, str) and expected in (int, float) else ""
            raise ValueError(
                f"{notebook}: parameter {name!r} must be {expected.__name__} like {declared[name]!r}, "
                f"found {type(value).__name__} {value!r}{hint}"
            )


def read_block(params_file, block):
    """Read the parameters in one block (dotted path) of a YAML file.

    Raises
    ------
    FileNotFoundError, ValueError
        The file or the block is missing, or the block is not a mapping.
    """
    values = yaml12.read(params_file)
    for key in block.split("."):
        if not isinstance(values, dict) or key not in values:
            raise ValueError(f"{params_file}: no block {block!r}")
        values = values[key]
    if not isinstance(values, dict):
        raise ValueError(f"{params_file}: block {block!r} must be a mapping of parameters")
    return values


def execute(notebook, output, parameters):
    """Execute a notebook with papermill and write it under its name only if every cell passed.

    The kernel starts in the notebook's folder, as in JupyterLab. It imports the package of the project that
    the working directory belongs to, even where another copy of it is installed.

    Parameters
    ----------
    notebook, output : path
        Source and executed notebook.
    parameters : dict
        Values for the cell tagged `parameters`, see `check_parameters`.

    Raises
    ------
    ValueError
        A parameter is unknown or has the wrong type; `output` is no notebook of its own, or another process
        is writing it.
    papermill.PapermillExecutionError
        A cell failed; `output` is unchanged.
    """
    check_parameters(notebook, parameters)
    _check_output(notebook, output)
    _die_with_parent()
    paths = [str(project.find() or ""), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    path = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    kernel = {"PYTHONPATH": path, "TQDM_DISABLE": "1"}  # a bar of the notebook would be a widget of random id
    name, begin = Path(output).with_suffix(""), time.monotonic()
    with alone(output), whole(output) as aside, bar(name=str(name), total=0) as cells:
        papermill_engines.register(ENGINE, _engine(cells))
        with environment(kernel):
            executed = papermill.execute_notebook(
                str(notebook),
                str(aside),
                parameters=parameters,
                kernel_name=KERNEL,
                engine_name=ENGINE,
                cwd=Path(notebook).parent,
                extra_arguments=["--log-level=CRITICAL"],  # after Ctrl-C the kernel would log a traceback
                progress_bar=False,
                stdout_file=sys.stdout,
                stderr_file=sys.stderr,
            )
        nbformat.write(normalised(executed), aside)
    print(f"{name}: {len(executed.cells)} cells in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def _check_output(notebook, output):
    """Refuse an output that is the source, another source notebook, a folder, or no .ipynb file."""
    output = Path(output)
    if output.is_dir() or output.suffix != ".ipynb":
        raise ValueError(f"{output}: expected the name of a notebook to write, ending in .ipynb")
    if output.exists() and output.samefile(notebook):
        raise ValueError(f"{output}: expected another file than the notebook that is run")
    folder = project.find()
    if output.exists() and folder and folder / "notebooks" in output.resolve().parents:
        raise ValueError(f"{output}: expected a file outside of notebooks/, where the sources are")


def _engine(cells):
    """papermill's engine, which also moves a bar from cell to cell."""

    class Watched(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, manager, kernel_name, **options):
            begin = manager.cell_start

            def begin_and_show(cell, cell_index=None, **others):
                cells.total, cells.n = len(manager.nb.cells), cell_index
                cells.refresh()
                return begin(cell, cell_index, **others)

            manager.cell_start = begin_and_show
            return super().execute_managed_notebook(manager, kernel_name, **options)

    return Watched


def normalised(executed):
    """Remove from an executed notebook all that differs between two equal runs, except its outputs."""
    executed.metadata.pop("papermill", None)
    executed.metadata.get("language_info", {}).pop("version", None)
    for index, cell in enumerate(executed.cells):
        cell.id = f"cell-{index}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # How log lines are divided into outputs depends on timing; the terminal has shown them already.
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            _lighten(cell)
            _join_streams(cell)
    return executed


def _lighten(cell):
    """Give a cell's pictures a palette: executed notebooks are kept in git."""
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            png = base64.b64decode(output.data["image/png"])
            output.data["image/png"] = base64.b64encode(with_palette(png)).decode() + "\n"


def _join_streams(cell):
    joined = []
    for output in cell.outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    cell.outputs = joined


def _die_with_parent():
    """Ask Linux to end this process with its parent, because an orphan would continue to write results."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
