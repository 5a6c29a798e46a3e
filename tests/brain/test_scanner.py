"""Scanner: fields, mixings, simulators, finer grids, readout and noise."""

import numpy as np
import pytest
import torch

from dime.brain import epg
from dime.brain.encoding import phase_of, to_images, to_lines
from dime.brain.scanner import (
    B1_TABLE,
    Fields,
    acquire,
    add_noise,
    b1_table,
    original_fields,
    reference_signal,
    tissue_signals,
    uniform_fields,
)
from dime.brain.sequences import Contrast, Train
from dime.brain.signal import closed_form
from dime.brain.tissues import AT_3T, TISSUES, Properties, stacked

SMALL = Train(lines=16)
SOME = (Contrast(inversion_s=0.5), Contrast(t2_preparation_s=0.05), Contrast(echo_delay_s=0.01))


def fractions_of(size, seed=0):
    """Fractions of tissue drawn at random, with what is left to 1 empty."""
    drawn = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), (size, size))[..., :3]
    return torch.tensor(np.moveaxis(drawn, -1, 0), dtype=torch.float32)


def repeated(array, factor):
    """Each voxel as factor x factor equal ones."""
    return array.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def along_both(images):
    """Both Fourier transforms, frequencies rising."""
    return torch.fft.fftshift(torch.fft.fft2(images), dim=(-2, -1))


def test_original_fields_are_the_formulas_less_their_weighted_means():
    density = torch.rand(40, 40, generator=torch.Generator().manual_seed(0))
    b1, b0_hz = original_fields(density)
    assert (density * b1).sum() / density.sum() == pytest.approx(1, rel=1e-5)
    assert (density * b0_hz).sum() / density.sum() == pytest.approx(0, abs=1e-3)
    x, y = (2 * 31 + 1) / 40 - 1, (2 * 4 + 1) / 40 - 1
    x0, y0 = (2 * 20 + 1) / 40 - 1, (2 * 34 + 1) / 40 - 1
    ratio = np.exp(-0.4 * (x**2 - x0**2) - 0.2 * (y**2 - y0**2))
    assert b1[4, 31] / b1[34, 20] == pytest.approx(ratio, rel=1e-5)
    d, d0 = 0.4 * x**2 + 0.2 * (y - 0.7) ** 2, 0.4 * x0**2 + 0.2 * (y0 - 0.7) ** 2
    difference = 7 / (0.05 + d) - 45 / (0.3 + d) - 7 / (0.05 + d0) + 45 / (0.3 + d0)
    assert b0_hz[4, 31] - b0_hz[34, 20] == pytest.approx(difference, rel=1e-4)


@pytest.mark.parametrize("simulator", ["closed", "epg"])
def test_the_image_is_the_sum_of_the_tissues_signals(simulator):
    fractions, contrasts = fractions_of(16), SOME
    fields = original_fields(fractions.sum(0))
    signal = torch.stack(list(tissue_signals(fields.b1, contrasts, SMALL, simulator=simulator)))
    assert signal.shape == (3, 16, 3, 16, 16)
    voxel = (
        torch.einsum("tyx,cntyx->cnyx", fractions, signal) * phase_of(fields.b0_hz, contrasts, SMALL)[:, None]
    )
    lines = torch.stack([to_lines(voxel[:, n], SMALL)[:, n] for n in range(16)], dim=1)
    found = acquire(fractions, contrasts, SMALL, fields=fields, simulator=simulator)
    assert found.dtype == torch.complex64
    torch.testing.assert_close(found, to_images(lines, SMALL), atol=1e-6, rtol=1e-4)


def test_signals_of_tissues_are_those_of_the_closed_form():
    b1 = torch.rand(4, 5, generator=torch.Generator().manual_seed(0)) + 0.5
    found = torch.stack(list(tissue_signals(b1, SOME, SMALL)))
    for place, tissue in enumerate(TISSUES):
        expected = closed_form(Properties(*map(torch.tensor, AT_3T[tissue])), SOME, SMALL, b1)
        torch.testing.assert_close(found[:, :, place], expected, atol=1e-6, rtol=0)


def test_mixings_agree_where_no_voxel_is_mixed_and_differ_where_one_is():
    labels = torch.randint(0, 3, (16, 16), generator=torch.Generator().manual_seed(3))
    pure = torch.nn.functional.one_hot(labels, 3).permute(2, 0, 1).float()
    fields = original_fields(pure.sum(0))
    signal, prop = (acquire(pure, SOME, SMALL, fields=fields, mixing=one) for one in ("signal", "property"))
    assert (signal - prop).abs().max() < 1e-4 * signal.abs().max()
    blurred = 0.5 * pure + 0.5 * pure.roll(1, -1)
    signal, prop = (
        acquire(blurred, SOME, SMALL, fields=fields, mixing=one) for one in ("signal", "property")
    )
    assert (signal - prop).abs().max() > 0.02 * signal.abs().max()


def test_the_table_over_b1_is_fine_enough():
    b1 = torch.linspace(0.6, 1.3, 59)[None]  # every second value lies between two of the table
    found = torch.stack(list(tissue_signals(b1, SOME, SMALL, simulator="epg")))[..., 0, :]
    expected = epg.signals(
        Properties(*(one[:, None].numpy() for one in stacked())), SOME, SMALL, b1[0].numpy()
    )
    assert np.abs(found.numpy() - expected).max() < 2e-4 * np.abs(expected).max()
    table = b1_table(SOME, SMALL)
    assert table.shape == (3, 16, 3, len(B1_TABLE))


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("simulator", ["closed", "epg"])
def test_a_finer_grid_damps_each_frequency_by_the_voxels_transform(factor, simulator):
    fractions = fractions_of(16)
    fields = Fields(torch.full((16, 16), 1.1), torch.full((16, 16), 20.0))
    coarse = acquire(fractions, SOME, SMALL, fields=fields, simulator=simulator)
    finer = Fields(*(repeated(one, factor) for one in fields))
    fine = acquire(repeated(fractions, factor), SOME, SMALL, fields=finer, simulator=simulator)
    k = np.arange(-8, 8)
    with np.errstate(invalid="ignore"):
        damping = np.sin(np.pi * k / 16) / (factor * np.sin(np.pi * k / 16 / factor))
    damping[8] = 1
    expected = along_both(coarse) * torch.tensor(np.outer(damping, damping))
    torch.testing.assert_close(along_both(fine), expected.to(torch.complex64), atol=1e-5, rtol=1e-3)


def test_an_even_object_is_the_same_on_every_grid():
    fractions = torch.full((3, 16, 16), 0.3)
    coarse, fine = (
        acquire(repeated(fractions, factor), SOME, SMALL, simulator="isochromat") for factor in (1, 4)
    )
    torch.testing.assert_close(fine.mean(dim=(1, 2)), coarse.mean(dim=(1, 2)), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("factor", [1, 2])
def test_a_line_that_is_read_decays_with_t2_star_and_turns_with_b0(factor):
    fractions = torch.zeros(3, 16 * factor, 16 * factor)
    fractions[1] = repeated(fractions_of(16)[1], factor)
    fields = Fields(torch.ones(fractions.shape[1:]), torch.full(fractions.shape[1:], 60.0))
    at_echo, in_time = (
        along_both(acquire(fractions, SOME, SMALL, fields=fields, simulator=one))
        for one in ("epg", "isochromat")
    )
    seconds = np.arange(-8, 8) * SMALL.dwell_s
    course = np.exp((2j * np.pi * 60 - 1 / 0.09 - 1 / 0.322) * seconds)
    torch.testing.assert_close(
        in_time, at_echo * torch.tensor(course, dtype=torch.complex64), atol=1e-5, rtol=1e-3
    )


def test_a_line_of_64_samples_is_exact_enough_at_100_hz():
    train = Train()
    fractions = torch.zeros(3, 64, 64)
    fractions[0, 32, 32] = 1  # one point, which every sample sees alike
    fields = Fields(torch.ones(64, 64), torch.full((64, 64), 100.0))
    at_echo, in_time = (
        along_both(acquire(fractions, SOME[:1], train, fields=fields, simulator=one))[0]
        for one in ("epg", "isochromat")
    )
    seconds = np.arange(-32, 32) * train.dwell_s
    course = np.exp((2j * np.pi * 100 - 1 / 1.65 - 1 / 59.1e-3) * seconds)
    error = in_time / at_echo - torch.tensor(course)
    assert error.abs().max() < 1e-4


def test_reference_is_the_brightest_tissue_at_rest():
    density, _, t2, t2_prime, _ = AT_3T["csf"]
    expected = density * np.sin(np.deg2rad(5)) * np.exp(-2.51e-3 * (1 / t2 + 1 / t2_prime))
    assert reference_signal((Contrast(), Contrast(inversion_s=0.5)), Train()) == pytest.approx(
        expected, rel=1e-5
    )


def test_noise_has_the_asked_deviation_in_both_parts_and_repeats():
    images = torch.zeros(4, 200, 200, dtype=torch.complex64)
    noisy = add_noise(images, 50, 0.2, np.random.default_rng(1))
    assert noisy.dtype == torch.complex64
    assert noisy.real.std() == pytest.approx(0.004, rel=0.02) and noisy.imag.std() == pytest.approx(
        0.004, rel=0.02
    )
    assert abs((noisy.real * noisy.imag).mean()) < 2e-7
    torch.testing.assert_close(noisy, add_noise(images, 50, 0.2, np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"fractions": torch.zeros(3, 20, 20)},
            r"expected 3 tissues on a square grid of 16 voxels or a multiple",
        ),
        ({"fractions": torch.zeros(2, 16, 16)}, r"found \(2, 16, 16\)"),
        ({"fractions": torch.full((3, 16, 16), torch.nan)}, "fractions: expected finite numbers"),
        ({"fields": uniform_fields((8, 8))}, r"fields: expected the grid of the fractions \(16, 16\)"),
        ({"mixing": "both"}, "mixing: expected signal or property, found 'both'"),
        ({"mixing": "property", "simulator": "epg"}, "property needs the closed form"),
        ({"mixing": "property", "fractions": torch.zeros(3, 32, 32)}, "a grid of the image's size"),
        ({"simulator": "bloch"}, "simulator: expected closed, epg or isochromat, found 'bloch'"),
        (
            {"simulator": "epg", "fields": Fields(torch.full((16, 16), 0.5), torch.zeros(16, 16))},
            r"expected B1 of 0.6 to 1.3 in tissue",
        ),
    ],
)
def test_bad_input_is_named(arguments, message):
    fractions = arguments.pop("fractions", torch.full((3, 16, 16), 0.3))
    with pytest.raises(ValueError, match=message):
        acquire(fractions, SOME, SMALL, **arguments)


def test_noise_without_a_positive_snr_is_refused():
    with pytest.raises(ValueError, match="snr: expected a positive number, found 0"):
        add_noise(torch.zeros(2, 2), 0, 1.0, np.random.default_rng(0))
