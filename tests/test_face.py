"""The package's face: names that are imported when they are used, typed, each with an example that runs."""

import ast
import doctest
import inspect
import subprocess
import sys
import typing

import pytest

import dime
from dime.files import sources


def loaded(code):
    """Top-level modules that a fresh interpreter has loaded after running code."""
    script = f"{code}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_neither_numpy_nor_torch():
    assert not {"numpy", "torch", "xarray", "scipy", "matplotlib"} & loaded("import dime; dir(dime)")


def test_mmdi_inverts_without_torch():
    code = "import dime; dime.invert(dime.read_wave(dime.EXAMPLE_WAVE, 60.0), 'mmdi')"
    found = loaded(code)
    assert "numpy" in found and "torch" not in found


def test_the_table_of_names_is_complete_and_true():
    assert sorted(dime.__all__) == sorted(dime.EXPORTS) and set(dime.EXPORTS) <= set(dir(dime))
    for name in dime.EXPORTS:
        assert getattr(dime, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dime.nothing  # noqa: B018


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING name what the table names."""
    tree = ast.parse((sources.PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: f"{node.module}:{alias.name}" for node in block.body for alias in node.names}
    assert seen == dime.EXPORTS


TYPED = ["simulate", "invert", "read_wave", "write_map", "load_model", "predict_stiffness"]


@pytest.mark.parametrize("name", TYPED)
def test_signatures_are_typed(name):
    function = getattr(dime, name)
    hints = typing.get_type_hints(function)
    assert set(inspect.signature(function).parameters) | {"return"} == set(hints)


@pytest.mark.parametrize("name", ["simulate", "invert", "read_wave", "write_map", "load_model", "METHODS"])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = getattr(dime, name)
    if name == "METHODS":  # a table: its example stands in the docstring of its module
        thing = sys.modules["dime.inversion.methods"]
    finder = doctest.DocTestFinder(recurse=False)
    examples = [test for test in finder.find(thing, name) if test.examples]
    assert examples, f"{name} has no example"
    runner = doctest.DocTestRunner()
    for test in examples:
        assert runner.run(test).failed == 0
