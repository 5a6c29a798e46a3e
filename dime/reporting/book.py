"""Collect the pages of the book: documents, executed notebooks, reference, an example report and the paper.

Pages keep their places in the project, so that a link from one to another leads to the same page in the
book. Sphinx makes the site of them (`make book`, `docs/conf.py`).
"""

import argparse
import io
import json
import posixpath
import re
from pathlib import Path

from dime.files import folders, pipeline
from dime.reporting import book_reference

MARK = "made-by-make-book"
"""File that marks the folder as one of this module's."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)(#[^)\s]*)?(?=\))")
"""Target of a Markdown link to a file."""

ELSEWHERE = re.compile(r"<link\b[^>]*https?://[^>]*>")
"""A style sheet on another site."""

FIRST = ("install", "usage", "viewer")
COMPANIONS = ("liver", "records", "brain", "diffusion")
LATER = ("results", "glossary", "architecture", "contributing")
"""Documents of `docs/` in reading order; others follow those of `FIRST`."""

PAPERS = {"dime": "The paper", "supplement": "Supplement"}
"""Typeset by the pipeline to `paper/<name>.pdf`."""

REPORT = "scratch/book-report.html"
"""The example report, which `make book` writes before the pages are collected."""

PAGE_WIDTH_PX = 900
"""Width of the picture of a paper's first page."""


def collect(folder, root="."):
    """Write the sources of the book.

    A notebook is taken as it was executed, from `results/<part>/notebooks/`. One that was not executed is
    taken without outputs, below a note that names the command.

    Parameters
    ----------
    folder : path
        Absent, empty, or written by this function before. Files that are the same stay untouched.
    root : path
        Folder of the project.

    Raises
    ------
    ValueError
        The folder holds something else, or a link leads nowhere: the message names the page and the link.
    """
    folder, root = Path(folder), Path(root)
    folders.check_own(folder, ".*", "a folder that make book made", marks=[MARK])
    pages = _notebooks(root) | _documents(root) | _report(root) | _paper(root)
    pages |= book_reference.pages(root / "dime")
    pages["index.md"] = _front(root, pages)
    pages |= _linked(pages, root)
    pages[MARK] = ""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()
    for name, content in pages.items():
        path, content = folder / name, content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def moved(text, before, after):
    """Markdown whose relative links, written for the folder `before`, lead to the same files from `after`."""

    def target(link):
        place = posixpath.normpath(posixpath.join(before, link[1]))
        return posixpath.relpath(place, after or ".") + (link[2] or "")

    return LINK.sub(target, text)


def _documents(root):
    """The documents, and README.md, of which the front page shows a part."""
    paths = [*root.glob("docs/*.md"), *root.glob("CHANGELOG.md"), root / "README.md"]
    return {path.relative_to(root).as_posix(): path.read_text() for path in paths if path.name != "index.md"}


def _front(root, pages):
    """The front page with the table of contents of the book."""
    docs = sorted(Path(name).stem for name in pages if name.startswith("docs/"))
    order = [*FIRST, *(name for name in docs if name not in (*FIRST, *COMPANIONS, *LATER))]
    parts = [name[: -len(".md")] for name in pages if re.fullmatch(r"notebooks/\w+/index.md", name)]
    contents = {
        "Guide": [*(f"docs/{name}" for name in order), "report/index"],
        "Companions": [f"docs/{name}" for name in COMPANIONS],
        "Notebooks": ["notebooks/README", "notebooks/00-quickstart", *parts],
        "Reference": [*(f"docs/{name}" for name in LATER), "api/index", "paper/index", "CHANGELOG"],
    }
    there = {name.rpartition(".")[0] for name in pages}
    trees = [_toctree([name for name in names if name in there], title) for title, names in contents.items()]
    return "\n\n".join([moved((root / "docs/index.md").read_text(), "docs", ""), *trees])


def _toctree(entries, caption=""):
    lines = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), *entries, "```"]
    return "\n".join(lines) + "\n"


def _notebooks(root):
    """Every notebook as a page, and for each part a page that lists its notebooks."""
    runs, pages, entries, absent = pipeline.stages(root), {}, {}, {}
    for source in sorted(root.glob("notebooks/**/[0-9]*.ipynb")):
        name = source.relative_to(root).as_posix()
        folder, listed = posixpath.dirname(name), entries.setdefault(posixpath.dirname(name), [])
        stages = [stage for stage in runs if stage.notebook == name]
        copies = {path: stage for stage in stages for path in stage.writes if path.endswith(".ipynb")}
        executed = [path for path in copies if (root / path).exists()]
        for path in executed:
            page = name if path == executed[0] else f"{folder}/{posixpath.basename(path)}"
            pages[page] = _alone((root / path).read_text())
            item = f" ({copies[path].name.rpartition('@')[2]})" if len(copies) > 1 else ""
            listed.append(f"{_title(pages[page])}{item} <{Path(page).stem}>")
        if not executed:
            command = f"dvc repro {stages[0].target}" if stages else f"dime run {name} scratch/{source.name}"
            absent.setdefault(folder, []).append(f"* [{source.stem}]({source.name}): `{command}` executes it")
            pages[name] = _unexecuted(source.read_text(), command)
            listed.append(source.stem)
    top, *parts = re.split(r"(?m)^## (?=\w+: )", (root / "notebooks/README.md").read_text())
    texts = {"notebooks/README.md": "## ".join([top, *parts])}
    for text in parts:
        head, _, body = text.partition("\n")
        folder = f"notebooks/{head.partition(':')[0]}"
        blocks = [f"# {head}", moved(body, "notebooks", folder).strip()]
        if folder in absent:
            blocks += ["## Not executed here", "\n".join(absent[folder])]
        texts[f"{folder}/index.md"] = "\n\n".join([*blocks, _toctree(entries[folder])])
    return texts | pages


def _alone(notebook):
    """An executed notebook whose outputs ask for no style of another site, as Matplotlib's films do."""
    content = json.loads(notebook)
    for output in (one for cell in content["cells"] for one in cell.get("outputs", ())):
        shown = output.get("data", {})
        if "text/html" in shown:
            shown["text/html"] = ELSEWHERE.sub("", "".join(shown["text/html"]))
    return json.dumps(content)


def _title(notebook):
    """First heading of a notebook."""
    first = next(cell for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "markdown")
    return "".join(first["source"]).splitlines()[0].strip("# ")


def _unexecuted(notebook, command):
    """A notebook without outputs, and a note of how to execute it below its introduction."""
    content = json.loads(notebook)
    note = f":::{{attention}}\nThis notebook has not been executed here. `{command}` executes it.\n:::"
    cell = {"cell_type": "markdown", "id": "not-executed", "metadata": {}, "source": note}
    content["cells"].insert(1, cell)
    return json.dumps(content)


def _report(root):
    """The example report, as it is, and a page that shows it; nothing where none was written."""
    if not (root / REPORT).exists():
        return {}
    text = (
        "# Example report\n\n`dime report SCAN -o report.html` writes one page for an examination. "
        'This one is of the scan that comes with the package. <a href="example.html">Open it alone.</a>\n\n'
        '<iframe class="report" src="example.html" title="Report of the example scan"></iframe>\n'
    )
    return {"whole/report/example.html": (root / REPORT).read_bytes(), "report/index.md": text}


def _paper(root):
    """PDFs of the paper and its supplement, a picture of each first page, and the page that shows them."""
    pages, text = {}, "# Paper\n\nThe paper takes its numbers and figures from the results of the last run.\n"
    for name, title in PAPERS.items():
        path = root / f"paper/{name}.pdf"
        if not path.exists():
            text += f"\n## {title}\n\n`paper/{name}.pdf` has not been typeset here. `make repro` makes it.\n"
            continue
        pages[f"whole/paper/{name}.pdf"] = path.read_bytes()
        pages[f"paper/{name}.png"] = _first_page(path)
        text += (
            f'\n## {title}\n\n<a class="first-page" href="{name}.pdf">Read {name}.pdf</a>\n\n'
            f"```{{image}} {name}.png\n:alt: {title}, first page\n:class: first-page\n```\n"
        )
    return pages | {"paper/index.md": text}


def _first_page(path):
    """PNG picture of the first page of a PDF."""
    import pypdfium2  # of the extra "book"

    with pypdfium2.PdfDocument(path) as document:
        page = document[0]
        picture = page.render(scale=PAGE_WIDTH_PX / page.get_width()).to_pil()
    stream = io.BytesIO()
    picture.quantize(64).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _linked(pages, root):
    """Files of the project that pages link to."""
    found, broken = {}, []
    for page, content in pages.items():
        if page.endswith(".md") and page != "README.md":  # of it, the front page shows what has no links
            texts = [content]
        elif page.endswith(".ipynb"):
            cells = json.loads(content)["cells"]
            texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        else:
            continue
        for link in (link for text in texts for link, _ in LINK.findall(text)):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
            if target in pages or target == "index.md":
                continue
            if (root / target).is_file():
                found[target] = (root / target).read_bytes()
            else:
                broken.append(f"{page}: {link}")
    if broken:
        raise ValueError(f"links that lead nowhere: {', '.join(broken)}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    collect(parser.parse_args().folder)
