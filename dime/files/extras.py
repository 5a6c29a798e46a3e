"""Which extra of the package brings a library that is missing."""

import re
from importlib import metadata


def advice(module):
    """How to install a library that only an extra of the package brings.

    Parameters
    ----------
    module : str
        What could not be imported, such as "papermill.execute".

    Returns
    -------
    str
        "papermill: pip install '.[notebooks]' in a clone", or "" for what no extra brings.

    The package is on no index; one of another project has its name there.

    Assumption: library and module have one name, as all in the extras have; a test asserts it.
    """
    wanted = module.split(".")[0].replace("_", "-").lower()
    try:
        requirements = metadata.requires("dime") or []
    except metadata.PackageNotFoundError:  # the sources alone, on PYTHONPATH
        return ""
    for text in requirements:
        found = re.match(r"""([\w.-]+).*extra == ["']([\w-]+)["']""", text)
        if found and found[1].replace("_", "-").lower() == wanted:
            return f"{wanted}: pip install '.[{found[2]}]' in a clone"
    return ""
