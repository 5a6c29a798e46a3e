"""Draw a phantom of a named family from a random generator."""

from dime.phantoms import inclusions, organs
from dime.phantoms.distributions import Draws
from dime.phantoms.phantom import Phantom

BUILDERS = {
    "homogeneous": inclusions.homogeneous,
    "heterogeneous": inclusions.heterogeneous,
    "graded": inclusions.graded,
    "liver": organs.liver,
    "spleen": organs.spleen,
    "kidney": organs.kidney,
    "brain": organs.brain,
    "breast": organs.breast,
}

FAMILIES = tuple(BUILDERS)


def draw(family, rng, **overrides):
    """Draw a phantom of a family.

    Parameters
    ----------
    family : one of `FAMILIES`
    rng : numpy.random.Generator; its state alone determines the phantom
    overrides : values that replace draws of `distributions.DISTRIBUTIONS[family]`, such as stage="F0"

    Raises
    ------
    ValueError : unknown family, unknown override, or a value that the family does not have

    Examples
    --------
    >>> import dime
    >>> import numpy as np
    >>> phantom = dime.draw("liver", np.random.default_rng(7), stage="F0")
    >>> bool(1000 < phantom.stiffness(np.zeros(1), np.zeros(1))[0] < 4000)  # |G*| [Pa]
    True
    """
    draws = Draws(family, rng, overrides)
    outline, tissue, interfaces, labels = BUILDERS[family](draws)
    labels = {"family": family, "loss_tangent": tissue.loss, **labels}
    return Phantom(outline, tissue.stiffness, tissue.loss_tangent, interfaces, labels)
