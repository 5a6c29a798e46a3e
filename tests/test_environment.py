"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import ast
import re
import sys
import tomllib
import types
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from dime.files import waves, yaml12
from dime.inversion import methods, registry

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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
    dependencies = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    for requirement in map(Requirement, dependencies):
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


def test_every_package_that_is_imported_is_declared():
    """The package, the notebooks and JupyterLab's configuration by the dependencies, tests by their extra."""
    packages = packages_distributions()
    needed = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    for_tests = needed | {
        canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"]["test"]
    }
    own = {path.stem for path in (ROOT / "tests").glob("*.py")}
    for folder in ("dime", "notebooks", ".jupyter", "tests"):
        declared = for_tests if folder == "tests" else needed
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")]:
            for module in imported(code_of(path)) - (own if folder == "tests" else set()):
                names = {canonicalize_name(name) for name in packages.get(module, [module])}
                assert names & declared, f"{path.relative_to(ROOT)} imports {module}, which nothing declares"


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


def test_the_method_that_the_architecture_adds_works(monkeypatch, tmp_path):
    """Its module, record and tests, as they are printed there."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/architecture.md").read_text(), re.S)
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
