"""Datasets: equal bytes for equal recipes, whatever the workers, their order, or who is killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import distributed
import numpy as np
import pytest
from scipy import ndimage, special

from dime.fem import forward
from dime.fem.drivers import Driver
from dime.files import datasets
from dime.mri import elastography
from dime.phantoms import families
from dime.simulation import dataset, examination, shaking
from dime.studies import verification

RECIPE = examination.Recipe("homogeneous", 20, 11, spacing_m=6e-3, frequency_hz=30.0, snr=20.0)


def digest(folder):
    """One hash over the names and bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler with a worker of its own, whose imports serve several tests."""
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        assert cluster.scheduler_address.startswith("tcp://")
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "set.zarr"
    dataset.simulate(RECIPE, path, workers=1)
    return path


def test_bytes_do_not_depend_on_the_number_of_workers(undisturbed, tmp_path):
    dataset.simulate(RECIPE, tmp_path / "set.zarr", workers=2)
    assert digest(tmp_path / "set.zarr") == digest(undisturbed)


def test_an_existing_scheduler_gives_the_same_bytes(undisturbed, scheduler, here, tmp_path):
    """A scheduler and a worker of their own, reached by `--scheduler tcp://...` from the shell."""
    words = "--family homogeneous --count 20 --seed 11 --spacing 6 --frequency 30 --snr 20 -o set.zarr"
    done = here("simulate", *words.split(), "--scheduler", scheduler, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "set.zarr") == digest(undisturbed)


def test_no_scheduler_no_worker_no_data(tmp_path):
    for arguments, message in (
        ({"scheduler": "tcp://127.0.0.1:9"}, "scheduler: expected a running one, none answers at tcp://127"),
        ({"workers": 0}, "workers: expected at least 1, found 0"),
    ):
        with pytest.raises(ValueError, match=message):
            dataset.simulate(RECIPE, tmp_path / "set.zarr", **arguments)
    assert not list(tmp_path.iterdir())


def test_what_the_solver_refuses_leaves_nothing(scheduler, tmp_path):
    """A mesh that would need too many unknowns is found out only by a worker."""
    with pytest.raises(ValueError, match=r"mesh too coarse for 60000\.0 Hz"):
        dataset.simulate(
            replace(RECIPE, frequency_hz=60e3, count=1), tmp_path / "set.zarr", scheduler=scheduler
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("physics", "names", "encoded"), [("inplane", "xy", "y"), ("3d", "xyz", "z")])
def test_waves_of_several_components(physics, names, encoded, scheduler, tmp_path):
    """`displacement` holds all components and `wave` the encoded one; tissue is as for antiplane waves.

    In the plane nearly incompressible tissue has div u = 0: away from the edges, where differences hold,
    du/dx + dv/dy is small against the shear.
    """
    recipe = examination.Recipe("kidney", 1, 3, frequency_hz=40.0, spacing_m=2e-3, physics=physics)
    dataset.simulate(recipe, tmp_path / "set.zarr", scheduler=scheduler)
    data = datasets.load(tmp_path / "set.zarr", ("wave", "displacement", "stiffness", "mask"))
    assert data["displacement"].dims == ("phantom", "component", "y", "x")
    assert "".join(data["component"].values) == names and data["wave"].attrs["component"] == encoded
    u, mask = data["displacement"].values[0], data["mask"].values[0]
    np.testing.assert_array_equal(u[names.index(encoded)], data["wave"].values[0])
    plain = examination.simulate_phantom(replace(recipe, physics="antiplane"), 0)
    assert (mask == plain["mask"]).mean() > 0.999
    both = mask & plain["mask"]
    np.testing.assert_array_equal(data["stiffness"].values[0][both], plain["stiffness"][both])
    if physics == "inplane":
        inside = ndimage.binary_erosion(mask, iterations=4)
        dy, dx = (np.gradient(u, recipe.spacing_m, axis=axis) for axis in (1, 2))
        strain = np.sqrt(np.abs(dx) ** 2 + np.abs(dy) ** 2)[:, inside]
        divergence = (dx[0] + dy[1])[inside]
        assert np.linalg.norm(divergence) < 0.05 * np.linalg.norm(strain)


def test_an_uneven_drive_adds_a_wave_that_varies_through_the_slice():
    """A cylinder whose rim moves with U (1 + a cos(kappa z)): U J0(kr)/J0(kR) + a U J0(qr)/J0(qR) at z = 0,
    q^2 = k^2 - kappa^2; a and kappa as drawn, tissue as for antiplane waves.
    """
    radius_m, rim = 0.06, Driver(amplitude=1e-5)
    tissue = verification.Tissue(verification.circle(radius_m), 3000.0)
    field = forward.solve(tissue, rim, 60.0)
    x = np.linspace(-0.04, 0.04, 33)
    r, k = np.hypot(*np.meshgrid(x, x)), verification.wavenumber(3000.0)
    for seed in range(3):
        wave = shaking.oblique(field, tissue, rim, "free", np.random.default_rng(seed))(x, x)
        drawn = np.random.default_rng(seed)
        speed = np.exp(drawn.uniform(*np.log(shaking.OBLIQUE_SPEED_M_S)))
        share = drawn.uniform(-shaking.MOST_UNEVEN, shaking.MOST_UNEVEN)
        q = np.sqrt(k**2 - (2 * np.pi * 60 / speed) ** 2)
        even, uneven = (special.jv(0, n * r) / special.jv(0, n * radius_m) for n in (k, q))
        truth = 1e-5 * (even + share * uneven)
        assert np.linalg.norm(wave - truth) < 5e-3 * np.linalg.norm(truth)
    recipe = examination.Recipe("homogeneous", 1, 21, physics="oblique")
    plain, both = (
        examination.simulate_phantom(replace(recipe, physics=p), 0) for p in ("antiplane", "oblique")
    )
    for name in ("stiffness", "loss_tangent", "mask"):
        np.testing.assert_array_equal(plain[name], both[name])
    assert not np.allclose(plain["wave"], both["wave"], atol=0)


def test_a_run_killed_twice_ends_with_the_same_bytes(undisturbed, tmp_path):
    """SIGKILL at random after the first block, and again after the second; a third run finishes, here."""
    path = tmp_path / "set.zarr"
    arguments = repr((RECIPE, str(path)))
    script = tmp_path / "simulate.py"
    script.write_text(
        f"from dime.simulation import dataset\nfrom dime.simulation.examination import Recipe\n"
        f"if __name__ == '__main__':\n    dataset.simulate(*{arguments}, workers=1)\n"
    )
    done = path.with_name("set.partial.zarr") / "done"
    for blocks in (1, 2):
        process = subprocess.Popen(
            [sys.executable, script], start_new_session=True, stdout=subprocess.DEVNULL
        )
        limit = time.monotonic() + 60
        while (len(list(done.glob("*"))) if done.is_dir() else 0) < blocks:
            assert process.poll() is None and time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(np.random.default_rng().uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not path.exists(), "a killed run must not look whole"
    dataset.simulate(RECIPE, path, workers=1)
    assert digest(path) == digest(undisturbed)
    assert not done.parent.exists()


def test_what_another_recipe_began_is_not_continued(undisturbed, scheduler, tmp_path):
    """A partial dataset that claims all blocks done, but of another recipe or code, is thrown away."""
    partial = tmp_path / "set.partial.zarr"
    dataset._create(replace(RECIPE, seed=12), partial)
    (partial / "done").mkdir()
    for block in range(3):
        (partial / "done" / str(block)).touch()
    (partial / "begun.txt").write_text(replace(RECIPE, seed=12).to_json())
    dataset.simulate(RECIPE, tmp_path / "set.zarr", scheduler=scheduler)
    assert digest(tmp_path / "set.zarr") == digest(undisturbed)


def test_noise_and_number_leave_the_tissue_and_its_wave_alone():
    """Phantom 2 of a set is the same whether the set is noisy, or larger; only the noise differs."""
    clean = examination.simulate_phantom(replace(RECIPE, snr=float("inf"), count=3), 2)
    noisy = examination.simulate_phantom(RECIPE, 2)
    np.testing.assert_array_equal(clean["stiffness"], noisy["stiffness"])
    mask = clean["mask"]
    error = (noisy["wave"] - clean["wave"])[mask]
    rms = np.sqrt(np.mean(np.abs(clean["wave"][mask]) ** 2))
    # The standard error of a standard deviation from n values is 1 / sqrt(2 n).
    assert error.real.std() == pytest.approx(rms / 20, rel=4 / np.sqrt(2 * mask.sum()))


def test_a_scanned_phantom_gives_its_wave_back():
    """Unwrapped, first harmonic: the displacement times the motion sensitivity, within the noise."""
    recipe = examination.Recipe("liver", 1, 3, snr=30.0, background_motion=0.5, stages=("F3",), offsets=8)
    one = examination.simulate_phantom(recipe, 0)
    assert json.loads(one["label"])["stage"] == "F3"
    mask = one["mask"]
    harmonic = elastography.first_harmonic(elastography.unwrap(one["phase"], mask))
    error = (harmonic - one["wave"] * elastography.MOTION_SENSITIVITY_RAD_PER_M)[mask]
    assert np.abs(one["phase"]).max() <= np.pi + 1e-6
    assert np.std(error.real) == pytest.approx(elastography.harmonic_noise(30.0, 8), rel=0.1)


def test_drives_are_arcs_that_do_not_overlap():
    rng = np.random.default_rng(0)
    for _ in range(200):
        drivers, boundary = shaking.draw_drive(rng)
        assert boundary in ("free", "impedance") and 1 <= len(drivers) <= 3
        on = np.array([np.isfinite(d.displacement(np.linspace(0, 1, 500, endpoint=False))) for d in drivers])
        assert (on.sum(axis=0) <= 1).all() and on.any()
        assert all(isinstance(d, Driver) for d in drivers)


def test_a_whole_outline_is_turned_in_the_slice():
    """Pushed to one side, nearly incompressible tissue goes along as a whole and shows next to no wave."""
    whole, arc = Driver(), Driver(0.1, 0.3)
    phantom = families.draw("homogeneous", np.random.default_rng(0))
    turned, pushed = shaking.directed([whole, arc], "inplane")
    assert (turned.direction, pushed.direction) == ("tangential", shaking.DIRECTION["inplane"])
    axis = np.linspace(-0.12, 0.12, 60)
    shares = []
    for driver in (turned, replace(whole, direction=pushed.direction)):
        wave = forward.solve(phantom, [driver], 60.0, physics="inplane").sample(axis, axis)[1]
        wave = wave[np.isfinite(wave)]
        shares.append(np.std(wave) / np.sqrt(np.mean(np.abs(wave) ** 2)))
    assert shares[1] < 0.05 and shares[0] > 0.9
    assert shaking.directed([whole, arc], "antiplane") == [whole, arc]
    assert all(one.direction == (0, 1, 1) for one in shaking.directed([whole, arc], "3d"))


@pytest.mark.parametrize("physics", ["antiplane", "oblique", "inplane"])
def test_a_shaken_phantom_s_wave_is_the_component_that_the_scan_encodes(physics):
    phantom, axis = families.draw("homogeneous", np.random.default_rng(3)), np.linspace(-0.15, 0.15, 40)
    drive = [Driver(0.1, 0.4, shaking.DRIVE_M, "smooth")], "free", axis, axis, 30.0
    rng = np.random.default_rng(4)
    wave, mask, displacement, field = shaking.shake(phantom, *drive, physics=physics, rng=rng)
    assert wave.shape == mask.shape == (40, 40) and 0 < mask.mean() < 1
    assert np.isfinite(displacement).all() and not displacement[:, ~mask].any()
    assert len(displacement) == (2 if physics == "inplane" else 1)
    np.testing.assert_array_equal(wave, displacement[-1])  # y in the slice, z through it
    even = field.sample(axis, axis).reshape(-1, 40, 40)[-1]
    assert np.array_equal(wave[mask], even[mask]) == (physics != "oblique")  # the field is the even part


def test_oblique_motion_needs_a_generator():
    phantom, axis = families.draw("homogeneous", np.random.default_rng(3)), np.linspace(-0.15, 0.15, 40)
    with pytest.raises(ValueError, match="rng: expected a generator"):
        shaking.shake(phantom, [Driver()], "free", axis, axis, 30.0, physics="oblique")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count: expected at least 1"),
        ({"family": "livr"}, "family: expected one of homogeneous, .*, mixed, found 'livr'"),
        ({"physics": "4d"}, "physics: expected one of antiplane, oblique, clinical, inplane, 3d, found '4d'"),
        ({"frequency_hz": float("nan")}, "frequency_hz: expected a positive number, found nan"),
        ({"stages": ("F0",)}, r"stages: expected one per phantom \(20\), found 1"),
        ({"spacing_m": 1.5}, "spacing_m: expected 0.2e-3 to 10e-3 m, found 1.5"),
        ({"snr": 0.0}, "snr: expected a positive number"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **change)


def test_loading_names_the_file_and_what_was_expected(undisturbed, tmp_path):
    data = datasets.load(undisturbed)
    assert data["wave"].dims == ("phantom", "y", "x") and data.attrs["frequency_hz"] == 30.0
    with pytest.raises(FileNotFoundError, match=r"none\.zarr: missing; no stage of the pipeline writes it"):
        datasets.load(tmp_path / "none.zarr")

    def stored(change):
        path = tmp_path / "changed.zarr"
        change(data.copy(deep=True)).drop_vars("label").to_zarr(path, mode="w", consolidated=False)
        return path

    with pytest.raises(ValueError, match=r"changed\.zarr: variable 'mask' is missing"):
        datasets.load(stored(lambda d: d.drop_vars("mask")))
    with pytest.raises(ValueError, match="1 masks are empty"):
        datasets.load(stored(lambda d: d.assign(mask=d["mask"].where(d["phantom"] > 0, False).astype(bool))))
    with pytest.raises(ValueError, match="'wave' has dims"):
        datasets.load(stored(lambda d: d.assign(wave=d["wave"].isel(phantom=0))))

    def poison(d):
        d["wave"].values[0, *np.argwhere(d["mask"].values[0])[0]] = np.nan
        return d

    with pytest.raises(ValueError, match="'wave' holds 1 values inside the mask that are not finite"):
        datasets.load(stored(poison))
