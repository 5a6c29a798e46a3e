"""Commands `dime diffusion` and `dime diffusion-example`."""

from pathlib import Path
from typing import Annotated

import typer

diffusion = typer.Typer(rich_markup_mode=None)


@diffusion.command(
    "diffusion",
    epilog="""\b
Example:
  dime diffusion-example cells
  dime diffusion cells/signal.csv --sequence cells/SEQ.yaml --mesh lattice:4 --noise 0.005 -o found.vtu""",
)
def membranes(
    signal: Annotated[
        Path,
        typer.Argument(help="Text, CSV or NumPy file: one number a measurement, in the order of SEQ.yaml."),
    ],
    sequence: Annotated[Path, typer.Option(help="SEQ.yaml: how it was measured, see docs/diffusion.md.")],
    mesh: Annotated[
        str,
        typer.Option(
            help="Tetrahedra in um: VTU, VTK, MSH, NPZ; or lattice:CELLS, lattice:CELLS:SPACING_UM."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", help="OUT.vtu to write, and OUT-membranes.vtu, .json, .png.")],
    method: Annotated[
        str, typer.Option(help="labels: closed compartments; faces: every face by itself, as the original.")
    ] = "labels",
    noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation over the signal at b = 0; default: by repeats, else 0.01."),
    ] = None,
    fits: Annotated[int, typer.Option(help="Fits, each from its own seed; several say what is sure.")] = 1,
    seed: Annotated[int, typer.Option(help="The number that all randomness follows from.")] = 0,
):
    """Find membranes from a diffusion signal. A stopped run goes on where it was."""
    from dime.diffusion import report
    from dime.diffusion.estimate import estimate_permeability
    from dime.files.whole import alone

    read = [signal, sequence, *([] if mesh.startswith("lattice:") else [Path(mesh)])]
    report.check_output(output, read)
    with alone(output):
        kept = report.unfinished(output)
        result = estimate_permeability(
            signal,
            sequence,
            mesh,
            method=method,
            noise=noise,
            seed=seed,
            fits=fits,
            progress=True,
            resume=kept,
        )
        report.write(result, output)
        kept.unlink(missing_ok=True)
    found = report.numbers(result)
    count = found["compartments"]
    cells = f"{count} compartment{'s' * (count > 1)}, cells fill {100 * found['volume_share']:.0f} %"
    total = found["membranes"] + found["outer_membranes"]
    typer.echo(f"{output}: {method}, {total} faces are membranes, {cells}")
    noise_said = f"noise {found['noise']:.2g} ({found['noise_from']})"
    typer.echo(f"{output}: chi {found['chi']:.2f} of {found['measurements']} measurements, {noise_said}")
    if fits > 1:
        worst = max(found["chi_of_fits"])
        sure = f"{found['held_by_all']} inner faces are in all of them, {found['held_by_any']} in any"
        typer.echo(f"{output}: {fits} fits, chi up to {worst:.2f}; {sure}")
    if found["mirror"]:
        typer.echo(f"{output}: the mirror image through the middle of the mesh explains the signal as well")


@diffusion.command(
    "diffusion-example",
    epilog="""\b
Example:
  dime diffusion-example cells""",
)
def diffusion_example(folder: Path):
    """Write a simulated signal to try `dime diffusion` on. SEQ.yaml and the true membranes are with it."""
    from dime.diffusion import example

    example.write(folder)
    typer.echo(f"{folder}: a simulated signal; now")
    typer.echo(
        f"dime diffusion {folder}/signal.csv --sequence {folder}/SEQ.yaml --mesh {example.MESH} "
        f"--noise {example.NOISE:g} -o found.vtu"
    )
