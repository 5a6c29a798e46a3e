"""Rooms import only rooms before them; this is read from the code's own imports."""

from pathlib import Path

import pytest

from dime.files import pipeline, sources

ROOT = Path(__file__).parent.parent
ROOMS = (
    "physics progress processes phantoms mri fem metrics files simulation learning network inversion plotting"
    " reporting"
).split()
"""In their order: data flow down this list."""
WINGS = [room for room in ("liver", "records", "brain", "diffusion") if (ROOT / "dime" / room).is_dir()]
"""One for each companion system; none imports another."""
LAST = ["studies", "authors"]
"""For notebooks and the command line alone."""
OUTSIDE = {"", "cli", "cli_pipeline", "cli_scans", "__init__", "__main__"}
"""The face and the command line, which may import every room."""

MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
    for path in (ROOT / "dime").rglob("*.py")
}


def room(module):
    """The room that a module lies in: `dime.fem.mesh` in `fem`."""
    return module.split(".")[1] if module.count(".") else ""


def test_every_module_lies_in_a_room_that_the_order_names():
    assert {room(name) for name in MODULES} - OUTSIDE == {*ROOMS, *WINGS, *LAST}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_rooms_before_its_own(name):
    own = room(name)
    if own in OUTSIDE:
        return
    for imported in sources.imports(MODULES[name].read_text()):
        other = room(imported)
        if other == own:
            continue
        assert other not in LAST or own in LAST, f"{name} imports {imported}: only notebooks and cli may"
        if own in ROOMS:
            assert other in ROOMS[: ROOMS.index(own)], f"{name} imports {imported}, a later room"
        else:
            assert other in ROOMS, f"{name} imports {imported}: wings and studies stand side by side"


def test_no_module_imports_itself_in_a_circle():
    """Within a room too: following the imports of a module's imports never leads back to it."""
    direct = {name: sources.imports(path.read_text()) for name, path in MODULES.items()}
    for name, imported in direct.items():
        if room(name) in OUTSIDE:
            continue
        others = sources.used({one for one in imported if one in MODULES} - {name})
        registry = name == "dime.inversion.methods"  # its table names functions, imported when they are used
        assert name not in others or registry, name


def test_every_room_says_which_question_it_answers_and_names_its_modules():
    for path in (ROOT / "dime").glob("*/__init__.py"):
        words = path.read_text()
        assert words.startswith('"""') and "?" in words.splitlines()[0], f"{path}: expected a question"
        for module in path.parent.glob("*.py"):
            assert module.stem == "__init__" or module.stem in words, f"{path} does not name {module.stem}"


def test_modules_are_short():
    long = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in long.items() if lines > 340} == {}


def stage(name):
    """The stage PART/NAME."""
    return next(one for one in pipeline.stages(ROOT) if f"{one.part}/{one.name}" == name)


@pytest.mark.parametrize("name", ["mre/simulate@train", "mre/train", "studies/ablation", "studies/transfer"])
def test_no_plot_is_a_dependency_of_a_stage_that_simulates_or_trains(name):
    assert not [need for need in stage(name).needs if need.startswith("dime/plotting")]


def test_density_is_a_dependency_of_all_that_uses_it_and_reading_does_not_need_the_simulator():
    for name in ("mre/simulate@train", "mre/train", "mre/compare@liver", "mre/cohort"):
        assert "dime/physics.py" in stage(name).needs
    reads = sources.files(["dime.files.datasets"])
    assert not [path for path in reads if path.startswith(("dime/fem", "dime/phantoms", "dime/simulation"))]
    assert not [need for need in stage("mre/train").needs if need.startswith("dime/fem")]
