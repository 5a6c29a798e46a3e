"""Encoding: unitary along y, blind along x, phase at the echo."""

import pytest
import torch

from dime.brain.encoding import fourier, phase_of, to_images, to_lines
from dime.brain.sequences import Contrast, Train

TRAINS = [Train(), Train(order="linear"), Train(lines=7)]


@pytest.mark.parametrize("train", TRAINS)
def test_encoding_is_unitary(train):
    F = fourier(train)
    torch.testing.assert_close(F @ F.conj().T, torch.eye(train.lines) + 0j, atol=1e-5, rtol=0)
    images = torch.randn(2, train.lines, 5, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    lines = to_lines(images, train)
    assert lines.abs().square().sum().item() == pytest.approx(images.abs().square().sum().item(), rel=1e-5)
    torch.testing.assert_close(to_images(lines, train), images, atol=1e-5, rtol=0)


def test_the_first_line_is_the_sum_along_y():
    images = torch.rand(64, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(to_lines(images, Train())[0], images.sum(0) / 8 + 0j)


@pytest.mark.parametrize("train", TRAINS)
def test_a_wave_along_y_fills_one_line(train):
    y = torch.arange(train.lines) - train.lines // 2
    wave = torch.polar(torch.ones(train.lines), 2 * torch.pi * 2 * y / train.lines)
    energy = to_lines(wave[:, None], train)[:, 0].abs().square()
    assert energy.argmax() == {"centric": 4, "linear": train.lines // 2 + 2}[train.order]  # 0, -1, 1, -2, 2
    assert energy.max().item() == pytest.approx(train.lines, rel=1e-5)
    assert energy.sum().item() == pytest.approx(train.lines, rel=1e-5)


def test_columns_do_not_mix():
    images = torch.zeros(64, 4)
    images[10, 2] = 1
    lines = to_lines(images, Train())
    assert not lines[:, [0, 1, 3]].any() and lines[:, 2].abs().min() > 0.12


def test_phase_turns_with_b0_and_the_echo():
    train, contrasts = Train(echo_s=2e-3), (Contrast(), Contrast(echo_delay_s=3e-3))
    phase = phase_of(torch.tensor([[0.0, 50.0]]), contrasts, train)
    assert phase.shape == (2, 1, 2)
    turns = torch.angle(phase[:, 0]) / (2 * torch.pi)
    torch.testing.assert_close(turns, torch.tensor([[0.0, 0.1], [0.0, 0.25]]))
