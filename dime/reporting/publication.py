"""Write the results of a run into the tracked pages: README.md and docs/results.md."""

from pathlib import Path

from dime.files.report import number, read_part
from dime.files.whole import whole
from dime.plotting.style import MAIN, METHOD_NAMES
from dime.reporting.claims import COLUMNS, HEADS, claims, span

RESULTS = "<!-- results: written by `make publish` -->", "<!-- end of results -->"
CLAIMS = "<!-- claims: written by `make publish` -->", "<!-- end of claims -->"


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
    texts = {readme: filled(readme, RESULTS, headlines(results)), page: filled(page, CLAIMS, table(results))}
    for path, text in texts.items():
        with whole(path) as aside:
            aside.write_text(text)


def filled(path, markers, block):
    """The text of a page with a block between its markers.

    Raises
    ------
    ValueError
        The page lacks the markers.
    """
    before, begin, rest = Path(path).read_text().partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not (begin and end):
        raise ValueError(f"{path}: expected the markers {markers[0]} and {markers[1]}")
    return before + begin + "\n" + block + end + after


def table(results):
    """Table of the original's claims beside the run's results, as Markdown."""
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for row in claims(results)]
    return "\n".join(lines) + "\n"


def headlines(results):
    """Five lines of results, as Markdown: what each method reached, with 95 % intervals."""
    studies = {s: read_part(results, "mre", f"compare-{s}") for s in ("heterogeneous", "liver")}
    cohort, measured = (read_part(results, "mre", name) for name in ("cohort", "in-vivo"))
    liver, heterogeneous = (studies[name]["methods"] for name in ("liver", "heterogeneous"))

    def each(text):
        return "; ".join(f"{METHOD_NAMES[m]} {text(m)}" for m in MAIN) + "."

    def mean(entry, form=".1f"):
        return f"{number(entry['mean'], form)} {span(entry, form)}".strip()

    def agreement(m):
        r, limits = measured[f"{m}_clinical"], measured[f"{m}_clinical_agreement"]
        return f"r = {number(r['r'])} {span(r, '.2f')}, bias {number(limits['bias'], '+.2f')} kPa"

    lines = [
        f"Error on {studies['liver']['slices']} simulated livers, by pixel: "
        + each(lambda m: f"{mean(liver[m]['mape'])} %"),
        "Correlation with the truth there, by pixel: "
        + each(lambda m: f"r = {number(liver[m]['pooled']['pixel_r'], '.3f')}"),
        f"10-90 % edges in {studies['heterogeneous']['slices']} heterogeneous phantoms: "
        + each(lambda m: f"{mean(heterogeneous[m]['edge_width_mm'])} mm"),
        f"Agreement with the truth of {cohort['healthy'] + cohort['fibrotic']} simulated subjects: "
        + each(lambda m: f"ICC {number(cohort['icc_truth'][m]['icc'], '.3f')}"),
        f"Agreement with clinical MMDI on {measured['slices']} measured slices (development data, no truth): "
        + (each(agreement) if measured["slices"] else "absent from this build."),
    ]
    return "\n".join(f"- {line}" for line in lines) + "\n"
