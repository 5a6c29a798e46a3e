"""The reader of tissue: readings of what is there, and tissue learnt from bodies that show it."""

import numpy as np
import pytest
import torch
import xarray as xr

from dime.records import reader
from dime.records.bodies import QUANTITIES
from dime.records.frame import SHAPE, SURFACE_PIXELS
from dime.records.reader import READINGS, ReaderSchedule, TissueReader


def bodies(count, seed=0):
    """Bodies whose channels and fine slice are brighter with four quantities; the other four are noise."""
    rng = np.random.default_rng(seed)
    tissue = rng.standard_normal((count, len(QUANTITIES)))
    volume = 0.3 * rng.standard_normal((count, 3, *SHAPE)) + tissue[:, :3, None, None, None]
    surface = 0.3 * rng.standard_normal((count, SURFACE_PIXELS, SURFACE_PIXELS)) + tissue[:, 3, None, None]
    return xr.Dataset(
        {
            "volume": (("body", "sequence", "z", "y", "x"), volume.astype(np.float16)),
            "surface": (("body", "v", "u"), surface.astype(np.float16)),
            "tissue": (("body", "quantity"), 5 + 2 * tissue),
        }
    )


@pytest.fixture(scope="module")
def untaught():
    torch.manual_seed(0)
    return TissueReader(16).eval()


@pytest.mark.parametrize("lost", range(4))
def test_readings_of_a_missing_sequence_are_nan_and_no_other_changes(untaught, lost):
    data = bodies(3)
    volume, surface = data["volume"].values, data["surface"].values
    before = reader.read(untaught, volume, surface)
    assert before.shape == (3, 4, READINGS) and np.isfinite(before).all()
    (volume[:, lost] if lost < 3 else surface)[1] = np.nan
    after = reader.read(untaught, volume, surface)
    assert np.isnan(after[1, lost]).all()
    rest = [group for group in range(4) if group != lost]
    np.testing.assert_array_equal(after[1, rest], before[1, rest])
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])


def test_readings_do_not_depend_on_the_batch(untaught):
    """Seventy examinations, read in batches of 64, give what each gives alone."""
    data = bodies(2)
    volume, surface = (
        np.resize(data[name].values, (70, *data[name].shape[1:])) for name in ("volume", "surface")
    )
    found = reader.read(untaught, volume, surface)
    np.testing.assert_allclose(found[-2:], reader.read(untaught, volume[:2], surface[:2]), atol=1e-5)


def test_a_few_steps_lower_the_loss_and_the_reader_is_kept(tmp_path):
    """24 bodies whose brightness is their tissue; the mean alone has a loss of 1. The tissue of the reader
    that is read back is that of the best epoch."""
    data = bodies(24)
    schedule = ReaderSchedule(width=16, epochs=4, batch=8, learning_rate=3e-3)
    history = reader.train_reader(data, schedule, 8, tmp_path, report=str)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert set(history[0]) >= {f"validation_r_{name}" for name in QUANTITIES}
    kept, card = reader.load_reader(tmp_path)
    best = min(history, key=lambda row: row["validation_loss"])
    assert card["validation_loss"] == best["validation_loss"] and card["bodies"] == 24
    part = data.isel(body=slice(16, 24))
    with torch.no_grad():
        found = kept(*(torch.from_numpy(part[name].values) for name in ("volume", "surface")))
    error = ((found.numpy() - part["tissue"].values) / kept.deviation.numpy()) ** 2
    assert error.mean() == pytest.approx(best["validation_loss"], rel=1e-3)


def test_scales_are_those_of_the_bodies_that_teach():
    """Mean 5 and deviation 2 of the tissue, and not those of the bodies held out."""
    data = bodies(30)
    data["tissue"][20:] += 1000
    task = reader.ReaderTask(data, ReaderSchedule(width=16), 10)
    model = task.model()
    known = data["tissue"].values[:20]
    assert model.mean.numpy() == pytest.approx(known.mean(axis=0), rel=1e-5)
    assert model.deviation.numpy() == pytest.approx(known.std(axis=0, ddof=1), rel=1e-5)
