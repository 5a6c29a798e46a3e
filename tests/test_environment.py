"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import types
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import nbformat
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from dime.files import extras, waves, yaml12
from dime.inversion import methods, registry

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKED = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"(?m)^([A-Za-z0-9._-]+)==(\S+)$", (ROOT / "requirements.lock").read_text()
    )
}


def test_every_line_of_the_lock_pins_one_version():
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line.strip()]
    assert len(lines) == len(LOCKED)


def test_every_dependency_is_locked_at_a_version_it_allows():
    for requirement in map(Requirement, {*PROJECT["dependencies"], *chain(*EXTRAS.values())}):
        if requirement.name == PROJECT["name"]:  # one extra that takes another in
            assert requirement.extras <= EXTRAS.keys()
            continue
        name = canonicalize_name(requirement.name)
        assert name in LOCKED, f"{requirement.name} is not in requirements.lock"
        assert requirement.specifier.contains(LOCKED[name]), f"{requirement}: the lock has {LOCKED[name]}"


def imported(source):
    """Top-level modules that a piece of Python imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"dime"}


def code_of(path):
    """The Python of a module or a notebook."""
    if path.suffix == ".py":
        return path.read_text()
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


ROOMS = {
    "dime/processes.py": ["pipeline"],  # many tasks at once
    "dime/simulation": ["pipeline"],  # many examinations at once
    "dime/reporting": ["pipeline"],
    "dime/reporting/book": ["book"],
    "dime/brain": ["pipeline"],  # the template that anatomies are drawn from
    "dime/cli_pipeline.py": ["pipeline"],
    "dime/files": ["dicom"],
    "dime/plotting": ["view"],
    "notebooks": ["pipeline", "view"],
    ".jupyter": ["notebooks"],
    "docs": ["book"],
    "tests": [*EXTRAS],
}
"""Where imports from extras are allowed, and from which. All other places have the core alone."""


def declared(extras):
    """Names of the packages of the core and of some extras, with the extras that these take in."""
    requirements = list(map(Requirement, chain(PROJECT["dependencies"], *(EXTRAS[name] for name in extras))))
    inner = {extra for one in requirements for extra in one.extras if one.name == PROJECT["name"]}
    return {canonicalize_name(one.name) for one in requirements} | (declared(inner) if inner else set())


def test_every_package_that_is_imported_is_declared():
    """The package by the core, or by an extra that its room may use; the rest by what it is there for."""
    packages = packages_distributions()
    own = {path.stem for path in (ROOT / "tests").glob("*.py")}
    for folder in ("dime", "notebooks", ".jupyter", "docs", "tests"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")]:
            place = path.relative_to(ROOT).as_posix()
            extras = chain(*(some for room, some in ROOMS.items() if place.startswith(room)))
            allowed = declared(extras)
            for module in imported(code_of(path)) - (own if folder == "tests" else set()):
                names = {canonicalize_name(name) for name in packages.get(module, [module])}
                assert names & allowed, f"{place} imports {module}, which nothing that it may use declares"


REQUIRES = [
    *PROJECT["dependencies"],
    *(f'{one}; extra == "{x}"' for x, some in EXTRAS.items() for one in some),
]
"""As the installed package states them; the one that is installed here may be of another state."""

CORE = """
import sys
from importlib import metadata
metadata.requires = lambda name: {requires}
for name in {blocked}:
    sys.modules[name] = None  # as if it were not installed
import dime
waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
dime.write_map("map.nii.gz", dime.invert(waves, "mmdi")["stiffness"], dime.EXAMPLE_WAVE)
import dime.inversion.nonlinear, dime.network.prediction, dime.simulation.exported
import dime.reporting.demo, dime.liver.examination, dime.records.prediction
import dime.brain.estimate, dime.diffusion.estimate
from dime import cli
sys.argv = ["dime", "run", "some.ipynb", "out.ipynb"]
cli.main()
"""


def test_the_core_needs_no_extra_and_what_needs_one_says_so(tmp_path):
    blocked = declared(["pipeline", "dicom", "view"]) - declared([]) - {PROJECT["name"]} - {PROJECT["name"]}
    program = CORE.format(requires=REQUIRES, blocked=sorted(name.replace("-", "_") for name in blocked))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() == "dime run needs papermill: pip install '.[notebooks]' in a clone"
    assert (tmp_path / "map.nii.gz").is_file()


def test_an_extra_is_named_for_every_module_that_only_extras_bring(monkeypatch):
    monkeypatch.setattr(extras.metadata, "requires", lambda name: REQUIRES)
    packages = packages_distributions()
    needed = {name for names in map(imported, map(code_of, (ROOT / "dime").rglob("*.py"))) for name in names}
    core = declared([])
    outside = {
        name for name in needed if not {canonicalize_name(one) for one in packages.get(name, [name])} & core
    }
    assert outside
    for name in outside:
        assert f"{name}: pip install '.[" in extras.advice(f"{name}.inner"), name
    assert extras.advice("numpy") == extras.advice("no_such_library") == ""


def test_conda_environment_installs_python_and_the_same_lock():
    dependencies = yaml12.read(ROOT / "environment.yml")["dependencies"]
    python = next(item for item in dependencies if str(item).startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert "pip" in dependencies
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    assert pip == ["-r requirements.lock", "-e ."]


def test_no_dependency_forbids_commercial_or_open_use():
    """Meshers and simulators whose licence is non-commercial must not creep in."""
    assert not {"triangle", "meshpy", "mrzerocore"} & LOCKED.keys()


def test_readme_is_a_page_and_its_links_lead_somewhere():
    """About 100 lines, none too long; the same for the pages that it leads to."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 115
    for page in (ROOT / "README.md", ROOT / "notebooks/README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target} does not exist"


def test_the_architecture_names_every_room_and_module():
    text = (ROOT / "docs/architecture.md").read_text()
    for path in (ROOT / "dime").glob("*/*.py"):
        expected = f"`{path.parent.name}/`" if path.stem == "__init__" else f"`{path.stem}`"
        assert expected in text, f"docs/architecture.md does not name {expected} of {path.parent.name}"


def test_the_method_that_the_guide_adds_works(monkeypatch, tmp_path):
    """Its module, record and tests, as they are printed there."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/contributing.md").read_text(), re.S)
    module, record, tests = blocks
    table = {"Method": registry.Method}
    exec(record.replace("    ...\n", ""), table)
    ((name, method),) = table["BUILT_IN"].items()
    new = types.ModuleType(method.function.split(":")[0])
    monkeypatch.setitem(sys.modules, new.__name__, new)
    exec(compile(module, new.__name__, "exec"), new.__dict__)
    monkeypatch.setitem(registry.METHODS, name, method)
    space = {}
    exec(compile(tests, "test", "exec"), space)
    space["test_a_travelling_plane_wave_gives_its_stiffness"](2000.0)
    space["test_a_standing_wave_has_no_confidence"]()
    example = waves.read_wave(waves.EXAMPLE_WAVE, 60.0)
    assert float(methods.invert(example, name)["stiffness"].max()) > 0
