"""The methods of inversion: one record each, which command line, figures, trials, tests and paper read.

A new method is one module and one record here. Another package adds one by an entry point of the group
`dime.methods`, whose name is the method's and whose object is a `Method`:

    [project.entry-points."dime.methods"]
    phase_gradient = "my_package:PHASE_GRADIENT"

>>> from dime.inversion.registry import METHODS
>>> list(METHODS)[:7]
['dime', 'mmdi', 'ahi', 'mdev', 'kmdev', 'lfe', 'nonlinear']
>>> METHODS["kmdev"].label
'k-MDEV'
"""

from dataclasses import dataclass
from importlib.metadata import entry_points

GROUP = "dime.methods"
"""Group of the entry points by which other packages add methods."""


@dataclass(frozen=True)
class Method:
    """One method of inversion.

    function : "module:function", imported when it is used. It is called as
        (wave, mask, spacing_m, frequency_hz, **settings) on one slice (y, x) and returns a tuple that begins
        with stiffness [Pa] and confidence 0..1, both (y, x) and 0 outside the mask. That of a network is
        called with the network's folder and returns such a function, whose second map is the uncertainty
        (Laplace scale of log stiffness), and the settings.
    label : name in print
    colour : colour in figures, "#rrggbb"
    help : one line for the command line
    marker : sign in figures, one of matplotlib's
    learnt : whether it needs the folder of a trained network
    fast : whether a slice takes less than a second
    least_confidence : confidence from which a pixel is trusted; unused for networks. Assumption: 0.8. On
        validation phantoms (SNR 5 to 50) 3 to 4 % of AHI's, MDEV's and k-MDEV's values above it are wrong by
        more than half; of those below a sixth (k-MDEV) to a half are.
    """

    function: str
    label: str
    colour: str
    help: str
    marker: str = "o"
    learnt: bool = False
    fast: bool = True
    least_confidence: float = 0.8


BUILT_IN = {
    "dime": Method(
        "dime.network.prediction:trained",
        "DIME",
        "#62b6f0",
        "a network that has learnt from simulated waves, with an uncertainty",
        learnt=True,
    ),
    "mmdi": Method(
        "dime.inversion.mmdi:invert",
        "MMDI",
        "#d55e00",
        "multi-model direct inversion, the clinical reference",
        marker="^",
        least_confidence=0.95,  # as clinics read it
    ),
    "ahi": Method(
        "dime.inversion.direct:ahi",
        "AHI",
        "#cc79a7",
        "algebraic Helmholtz inversion: the Laplacian over the wave",
        marker="v",
    ),
    "mdev": Method(
        "dime.inversion.direct:mdev",
        "MDEV",
        "#e69f00",
        "the same in several directions, summed by their energy",
        marker=">",
    ),
    "kmdev": Method(
        "dime.inversion.direct:kmdev",
        "k-MDEV",
        "#009e73",
        "the slope of the phase in several directions",
        marker="<",
    ),
    "lfe": Method(
        "dime.inversion.direct:lfe",
        "LFE",
        "#999933",
        "local frequency estimation by a bank of filters",
        marker="P",
        least_confidence=0.95,  # below it a sixth of the values on validation phantoms are wrong by over half
    ),
    "nonlinear": Method(
        "dime.inversion.nonlinear:nonlinear",
        "nonlinear",
        "#7b3294",
        "finite elements fitted to the wave; seconds to a minute for a slice",
        fast=False,
    ),
}
"""Name -> record, in the order of figures and tables."""


def _of_other_packages():
    """Methods that installed packages add, and a line for each that cannot be taken."""
    found, left_out = {}, []
    for point in entry_points(group=GROUP):
        origin = f"method {point.name} of {point.dist.name if point.dist else point.value}"
        if point.name in BUILT_IN or point.name in found:
            left_out.append(f"{origin}: left out, because another method has this name")
            continue
        try:
            record = point.load()
        except Exception as error:  # whatever another package's import raises
            left_out.append(f"{origin}: left out, because it cannot be imported ({error})")
            continue
        if not isinstance(record, Method):
            kind = type(record).__name__
            left_out.append(f"{origin}: left out; expected a Method, found {kind}")
            continue
        found[point.name] = record
    return found, left_out


_ADDED, LEFT_OUT = _of_other_packages()
"""What other packages add, and in words what of it cannot be taken."""

METHODS: dict[str, Method] = BUILT_IN | _ADDED
"""Every method that can be used: name -> record."""


def described():
    """One line for each method: name and help, for the command line."""
    width = max(map(len, METHODS))
    return [f"{name:<{width}}  {method.help}" for name, method in METHODS.items()]
