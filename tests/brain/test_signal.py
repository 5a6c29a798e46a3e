"""Signal in closed form, against closed limits and its own definition step by step."""

import numpy as np
import pytest
import torch

from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.signal import approach, closed_form
from dime.brain.tissues import Properties

TRAIN = Train()
GREY = Properties(0.8, *(torch.tensor(one, dtype=torch.float64) for one in (1.55, 0.09, 0.322, 0.83e-9)))


def first_line(**contrast):
    """Signal of grey matter in the first excitation of one contrast that begins at rest."""
    return closed_form(GREY, (Contrast(**contrast),), TRAIN)[0, 0].item()


def test_the_steady_state_is_largest_at_the_ernst_angle():
    flip = torch.linspace(0.5, 30, 29501, dtype=torch.float64).deg2rad()
    steady = approach(GREY, (Contrast(),), TRAIN, flip / TRAIN.flip_rad).steady[0]
    ernst = np.arccos(np.exp(-TRAIN.repetition_s / 1.55))
    assert flip[steady.argmax()].item() == pytest.approx(ernst, abs=np.deg2rad(1e-3))


def test_a_long_train_reaches_the_steady_state():
    train = Train(lines=4000)
    signal = closed_form(GREY, (Contrast(),), train)[0]
    assert signal[-1].item() == pytest.approx(approach(GREY, (Contrast(),), train).steady.item(), rel=1e-6)


def test_an_inversion_from_rest_is_null_after_t1_ln_2():
    assert abs(first_line(inversion_s=1.55 * np.log(2))) < 1e-12
    assert first_line(inversion_s=1e-9) == pytest.approx(-first_line(), rel=1e-6)


@pytest.mark.parametrize(
    ("field", "step", "slope"),
    [
        ("t2_preparation_s", 0.04, -1 / 0.09),
        ("echo_delay_s", 0.01, -(1 / 0.09 + 1 / 0.322)),
    ],
)
def test_preparation_and_delay_decay_with_one_exponential(field, step, slope):
    values = [first_line(**{field: step * k}) for k in range(1, 5)]
    np.testing.assert_allclose(np.diff(np.log(values)) / step, slope, rtol=1e-6)


def test_diffusion_decays_by_b_d_and_t2():
    values = [first_line(diffusion_s=0.01, b_s_per_m2=b) for b in (0.0, 1e9)]
    assert values[0] == pytest.approx(first_line() * np.exp(-0.01 / 0.09), rel=1e-6)
    assert np.log(values[1] / values[0]) == pytest.approx(-0.83, rel=1e-6)


def test_a_double_inversion_follows_its_two_waits():
    found = first_line(inversion_s=1.0, second_inversion_s=0.5)
    after_first = 1 - 2 * np.exp(-1.0 / 1.55)
    after_second = 1 - (1 + after_first) * np.exp(-0.5 / 1.55)
    assert found == pytest.approx(first_line() * after_second, rel=1e-6)


def test_every_contrast_begins_where_the_one_before_ended():
    contrasts = (*COMBINATIONS["T1"], Contrast(t2_preparation_s=0.05, echo_delay_s=0.03))
    found = closed_form(GREY, contrasts, TRAIN, 1.1)
    m = 1.0
    for place, one in enumerate(contrasts):
        if place:
            m = 1 - (1 - m) * np.exp(-10 / 1.55)
        if one.inversion_s is not None:
            m = 1 - (1 + m) * np.exp(-one.inversion_s / 1.55)
        m *= np.exp(-one.t2_preparation_s / 0.09)
        angle, delay = 1.1 * np.deg2rad(5), one.echo_delay_s
        for n in range(64):
            decay = np.exp(-(2.51e-3 + delay) * (1 / 0.09 + 1 / 0.322))
            expected = 0.8 * m * np.sin(angle) * decay
            assert found[place, n].item() == pytest.approx(expected, rel=1e-6, abs=1e-9)
            m = 1 - (1 - m * np.cos(angle)) * np.exp(-(5.6e-3 + delay) / 1.55)


def test_gradients_are_those_of_central_differences():
    rng = np.random.default_rng(0)
    inputs = [
        torch.tensor(s * rng.uniform(0.5, 1.5, 3), requires_grad=True) for s in (1, 1.5, 0.1, 0.2, 1, 1)
    ]
    contrasts = (
        Contrast(0.5, 0.3),
        Contrast(2.7, t2_preparation_s=0.05),
        Contrast(None, None, 0, 0.01, 6e8, 0.01),
    )

    def signal(density, t1, t2, t2_prime, diffusion, b1):
        properties = Properties(density, t1, t2, t2_prime, diffusion * 1e-9)
        return closed_form(properties, contrasts, Train(lines=5), b1)

    assert torch.autograd.gradcheck(signal, inputs, eps=1e-6, atol=1e-7)
