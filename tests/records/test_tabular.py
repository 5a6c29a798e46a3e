"""Transformer of fields: tokens by hand, the likelihood, laws that it must find, labels that say nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from dime.learning import checkpoints, loop
from dime.records import tabular
from dime.records.tabular import FieldTokens, Schedule, TabularTask, TabularTransformer


def test_a_token_is_its_value_times_a_vector_plus_a_vector_or_the_vector_of_a_missing_value():
    """Mean 2 and deviation 1 of 1, 3 and a missing value: 3 is z = 1, and 90 counts as z = 5."""
    tokens = FieldTokens(2, 4)
    tokens.standardise([[1, 5], [3, 5], [np.nan, 5]])
    assert tokens.mean.tolist() == [2, 5] and tokens.deviation.tolist() == [1, 1]
    found = tokens(torch.tensor([[3.0, 5.0], [np.nan, 5.0], [90.0, np.nan]])).detach()
    expected = [
        tokens.direction[0] + tokens.offset[0],
        tokens.missing[0],
        5 * tokens.direction[0] + tokens.offset[0],
    ]
    assert torch.allclose(found[:, 0], torch.stack(expected))
    assert torch.equal(found[0, 1], tokens.offset[1]) and torch.equal(found[2, 1], tokens.missing[1])


def test_a_field_without_a_value_has_tokens_all_the_same():
    tokens = FieldTokens(1, 3)
    tokens.standardise(np.full((4, 1), np.nan))
    assert torch.isfinite(tokens(torch.tensor([[1.0], [np.nan]]))).all()


def test_the_loss_is_the_likelihood_of_a_laplace_law():
    location, log_scale, target = (
        torch.tensor([1.0, 2.0]),
        torch.tensor([0.1, -0.5]),
        torch.tensor([1.5, 1.0]),
    )
    expected = -stats.laplace.logpdf(target, location, log_scale.exp()).mean()
    assert tabular.laplace_loss(location, log_scale, target).item() == pytest.approx(expected, rel=1e-5)


def law(n, seed):
    """ln kPa = 1 + 0.4 |x0| where x1 is known and 2 where not; its scale is 0.02 or, for x2 > 0, 0.2."""
    rng = np.random.default_rng(seed)
    fields = rng.normal(size=(n, 3))
    fields[rng.random(n) < 0.3, 1] = np.nan
    scale = np.where(fields[:, 2] > 0, 0.2, 0.02)
    location = np.where(np.isnan(fields[:, 1]), 2, 1 + 0.4 * np.abs(fields[:, 0]))
    return fields, location + scale * rng.laplace(size=n), location, scale


SMALL = Schedule(width=16, layers=1, heads=2, dropout=0.0, epochs=12, batch=32, learning_rate=1e-2, drop=0.0)


def trained(folder, ln_kpa=None):
    fields, own, *_ = law(1500, 0)
    task = TabularTask((fields, own if ln_kpa is None else ln_kpa), law(300, 1)[:2], SMALL)
    return loop.train(task, folder, report=str)[0]


def test_a_law_that_is_no_line_its_spread_and_missing_values_are_found_and_kept(tmp_path):
    model = trained(tmp_path / "a")
    fields, _, location, scale = law(400, 2)
    values = torch.tensor(fields, dtype=torch.float32)
    with torch.no_grad():
        found, log_scale = model(values)
    assert np.corrcoef(found, location)[0, 1] > 0.97
    assert np.median(np.abs(found.numpy() - location)) < 0.04
    noisy = log_scale.numpy()[scale > 0.1]
    assert np.exp(np.median(noisy)) == pytest.approx(0.2, rel=0.35)
    assert np.exp(np.median(log_scale.numpy()[scale < 0.1])) < 0.08
    checkpoints.save_model(model, {}, tmp_path / "a")
    again, _ = checkpoints.load_model(tmp_path / "a", TabularTransformer)
    with torch.no_grad():
        assert torch.equal(again(values)[0], found)  # with the training's scales


def test_permuted_labels_teach_nothing(tmp_path):
    """r over 400 others has a deviation of 0.05 where nothing is to be found."""
    model = trained(tmp_path, np.random.default_rng(5).permutation(law(1500, 0)[1]))
    fields, ln_kpa, *_ = law(400, 2)
    with torch.no_grad():
        found = model(torch.tensor(fields, dtype=torch.float32))[0].numpy()
    assert found.std() < 1e-6 or abs(np.corrcoef(found, ln_kpa)[0, 1]) < 0.2


@pytest.mark.parametrize("epochs", [1, 2, 5, 6, 20])
def test_a_learning_rate_of_few_steps_rises_and_falls(epochs):
    """One step an epoch; from five steps down a fifth of them is no whole step."""
    fields, ln_kpa, *_ = law(32, 0)
    task = TabularTask((fields, ln_kpa), (fields, ln_kpa), replace(SMALL, epochs=epochs))
    (optimiser,), (cycle,) = task.optimisers(task.model())
    rates = [optimiser.param_groups[0]["lr"]]
    for _ in range(epochs - 1):
        optimiser.step()
        cycle.step()
        rates.append(optimiser.param_groups[0]["lr"])
    assert np.isfinite(rates).all() and min(rates) > 0
    assert epochs < 5 or (
        max(rates) == pytest.approx(SMALL.learning_rate) and rates[0] < max(rates) > rates[-1]
    )


def test_an_epoch_goes_through_every_example_once_in_another_order_each_time():
    fields, ln_kpa, *_ = law(64, 0)
    task = TabularTask((fields, ln_kpa), (fields, ln_kpa), SMALL)
    generator = torch.Generator().manual_seed(0)
    epochs = [torch.cat([task.draw(generator) for _ in range(task.steps)]).tolist() for _ in range(2)]
    assert all(sorted(epoch) == list(range(64)) for epoch in epochs) and epochs[0] != epochs[1]


def test_hidden_fields_are_seen_as_missing(monkeypatch):
    """With all fields hidden the network sees missing values alone, whatever the values."""
    fields, ln_kpa, *_ = law(64, 0)
    task = TabularTask((fields, ln_kpa), (fields, ln_kpa), Schedule(width=8, layers=1, heads=1, drop=1.0))
    model, seen = task.model(), []
    monkeypatch.setattr(
        model.tokens, "forward", lambda v: seen.append(v) or torch.zeros(len(v), 3, 8) + model.summary
    )
    task.step(model, task.optimisers(model)[0], torch.Generator().manual_seed(0))
    assert torch.isnan(seen[0]).all()


def test_another_schedule_or_other_data_are_another_task():
    fields, ln_kpa, *_ = law(64, 0)
    one = TabularTask((fields, ln_kpa), (fields, ln_kpa), SMALL).identity()
    assert one != TabularTask((fields, ln_kpa + 1), (fields, ln_kpa), SMALL).identity()
    assert one != TabularTask((fields, ln_kpa), (fields, ln_kpa), Schedule()).identity()
