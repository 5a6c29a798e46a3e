"""Write the reference of the book: the package's face, rooms and modules; docstrings as they are meant.

A page is reStructuredText with directives of `sphinx.ext.autodoc`, which reads the docstrings.
"""

import ast
import re

from dime.files import sources

OWN_WORDS = re.compile(r"(Source|Assumption)s?: ")
"""Words that begin a paragraph of a docstring which says where something comes from, or what is assumed."""

CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)

NAMED = re.compile(r"(\w[\w., ()-]*?)(?: : | {2,})(\S.*)")
"""Line that begins what is said of a name: "snr : rms of the wave over that of the noise"."""


def pages(package):
    """Pages of the reference, in reStructuredText.

    Parameters
    ----------
    package : pathlib.Path
        Folder `dime/` of a project: its modules have pages. The face is that of the installed package.

    Returns
    -------
    dict of str
        Path in the book -> text.
    """
    found, rooms, face = {}, [], sources.PACKAGE / "__init__.py"
    for name, question in re.findall(r"(?m)^(\w+) {2,}(\S.*)$", _docstring(face)):
        if (package / f"{name}.py").exists():
            found[f"api/dime.{name}.rst"] = _module(f"dime.{name}")
        elif (package / name).is_dir():
            found |= _room(package / name, question)
        else:
            continue
        rooms.append((f"dime.{name}", question))
    return found | {"api/index.rst": _face(rooms, _exports(face))}


def _exports(face):
    """What the face of the package names: public name -> "module:name"."""
    body = ast.parse(face.read_text()).body
    values = [node.value for node in body if _name(node) == "EXPORTS"]
    return ast.literal_eval(values[0])


def _name(node):
    """Name of the function, class or value that a statement defines; "" for another statement."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return getattr(node, "name", "") or getattr(target, "id", "")


def _face(rooms, exports):
    """The page of the package: every public name, then the rooms."""
    first = "Public names of the package ``dime``. A module is imported when one of its names is first used."
    lines = [_heading("API reference", "="), first, ".. currentmodule:: dime"]
    lines += [_entry(name, *place.split(":")) for name, place in exports.items()]
    lines += [_heading("Rooms", "-"), "A room answers one question, and imports only rooms above it."]
    return "\n\n".join([*lines, _listed(rooms)]) + "\n"


def _entry(name, module, attribute):
    """Directive for a public name: function, class or value, as its module's source says."""
    body = ast.parse(sources.module_path(module).read_text()).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if _name(node) != attribute:
            continue
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            return f".. auto{'class' if isinstance(node, ast.ClassDef) else 'function'}:: dime.{name}"
        text = prose((ast.get_docstring(ast.Module([after], [])) or "").splitlines())
        return f".. py:data:: dime.{name}\n\n" + "\n".join(f"   {line}" for line in text)
    return f".. autodata:: dime.{name}"


def _room(folder, question):
    """The page of a room, and one for each of its modules, in the order that the room names them."""
    room, order = f"dime.{folder.name}", re.findall(r"(?m)^(\w+) +", _docstring(folder / "__init__.py"))
    order = [name for name in dict.fromkeys(order) if (folder / f"{name}.py").exists()]
    first = {name: _docstring(folder / f"{name}.py").partition("\n\n")[0].split("\n") for name in order}
    entries = [(f"{room}.{name}", " ".join(prose(first[name]))) for name in order]
    found = {f"api/{room}.{name}.rst": _module(f"{room}.{name}") for name in order}
    return found | {f"api/{room}.rst": "\n\n".join([_heading(room, "="), question, _listed(entries)]) + "\n"}


def _docstring(path):
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _module(name):
    return f"{_heading(name, '=')}\n\n.. automodule:: {name}\n   :members:\n   :member-order: bysource\n"


def _heading(text, line):
    return f"{text}\n{line * len(text)}"


def _listed(entries):
    """A table of pages with what is said of each, and their table of contents."""
    table = ".. list-table::\n   :widths: 30 70\n\n" + "\n".join(
        f"   * - :doc:`{name.removeprefix('dime.')} <{name}>`\n     - {text}" for name, text in entries
    )
    tree = ".. toctree::\n   :hidden:\n\n" + "\n".join(
        f"   {name.rpartition('.')[2]} <{name}>" for name, _ in entries
    )
    return f"{table}\n\n{tree}"


def prose(lines):
    """A docstring as reStructuredText: what stands there is meant as it stands, but for code and sections.

    A paragraph that begins with `Source:` or `Assumption:` becomes a box; within a paragraph the word is set
    in italics. Names with what is said of them become a list, an indented block stays as it is typed, and so
    does |G*|.

    Parameters
    ----------
    lines : list of str
        Without the indentation of the docstring.

    Returns
    -------
    list of str
        Sections still stand as they are in NumPy's style.
    """
    made, section = [], False
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        head = len(rows) > 1 and re.fullmatch("-{3,}", rows[1].strip())
        section |= bool(head)
        if section and (head or rows[0].startswith(" ")):
            made += [*(rows if ">>>" in block else _plain(block).split("\n")), ""]
            continue
        made += [""] * section  # two empty lines end a section
        section = False
        made += [*_block(rows), ""]
    return made[:-1]


def _block(rows):
    """One block of prose."""
    if rows[0].startswith(">>>"):
        return rows
    if OWN_WORDS.match(rows[0]):
        return _boxes(rows)
    if all(row.startswith(" ") for row in rows):
        return ["::", "", *(f"   {row}" for row in rows)]
    if all(NAMED.fullmatch(row) or row.startswith(" ") for row in rows):
        named = [NAMED.sub(r"* ``\1``: \2", row) if row[0] != " " else f"  {row.strip()}" for row in rows]
        return [_plain(row) if row[0] == " " else f"* {_plain(row[2:])}" for row in named]
    if not re.match(r"(-|\d+\.) ", rows[0]) and any(row.startswith(" ") for row in rows):
        return [f"| {_plain(row)}" for row in rows]
    return _plain("\n".join(rows)).split("\n")


def _boxes(rows):
    """Boxes of a paragraph that says sources and assumptions."""
    made = []
    for row in rows:
        word = OWN_WORDS.match(row)
        if word:
            made += ["", f".. admonition:: {word[1]}", "   :class: origin", ""]
            row = row[word.end() :]
        made.append(f"   {_plain(row.strip())}")
    return made[1:]


def _plain(text):
    """Text whose characters mean nothing to reStructuredText, outside of code."""
    parts = CODE.split(text)
    for place in range(0, len(parts), 2):
        part = re.sub(r"([\\*|])", r"\\\1", parts[place])
        part = re.sub(r"(?<=\w)_(?=\W|$)", r"\_", part)
        parts[place] = re.sub(r"\b(Source|Assumption): ", r"*\1:* ", part)
    return "".join(parts)
