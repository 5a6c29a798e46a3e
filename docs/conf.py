"""The book (`make book`): Sphinx with executed notebooks, without a request to any other site."""

from pathlib import Path

from sphinx.addnodes import desc_annotation

from dime.reporting import book_reference

LONGEST = 60
"""Characters of the value of a constant that are shown."""

project = "DIME"
author = "The DIME compendium developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["README.md", "whole"]
default_role = "py:obj"

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # their scripts lie on another site
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False  # types are prose: no link is looked for

html_theme = "sphinx_book_theme"
html_title = "DIME"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's system has it
html_css_files = ["book.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = True
html_theme_options = {"show_navbar_depth": 1, "max_navbar_depth": 2, "use_fullscreen_button": False}
mathjax_path = "mathjax/tex-svg.js"


def setup(app):
    """Docstrings become reStructuredText before their sections are read; PDFs and pages go as they are."""

    def process(app, what, name, found, options, lines):
        value = what in (
            "data",
            "attribute",
        )  # napoleon takes the first line of these for a type: an empty comment
        lines[:] = ["..", ""] * value + book_reference.prose(lines)

    def shorten(app, domain, kind, content):
        for shown in list(content.parent.findall(desc_annotation)):  # a value that is long, or a path of here
            if len(shown.astext()) > LONGEST or "Path(" in shown.astext():
                shown.parent.remove(shown)

    def whole(app, config):
        config.html_extra_path = [str(path) for path in Path(app.srcdir).glob("whole")]

    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("object-description-transform", shorten)
    app.connect("config-inited", whole)
