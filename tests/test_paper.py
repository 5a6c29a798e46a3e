"""The paper types no number: what is found by a run comes from results/, and every input has a stage."""

import re
from pathlib import Path

import nbformat
import pytest

from dime.files import pipeline

ROOT = Path(__file__).parent.parent
PAPER = (ROOT / "paper/dime.typ").read_text()
STAGES = {stage.name: stage for stage in pipeline.stages(ROOT)}

NO_NUMBERS = (  # what may hold a digit and yet state none
    r"(?<!:)//.*",  # a comment
    r'"[^"\s]*"',  # a string without a space: a key, a file name
    r"<[a-zA-Z][\w-]*>|@[a-zA-Z][\w-]*",  # a label, a reference
    r"\b(digits|labels): \d+",  # how many decimals, how many columns of names
    r"\b[a-zA-Z_][\w-]*",  # a name that ends in digits
    r"(>|<|==|!=) 0(?![.\d])",  # a comparison with nothing
    r"\^2\b",  # a square
)


def sections(source):
    """Abstract, results and discussion of a Typst source: what reports findings."""
    abstract = re.search(r"(?s)\n#let abstract = \[\n(.*?)\n\]\n", source)[1]
    bodies = dict(re.findall(r"(?ms)^= ([^\n]*)\n(.*?)(?=^= |\Z)", source))
    return {"abstract": abstract} | {name: bodies[name] for name in ("Results", "Discussion")}


def typed_digits(text):
    """Lines of Typst source that hold a digit outside of `NO_NUMBERS`, as (line number, line)."""
    bare = text
    for allowed in NO_NUMBERS:
        bare = re.sub(allowed, "", bare)
    lines = zip(text.splitlines(), bare.splitlines(), strict=True)
    return [(number, line) for number, (line, rest) in enumerate(lines, 1) if re.search(r"\d", rest)]


@pytest.mark.parametrize("name", ["abstract", "Results", "Discussion"])
def test_no_digit_is_typed_where_findings_are_reported(name):
    assert typed_digits(sections(PAPER)[name]) == []


@pytest.mark.parametrize(
    "planted",
    [
        "DIME reached an error of 3.7 % on livers.",
        "reached $r = 0.99$",
        "with $R^2 =$ 0.98",
        "#num(0.97, digits: 2)",
        "#num(found.mape, digits: 1) % on 12 slices",
        '#whether(a, b, "fell by 7 %", "rose")',
        "a limit of 12% and",
        "@studies shows 5 cases <results> of 2",
    ],
)
@pytest.mark.parametrize("name", ["abstract", "Results", "Discussion"])
def test_a_planted_digit_is_found(name, planted):
    """A sentence with a number, put into the middle of a section, is reported as the one offending line."""
    body = sections(PAPER)[name]
    lines = body.splitlines()
    lines.insert(len(lines) // 2, planted)
    source = PAPER.replace(body, "\n".join(lines) + "\n", 1)
    assert [line for _, line in typed_digits(sections(source)[name])] == [planted]


@pytest.mark.parametrize(
    "innocent",
    [
        '#num(at(found, "liver", "pooled", "pixel_r2"), digits: 3)',
        '@studies and #plot("study-2d") <table2> // 12 of them',
        "#certainty.coverage_90 of $R^2$",
        "#ruled(labels: 2, head, rows)",
        "#if missed.len() > 0 [The network misses some.]",
    ],
)
def test_names_labels_and_formats_are_no_findings(innocent):
    assert typed_digits(innocent) == []


def test_every_metrics_file_the_paper_reads_is_written_by_a_stage_it_depends_on():
    found = re.findall(r'metrics\("([\w-]+)", "([\w-]+)"\)', PAPER)
    read = {f"results/{part}/metrics/{name}.json" for part, name in found}
    loop = {f"results/mre/metrics/compare-{s}.json" for s in ("homogeneous", "heterogeneous", "liver")}
    assert read | loop == {path for path in STAGES["paper"].needs if "/metrics/" in path}
    for path in read | loop:
        assert pipeline.writer(path, STAGES.values()), f"no stage writes {path}"


def test_every_figure_of_the_paper_is_drawn_and_every_drawn_one_is_shown():
    """By the notebook of the part that the paper takes it from."""
    shown = {
        (part or "mre", name) for name, part in re.findall(r'#plot\("([\w-]+)"(?:, part: "(\w+)")?', PAPER)
    }
    drawn = set()
    for part, path in (("mre", "mre/06-figures"), ("authors", "authors/01-phantoms")):
        notebook = nbformat.read(ROOT / f"notebooks/{path}.ipynb", as_version=4)
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        drawn |= {(part, name) for name in re.findall(r'output, "([\w-]+)"\)', code)}
    assert shown == drawn


def test_every_reference_is_cited_and_every_citation_has_a_reference():
    bibliography = (ROOT / "paper/references.bib").read_text()
    references = set(re.findall(r"(?m)^@\w+\{([\w-]+),", bibliography))
    labels = set(re.findall(r"<([a-zA-Z][\w-]*)>", PAPER)) | set(re.findall(r'plot\("([\w-]+)"', PAPER))
    cited = set(re.findall(r"@([a-zA-Z][\w-]*)", PAPER)) - labels
    assert cited == references
