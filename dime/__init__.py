"""Stiffness imaging by MR elastography: simulate waves, invert them, compare the inversions.

Data flows down this list, never back: `phantoms` -> `fem` -> `acquisition` -> `examination` -> `dataset` ->
`mmdi`, `peers`, `nonlinear` | `network`, `training` -> `prediction` -> `inversion` -> `metrics`, `figures`.
"""

import hashlib
from pathlib import Path


def code_digest():
    """SHA-256 of this package's source: work that another version began is not continued."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
