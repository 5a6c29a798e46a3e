"""Checks of the simulators: they find what is wrong, and nothing where nothing is."""

import numpy as np
import pytest
import torch

from dime.brain import verification
from dime.brain.render import property_image
from dime.brain.scanner import Fields, original_fields
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import AT_3T, TISSUES, mixed

TRAIN = Train(lines=16)


def fractions():
    drawn = np.random.default_rng(0).dirichlet((0.4, 0.4, 0.4), (16, 16))
    return torch.tensor(np.moveaxis(drawn, -1, 0), dtype=torch.float32)


def test_each_simulator_gives_back_what_is_known():
    for tissue in TISSUES:
        found = verification.known_limits(AT_3T[tissue], TRAIN)
        assert len(found) == 5
        for quantity, values in found.items():
            for value in values.values():
                assert value == pytest.approx(values["known"], rel=1e-4), quantity


def test_a_wrong_simulator_is_found(monkeypatch):
    wrong = {
        "epg": lambda properties, *others: verification.epg.signals(properties._replace(t2_s=0.1), *others)
    }
    monkeypatch.setattr(verification, "SIMULATORS", verification.SIMULATORS | wrong)
    found = verification.known_limits(AT_3T["gm"], TRAIN)
    assert found["T2 [s]"]["epg"] == pytest.approx(0.1, rel=1e-6)
    signals = verification.signals_by_line(COMBINATIONS["+ T2"], Train())
    apart = verification.differences(signals, "epg", "isochromat")
    assert all(error.shape == (8, 64) for error in apart.values())
    assert np.abs(apart["gm"]).max() > 0.03
    right = verification.differences(signals, "isochromat", "isochromat")
    assert not any(error.any() for error in right.values())


def test_gradients_of_the_image_are_right_and_a_wrong_one_is_found(monkeypatch):
    properties = mixed(fractions())
    fields = original_fields(fractions().sum(0))
    contrasts = COMBINATIONS["+ DWI"][::3]
    errors = verification.gradient_errors(properties, contrasts, TRAIN, fields)
    assert list(errors) == list(properties._fields)
    assert max(errors.values()) < 1e-5

    def detached(values, *others):
        return property_image(values._replace(t1_s=0.9 * values.t1_s.detach() + 0.1 * values.t1_s), *others)

    monkeypatch.setattr(verification, "property_image", detached)
    assert verification.gradient_errors(properties, contrasts, TRAIN, fields)["t1_s"] > 0.5


def test_mixings_differ_by_nothing_in_pure_voxels():
    labels = fractions().argmax(0)
    pure = torch.nn.functional.one_hot(labels, 3).permute(2, 0, 1).float()
    plain = Fields(torch.ones(16, 16), torch.zeros(16, 16))
    some = {"T1": COMBINATIONS["T1"]}
    assert verification.mixing_differences(pure, some, TRAIN, plain)["T1"] < 1e-4
    assert verification.mixing_differences(fractions(), some, TRAIN, plain)["T1"] > 0.05


def test_a_voxel_of_two_tissues_lies_on_a_line_by_signal_and_beside_it_by_property():
    shares = np.linspace(0, 1, 5)
    found = verification.voxels_of_two("gm", "csf", shares, COMBINATIONS["T1"], TRAIN)
    ends = found["signal"][:, [0, -1]]
    np.testing.assert_allclose(found["signal"], ends[:, :1] + shares * (ends[:, 1:] - ends[:, :1]), rtol=1e-6)
    np.testing.assert_allclose(found["property"][:, [0, -1]], ends, rtol=1e-4)
    assert np.abs(found["property"] - found["signal"]).max() > 0.1 * np.abs(ends).max()
