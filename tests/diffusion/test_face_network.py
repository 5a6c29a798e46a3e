"""Networks of faces: the loss is blind to mirror images, and what is told apart is learnt."""

import numpy as np
import pytest
import torch

from dime.diffusion.face_network import FaceNetwork, Schedule, best_threshold, nearest_loss, places_of
from dime.diffusion.face_training import train
from dime.diffusion.grid import lattice
from dime.diffusion.shape_scores import mirror
from dime.learning.checkpoints import load_model

GRID = lattice(2)
IMAGES = torch.as_tensor(mirror(GRID)[0])


def masks(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, len(GRID.faces), generator=generator) < 0.2).float()


def test_the_loss_is_the_same_for_truth_and_mirror_image():
    truth, logits = masks(5, 100), torch.randn(5, len(GRID.faces))
    plain = nearest_loss(logits, truth, IMAGES, 3.0)
    torch.testing.assert_close(nearest_loss(logits, truth[:, IMAGES], IMAGES, 3.0), plain)
    sure = 20 * (2 * truth - 1)
    for seen in (sure, sure[:, IMAGES]):
        assert nearest_loss(seen, truth, IMAGES, 3.0) < 1e-6


def test_the_loss_of_ignorance_is_known():
    """Logits of 0: ln 2 for every open face, and the weight times it for every membrane."""
    truth = masks(4, 101)
    share = float(truth.mean())
    found = nearest_loss(torch.zeros_like(truth), truth, IMAGES, 3.0)
    assert float(found) == pytest.approx(np.log(2) * (1 + 2 * share), rel=1e-5)


def test_the_threshold_is_between_the_two_kinds_of_faces():
    truth = masks(6, 102)
    for seen in (truth, truth[:, IMAGES]):
        assert 0.42 <= best_threshold(0.42 + 0.16 * seen, truth, IMAGES) < 0.58


def test_places_tell_faces_apart_and_do_not_depend_on_the_order_of_corners():
    places = places_of(GRID)
    assert places.shape == (len(GRID.faces), 21)
    assert len(np.unique(places.round(6), axis=0)) == len(GRID.faces)
    turned = GRID._replace(faces=GRID.faces[:, [1, 0, 2]])
    np.testing.assert_allclose(places_of(turned), places, atol=1e-12)
    np.testing.assert_allclose(places[:, 15:][:, [0, 3, 5]].sum(1), 1)  # squares of a unit normal


@pytest.mark.parametrize("kind", ["direct", "shared"])
def test_two_signals_are_told_apart(kind, tmp_path):
    """Two cells with signals of their own, with noise: each is named by its signal."""
    cells = masks(2, 103)
    which = torch.arange(80) % 2
    signals = torch.stack([0.9 - 0.5 * which, 0.2 + 0.5 * which], 1)
    schedule = Schedule(kind, width=32, epochs=25, batch=16, learning_rate=1e-2)
    network = train(signals, cells[which], GRID, schedule, tmp_path, report=lambda _: None)
    found = network.membranes(signals[:2].numpy())
    for one, truth in zip(found, cells.bool(), strict=True):
        images = truth.numpy(), truth[IMAGES].numpy()
        assert max((one == image).mean() for image in images) > 0.97
    kept, card = load_model(tmp_path, FaceNetwork)
    np.testing.assert_array_equal(kept.membranes(signals[:2].numpy()), found)
    assert card["schedule"]["kind"] == kind and card["examples"] == 80


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path):
    signals, truth = torch.rand(40, 3, generator=torch.Generator().manual_seed(104)), masks(40, 105)
    schedule = Schedule("direct", width=8, epochs=3, batch=8)
    whole = train(signals, truth, GRID, schedule, tmp_path / "whole", report=lambda _: None)

    def interrupt(line):
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(signals, truth, GRID, schedule, tmp_path / "cut", report=interrupt)
    cut = train(signals, truth, GRID, schedule, tmp_path / "cut", report=lambda _: None)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(cut.state_dict()[name], value, rtol=0, atol=0)


def test_examples_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^examples: expected signals and membranes of \d+ faces, found"):
        train(torch.rand(4, 3), masks(3, 106), GRID, Schedule(), tmp_path)
    assert not list(tmp_path.iterdir())
