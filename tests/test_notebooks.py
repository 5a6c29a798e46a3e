"""Source notebooks are clean, declare their parameters, and every name the stages pass exists."""

import copy
import itertools
import re
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from dime.files import pipeline, yaml12
from dime.reporting.stage import check_parameters, declared_parameters, read_block

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [
    path for path in sorted((ROOT / "notebooks").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
]
STAGES = pipeline.stages(ROOT)
PROFILES = sorted((ROOT / "params").glob("*.yaml"))
WINGS = ("liver", "records", "brain", "diffusion")
"""Parts of companion systems."""
RUNS = [(one.name, one.command) for one in STAGES if one.notebook]


def staged(path):
    """Text of a notebook as git would commit it: running and saving one by hand breaks no test."""
    index = ["git", "show", f":./{path.relative_to(ROOT).as_posix()}"]
    shown = subprocess.run(index, cwd=ROOT, capture_output=True, text=True)
    return path.read_text() if shown.returncode else shown.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_source_notebook_is_clean_and_runs_on_python3(path):
    notebook = nbformat.reads(staged(path), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, f"nbstripout --keep-id {path}"
            assert len([line for line in cell.source.splitlines() if line.strip()]) <= 25


def imports_cell(path):
    return next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_first_cell_enters_the_project_after_its_imports(path):
    *imports, last = imports_cell(path).splitlines()
    assert last.startswith("project.enter()")
    assert all(re.match(r"import |from |$", line) for line in imports)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_default_input_comes_with_the_project_or_a_stage_writes_it(path):
    """So that a missing one is named with the command that makes it."""
    written = {path for stage in STAGES for path in stage.writes}
    folders = {parent.as_posix() for path in written for parent in Path(path).parents}
    for name, value in declared_parameters(path).items():
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else ():
            if "/" in str(text) and not name.endswith("output"):
                assert not text.startswith("scratch"), name
                assert text in written | folders or (ROOT / text).exists(), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_that_was_run_and_saved_in_jupyterlab_is_the_same_file(path):
    """The hook of `make lab` takes out what the kernel and the browser put in; copies elsewhere keep it."""
    config = SimpleNamespace(FileContentsManager=SimpleNamespace(), ServerApp=SimpleNamespace())
    place = ROOT / ".jupyter/jupyter_server_config.py"
    exec(compile(place.read_text(), place, "exec"), {"__file__": str(place), "get_config": lambda: config})
    content = nbformat.reads(staged(path), as_version=4)
    for cell in content.cells:
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
        if cell.cell_type == "code":
            cell.execution_count = 3
            cell.outputs = [nbformat.v4.new_output("stream", text="stiff")]
    content.metadata.language_info["version"] = "3.11.0"
    content.metadata.kernelspec["display_name"] = "Python 3 (ipykernel)"
    manager = SimpleNamespace(root_dir=str(ROOT))
    copied = {"type": "notebook", "content": copy.deepcopy(content)}
    saved = {"type": "notebook", "content": content}
    config.FileContentsManager.pre_save_hook(saved, str(path.relative_to(ROOT)), manager)
    assert nbformat.writes(saved["content"]) + "\n" == staged(path)
    kept = copy.deepcopy(copied)
    config.FileContentsManager.pre_save_hook(copied, f"results/mre/notebooks/{path.name}", manager)
    assert copied == kept


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
    given |= {name: yaml12.parse(text, name) for name, text in pairs}
    check_parameters(ROOT / words[2], given)


def test_profiles_have_the_same_blocks_and_names():
    def names(values, prefix=""):
        if not isinstance(values, dict):
            return {prefix}
        return set().union(*(names(value, f"{prefix}.{key}") for key, value in values.items()))

    found = {path.stem: names(yaml12.read(path)) for path in PROFILES}
    assert set(found) == {"smoke", "default", "paper"}
    assert found["smoke"] == found["default"] == found["paper"]


def simulated(profile):
    """Recipes of all simulated datasets, of every part."""
    return [block for part in profile.values() for block in part.get("simulate", {}).values()]


def test_train_validation_and_test_sets_share_no_seed():
    for path in PROFILES:
        seeds = [block["seed"] for block in simulated(yaml12.read(path))]
        assert len(seeds) == len(set(seeds)), path


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.stem)
def test_a_network_to_go_on_from_is_there(profile):
    start = yaml12.read(profile)["mre"]["train"]["start"]
    assert start == "" or (ROOT / start / "card.json").is_file()


def test_executed_notebooks_are_outputs_never_dependencies():
    for stage in STAGES:
        assert not any("/notebooks/" in need for need in stage.needs if need.startswith("results/"))


def test_every_notebook_is_executed_by_a_stage_and_ends_with_what_we_learnt():
    executed = {ROOT / stage.notebook for stage in STAGES if stage.notebook}
    assert executed == set(NOTEBOOKS)
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        learnt = [c.source for c in cells if c.source.startswith("## What we learnt")]
        assert len(learnt) == 1, path
        assert len(re.findall(r"(?m)^- ", learnt[0])) == 3, f"{path}: expected three bullets"


def test_the_reading_order_names_every_notebook():
    text = (ROOT / "notebooks/README.md").read_text()
    for path in NOTEBOOKS:
        assert path.relative_to(ROOT / "notebooks").with_suffix("").as_posix() in text, path


PAGES = [ROOT / name for name in ("README.md", "notebooks/README.md", "docs/architecture.md")]


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_sections_of_the_paper_that_are_named_exist(path):
    """`Results, *Uncertainty*`: a chapter of the paper or its supplement, and how a section of it begins."""
    chapters, chapter = {}, None
    sources = ((ROOT / f"paper/{name}.typ").read_text() for name in ("dime", "supplement"))
    for line in "\n".join(sources).splitlines():
        if line.startswith("= "):
            chapter = chapters.setdefault(line[2:], [])
        elif line.startswith("== "):
            chapter.append(line[3:])
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    named = re.findall(r"(Methods|Results),\s+\*([^*]+)\*", text)
    companion = path.parent.name in WINGS  # it has no paper yet
    assert named or companion or path.suffix == ".md" or path.stem in ("06-figures", "00-quickstart")
    for chapter, section in named:
        assert any(title.startswith(section) for title in chapters[chapter]), f"{chapter}, {section}"
