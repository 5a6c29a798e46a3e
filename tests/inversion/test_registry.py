"""One record for each method, of this package or of another; everything that shows methods reads it."""

import re
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest

import dime
from dime.inversion import methods, registry
from dime.plotting import style

THIRD = registry.Method("elsewhere:invert", "third", "#123456", "a method of another package")


def of_others(monkeypatch, **objects):
    """What is taken over from packages that offer these objects as entry points, and the warnings."""
    monkeypatch.setitem(sys.modules, "elsewhere", SimpleNamespace(**objects))
    points = [EntryPoint(name, f"elsewhere:{name}", registry.GROUP) for name in objects]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])
    return registry._of_other_packages()


def test_a_method_of_another_package_is_inverted_with_and_trusted_by_its_own_confidence(monkeypatch):
    """It says 3 kPa everywhere, which is the truth, with a confidence of 0.5; it asks for 0.4 or 0.6."""

    def invert(wave, mask, spacing_m, frequency_hz):
        return 3e3 * mask, 0.5 * mask

    waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    share = {}
    for least in (0.4, 0.6):
        record = registry.Method(THIRD.function, "third", "#123456", "", least_confidence=least)
        monkeypatch.setattr(registry, "METHODS", registry.BUILT_IN | of_others(monkeypatch, third=record)[0])
        monkeypatch.setattr(methods, "METHODS", registry.METHODS)
        sys.modules["elsewhere"].invert = invert
        maps = dime.invert(waves, "third")
        assert set(np.unique(maps["stiffness"])) == {0, 3000}
        share[least] = float(maps["trusted"].values[waves["mask"].values].mean())
    assert share[0.4] > 0.5 and share[0.6] == 0
    assert registry.described()[-1].split() == ["third"]


@pytest.mark.parametrize(
    ("name", "thing", "said"),
    [
        ("mmdi", THIRD, "method mmdi of elsewhere:mmdi: left out, because another method has this name"),
        ("wrong", print, "method wrong of elsewhere:wrong: left out; expected a Method, found "),
    ],
)
def test_what_is_no_method_is_left_out_and_named(monkeypatch, name, thing, said):
    found, (line,) = of_others(monkeypatch, **{name: thing})
    assert found == {} and line.startswith(said)


def test_a_package_that_cannot_be_imported_does_not_stop_the_others(monkeypatch, here, tmp_path):
    """It is named where methods are listed, and where it is asked for."""
    points = [EntryPoint("broken", "no_such_package:METHOD", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    found, (line,) = registry._of_other_packages()
    assert found == {} and line.startswith("method broken of no_such_package:METHOD: left out, because it")
    monkeypatch.setattr("dime.cli_scans.LEFT_OUT", [line])
    listed = here("methods", cwd=tmp_path)
    assert listed.returncode == 0 and listed.stderr == f"dime: {line}\n" and "broken" not in listed.stdout
    monkeypatch.setattr(methods, "LEFT_OUT", [line])
    with pytest.raises(ValueError, match="found 'broken'; method broken of no_such_package:METHOD: left out"):
        methods.load_method("broken")


def test_a_function_that_another_package_does_not_have_is_named(monkeypatch):
    record = registry.Method("elsewhere:absent", "third", "#123456", "")
    monkeypatch.setattr(registry, "METHODS", registry.BUILT_IN | of_others(monkeypatch, third=record)[0])
    monkeypatch.setattr(methods, "METHODS", registry.METHODS)
    with pytest.raises(ValueError, match=r"^method third: elsewhere:absent cannot be imported"):
        methods.load_method("third")


def two_arguments(wave, mask):
    """A function with the wrong arguments."""


def one_map(wave, mask, spacing_m, frequency_hz):
    """A function that returns no confidence."""
    return np.zeros(wave.shape)


def other_shape(wave, mask, spacing_m, frequency_hz):
    """A function whose maps have other pixels than the wave."""
    return np.zeros((3, 3)), np.zeros((3, 3))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("two_arguments", r"^method third: {}:two_arguments cannot be called with \(wave, mask, spacing_m, "),
        ("one_map", r"method third: expected two maps of shape \(96, 80\), found \(80,\), \(80,\)"),
        ("other_shape", r"method third: expected two maps of shape \(96, 80\), found \(3, 3\), \(3, 3\)"),
    ],
)
def test_a_function_of_another_package_that_does_not_suit_is_named(monkeypatch, function, said):
    record = registry.Method(f"{__name__}:{function}", "third", "#123456", "")
    monkeypatch.setattr(methods, "METHODS", registry.BUILT_IN | {"third": record})
    waves = dime.read_wave(dime.EXAMPLE_WAVE, 60.0)
    waves = waves.isel(y=slice(96), x=slice(80))
    with pytest.raises(ValueError, match=said.format(__name__)):
        methods.invert(waves, "third")


def test_records_are_complete_and_figures_show_them():
    """One line of help, a colour of its own, and the label of the record in figures."""
    assert methods.DEFAULT in registry.METHODS
    assert len({method.colour for method in registry.METHODS.values()}) == len(registry.METHODS)
    for name, method in registry.BUILT_IN.items():
        assert re.fullmatch("#[0-9a-f]{6}", method.colour) and method.help and "\n" not in method.help
        assert method.learnt or style.METHOD_NAMES[name] == method.label
    shown = list(style.LOOKS)
    assert [name for name in shown if name in registry.METHODS] == list(registry.METHODS)
