"""Commands `dime brain` and `dime brain-example`."""

from pathlib import Path
from typing import Annotated

import typer

brain_app = typer.Typer(rich_markup_mode=None)


@brain_app.command(
    epilog="""\b
Example:
  dime brain-example head
  dime brain head/image-*.nii.gz --sequence head/SEQ.yaml --mask head/mask.nii.gz -o tissue"""
)
def brain(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="NIfTI, one a contrast in the order of SEQ.yaml, (x, y) or (x, y, slice), or one with the "
            "contrasts last; magnitudes, or complex."
        ),
    ],
    sequence: Annotated[Path, typer.Option(help="SEQ.yaml: how the images were made, see docs/brain.md.")],
    output: Annotated[Path, typer.Option("-o", help="Folder to write: maps, tissue.json, pictures.")],
    mask: Annotated[
        Path | None, typer.Option(help="NIfTI, brain where not 0; default: the largest bright piece.")
    ] = None,
    b1: Annotated[
        Path | None, typer.Option(help="NIfTI: flip angle over its nominal value, 0.6 to 1.3; default: 1.")
    ] = None,
    b0: Annotated[Path | None, typer.Option(help="NIfTI: offset of the resonance [Hz]; default: 0.")] = None,
    mixing: Annotated[
        str, typer.Option(help="signal: signals of a voxel's tissues add; property: as the original.")
    ] = "signal",
):
    """Map fluid, grey and white matter of a brain. Give its images and the sequences that made them."""
    from dime.brain import report
    from dime.brain.estimate import estimate_tissue
    from dime.brain.tissues import TISSUES

    report.check_folder(output, [path for path in (*images, sequence, mask, b1, b0) if path])
    result = estimate_tissue(images, sequence, mask=mask, b1=b1, b0_hz=b0, mixing=mixing, progress=True)
    report.write(result, output)
    found = report.numbers(result)
    total = sum(found["mask_voxels"])
    shares = ", ".join(f"{name} {100 * sum(found['voxels'][name]) / total:.0f} %" for name in TISSUES)
    seen = f"{len(images)} {found['kind']} images" if len(images) > 1 else f"{found['kind']} images"
    slices = f"{result.sizes['slice']} slice{'s' * (result.sizes['slice'] > 1)}"
    typer.echo(f"{output}: {shares} of {total} voxels, by {seen}, {slices}, mask by {found['masked_by']}")
    unexplained = f"{100 * found['unexplained']:.2g} % of the images' energy is not explained"
    if "sd" in found:
        sure = ", ".join(f"{name} {found['sd'][name]:.3f}" for name in TISSUES)
        unexplained += f"; median standard deviation {sure}"
    typer.echo(f"{output}: {unexplained}")


@brain_app.command(
    "brain-example",
    epilog="""\b
Example:
  dime brain-example head""",
)
def brain_example(folder: Path):
    """Write a simulated brain to try `dime brain` on. It has images, SEQ.yaml and fields."""
    from dime.brain import example

    example.write(folder)
    fields = f"--mask {folder}/mask.nii.gz --b1 {folder}/b1.nii.gz --b0 {folder}/b0.nii.gz"
    typer.echo(f"{folder}: a simulated brain; now")
    typer.echo(f"dime brain {folder}/image-*.nii.gz --sequence {folder}/SEQ.yaml {fields} -o tissue")
