"""Two processes that train together do what one does, and end with one network between them."""

import signal
from functools import partial

import numpy as np
import pytest
import torch
from lines import TwoLines
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from waves import SHORT, images

from dime.learning import loop, parallel
from dime.network import training, unet


def gradient(model, schedule, draw):
    """Gradient of one step, in full precision, as one array."""
    torch.cpu._is_avx512_bf16_supported = lambda: False
    parallel.backward(training.batch_loss(model, schedule, *draw), model.parameters())
    return torch.cat([p.grad.flatten() for p in model.parameters()]).numpy()


def draw_of(rank, patches):
    return training.draw_batch(images(6, 0), SHORT, patches, torch.Generator().manual_seed(rank))


def network():
    torch.manual_seed(0)
    return unet.UNet(SHORT.widths).eval()  # BatchNorm by its running statistics: the same everywhere


def note(path, line):
    with open(path, "a") as file:
        file.write(line + "\n")


def tasks_of_replica(folder):
    """Three tasks in the same two processes, whose start costs seconds: two trainings and a gradient."""
    patches = training.PatchTask(images(12, 0), images(4, 1), SHORT)
    trained = {
        name: loop.train_replica(task, folder / name, partial(note, folder / f"{name}.txt"))
        for name, task in (("patches", patches), ("lines", TwoLines()))
    }
    return trained | {"gradient": gradient(network(), SHORT, draw_of(parallel.rank(), 6))}


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """What each of two replicas sent back, and the folder that they worked in."""
    folder = tmp_path_factory.mktemp("replicas")
    return parallel.launch(tasks_of_replica, 2, folder), folder


def test_gradient_of_two_replicas_is_that_of_the_union_of_their_batches(replicas, monkeypatch):
    """Also where one has fewer pixels of tissue than the other: pixels count alike, not replicas."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    shares = draw_of(0, 6), draw_of(1, 6)
    pixels = [share[1].sum().item() for share in shares]
    assert pixels[0] != pixels[1]
    union = [torch.cat(parts) for parts in zip(*shares, strict=True)]
    expected = gradient(network(), SHORT, union)
    for found in (one["gradient"] for one in replicas[0]):
        assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_two_processes_train_one_network(replicas):
    """Both end with the same weights and running statistics, the loss falls, every epoch is reported once."""
    (first, history), (second, other) = (one["patches"] for one in replicas[0])
    for name in first:
        assert np.array_equal(first[name], second[name]), name
    assert history == other and history[-1]["loss"] < history[0]["loss"]
    said = (replicas[1] / "patches.txt").read_text().splitlines()
    assert [line[:8] for line in said] == [f"epoch {e}/" for e in (1, 2, 3)]
    assert not (replicas[1] / "patches/checkpoint.pt").exists()


def test_two_devices_train_two_networks(replicas):
    """Each backward pass averages over the devices: both devices end with the same two networks."""
    (first, history), (second, other) = (one["lines"] for one in replicas[0])
    assert history == other and all((first[name] == second[name]).all() for name in first)
    assert first["y.weight"].item() == pytest.approx(2, abs=0.1)
    assert first["z.weight"].item() == pytest.approx(-3, abs=0.1)
    assert len((replicas[1] / "lines.txt").read_text().splitlines()) == 6


def test_one_device_starts_no_process_and_changes_no_number():
    pixels = torch.tensor(7.0)
    assert parallel.count() == 1 and parallel.rank() == 0
    assert parallel.share(pixels) == 1.0 and parallel.mean(0.3) == 0.3


def fail():
    raise ValueError("no tissue")


def test_a_replica_that_fails_ends_the_training():
    """And leaves this process as it was: signals do what they did."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ChildFailedError):
        parallel.launch(fail, 2)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a multiple of the 3 devices, found 16"):
        training.train(images(2, 0), images(2, 1), SHORT, tmp_path, devices=3)
