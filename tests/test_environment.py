"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

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


def test_conda_environment_installs_python_and_the_same_lock():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(item for item in dependencies if str(item).startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert "pip" in dependencies
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    assert pip == ["-r requirements.lock", "-e ."]


def test_no_dependency_forbids_commercial_or_open_use():
    """Meshers and simulators whose licence is non-commercial must not creep in."""
    assert not {"triangle", "meshpy", "mrzerocore"} & LOCKED.keys()


def test_readme_says_the_role_of_every_module_and_notebook():
    readme = (ROOT / "README.md").read_text()
    modules = {
        path.stem
        for path in (ROOT / "dime").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    for name in sorted(modules - {"__init__", "__main__"}):
        assert f"| `{name}` |" in readme or f"| `{name}/` |" in readme, f"dime/{name} is not in README.md"
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"`notebooks/{notebook.stem}`" in readme, f"{notebook.name} is not in README.md"
