"""What makes membranes doubtful is said, and nothing else."""

import numpy as np
import pytest
from membrane_fits import GRID, SEQUENCE, measured, walk

from dime.diffusion.doubts import examined, of_fit, of_input
from dime.diffusion.inputs import Measured
from dime.diffusion.operators import assemble
from dime.diffusion.sequence_file import read_sequence

OPERATORS = assemble(GRID)


def sequence(**changes):
    return read_sequence({"blocks": [SEQUENCE["blocks"][0] | changes]})


def looked_at(blocks):
    fit = walk(OPERATORS, blocks, measured(), 0.01, 0, None, lambda state: None)
    return examined(fit, OPERATORS, blocks)


def test_input_that_says_all_raises_no_doubt():
    assert of_input(Measured(measured(), 0.01, "stated"), sequence()) == []


def test_an_assumed_noise_and_gradients_that_hardly_exist_are_told():
    strong = sequence(duration_ms=2, separation_ms=3, b_ms_per_um2=[5, 9])
    assumed, gradients = of_input(Measured(measured(), 0.01, "assumed"), strong)
    assert assumed.startswith("no noise is stated") and "more than almost any scanner has" in gradients


def test_a_fit_that_leaves_noise_alone_raises_no_doubt_and_another_does():
    blocks = sequence().blocks
    best = looked_at(blocks)
    assert of_fit(best, blocks, Measured(best.signal + 0.005, 0.01, "stated")) == []
    (said,) = of_fit(best, blocks, Measured(best.signal + 0.02, 0.01, "stated"))
    assert said.startswith("chi is 2: the membranes do not explain")


def test_a_fit_without_a_membrane_has_found_nothing():
    blocks = sequence().blocks
    best = looked_at(blocks)
    empty = best._replace(fit=best.fit._replace(membrane=np.zeros_like(best.fit.membrane)))
    (said,) = of_fit(empty, blocks, Measured(best.signal, 0.01, "stated"))
    assert said == "no face is a membrane: nothing was found"


def test_modes_that_do_not_decay_within_a_gradient_are_too_few():
    """40 of 192 modes decay within 10 ms, and not within half of one; all modes are never too few."""
    blocks = sequence(duration_ms=0.5, b_ms_per_um2=[0.1, 0.3]).blocks
    best = looked_at(blocks)
    (said,) = of_fit(best, blocks, Measured(best.signal, 0.01, "stated"))
    assert said.startswith("the basis of 40 modes is small for gradients of 0.5 ms")
    whole = examined(best.fit._replace(modes=np.eye(len(OPERATORS.start))), OPERATORS, blocks)
    assert whole.fastest_per_ms == np.inf
    assert of_fit(whole, blocks, Measured(whole.signal, 0.01, "stated")) == []
    assert whole.signal == pytest.approx(best.signal, abs=0.05)
