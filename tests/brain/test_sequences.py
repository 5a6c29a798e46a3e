"""Contrasts and the order of lines."""

import pytest

from dime.brain.sequences import COMBINATIONS, FAMILIES, Contrast, Train, line_order


def test_centric_order_begins_in_the_middle_and_alternates():
    assert line_order(Train(lines=6)).tolist() == [0, -1, 1, -2, 2, -3]
    assert line_order(Train(lines=5)).tolist() == [0, -1, 1, -2, 2]


def test_linear_order_rises():
    assert line_order(Train(lines=6, order="linear")).tolist() == [-3, -2, -1, 0, 1, 2]


@pytest.mark.parametrize("order", ["centric", "linear"])
def test_every_line_is_read_once(order):
    assert sorted(line_order(Train(order=order)).tolist()) == list(range(-32, 32))


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="expected centric or linear, found 'spiral'"):
        line_order(Train(order="spiral"))


def test_each_combination_adds_a_family_to_the_one_before():
    sizes = [len(contrasts) for contrasts in COMBINATIONS.values()]
    assert sizes == [1, 4, 8, 12, 16, 20, 24]
    *_, largest = COMBINATIONS.values()
    assert largest == tuple(one for family in FAMILIES.values() for one in family)
    for contrasts in list(COMBINATIONS.values())[1:]:
        assert largest[: len(contrasts)] == contrasts


def test_duration_sums_waits_preparations_and_repetitions():
    contrast = Contrast(2.0, 0.5, t2_preparation_s=0.1, diffusion_s=0.05, echo_delay_s=1e-3)
    train = Train(lines=10, repetition_s=5e-3)
    assert contrast.duration_s(train) == pytest.approx(2.0 + 0.5 + 0.1 + 0.05 + 10 * 6e-3)
    assert Contrast().duration_s(train) == pytest.approx(0.05)
