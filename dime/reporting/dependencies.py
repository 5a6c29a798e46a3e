"""Compute which source files each pipeline stage depends on, and write them into the dvc.yaml files.

A stage runs a notebook or a command. Its dependencies inside `dime/` are the files that these import,
directly or through other modules (`dime.files.sources`). What a paper reads is read off its Typst source
(`dime.reporting.paper`). They are computed, never typed.
"""

import ast
import io
import re
import shlex
from pathlib import Path

import nbformat
from ruamel.yaml import YAML

from dime.files import pipeline, sources
from dime.files.whole import whole
from dime.reporting import paper

COMMAND_LINE = ("dime.cli_scans", "dime.cli_pipeline")
"""Modules that hold the functions of the commands."""


def modules(command):
    """Modules of this package that a stage's command names or imports.

    Parameters
    ----------
    command : str
        "dime run NOTEBOOK OUTPUT ..." or another command of this package's command line.

    Returns
    -------
    set of str
        Dotted names; without those that they import in turn.

    Raises
    ------
    ValueError
        The command line has no such command.
    """
    words = shlex.split(command)
    found = _of_command(words[1:])
    if words[1] == "run":
        cells = nbformat.read(words[2], as_version=4).cells
        found |= sources.imports("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
    return found


def _of_command(words):
    """Modules that a command's function in `COMMAND_LINE` imports when it is called."""
    trees = [ast.parse(sources.module_path(name).read_text()) for name in COMMAND_LINE]
    nodes = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    functions = {node.name: node for node in nodes}
    for name in ("_".join(words[:2]), words[0]):
        if name in functions:
            return sources.imports(ast.unparse(functions[name]))
    raise ValueError(f"dime {' '.join(words[:2])}: no such command")


def expected(content):
    """Paths that a stage (its entry in a dvc.yaml) depends on: in `dime/`, and what a paper reads; sorted."""
    computed = set(sources.files(modules(content["cmd"])))
    if _typesets(content):
        computed |= set(paper.reads(shlex.split(content["cmd"])[2]))
    return sorted(computed)


def _typesets(content):
    return content["cmd"].startswith("dime paper ")


def rewrite(path):
    """The text of a dvc.yaml file with the computed dependencies of every stage.

    Other dependencies (notebooks, data, metrics) keep their order and stand first; a paper has none.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
    """
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(Path(path).read_text())
    for content in tree["stages"].values():
        others = [dep for dep in content.get("deps") or [] if not re.match(r"dime/", dep)]
        others = [] if _typesets(content) else others
        content["deps"] = others + expected(content)
    text = io.StringIO()
    yaml.dump(tree, text)
    return text.getvalue()


def stale(root="."):
    """Pipeline files whose computed dependencies differ from those that are written there."""
    return [path for path in pipeline.files(root) if rewrite(path) != path.read_text()]


def write(root="."):
    """Bring the dependencies in every pipeline file up to date; returns the files that changed."""
    changed = stale(root)
    for path in changed:
        text = rewrite(path)
        with whole(path) as aside:
            aside.write_text(text)
    return changed
