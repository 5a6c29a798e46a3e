"""Stiffness imaging by MR elastography and its neighbours: simulate, invert, report; rerun the notebooks."""

import gc
import logging
import os
import sys
import warnings
from importlib import metadata
from typing import Annotated

import typer

from dime.brain.commands import brain_app
from dime.cli_pipeline import pipeline
from dime.cli_scans import scans
from dime.diffusion.commands import diffusion
from dime.files import extras
from dime.liver.commands import liver_app
from dime.records.commands import records

STOPPED = 130
"""Exit code after Ctrl-C."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # takes [kPa] for markup and leaves it out
    help=__doc__,
    epilog="""\b
Example:
  dime demo scan
  dime invert scan/phase.nii.gz --frequency 60 --mask scan/mask.nii.gz -o stiffness.nii.gz""",
)


def _show_version(asked):
    if asked:
        typer.echo(f"dime {metadata.version('dime')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
):
    pass  # what stands before a command; its callback has done it


for commands in (scans, liver_app, brain_app, diffusion):
    app.add_typer(commands)
app.add_typer(records, name="records")
app.add_typer(pipeline)


def main():
    """Run the command line; bad input is one line on stderr and exit code 2, Ctrl-C one and code 130."""
    warnings.formatwarning = lambda message, *_, **__: f"dime: {message}\n"
    gc.set_threshold(100_000)  # imports make objects that stay: to search them often is a seventh of a start
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # what it mends is judged by files.header
    try:
        code = app(standalone_mode=False) or 0
        if code == STOPPED:  # typer has caught the interrupt
            typer.echo("dime: stopped", err=True)
        raise SystemExit(code)
    except typer.exceptions.TyperException as error:  # options that are missing, unknown or no number
        if error.format_message():  # empty where help was shown instead
            typer.echo(f"dime: {error.format_message()}", err=True)
    except BrokenPipeError:  # who reads has read enough, as in `dime summary | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except ModuleNotFoundError as error:
        if not (needed := extras.advice(error.name or "")):
            raise
        typer.echo(f"dime {' '.join(sys.argv[1:2])} needs {needed}", err=True)
    except (ValueError, OSError) as error:
        typer.echo(f"dime: {' '.join(str(error).split())}", err=True)
    raise SystemExit(2)
