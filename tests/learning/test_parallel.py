"""Two processes that train together do what one does, and end with one network between them."""

import signal

import numpy as np
import pytest
import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from waves import SCHEDULE, images

from dime.learning import loop, parallel
from dime.network import training, unet


def gradient(model, schedule, draw):
    """Gradient of one step, in full precision, as one array."""
    torch.cpu._is_avx512_bf16_supported = lambda: False
    parallel.backward(training.batch_loss(model, schedule, *draw), model.parameters())
    return torch.cat([p.grad.flatten() for p in model.parameters()]).numpy()


def draw_of(rank, patches):
    return training.draw_batch(images(6, 0), SCHEDULE, patches, torch.Generator().manual_seed(rank))


def network():
    torch.manual_seed(0)
    return unet.UNet(SCHEDULE.widths).eval()  # BatchNorm by its running statistics: the same everywhere


def gradient_of_replica():
    return gradient(network(), SCHEDULE, draw_of(parallel.rank(), 6))


def test_gradient_of_two_replicas_is_that_of_the_union_of_their_batches(monkeypatch):
    """Also where one has fewer pixels of tissue than the other: pixels count alike, not replicas."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    shares = draw_of(0, 6), draw_of(1, 6)
    pixels = [share[1].sum().item() for share in shares]
    assert pixels[0] != pixels[1]
    union = [torch.cat(parts) for parts in zip(*shares, strict=True)]
    expected = gradient(network(), SCHEDULE, union)
    for found in parallel.launch(gradient_of_replica, 2):
        assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_two_processes_train_one_network(tmp_path, capfd):
    """Both end with the same weights and running statistics, the loss falls, every epoch is reported once."""
    task = training.PatchTask(images(12, 0), images(4, 1), SCHEDULE)
    (first, history), (second, other) = parallel.launch(loop.train_replica, 2, task, tmp_path, loop.REPORT)
    for name in first:
        assert np.array_equal(first[name], second[name]), name
    assert history == other and history[-1]["loss"] < history[0]["loss"]
    assert [line[:8] for line in capfd.readouterr().out.splitlines()] == [f"epoch {e}/" for e in (1, 2, 3, 4)]
    assert not (tmp_path / "checkpoint.pt").exists()


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
        training.train(images(2, 0), images(2, 1), SCHEDULE, tmp_path, devices=3)
