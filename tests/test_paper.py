"""No number is typed in the papers: findings come from results/. Their pages are laid out well."""

import re
from pathlib import Path

import layout
import nbformat
import pytest
import typst

from dime.files import pipeline
from dime.reporting import paper

ROOT = Path(__file__).parent.parent
PAPER = (ROOT / "paper/dime.typ").read_text()
SUPPLEMENT = (ROOT / "paper/supplement.typ").read_text()
BOTH = PAPER + SUPPLEMENT
SHARED = (ROOT / "paper/findings.typ").read_text()
PRIOR = (ROOT / "paper/prior.typ").read_text()
STAGES = {f"{stage.part}/{stage.name}".lstrip("/"): stage for stage in pipeline.stages(ROOT)}

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
    """Abstract, results and discussion of the paper, results of the supplement: what reports findings."""
    abstract = re.search(r"(?s)\n#let abstract = \[\n(.*?)\n\]\n", source)[1]
    bodies, more = (
        dict(re.findall(r"(?ms)^= ([^\n]*)\n(.*?)(?=^= |^#bibliography|\Z)", text))
        for text in (source, SUPPLEMENT)
    )
    found = {"abstract": abstract} | {name: bodies[name] for name in ("Results", "Discussion")}
    return found | {"supplement": more["Results"]}


def typed_digits(text):
    """Lines of Typst source that hold a digit outside of `NO_NUMBERS`, as (line number, line)."""
    bare = text
    for allowed in NO_NUMBERS:
        bare = re.sub(allowed, "", bare)
    lines = zip(text.splitlines(), bare.splitlines(), strict=True)
    return [(number, line) for number, (line, rest) in enumerate(lines, 1) if re.search(r"\d", rest)]


@pytest.mark.parametrize("name", ["abstract", "Results", "Discussion", "supplement"])
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


@pytest.mark.parametrize("name", ["paper", "supplement"])
def test_every_metrics_file_that_is_read_is_written_by_a_stage(name):
    read = {path for path in STAGES[name].needs if "/metrics/" in path}
    assert read
    for path in read:
        assert pipeline.writer(path, STAGES.values()), f"no stage writes {path}"


def test_what_a_paper_reads_is_read_off_its_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("paper").mkdir()
    Path("paper/a.typ").write_text(
        '#import "b.typ": *\n#let card = json("../model/card.json")\n#plot("maps", [Maps.])\n'
        '#plot("more", part: "authors", [More.])\n#bibliography("all.bib", title: "References")\n'
    )
    Path("paper/b.typ").write_text(
        '#let metrics(part, name) = json("../" + part)\n#let one = metrics("mre", "one")\n'
    )
    assert paper.reads("paper/a.typ") == [
        "model/card.json",
        "paper/a.typ",
        "paper/all.bib",
        "paper/b.typ",
        "results/authors/figures",
        "results/mre/figures",
        "results/mre/metrics/one.json",
    ]


def test_metrics_and_figures_are_named_where_they_are_read():
    """Otherwise no dependency can be read off."""
    for call, typed in (("metrics", paper.MEASURED), ("plot", paper.DRAWN)):
        source = BOTH + SHARED
        assert len(re.findall(rf"\b{call}\(", source)) == len(typed.findall(source))


def test_every_figure_of_the_paper_is_drawn_and_every_drawn_one_is_shown():
    """By the notebook of the part that the paper takes it from."""
    shown = {
        (part or "mre", name) for name, part in re.findall(r'#plot\("([\w-]+)"(?:, part: "(\w+)")?', BOTH)
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
    source = PAPER + SUPPLEMENT + PRIOR
    labels = set(re.findall(r"<([a-zA-Z][\w-]*)>", source)) | set(re.findall(r'plot\("([\w-]+)"', source))
    cited = set(re.findall(r"@([a-zA-Z][\w-]*)", source)) - labels
    assert cited == references


def points(text):
    """A length in centimetres, in points."""
    return float(text) * 72 / 2.54


MARGIN_PT = tuple(
    map(
        points,
        re.search(
            r"margin: \(x: ([\d.]+)cm, y: ([\d.]+)cm\)", (ROOT / "paper/house.typ").read_text()
        ).groups(),
    )
)
"""Left and right, top and bottom."""


@pytest.mark.parametrize("name", ["dime", "supplement"])
def test_nothing_is_printed_over_anything_else_or_in_the_margins(name):
    pages = layout.pages(ROOT / f"paper/{name}.pdf")
    assert pages and all(page.runs for page in pages)
    assert [text for page in pages for text in layout.overlaps(page) + layout.strays(page, MARGIN_PT)] == []


def typeset(folder, body):
    """The one page of a small Typst document with the paper's margins and fonts."""
    head = '#set page(paper: "a4", margin: (x: 1.7cm, y: 2cm), numbering: "1")\n#set text(size: 9.5pt)\n'
    (folder / "small.typ").write_text(head + body)
    typst.compile(folder / "small.typ", output=folder / "small.pdf", ignore_system_fonts=True)
    (page,) = layout.pages(folder / "small.pdf")
    return page


INNOCENT = r"""
#set par(justify: true, leading: 0.55em)
#block(width: 6cm)[#lorem(60) extraordinarily uncharacteristic stiff-fibre representations]
$ integral_0^1 Im(macron(v) nabla^2 hat(v)_i^2) = sum_(n=1)^N (a_n / b^(2 n)) / sqrt(x^2 + tilde(y)) $
Wörter with É, Ǻ and x#super[3]#sub[4], _Toff_, AV, fi, “quotes”,
#table(columns: 3, stroke: none, inset: (x: 4pt, y: 2.5pt), ..range(12).map(str))
#rotate(30deg, reflow: true)[turned text, off the lines]
"""


def test_type_that_is_set_well_raises_no_alarm(tmp_path):
    """Accents, ligatures, hyphens, fractions, limits, superscripts, tight rows, slanted lines."""
    page = typeset(tmp_path, INNOCENT)
    assert layout.overlaps(page) == [] and layout.strays(page, MARGIN_PT) == []


@pytest.mark.parametrize("shift_pt", [0, 3, 5])
def test_text_over_text_is_found(tmp_path, shift_pt):
    """A line of 9.5 pt is 6 pt high; a second one lies over it, up to 5 pt lower."""
    page = typeset(tmp_path, f"#place[Measured stiffness]#place(dy: {shift_pt}pt)[Numbers, a table]")
    assert layout.overlaps(page) == ["page 1: 'Measuredstiffness' and 'Numbers,atable'"]
    assert layout.strays(page, MARGIN_PT) == []


def test_a_table_over_a_figure_is_found_by_its_frame(tmp_path):
    """A figure without any text, and a number that lies on its empty corner."""
    typst.compile(b"#set page(width: 5cm, height: 3cm, fill: white)\n#circle()", output=tmp_path / "plot.pdf")
    page = typeset(tmp_path, '#place(image("plot.pdf"))#place(dx: 4cm, dy: 1cm)[0.25]#place(dy: 6cm)[Below]')
    assert layout.overlaps(page) == ["page 1: '0.25' and a figure"]


@pytest.mark.parametrize("place", ["dx: -1cm", "dx: 17.2cm", "dy: -1cm", "dy: 25.7cm"])
def test_text_in_the_margin_is_found_and_the_page_number_is_not(tmp_path, place):
    page = typeset(tmp_path, f"#place({place})[Stray]")
    assert layout.strays(page, MARGIN_PT) == ["page 1: 'Stray' in the margin"]
    assert layout.overlaps(page) == []
