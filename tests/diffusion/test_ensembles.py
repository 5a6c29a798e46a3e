"""Many fits: one dataset of them, and fits that are kept are not computed again."""

import numpy as np

from dime.diffusion import ensembles
from dime.diffusion.geometries import draw
from dime.diffusion.grid import lattice
from dime.diffusion.labels import Settings

SETTINGS = Settings(shapes=4, iterations=1, polishing=1, trials=2, modes=40, steps=24)


def test_fits_of_two_targets_and_their_truths(tmp_path):
    targets = [ensembles.Target("ball", 100, 2, 5e-3), ensembles.Target("tube", 100, 2, 1e-2)]
    found = ensembles.fit_all(targets, 2, SETTINGS, tmp_path, workers=1)
    assert dict(found.sizes)["target"] == 2 and found["labels"].shape == (2, 2, 48)
    assert list(found["target"].values) == ["ball 100, noise 0.005", "tube 100, noise 0.01"]
    for number, target in enumerate(targets):
        truth = draw(target.kind, lattice(2), target.seed)
        assert np.array_equal(found["true_labels"][number], truth.labels)
    assert ((found["chi_truth"] > 0.85) & (found["chi_truth"] < 1.15)).all()
    assert (found["chi"] > 0.5 * found["chi_truth"]).all()
    assert ((found["dice"] >= 0) & (found["dice"] <= 1)).all()
    assert (found.attrs["cells"], found.attrs["spacing_um"]) == (2, 20 / 3)


def test_a_kept_fit_is_read_and_one_of_other_settings_is_not(tmp_path):
    target = ensembles.Target("ball", 100, 2, 5e-3)
    first = ensembles._fit(target, 0, SETTINGS, tmp_path)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2  # the fit and the dictionary
    again = ensembles._fit(target, 0, SETTINGS, tmp_path)
    assert sorted(tmp_path.iterdir()) == kept
    assert np.array_equal(first["labels"], again["labels"])
    ensembles._fit(target, 0, SETTINGS._replace(price=2.0), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
