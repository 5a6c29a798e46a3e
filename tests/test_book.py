"""A small book, built as `make book` builds the whole one, read in a browser."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import opened_page
from PIL import Image

from dime.reporting import book, book_reference

ROOT = Path(__file__).parent.parent

MATHJAX = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"
"""SHA-256 of `es5/tex-svg.js` of the npm package mathjax 3.2.2."""

DOCUMENT = """# Waves

The stiffness of a [wave](../notebooks/00-quickstart.ipynb) is $|G^*|$, see the [licence](../LICENSE). An
elephantine word, and a formula:

$$\\rho \\omega^2 u + G^* \\nabla^2 u = 0$$
"""


@pytest.fixture
def project(tmp_path):
    """A project: a document, a notebook that was executed, one that was not, a room of three modules."""
    for name in ("LICENSE", "notebooks/00-quickstart.ipynb", "results/mre/notebooks/00-quickstart.ipynb"):
        _copy(name, tmp_path)
    for name in (
        "notebooks/mre/02-train.ipynb",
        "notebooks/mre/dvc.yaml",
        "dvc.yaml",
        "README.md",
        "docs/overview.png",
    ):
        _copy(name, tmp_path)
    for name in ("__init__", "methods", "mmdi", "filters"):
        _copy(f"dime/inversion/{name}.py", tmp_path)
    (tmp_path / "docs/index.md").write_text("# The book\n\n[Waves](waves.md)\n\n![A wave](overview.png)\n")
    (tmp_path / "docs/waves.md").write_text(DOCUMENT)
    listed = "# Notebooks\n\n## mre: how stiff?\n\n1. [02-train](mre/02-train.ipynb): training\n"
    (tmp_path / "notebooks/README.md").write_text(listed)
    executed = tmp_path / "results/mre/notebooks/00-quickstart.ipynb"
    content = json.loads(executed.read_text())
    film = {"text/html": ['<link rel="stylesheet" href="https://style.invalid/a.css"><b id="film">film</b>']}
    content["cells"][-2]["outputs"] = [{"output_type": "display_data", "data": film, "metadata": {}}]
    executed.write_text(json.dumps(content))
    (tmp_path / "paper").mkdir()
    Image.new("RGB", (210, 297), "white").save(tmp_path / "paper/dime.pdf")
    (tmp_path / "scratch").mkdir()
    (tmp_path / book.REPORT).write_text("<!doctype html><title>A report</title><h1>Example scan</h1>")
    return tmp_path


def _copy(name, folder):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / name, folder / name)


@contextmanager
def served(folder):
    """Address of a local server of a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *said):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_book_in_a_browser(project, tmp_path):
    """Pages load, figures show, formulas are set, the search finds; nothing fails or leaves the site."""
    book.collect(tmp_path / "source", project)
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "docs"]
    done = subprocess.run(
        [*build, tmp_path / "source", tmp_path / "site"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    with opened_page() as page, served(tmp_path / "site") as site:
        pictures = {"index": 1, "notebooks/00-quickstart": 1, "notebooks/mre/02-train": 0, "paper/index": 1}
        for name, count in pictures.items():
            page.goto(f"{site}/{name}.html", wait_until="networkidle")
            assert page.locator("article h1").count() >= 1, name
            widths = page.eval_on_selector_all("article img", "all => all.map(one => one.naturalWidth)")
            assert len(widths) == count and all(width > 0 for width in widths), name
        assert page.request.get(f"{site}/paper/dime.pdf").body().startswith(b"%PDF")
        page.goto(f"{site}/notebooks/00-quickstart.html")
        assert page.inner_text("#film") == "film"  # shown, without the style that it asks of another site
        page.goto(f"{site}/report/index.html")
        assert page.frame_locator("iframe").locator("h1").inner_text() == "Example scan"
        page.goto(f"{site}/notebooks/mre/02-train.html")
        assert "dvc repro notebooks/mre/dvc.yaml:train" in page.inner_text(".admonition.attention")

        page.goto(f"{site}/docs/waves.html")
        page.wait_for_selector("mjx-container svg")
        assert page.locator("mjx-container").count() == 2
        page.click("article a:has-text('wave')")
        assert page.url.startswith(f"{site}/notebooks/00-quickstart.html")

        page.goto(f"{site}/api/dime.inversion.mmdi.html")
        assert page.locator(".admonition.origin").count() >= 1
        assert "windows_m" in page.inner_text("article")

        page.goto(f"{site}/search.html?q=elephantine")
        page.wait_for_selector("#search-results li a")
        assert "Waves" in page.inner_text("#search-results")
        assert page.errors == [], page.errors
        assert {url for url in page.requests if not url.startswith((site, "data:", "blob:"))} == set()


def test_mathjax_is_the_published_file():
    assert hashlib.sha256((ROOT / "docs/_static/mathjax/tex-svg.js").read_bytes()).hexdigest() == MATHJAX


def test_pages_keep_their_places_and_an_unexecuted_notebook_says_how_to_execute_it(project, tmp_path):
    made = tmp_path / "source"
    book.collect(made, project)
    executed = json.loads((made / "notebooks/00-quickstart.ipynb").read_text())
    assert any(cell.get("outputs") for cell in executed["cells"])
    assert "dvc repro notebooks/mre/dvc.yaml:train" in (made / "notebooks/mre/index.md").read_text()
    assert (made / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "make repro" in (made / "paper/index.md").read_text()


def test_a_second_collection_touches_what_has_changed_and_removes_what_is_gone(project, tmp_path):
    made = tmp_path / "source"
    (project / "docs/later.md").write_text("# Later\n")
    book.collect(made, project)
    before = (made / "docs/waves.md").stat().st_mtime_ns
    (project / "docs/later.md").unlink()
    book.collect(made, project)
    assert (made / "docs/waves.md").stat().st_mtime_ns == before
    assert not (made / "docs/later.md").exists()


def test_a_link_that_leads_nowhere_names_its_page(project, tmp_path):
    (project / "docs/waves.md").write_text("# Waves\n\n[Gone](gone.md)\n")
    with pytest.raises(ValueError, match=r"docs/waves[.]md: gone[.]md"):
        book.collect(tmp_path / "source", project)


def test_a_folder_of_other_work_is_refused(project, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.md").write_text("mine")
    with pytest.raises(ValueError, match="thesis"):
        book.collect(tmp_path / "mine", project)
    assert (tmp_path / "mine/thesis.md").read_text() == "mine"


BOX = ".. admonition:: {}\n   :class: origin\n\n   {}"
DOCSTRINGS = {
    "|G*| = rho (omega / k)^2": r"\|G\*\| = rho (omega / k)^2",
    "`a*b` and c*d": r"`a*b` and c\*d",
    "Cut.\n\nAssumption: 4 cycles.": "Cut.\n\n" + BOX.format("Assumption", "4 cycles."),
    "Pixel [m]. Assumption: small.": "Pixel [m]. *Assumption:* small.",
    "snr : of the wave\nseed : of all\n    numbers": "* ``snr``: of the wave\n* ``seed``: of all\n  numbers",
    "Solve\n\n    a x = b*c": "Solve\n\n::\n\n       a x = b*c",
    "Raises\n------\nError\n\nSource: Silva": "Raises\n------\nError\n\n\n" + BOX.format("Source", "Silva"),
}


@pytest.mark.parametrize(("docstring", "expected"), DOCSTRINGS.items())
def test_a_docstring_means_in_the_book_what_it_says(docstring, expected):
    assert "\n".join(book_reference.prose(docstring.split("\n"))) == expected
