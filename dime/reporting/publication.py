"""Write the results of a run into the tracked pages: README.md and docs/results.md."""

from pathlib import Path

from dime.files.report import number, read_part
from dime.files.whole import whole
from dime.plotting.style import MAIN, METHOD_NAMES
from dime.reporting import brain_claims, diffusion_claims, liver_claims, records_claims
from dime.reporting.claims import COLUMNS, HEADS, claims, span

RESULTS = "<!-- results: written by `make publish` -->", "<!-- end of results -->"
TUNED = (*MAIN, "mmdi_tuned")
"""Methods of the first lines: MMDI also with the settings that suit validation phantoms best."""

CLAIMS = "<!-- claims: written by `make publish` -->", "<!-- end of claims -->"
LIVER = "<!-- liver: written by `make publish` -->", "<!-- end of liver -->"
RECORDS = "<!-- records: written by `make publish` -->", "<!-- end of records -->"
BRAIN = "<!-- brain: written by `make publish` -->", "<!-- end of brain -->"
DIFFUSION = "<!-- diffusion: written by `make publish` -->", "<!-- end of diffusion -->"


def publish(results, readme, page):
    """Bring both pages up to date with the results of the last run.

    Parameters
    ----------
    results : path
        Folder with the results of every part.
    readme, page : path
        README.md and docs/results.md.

    Raises
    ------
    ValueError
        A page lacks its markers.
    """
    texts = {path: Path(path).read_text() for path in (readme, page)}
    blocks = (
        (readme, RESULTS, headlines),
        (page, CLAIMS, table),
        (page, LIVER, liver),
        (page, RECORDS, records),
        (page, BRAIN, brain),
        (page, DIFFUSION, diffusion),
    )
    for path, markers, block in blocks:
        try:
            texts[path] = filled(texts[path], markers, block(results))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    for path, text in texts.items():
        with whole(path) as aside:
            aside.write_text(text)


def filled(page, markers, block):
    """The text of a page with a block between its markers.

    Raises
    ------
    ValueError
        The page lacks the markers.
    """
    before, begin, rest = page.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not (begin and end):
        raise ValueError(f"expected the markers {markers[0]} and {markers[1]}")
    return before + begin + "\n" + block + end + after


def table(results):
    """Table of the original's claims beside the run's results, as Markdown."""
    return _markdown(HEADS, ([row[column] for column in COLUMNS] for row in claims(results)))


def liver(results):
    """The same of the liver examination."""
    return _markdown(liver_claims.HEADS, liver_claims.table(results))


def records(results):
    """The same of stiffness without a wave."""
    return _markdown(records_claims.HEADS, records_claims.table(results))


def brain(results):
    """The same of tissue maps of the brain."""
    return _markdown(brain_claims.HEADS, brain_claims.table(results))


def diffusion(results):
    """The same of membranes from diffusion MRI."""
    return _markdown(diffusion_claims.HEADS, diffusion_claims.table(results))


def _markdown(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def headlines(results):
    """Lines of results, as Markdown: what each method reached, with 95 % intervals."""
    liver = read_part(results, "mre", "compare-liver")
    cohort, measured = (read_part(results, "mre", name) for name in ("cohort", "in-vivo"))
    fresh = read_part(results, "studies", "fresh-test")

    def each(text, methods=MAIN):
        return "; ".join(f"{METHOD_NAMES[m]} {text(m)}" for m in methods) + "."

    def mean(entry, form=".1f"):
        return f"{number(entry['mean'], form)} {span(entry, form)}".strip()

    def error(name):
        return lambda m: f"{mean(liver['methods'][m]['regions'][name]['mape'])} %"

    def agreement(m):
        r, limits = measured[f"{m}_clinical"], measured[f"{m}_clinical_agreement"]
        trusted = number(100 * measured["trusted"][m], ".0f")
        return f"r = {number(r['r'])}, bias {number(limits['bias'], '+.2f')} kPa, trusts {trusted} %"

    lines = [
        f"Error on {liver['slices']} simulated livers, all tissue: {each(error('whole'), TUNED)}",
        f"The same on the pixels that DIME-S, DIME-L and MMDI trust: {each(error('common'), TUNED)}",
        f"Error on {fresh['cases']} bodies whose waves another solver computed, all tissue: "
        + each(lambda m: f"{mean(fresh['methods'][m]['tissue']['mape'])} %"),
        f"Agreement with the truth of {cohort['healthy'] + cohort['fibrotic']} simulated subjects: "
        + each(lambda m: f"ICC {number(cohort['icc_truth'][m]['icc'], '.3f')}"),
        f"Agreement with clinical MMDI on {measured['slices']} measured slices (development data, no truth): "
        + (each(agreement) if measured["slices"] else "absent from this build."),
    ]
    return "\n".join(f"- {line}" for line in lines) + "\n"
