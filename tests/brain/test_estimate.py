"""One call from images to maps: the truth comes back, whatever the gain, the phase and the slice."""

import numpy as np
import pytest
import torch
from brain_maps import fields_of, psnr, synthetic

from dime.brain.estimate import estimate_tissue
from dime.brain.scanner import acquire, add_noise, reference_signal
from dime.brain.sequence_file import Sequences
from dime.brain.sequences import COMBINATIONS, Train
from dime.brain.tissues import TISSUES

TRAIN, CONTRASTS = Train(lines=32), COMBINATIONS["+ T2"]
SEQUENCES = Sequences(TRAIN, CONTRASTS)
SNR, GAIN = 100, 37.0


@pytest.fixture(scope="module")
def case():
    """Fractions, mask, noisy complex images times a gain, and fields of two slices, as arrays."""
    rng = np.random.default_rng(5)
    slices = [synthetic(32, seed) for seed in (0, 1)]
    fields = [fields_of(fractions) for fractions, _ in slices]
    largest = reference_signal(CONTRASTS, TRAIN)
    images = [
        add_noise(acquire(one, CONTRASTS, TRAIN, fields=field), SNR, largest, rng)
        for (one, _), field in zip(slices, fields, strict=True)
    ]
    images = GAIN * np.stack([one.numpy() for one in images], axis=1)
    truth = np.stack([one.numpy() for one, _ in slices], axis=1)
    mask = np.stack([one.numpy() for _, one in slices])
    b1, b0_hz = (np.stack([field[place].numpy() for field in fields]) for place in (0, 1))
    return truth, mask, images, {"b1": b1, "b0_hz": b0_hz}


def decibels(found, truth):
    return [psnr(one, true) for one, true in zip(torch_of(found), torch_of(truth), strict=True)]


def torch_of(values):
    return torch.tensor(np.moveaxis(np.asarray(values), 1, 0))


@pytest.mark.parametrize("kind", ["complex", "magnitude"])
def test_two_slices_come_back_from_any_gain_and_phase(case, kind):
    truth, mask, images, fields = case
    given = images * np.exp(2.4j) if kind == "complex" else np.abs(images)
    found = estimate_tissue(given, SEQUENCES, mask=mask, **fields)
    assert found["fraction"].dims == ("tissue", "slice", "y", "x") and list(found["tissue"]) == list(TISSUES)
    assert np.min(decibels(found["fraction"], truth)) > 30
    assert found.attrs["gain"] == pytest.approx(GAIN, rel=0.01) and found.attrs["kind"] == kind
    expected = reference_signal(CONTRASTS, TRAIN) / SNR
    assert found.attrs["noise"] == pytest.approx(expected, rel=0.1)
    if kind == "complex":
        assert found.attrs["phase_rad"] == pytest.approx(2.4, abs=0.01)
    total = found["fraction"].sum("tissue")
    assert found["fraction"].min() >= 0 and total.max() < 1 + 1e-5 and not total.values[~mask].any()
    assert found.attrs["unexplained"] < 0.01
    scatter = (found["fraction"] - truth).values[:, mask]
    assert np.sqrt((scatter**2).mean()) < float(found["sd"].values[:, mask].max())


def test_maps_do_not_depend_on_the_unit_of_the_images(case):
    _, mask, images, fields = case
    given = np.abs(images[:, 0]) / GAIN
    fields = {name: one[0] for name, one in fields.items()}
    one, thousand = (
        estimate_tissue(factor * given, SEQUENCES, mask=mask[0], **fields) for factor in (1, 1000)
    )
    for name in ("fraction", "sd", "low", "high", "residual"):
        np.testing.assert_allclose(thousand[name].values, one[name].values, atol=2e-4)
    assert thousand.attrs["gain"] == pytest.approx(1000 * one.attrs["gain"], rel=1e-4)


def test_an_empty_slice_has_no_tissue_and_changes_no_other(case):
    _, mask, images, fields = case
    mask = np.stack([mask[0], np.zeros_like(mask[0])])
    both = estimate_tissue(np.abs(images), SEQUENCES, mask=mask, **fields)
    alone = estimate_tissue(
        np.abs(images[:, :1]), SEQUENCES, mask=mask[:1], **{name: one[:1] for name, one in fields.items()}
    )
    assert not both["fraction"].values[:, 1].any() and np.isfinite(both["sd"].values).all()
    np.testing.assert_allclose(both["fraction"].values[:, :1], alone["fraction"].values, atol=1e-5)
    assert both.attrs["noise"] == pytest.approx(alone.attrs["noise"], rel=1e-4)


def test_what_lies_outside_the_mask_changes_little(case):
    """A ring of fat around the brain, twice as bright as any tissue."""
    truth, mask, images, fields = case
    y, x = np.indices(mask[0].shape) - 15.5
    ring = (np.hypot(y, x) > 14) & (np.hypot(y, x) < 15.5)
    given = np.abs(images[:, 0])
    given = np.where(ring, 2 * given.max(), given)
    found = estimate_tissue(given, SEQUENCES, mask=mask[0], **{name: one[0] for name, one in fields.items()})
    assert np.min(decibels(found["fraction"], truth[:, :1])) > 29


def test_intervals_hold_the_truth_as_often_as_they_say(case):
    truth, mask, images, fields = case
    found = estimate_tissue(images, SEQUENCES, mask=mask, **fields)
    between = (truth > 0.02) & (truth < 0.98) & mask
    held = (found["low"].values <= truth) & (truth <= found["high"].values)
    assert held[between].mean() == pytest.approx(0.9, abs=0.03)


def test_phase_encoding_along_x_is_the_same_turned(case):
    _, mask, images, fields = case
    upright = estimate_tissue(
        images[:, :1], SEQUENCES, mask=mask[:1], **{k: v[:1] for k, v in fields.items()}
    )
    turned = estimate_tissue(
        images[:, :1].swapaxes(2, 3),
        SEQUENCES._replace(phase_axis="x"),
        mask=mask[:1].swapaxes(1, 2),
        **{name: one[:1].swapaxes(1, 2) for name, one in fields.items()},
    )
    for name in ("fraction", "sd", "low", "residual"):
        np.testing.assert_allclose(turned[name].values.swapaxes(-1, -2), upright[name].values, atol=1e-4)


def test_a_brain_is_found_without_mask_and_fields_of_its_own(case):
    truth, mask, images, _ = case
    with pytest.warns(UserWarning, match="no mask: all that is bright counts as brain"):
        found = estimate_tissue(np.abs(images[:, 0]), SEQUENCES)
    assert (found["mask"].values == mask[:1]).mean() > 0.97 and found.attrs["masked_by"] == "brightness"
    assert np.min(decibels(found["fraction"], truth[:, :1])) > 15


def test_stated_spoiling_is_that_of_the_phase_graph(case):
    """Images of a train whose spoiling leaves echoes are explained by it, and less by perfect spoiling."""
    truth, mask, _, _ = case
    train = Train(lines=32, flip_rad=np.deg2rad(20))
    images = acquire(torch.tensor(truth[:, 0]), CONTRASTS, train, simulator="epg").numpy()
    left = {
        simulator: estimate_tissue(
            images, Sequences(train, CONTRASTS, simulator=simulator), mask=mask[0]
        ).attrs["unexplained"]
        for simulator in ("epg", "closed")
    }
    assert left["epg"] < 1e-8 < 1e-4 < left["closed"]


def test_mixed_properties_are_found_by_their_own_model(case):
    """Images of mixed properties: the model that mixes them is 8 dB nearer to the truth on average."""
    truth, mask, _, _ = case
    images = acquire(torch.tensor(truth[:, 0]), CONTRASTS, TRAIN, mixing="property").abs().numpy()
    quality = {
        mixing: np.mean(
            decibels(
                estimate_tissue(images, SEQUENCES, mask=mask[0], mixing=mixing)["fraction"], truth[:, :1]
            )
        )
        for mixing in ("signal", "property")
    }
    assert quality["property"] > quality["signal"] + 8


def test_what_the_sequences_cannot_tell_is_said_with_the_bound(case):
    _, mask, images, _ = case
    few = SEQUENCES._replace(contrasts=CONTRASTS[:1])
    with pytest.raises(ValueError, match=r"no contrast separates the tissues.*may have any value"):
        estimate_tissue(images[:1], few)
    alike = SEQUENCES._replace(contrasts=CONTRASTS[4:6] * 2)
    with pytest.raises(ValueError, match=r"no contrast separates the tissues.*an error of at least"):
        estimate_tissue(images[[4, 5, 4, 5]], alike, mask=mask)


def test_a_wrong_sequence_warns(case):
    _, mask, images, _ = case
    reversed_order = SEQUENCES._replace(contrasts=CONTRASTS[::-1])
    with (
        pytest.warns(UserWarning, match="% of the images' energy is not explained"),
        pytest.raises(ValueError, match="at this noise"),
    ):
        estimate_tissue(images[:, 0], reversed_order, mask=mask[0])


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"mixing": "both"}, "mixing: expected signal or property, found 'both'"),
        ({"mixing": "property", "simulator": "epg"}, "mixing: property knows perfect spoiling alone"),
    ],
)
def test_mixings_are_checked(case, others, message):
    simulator = others.pop("simulator", "closed") if isinstance(others, dict) else "closed"
    with pytest.raises(ValueError, match=message):
        estimate_tissue(np.abs(case[2]), SEQUENCES._replace(simulator=simulator), **others)
