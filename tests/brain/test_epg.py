"""Extended phase graph, against the closed form and known steady states."""

import numpy as np
import pytest
import torch

from dime.brain import epg
from dime.brain.sequences import COMBINATIONS, Contrast, Train
from dime.brain.signal import closed_form
from dime.brain.tissues import AT_3T, TISSUES, Properties, stacked

ALL = COMBINATIONS["+ DWI"]


@pytest.mark.parametrize(("tissue", "largest"), [("csf", 0.06), ("gm", 0.025), ("wm", 0.025)])
def test_closed_form_and_graph_agree_by_line(tissue, largest):
    closed = closed_form(Properties(*map(torch.tensor, AT_3T[tissue])), ALL, Train()).numpy()
    graph = epg.signals(AT_3T[tissue], ALL, Train())
    error = np.abs(graph - closed).max(axis=1) / np.abs(closed).max(axis=1)
    assert graph.shape == (24, 64)
    assert error.max() < largest


def test_first_lines_differ_by_what_the_train_before_left():
    first = np.array([epg.signals(AT_3T[tissue], ALL[:1], Train())[0, 0] for tissue in TISSUES])
    closed = closed_form(stacked(), ALL[:1], Train())[0, 0].numpy()
    np.testing.assert_allclose(first, closed, rtol=1e-5)


def test_without_transverse_memory_it_is_the_closed_form():
    fast = Properties(0.9, np.array([0.3, 1.0, 3.0]), 2e-4, 1.0, 1e-9)
    train, contrasts = Train(flip_rad=0.4), (Contrast(0.5, 0.2), Contrast(), Contrast(echo_delay_s=2e-3))
    closed = closed_form(Properties(*map(torch.as_tensor, fast)), contrasts, train, 1.2).numpy()
    found = epg.signals(fast, contrasts, train, 1.2)
    np.testing.assert_allclose(found, closed, rtol=0, atol=1e-6 * np.abs(closed).max())


def test_a_train_without_rf_spoiling_reaches_the_known_steady_state():
    """Gradient spoiling alone: the mean of the balanced steady state over all phases.

    S = tan(a/2) (1 - (E1 - cos a) (1 - E2^2) / sqrt(p^2 - q^2)), p = 1 - E1 cos a - E2^2 (E1 - cos a),
    q = E2 (1 - E1) (1 + cos a). Source: Hänicke and Vogel 2003, Magnetic Resonance in Medicine 49:771.
    """
    t1, t2, a = 0.08, np.array([0.05, 0.02]), np.deg2rad(40)
    train = Train(flip_rad=a, spoiling_rad=0.0, lines=400)
    found = epg.signals(Properties(1.0, t1, t2, 1e9, 0.0), (Contrast(),), train)[0, -1]
    e1, e2 = np.exp(-train.repetition_s / t1), np.exp(-train.repetition_s / t2)
    p = 1 - e1 * np.cos(a) - e2**2 * (e1 - np.cos(a))
    q = e2 * (1 - e1) * (1 + np.cos(a))
    known = np.tan(a / 2) * (1 - (e1 - np.cos(a)) * (1 - e2**2) / np.sqrt(p**2 - q**2))
    np.testing.assert_allclose(found, known * np.exp(-train.echo_s / t2), rtol=1e-9)


def test_properties_and_b1_broadcast():
    properties = Properties(*(one.numpy()[:, None] for one in stacked()))
    b1 = np.array([0.7, 1.0, 1.2])
    together = epg.signals(properties, ALL[:3], Train(lines=8), b1)
    assert together.shape == (3, 8, 3, 3)
    for place, tissue in enumerate(TISSUES):
        alone = epg.signals(AT_3T[tissue], ALL[:3], Train(lines=8), 1.2)
        np.testing.assert_allclose(together[:, :, place, 2], alone, rtol=1e-5)
