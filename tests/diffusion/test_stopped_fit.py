"""What is kept of a fit comes back; a broken file is refused."""

import numpy as np
import pytest

from dime.diffusion.fit import Fit
from dime.diffusion.stopped_fit import Kept, digest, load, save

RNG = np.random.default_rng(0)
FIT = Fit(
    RNG.random(5), RNG.random(5) < 0.5, np.zeros(2, bool), np.arange(3), 1.25, [{"chi": 2.0}], np.eye(3)
)


@pytest.mark.parametrize("labels", [np.arange(3), None])
def test_fits_and_the_state_come_back(tmp_path, labels):
    state = {
        "iteration": 7,
        "momentum": RNG.random((2, 3)),
        "best": np.float64(np.inf),
        "trace": [{"chi": 2.5}],
    }
    kept = Kept([FIT._replace(labels=labels)] * 2, {"shapes": np.eye(3)}, state)
    save(tmp_path / "kept.npz", "run", kept)
    fits, start, found = load(tmp_path / "kept.npz", "run")
    assert len(fits) == 2 and fits[1].trace == FIT.trace and fits[1].chi == FIT.chi
    np.testing.assert_array_equal(fits[1].permeability_um_per_ms, FIT.permeability_um_per_ms)
    assert (fits[0].labels is None) == (labels is None)
    np.testing.assert_array_equal(found.pop("momentum"), state.pop("momentum"))
    assert found == state
    np.testing.assert_array_equal(start["shapes"], np.eye(3))


def test_nothing_is_kept_where_there_is_no_file(tmp_path):
    assert load(tmp_path / "none.npz", "run") == Kept([])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_off_is_refused(tmp_path, share):
    path = tmp_path / "kept.npz"
    save(path, "run", Kept([FIT]))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"kept\.npz: expected a fit that was stopped, found a broken file"):
        load(path, "run")


def test_a_file_of_other_things_is_refused(tmp_path):
    np.savez(tmp_path / "kept.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match="found a broken file"):
        load(tmp_path / "kept.npz", "run")


def test_a_digest_tells_values_types_and_shapes_apart():
    found = {digest(part) for part in (np.zeros(4), np.zeros((2, 2)), np.zeros(4, int), "zeros", 0, 0.0)}
    assert len(found) == 6 and digest(1.5, "a") == digest(1.5, "a")
