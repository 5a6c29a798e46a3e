"""The training loop serves a network that has nothing to do with DIME: two lines fitted by two optimisers."""

import json

import pytest
import torch
from lines import TwoLines
from torch import nn

from dime.learning import loop


class NoisyLines(TwoLines):
    """The same with dropout, which draws from torch's own generator; no schedule; figures as tensors."""

    def model(self):
        return nn.ModuleDict({name: nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.2)) for name in ("y", "z")})

    def optimisers(self, model):
        return super().optimisers(model)[0], []

    def evaluate(self, model):
        return {"validation_loss": (model["y"][0].weight - 2).square().sum()}


def test_both_networks_learn_and_history_effort_and_lines_are_kept(tmp_path):
    lines = []
    model, history = loop.train(TwoLines(), tmp_path, report=lines.append)
    assert model["y"].weight.item() == pytest.approx(2, abs=0.1) and not model.training
    assert model["z"].weight.item() == pytest.approx(-3, abs=0.1)
    assert [row["epoch"] for row in history] == list(range(6)) and len(lines) == 6
    assert lines[0].startswith("epoch 1/6: loss ") and ", slope " in lines[0]
    assert (tmp_path / "history.csv").read_text().count("\n") == 7
    assert json.loads((tmp_path / "effort.json").read_text())["examples_per_second"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["effort.json", "history.csv"]


@pytest.mark.parametrize("task", [TwoLines, NoisyLines])
def test_an_interrupted_run_goes_on_to_equal_weights(tmp_path, task):
    expected, history = loop.train(task(), tmp_path / "whole", report=lambda line: None)

    def stop_after_two(line):
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(task(), tmp_path / "cut", report=stop_after_two)
    lines = []
    found, again = loop.train(task(), tmp_path / "cut", report=lines.append)
    assert len(lines) == 4 and again == history
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), expected.parameters(), strict=True))


def test_work_of_another_task_is_not_continued(tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(TwoLines(rate=0.01), tmp_path, report=stop)
    lines = []
    loop.train(TwoLines(), tmp_path, report=lines.append)
    assert lines[0].endswith("begun anew") and len(lines) == 7


def test_the_best_epoch_is_kept(tmp_path):
    """From the fourth evaluation on the loss is spoilt: the third epoch's weights come back."""
    model, history = loop.train(TwoLines(spoil_after=3), tmp_path, report=lambda line: None)
    best = min(history, key=lambda row: row["validation_loss"])
    assert best["epoch"] == 2
    assert model["y"].weight.item() == pytest.approx(best["validation_slope"])


def test_a_loss_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(ValueError, match="training loss is not finite"):
        loop.train(TwoLines(rate=1e20), tmp_path, report=lambda line: None)


def test_a_validation_loss_that_is_not_finite_is_refused(tmp_path):
    """No epoch would be the best one."""
    task = TwoLines()
    task.evaluate = lambda model: {"validation_loss": float("nan")}
    with pytest.raises(ValueError, match="validation loss is not finite"):
        loop.train(task, tmp_path, report=lambda line: None)


def test_a_run_stopped_after_its_last_epoch_is_only_closed(tmp_path):
    def stop_at_the_end(line):
        if line.startswith("epoch 6/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(TwoLines(), tmp_path, report=stop_at_the_end)
    lines = []
    _, history = loop.train(TwoLines(), tmp_path, report=lines.append)
    assert not lines and len(history) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["effort.json", "history.csv"]


def test_a_task_of_a_notebook_trains(tmp_path, monkeypatch):
    """Its source is no file of this package."""
    monkeypatch.setattr(TwoLines, "__module__", "__main__")
    loop.train(TwoLines(), tmp_path, report=lambda line: None)
