"""One call for every method: units, grids, masks and refusals, whatever the network has learnt."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from dime.inversion import methods
from dime.learning import checkpoints
from dime.network import prediction
from dime.network.unet import UNet


class Constant(torch.nn.Module):
    """A network that answers the same number everywhere: its map is a matter of units alone."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, waves, masks):
        shape = (len(waves), *waves.shape[2:])
        return torch.full(shape, self.value), torch.full(shape, -2.0)


def slice_of(spacing_m=1.5e-3, side=150, radius_m=0.08):
    axis = (np.arange(side) - side / 2) * spacing_m
    y, x = np.meshgrid(axis, axis, indexing="ij")
    mask = np.hypot(x, y) < radius_m
    return np.where(mask, np.exp(-2j * np.pi * x / 0.03), 0), mask


@pytest.mark.parametrize(("spacing_m", "frequency_hz"), [(0.8e-3, 40.0), (1.5e-3, 60.0), (2.5e-3, 80.0)])
def test_prediction_gets_its_unit_from_frequency_times_pixel(spacing_m, frequency_hz):
    """A wavelength of 20 pixels means c = 20 f dx and mu = rho c^2, whatever the spacing of the image."""
    wave, mask = slice_of(spacing_m, side=round(0.24 / spacing_m))
    network = Constant(2 * np.log(20.0))
    stiffness, uncertainty = prediction.predict(network, wave, mask, spacing_m, frequency_hz)
    np.testing.assert_allclose(stiffness[mask], 1000 * (20 * prediction.PIXEL_M_PER_S) ** 2, rtol=1e-5)
    np.testing.assert_allclose(uncertainty[mask], np.exp(-2), rtol=1e-5)
    assert not stiffness[~mask].any()


def test_tiles_cover_every_pixel_of_any_mask():
    """Slivers, corners and single pixels all get a value."""
    rng = np.random.default_rng(0)
    network = Constant(6.0)
    for shape, box in [
        ((40, 300), np.s_[3:5, 2:298]),
        ((200, 64), np.s_[0:200, 0:64]),
        ((90, 90), np.s_[89:, 89:]),
    ]:
        mask = np.zeros(shape, bool)
        mask[box] = True
        wave = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        stiffness, _ = prediction.predict(network, wave, mask, 1.5e-3, 60.0)
        expected = 1000 * prediction.PIXEL_M_PER_S**2 * np.exp(6.0)
        np.testing.assert_allclose(stiffness[mask], expected, rtol=1e-5)


def test_gain_and_offset_of_a_channel_do_not_change_the_map():
    torch.manual_seed(0)
    network = UNet((8, 8, 8, 8)).eval()
    wave, mask = slice_of()
    first, _ = prediction.predict(network, wave, mask, 1.5e-3, 60.0)
    changed = np.where(mask, 37 * wave.real - 2 + 1j * (0.01 * wave.imag + 5), 0)
    second, _ = prediction.predict(network, changed, mask, 1.5e-3, 60.0)
    np.testing.assert_allclose(second[mask], first[mask], rtol=2e-2)


def dataset(wave, mask):
    return xr.Dataset(
        {"wave": (("slice", "y", "x"), wave[None]), "mask": (("slice", "y", "x"), mask[None])},
        attrs={"spacing_m": 1.5e-3, "frequency_hz": 60.0},
    )


@pytest.mark.parametrize("method", methods.METHODS)
def test_methods_share_one_call_and_say_their_settings(method, tmp_path):
    """Every method takes the same dataset and gives maps of its shape, 0 outside the mask, and the plain
    settings that it used."""
    checkpoints.save_model(UNet((8, 8, 8, 8)), {}, tmp_path)
    waves = dataset(*slice_of(side=60, radius_m=0.03))
    result = methods.invert(waves, method, tmp_path)
    second = "uncertainty" if method == "dime" else "confidence"
    assert set(result.data_vars) == {"stiffness", "trusted", second}
    assert result["stiffness"].dims == waves["wave"].dims
    assert (result["stiffness"].values[waves["mask"].values] > 0).all()
    assert not result["stiffness"].values[~waves["mask"].values].any()
    assert result.attrs["method"] == method and json.loads(result.attrs["settings"])


def test_settings_reach_the_method_and_are_saved():
    """Plain values as JSON has them, with lists; MMDI's fill its `Settings`, the others' are keywords."""
    waves = dataset(*slice_of(side=60, radius_m=0.03))
    for method, changes in {
        "mmdi": {"windows_m": [0.009], "degree": 2},
        "ahi": {"smoothing_px": 2.0},
    }.items():
        changed, plain = methods.invert(waves, method, **changes), methods.invert(waves, method)
        saved, usual = (json.loads(one.attrs["settings"]) for one in (changed, plain))
        assert saved == usual | changes and saved != usual
        assert (changed["stiffness"].values != plain["stiffness"].values).any()
    with pytest.raises(ValueError, match="settings: lfe has no degree; it has lowest_per_m"):
        methods.invert(waves, "lfe", degree=2)
    with pytest.raises(ValueError, match="settings: dime has no degree; it has none"):
        methods.invert(waves, "dime", degree=2)


def test_direct_methods_agree_on_a_wave_they_all_assume():
    """A plane wave of 30 mm at 60 Hz in homogeneous tissue is 3.24 kPa to every method but the network."""
    wave, mask = slice_of(side=120, radius_m=0.07)
    for method in set(methods.METHODS) - {"dime", "nonlinear"}:
        stiffness = methods.invert(dataset(wave, mask), method)["stiffness"].values[0]
        assert np.median(stiffness[mask]) == pytest.approx(3240, rel=0.04), method


def test_the_sign_of_time_is_found_for_all_slices_together(monkeypatch):
    """A damped plane wave and its conjugate give one map; a standing wave, which tells none, follows."""
    wave, mask = slice_of()
    x = (np.arange(150) - 75) * 1.5e-3
    damped, standing = wave * np.exp(-10 * x), mask * np.exp(0.3j) * np.cos(200 * x)
    seen = methods.Loaded(lambda wave, *_: (wave.real, wave.imag), "confidence", {}, 0.8)
    monkeypatch.setattr(methods, "load_method", lambda name, model: seen)
    found = {}
    for sign, form in ((1, np.asarray), (-1, np.conj)):
        both = xr.concat([dataset(form(wave), mask) for wave in (damped, standing)], "slice")
        found[sign] = methods.invert(both, "seen")
        assert found[sign].attrs["time_sign"] == sign
    xr.testing.assert_equal(found[1].drop_attrs(), found[-1].drop_attrs())
    np.testing.assert_allclose(found[1]["confidence"].values[0][mask], damped.imag[mask], rtol=1e-5)


def test_no_slices_give_no_maps(tmp_path):
    checkpoints.save_model(UNet((8, 8, 8, 8)), {}, tmp_path)
    waves = dataset(*slice_of()).isel(slice=slice(0))
    assert methods.invert(waves, "dime", tmp_path)["stiffness"].shape == (0, 150, 150)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda wave, mask: (np.where(mask, np.nan, wave), mask),
            "found 5 pixels that are not",
        ),
        (lambda wave, mask: (wave, np.zeros_like(mask)), "expected a region, found 0"),
        (lambda wave, mask: (np.zeros_like(wave), mask), "zero everywhere"),
    ],
)
def test_slices_that_cannot_be_inverted_are_refused(change, message):
    wave, mask = np.ones((8, 8), complex), np.zeros((8, 8), bool)
    mask[0, :5] = True
    with pytest.raises(ValueError, match=message):
        methods.invert(dataset(*change(wave, mask)), "mmdi")


def test_unknown_method_missing_model_and_wrong_mask_are_refused(tmp_path):
    waves = dataset(*slice_of())
    with pytest.raises(ValueError, match="found 'magic'"):
        methods.invert(waves, "magic")
    with pytest.raises(FileNotFoundError, match="missing; no stage of the pipeline writes it"):
        methods.invert(waves, "dime", tmp_path)
    waves["mask"] = waves["mask"].isel(slice=0)
    with pytest.raises(ValueError, match="expected the wave's shape"):
        methods.invert(waves, "mmdi")
