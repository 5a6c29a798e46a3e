"""Find which source files of this package a module or a notebook uses, by reading their imports.

A pipeline stage depends on exactly these files, and unfinished work is continued only while they are the
same. Nothing is executed: the imports are read from the syntax tree.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent

REFERENCE = re.compile(r"dime(\.\w+)+:\w+")
"""How a registry names a function that is imported on use: "dime.inversion.mmdi:invert"."""

CALLED = {"dime.inversion.registry": "dime.inversion.methods"}
"""Registry -> the module that calls the functions which it names. Who only reads its labels and colours does
not use them, so that a figure does not depend on every inversion."""

READ = {"dime.inversion.methods": "dime/weights/pretrained"}
"""Files that a module reads when it runs: module -> path."""


def module_path(name):
    """Source file of a module or package `dime.x.y`; None where there is no such module."""
    base = ROOT / name.replace(".", "/")
    candidates = base.with_suffix(".py"), base / "__init__.py"
    return next((path for path in candidates if path.is_file()), None)


def imports(source):
    """Modules of this package that a piece of source code imports, or names in a registry.

    `from dime.mri import noise` names the module `dime.mri.noise`, `from dime.mri.noise import add_noise` the
    same one, and `dime.invert` the module that the package's face takes `invert` from.

    Parameters
    ----------
    source : str
        Python source.

    Returns
    -------
    set of str
        Dotted names.
    """
    tree, found, face = ast.parse(source), set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dime":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if module_path(inner) else node.module)
        elif isinstance(node, ast.Import):
            face |= any(alias.name == "dime" for alias in node.names)
            found |= {alias.name for alias in node.names if alias.name.startswith("dime.")}
        elif _is_reference(node):
            found.add(node.value.split(":")[0])
    if face:
        names = {node.attr for node in ast.walk(tree) if _is_face(node)}
        found |= {"dime"} | {
            reference.split(":")[0] for name, reference in exports().items() if name in names
        }
    return found


def _is_face(node):
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dime"


def exports():
    """The table of the package's face: public name -> "module:name"."""
    for node in ast.parse((PACKAGE / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXPORTS":
            return ast.literal_eval(node.value)
    raise ValueError(f"{PACKAGE / '__init__.py'}: expected a table EXPORTS, found none")


def used(modules):
    """Modules that some modules use, themselves included, directly or through other modules.

    Parameters
    ----------
    modules : iterable of str
        Dotted names, such as "dime.network.training".

    Returns
    -------
    set of str
        Packages whose `__init__.py` holds nothing but a docstring are left out.
    """
    pending, seen = set(modules), set()
    while pending:
        name = pending.pop()
        seen.add(name)
        # The package's face imports on use: what of it is used is known where it is used.
        following = set() if name == "dime" else _imports_of(name)
        pending |= following - seen
    return {name for name in seen if not _only_words(name)}


@cache
def _imports_of(name):
    """What a module imports; the functions that a registry names count for the module that calls them."""
    found = imports(module_path(name).read_text())
    if name in CALLED:
        return frozenset(found - _named(name))
    registries = [registry for registry, caller in CALLED.items() if caller == name]
    return frozenset(found.union(*map(_named, registries)))


def _named(registry):
    """Modules whose functions a registry names."""
    strings = (n.value for n in ast.walk(ast.parse(module_path(registry).read_text())) if _is_reference(n))
    return {text.split(":")[0] for text in strings}


def _is_reference(node):
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(REFERENCE.fullmatch(text))


@cache
def _only_words(name):
    path = module_path(name)
    body = ast.parse(path.read_text()).body
    return path.name == "__init__.py" and all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body
    )


def files(modules):
    """Paths of `used` modules and of the files that they read, relative to the project, sorted."""
    names = used(modules)
    paths = {module_path(name).relative_to(ROOT).as_posix() for name in names}
    return sorted(paths | {path for name, path in READ.items() if name in names})


def code_digest(module):
    """SHA-256 of the source that a module uses: work that other source began is not continued.

    Parameters
    ----------
    module : str
        Dotted name.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for name in sorted(used([module])):
        digest.update(module_path(name).read_bytes())
    return digest.hexdigest()
