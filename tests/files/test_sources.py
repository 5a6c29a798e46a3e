"""Which files a module uses is read from its imports."""

import subprocess
import sys

import pytest

from dime.files import sources


def test_imports_are_resolved_to_modules():
    source = (
        "import dime\nfrom dime.mri import noise\nfrom dime.fem.forward import solve\n"
        "table = {'x': 'dime.inversion.mmdi:invert'}\nimport numpy\n"
        "dime.read_wave('a')\nothers.invert()\n"
    )
    found = {"dime", "dime.mri.noise", "dime.fem.forward", "dime.inversion.mmdi", "dime.files.waves"}
    assert sources.imports(source) == found


@pytest.mark.parametrize("module", ["dime.simulation.dataset", "dime.network.training", "dime.files.nifti"])
def test_what_is_used_is_what_python_loads(module):
    """The modules that a fresh interpreter loads are among those that were read off, but for empty rooms."""
    script = f"import sys, {module}; print(*(n for n in sys.modules if n.split('.')[0] == 'dime'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name != "dime" and not sources._only_words(name)}
    assert loaded <= sources.used([module])


def test_a_digest_follows_what_is_used_and_nothing_else(monkeypatch, tmp_path):
    """A changed plot leaves the digest of the training, a changed loss does not."""
    before = {name: sources.code_digest(name) for name in ("dime.network.training", "dime.plotting.maps")}

    def changed(name):
        path = tmp_path / "changed.py"
        path.write_text(original(name).read_text() + "\nEXTRA = 1\n")
        return lambda asked: path if asked == name else original(asked)

    original = sources.module_path
    monkeypatch.setattr(sources, "module_path", changed("dime.plotting.maps"))
    assert sources.code_digest("dime.network.training") == before["dime.network.training"]
    assert sources.code_digest("dime.plotting.maps") != before["dime.plotting.maps"]
    monkeypatch.setattr(sources, "module_path", changed("dime.network.augment"))
    assert sources.code_digest("dime.network.training") != before["dime.network.training"]
