"""Contrasts that a brain is imaged with: a preparation, and a train of spoiled gradient echoes.

    [recovery] - inversion - TI - second inversion - TI2 - T2 preparation - diffusion - train of N excitations

Each contrast fills one image; each excitation n = 0 ... N - 1 of its train fills one line of k-space.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Train:
    """Spoiled gradient echoes that read one image.

    flip_rad : flip angle a [rad]
    repetition_s, echo_s : TR, TE [s]
    spoiling_rad : increment of the phase of the pulses [rad], for the simulators that see it
    lines : N, lines of k-space, which is the image's size along y
    order : "centric" (the middle of k-space first) or "linear" (from one edge to the other)
    recovery_s : wait between the end of one contrast's train and the next contrast [s]
    dwell_s : time of one sample of a line [s]

    Source: the sequence of BMapEst (arXiv 2404.14739) as its repository states it.
    """

    flip_rad: float = np.deg2rad(5)
    repetition_s: float = 5.60e-3
    echo_s: float = 2.51e-3
    spoiling_rad: float = np.deg2rad(50)
    lines: int = 64
    order: str = "centric"
    recovery_s: float = 10.0
    dwell_s: float = 30e-6


@dataclass(frozen=True)
class Contrast:
    """One image: which preparation comes before the train, and how late the echo is.

    inversion_s : TI [s], wait after an inversion; None for no inversion
    second_inversion_s : wait [s] after a second inversion, which follows the first one's wait; None for none
    t2_preparation_s : time [s] that magnetisation spends in the transverse plane before it is tipped back
    diffusion_s, b_s_per_m2 : the same of a diffusion preparation [s], and its b-value [s/m^2]
    echo_delay_s : delay [s] of echo and repetition, by which T2* shows
    """

    inversion_s: float | None = None
    second_inversion_s: float | None = None
    t2_preparation_s: float = 0.0
    diffusion_s: float = 0.0
    b_s_per_m2: float = 0.0
    echo_delay_s: float = 0.0

    def duration_s(self, train):
        """Time from the recovery's end to the end of the train [s]."""
        waits = (self.inversion_s or 0) + (self.second_inversion_s or 0)
        readout = train.lines * (train.repetition_s + self.echo_delay_s)
        return waits + self.t2_preparation_s + self.diffusion_s + readout


INVERSIONS_S = (0.1, 0.5, 1.0, 2.7)
T2_PREPARATIONS_S = (10e-3, 50e-3, 100e-3, 300e-3)
ECHO_DELAYS_S = (5e-3, 10e-3, 30e-3, 60e-3)
B_VALUES_S_PER_M2 = (0.0, 300e6, 600e6, 1000e6)

FAMILIES = {
    "T1": tuple(Contrast(inversion_s=time) for time in INVERSIONS_S),
    "T2": tuple(Contrast(t2_preparation_s=time) for time in T2_PREPARATIONS_S),
    "T2*": tuple(Contrast(echo_delay_s=time) for time in ECHO_DELAYS_S),
    "DIR": tuple(Contrast(inversion_s=time, second_inversion_s=0.5) for time in INVERSIONS_S),
    "FLAIR": tuple(Contrast(inversion_s=2.7, t2_preparation_s=time) for time in T2_PREPARATIONS_S),
    "DWI": tuple(Contrast(diffusion_s=10e-3, b_s_per_m2=b) for b in B_VALUES_S_PER_M2),
}
"""The original's six families of four contrasts.

Source: BMapEst's repository, for the families, their times and their order.
Assumption: the waits of the double inversion are those of the single one, and the b-values are 0 to
1000 s/mm^2, because the facts at hand name only their fixed times (0.5 s, 10 ms). The delay of the echo is
added to the repetition time too, since the train could not hold it otherwise.
"""

COMBINATIONS = {
    "T1 x 1": (Contrast(inversion_s=0.5),),
    "T1": FAMILIES["T1"],
    **{
        f"+ {name}": tuple(one for family in list(FAMILIES)[: place + 1] for one in FAMILIES[family])
        for place, name in enumerate(FAMILIES)
        if place > 0
    },
}
"""The original's seven combinations: name -> contrasts, in the order in which they are measured.

Assumption: the single T1 image has TI = 0.5 s, at which the three tissues differ most of the four.
"""


def line_order(train):
    """Frequency -N/2 ... N/2 - 1 of the line that each excitation reads: (line,) int array.

    Centric: 0, -1, 1, -2, 2, ...; linear: from -N/2 upwards.

    Raises
    ------
    ValueError
        The order is unknown.
    """
    rising = np.arange(train.lines) - train.lines // 2
    if train.order == "linear":
        return rising
    if train.order == "centric":
        return rising[np.lexsort((rising, np.abs(rising)))]
    raise ValueError(f"order: expected centric or linear, found {train.order!r}")
