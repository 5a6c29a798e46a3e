"""Which mesh a wave was computed on, and what it is on another, for waves that are known in closed form."""

import numpy as np
import pytest
from scipy import ndimage
from test_apparent import bessel_wave

from dime.authors.wave_checks import recomputed, unexplained_by_mesh


def test_the_mesh_that_a_wave_was_computed_on():
    """A wave of 1.2 kPa, 18 mm long, that was computed with edges of 10 mm: such triangles leave next
    to nothing of it, finer and coarser ones more. Of the exact wave the finest leave least."""
    exact, mask = bessel_wave(1.2e3, 0.1)
    truth, edges = np.full(mask.shape, 1.2e3), (4e-3, 10e-3, 14e-3)
    coarse = recomputed(truth, exact, mask, 1e-3, 60.0, 4e-3, [10e-3])[0]
    left = unexplained_by_mesh(truth, coarse, mask, 1e-3, 60.0, edges)
    assert left[1] < 0.01 < 0.05 < min(left[0], left[2])
    assert (np.diff(unexplained_by_mesh(truth, exact, mask, 1e-3, 60.0, edges)) > 0).all()


def test_a_recomputed_wave_is_the_wave_where_its_mesh_resolves_it_and_converges_to_it():
    """Channels with gains, offsets and noise, of a known wave: on a fine mesh its shape comes back; on
    meshes of halved edges, driven alike, the error falls as the fourth power at least."""
    exact, mask = bessel_wave(1.2e3, 0.1)
    truth = np.full(mask.shape, 1.2e3)
    rng = np.random.default_rng(0)
    noise = 0.02 * exact[mask].std() * (rng.normal(size=mask.shape) + 1j * rng.normal(size=mask.shape))
    given = 4 * exact.real + 3 + 2.5j * exact.imag + noise
    edges = [8e-3, 4e-3, None]
    waves = recomputed(truth, given, mask, 1e-3, 60.0, None, edges)
    inside = ndimage.binary_erosion(mask, iterations=5)
    assert (waves[:, ~mask] == 0).all() and (waves[:, mask] != 0).all()
    for part, like in ((waves[-1].real, exact.real), (waves[-1].imag, exact.imag)):
        assert np.corrcoef(part[inside], like[inside])[0, 1] > 0.99
    coarse, fine = (np.abs(wave - waves[-1])[inside].max() for wave in waves[:2])
    assert fine < coarse / 12


@pytest.mark.parametrize("edge_m", [0.0, -1e-2, np.nan, np.inf])
def test_an_edge_that_is_no_length_is_refused(edge_m):
    wave, mask = bessel_wave(1.2e3, 0.1)
    with pytest.raises(ValueError, match="edges_m: expected positive lengths"):
        unexplained_by_mesh(np.full(mask.shape, 1.2e3), wave, mask, 1e-3, 60.0, [None, edge_m])
    with pytest.raises(ValueError, match="edges_m: expected positive lengths"):
        recomputed(np.full(mask.shape, 1.2e3), wave, mask, 1e-3, 60.0, None, [edge_m])
