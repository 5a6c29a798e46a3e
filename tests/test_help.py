"""Help: that of every command ends with examples, and they run."""

import glob
import shlex
from pathlib import Path

import pytest
import typer

from dime import cli

ROOT = Path(__file__).parent.parent

IN_THE_PROJECT = "In the project's folder:"
"""Heading of examples that need the project's notebooks and results."""

READ_ONLY = ["dime inputs", "dime summary"]
"""Of these the ones that run as they stand; of the others the words alone are read, because they execute a
notebook, typeset, or change the project."""

SLOW = ("dime brain ", "dime diffusion ", "dime records train ", "dime records simulate --exams 6 ")
"""Ten seconds or more: tests of these wings run them on smaller input, here their words alone are read."""


def commands(command, words=("dime",)):
    """Every command and group below a command, as the words that call it and the command itself."""
    yield " ".join(words), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def examples(name):
    """What stands at the end of a command's help: a heading, and the lines below it."""
    context = COMMANDS[name].make_context(name, [], resilient_parsing=True)
    heading, *lines = COMMANDS[name].get_help(context).rpartition("\n\n")[2].splitlines()
    return heading.strip(), [line.strip() for line in lines]


EXAMPLES = list(dict.fromkeys((heading, *lines) for heading, lines in map(examples, COMMANDS)))
EXAMPLES = [  # without those that another one begins with
    one for one in EXAMPLES if not any(one == other[: len(one)] for other in EXAMPLES if one != other)
]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_an_example(name):
    heading, lines = examples(name)
    assert heading in ("Example:", IN_THE_PROJECT), f"{name}: its help does not end with an example"
    assert lines and all(line.startswith("dime ") for line in lines)
    group = hasattr(COMMANDS[name], "commands")
    assert f"{lines[-1]} ".startswith(f"{name} "), f"{name}: its last example is of another command"
    assert not group or any(lines[-1].startswith(below) for below in COMMANDS if below != name)


def read(line):
    """Read the words of a line as its command would, without running it."""
    name = max((one for one in COMMANDS if f"{line} ".startswith(f"{one} ")), key=len)
    COMMANDS[name].make_context(name, shlex.split(line)[len(name.split()) :])


@pytest.mark.parametrize(("heading", "lines"), [(one[0], one[1:]) for one in EXAMPLES])
def test_examples_run(heading, lines, tmp_path, here, monkeypatch):
    """In an empty folder, or in the project's."""
    monkeypatch.delenv("DIME_REFERENCE", raising=False)  # conversions of what is absent write empty files
    folder = ROOT if heading == IN_THE_PROJECT else tmp_path
    for line in lines:
        read(line)  # raises where an option is unknown
        if line.startswith(SLOW) or (folder == ROOT and line not in READ_ONLY):
            continue
        monkeypatch.chdir(folder)
        words = [one for word in shlex.split(line)[1:] for one in sorted(glob.glob(word)) or [word]]
        done = here(*words, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert folder == ROOT or done.stdout or any(folder.iterdir())
