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
    """Modules that a fresh interpreter has loaded after running code."""
    script = f"{code}\nimport sys; print('modules:', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules:")[2].split())


NUMERIC = {"numpy", "torch", "xarray", "scipy", "pandas", "nibabel", "matplotlib", "tqdm"}
UNUSED = {"matplotlib", "skfem", "meshio", "sklearn", "zarr", "distributed", "papermill", "nbformat", "rich"}
"""Drawing, finite elements, simulation and notebooks, which no inversion uses."""
LATE = {"scipy.stats", "scipy.optimize", "scipy.spatial", "scipy.interpolate", "dime.fem", "dime.simulation"}
"""Parts that cost a tenth of a second and more, and that no inversion uses either."""


def command(words):
    """Code that runs the command line, as the shell does, and goes on."""
    call = f"import sys; sys.argv = {['dime', *words.split()]}; from dime.cli import main"
    return f"{call}\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"


def test_import_loads_neither_numpy_nor_torch():
    assert not (NUMERIC | UNUSED) & loaded("import dime; dir(dime)")


def test_help_loads_no_library_of_numbers():
    assert not (NUMERIC | UNUSED) & loaded(command("--help"))


@pytest.mark.parametrize(("method", "absent"), [("mmdi", {"torch", "safetensors"}), ("dime", set())])
def test_an_inversion_from_the_shell_loads_what_it_uses(method, absent, tmp_path):
    words = f"invert {dime.EXAMPLE_WAVE} --frequency 60 --method {method} -o {tmp_path}/out.nii.gz"
    found = loaded(command(words))
    assert {"numpy", "nibabel"} <= found and not (UNUSED | LATE | absent) & found
    assert ("torch" in found) == (method == "dime")


def test_phases_are_unwrapped_without_what_only_a_simulation_uses():
    code = "import dime; dime.read_wave(dime.EXAMPLE_WAVE.parent / 'demo/phase.nii.gz', 60.0)"
    assert not (UNUSED | LATE | {"torch"}) & loaded(code)


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


@pytest.mark.parametrize("name", dime.EXPORTS)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = getattr(dime, name)
    if name in ("METHODS", "EXAMPLE_WAVE"):  # values: their examples stand in the docstrings of their modules
        thing = sys.modules[dime.EXPORTS[name].partition(":")[0]]
    finder = doctest.DocTestFinder(recurse=False)
    examples = [test for test in finder.find(thing, name) if test.examples]
    assert examples, f"{name} has no example"
    runner = doctest.DocTestRunner()
    for test in examples:
        assert runner.run(test).failed == 0
