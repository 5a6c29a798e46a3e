"""Source notebooks are clean, declare their parameters, and every name the stages pass exists."""

import ast
import itertools
import re
import shlex
from pathlib import Path

import nbformat
import pytest
import yaml

from dime.reporting.stage import check_parameters, declared_parameters, read_block

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PROFILES = sorted((ROOT / "params").glob("*.yaml"))


def expand(stage):
    """Matrix stages as the list of their items' commands."""
    commands = [stage["cmd"]]
    for name, values in stage.get("matrix", {}).items():
        commands = [c.replace(f"${{item.{name}}}", value) for c in commands for value in values]
    return commands


RUNS = [(name, cmd) for name, stage in STAGES.items() for cmd in expand(stage) if cmd.startswith("dime run")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_source_notebook_is_clean_and_runs_on_python3(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, f"{path.name} carries outputs"
            assert len([line for line in cell.source.splitlines() if line.strip()]) <= 25


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_parameters_are_flat_literals_that_default_to_scratch(path):
    parameters = declared_parameters(path)
    assert parameters
    for name, value in parameters.items():
        assert isinstance(value, (bool, int, float, str, list)), name
        if name.endswith("output"):
            assert value.startswith("scratch"), f"{name} must not write into results by default"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.stem)
@pytest.mark.parametrize(("stage", "command"), RUNS, ids=[re.sub(r"\W+", "-", c.split()[3]) for _, c in RUNS])
def test_every_parameter_a_stage_passes_is_declared_with_its_type(stage, command, profile):
    words = shlex.split(command)
    given = read_block(profile, words[words.index("--params") + 1]) if "--params" in words else {}
    pairs = [word.split("=") for flag, word in itertools.pairwise(words) if flag == "-p"]
    given |= {name: yaml.safe_load(text) for name, text in pairs}
    check_parameters(ROOT / words[2], given)


def test_profiles_have_the_same_blocks_and_names():
    def names(values, prefix=""):
        if not isinstance(values, dict):
            return {prefix}
        return set().union(*(names(value, f"{prefix}.{key}") for key, value in values.items()))

    found = {path.stem: names(yaml.safe_load(path.read_text())) for path in PROFILES}
    assert set(found) == {"smoke", "default", "paper"}
    assert found["smoke"] == found["default"] == found["paper"]


def test_train_validation_and_test_sets_share_no_seed():
    for path in PROFILES:
        seeds = [block["seed"] for block in yaml.safe_load(path.read_text())["simulate"].values()]
        assert len(seeds) == len(set(seeds)), path


def source_files(name):
    """Files of a module of `dime`, or of a package: all of them."""
    folder = ROOT / "dime" / name
    return sorted(folder.glob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports(source):
    """Modules and packages of `dime` that source imports, by their first name: `fem`, `mmdi`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "dime":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dime."):
            found.add(node.module.split(".")[1])
    return {name for name in found if source_files(name) and source_files(name)[0].is_file()}


@pytest.mark.parametrize("name", sorted({name for name, _ in RUNS}))
def test_stage_depends_on_every_module_its_notebook_uses(name):
    """Directly or through other modules: a change of any of them must rerun the stage, of others must not."""
    stage = STAGES[name]
    notebook = nbformat.read(ROOT / stage["cmd"].split()[2], as_version=4)
    pending = imports("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    used = {"pipeline"}
    while pending:
        module = pending.pop()
        used.add(module)
        pending |= set().union(*(imports(path.read_text()) for path in source_files(module))) - used
    if "inversion" in used:
        used.add("weights")  # of the pretrained network, its default model
    listed = [dep.removeprefix("dime/") for dep in stage["deps"] if dep.startswith("dime/")]
    assert {name.removesuffix(".py") for name in listed} == used


def test_executed_notebooks_are_outputs_never_dependencies():
    for stage in STAGES.values():
        assert not any("results/notebooks" in dependency for dependency in stage.get("deps", []))


@pytest.mark.parametrize("path", [*NOTEBOOKS, ROOT / "README.md"], ids=lambda p: p.stem)
def test_sections_of_the_paper_that_are_named_exist(path):
    """`Results, *Uncertainty*`: a chapter, and how one of its sections begins."""
    chapters, chapter = {}, None
    for line in (ROOT / "paper" / "dime.typ").read_text().splitlines():
        if line.startswith("= "):
            chapter = chapters.setdefault(line[2:], [])
        elif line.startswith("== "):
            chapter.append(line[3:])
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    named = re.findall(r"(Methods|Results),\s+\*([^*]+)\*", text)
    assert named or path.stem == "06-figures"
    for chapter, section in named:
        assert any(title.startswith(section) for title in chapters[chapter]), f"{chapter}, {section}"
