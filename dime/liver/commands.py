"""Command `dime liver`."""

import os
from pathlib import Path
from typing import Annotated

import typer

liver_app = typer.Typer(rich_markup_mode=None)


@liver_app.command(
    epilog="""\b
Example:
  dime demo scan
  dime liver scan --mask scan/mask.nii.gz -o liver"""
)
def liver(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Folder with magnitude.nii.gz and phase.nii.gz, folder of DICOM, MATLAB's .mat, or the "
            "phase itself: (x, y, slice, offset)."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", help="Folder to write: maps, reading.json, pictures.")],
    magnitude: Annotated[Path | None, typer.Option(help="NIfTI; default: the one beside the phase.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="NIfTI, liver where not 0; it takes the place of the segmentation.")
    ] = None,
    frequency: Annotated[
        float | None, typer.Option(help="Vibration [Hz]; default: MechanicalFrequency of the sidecar.")
    ] = None,
    spacing: Annotated[float | None, typer.Option(help="Pixel [mm]; default: the header's.")] = None,
    method: Annotated[str, typer.Option(help="dime, mmdi, map-unet or map-resnet.")] = "dime",
    phase_units: Annotated[
        str | None, typer.Option(help="rad, mrad, deg or cycles; default: by sidecar or by the jumps.")
    ] = None,
    phase_period: Annotated[float | None, typer.Option(help="Period of the phases, such as 4096.")] = None,
    phase_scale: Annotated[float | None, typer.Option(help="Phase [rad] over the value in the file.")] = None,
):
    """Examine a liver: outline, map, one number, and trust.

    The scan of `dime demo` is a liver without a body around it, and the reading says so.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads sleep while they have no work
    from dime.files import doubts
    from dime.files.scans import read_scan
    from dime.liver import checks, examination, report

    report.check_folder(output, [path for path in (exam, magnitude, mask) if path])
    spacing_m = None if spacing is None else spacing * 1e-3
    with doubts.shown_after():
        scan = read_scan(exam, magnitude, mask, frequency, spacing_m, phase_units, phase_period, phase_scale)
    result = examination.examine(scan, method)
    report.write(result, scan, output)
    reading = result.attrs["reading"]
    slices = sum(one > 0 for one in reading["area_cm2"])
    area = f"{sum(reading['area_cm2']):.0f} cm2 in {slices} slice{'s' * (slices != 1)}"
    quality = "" if reading["quality"] is None else f", quality {reading['quality']:.2f}"
    seen = f"{scan.attrs['read_as']}, pixel {reading['spacing_mm']:g} mm, {reading['frequency_hz']:g} Hz"
    typer.echo(f"{output}: {report.headline(reading)}, by {method}, over {area}{quality}; {seen}")
    for flag in reading["flags"]:
        typer.echo(f"{output}: {flag}: {checks.FLAGS[flag]}")
