"""Fresh test tissue: seeds of its own, the stated ranges, the same bytes by any number of processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from dime.files import yaml12
from dime.inversion.methods import PRETRAINED
from dime.studies import fresh_phantoms

ROOT = Path(__file__).parents[2]


def seeds(block):
    """All numbers under names that hold "seed", in a block of parameters or a card, at any depth."""
    found = set()
    if isinstance(block, list):
        return found.union(*(seeds(one) for one in block))
    for name, value in block.items() if isinstance(block, dict) else ():
        if "seed" in name:
            found |= set(value) if isinstance(value, list) else {value}
        else:
            found |= seeds(value)
    return found


def test_the_seeds_occur_in_no_other_set_and_the_rehearsal_has_its_own():
    fresh, others = {}, seeds(json.loads((PRETRAINED / "card.json").read_text()))
    assert others
    for path in ROOT.glob("params/*.yaml"):
        profile = yaml12.read(path)
        fresh[path.stem] = profile["studies"].pop("fresh_test")["seed"]
        others |= seeds(profile)
    assert len(set(fresh.values())) == len(fresh) == 3
    assert not set(fresh.values()) & others


def test_bodies_keep_to_the_ranges_and_leave_room():
    """Stiffness and loss within their ranges, inclusions in some bodies, outlines within the image."""
    counts = []
    t = np.linspace(0, 2 * np.pi, 300)
    for seed in range(30):
        body = fresh_phantoms.draw_body(np.random.default_rng(seed))
        counts.append(len(body.inclusions))
        reach = fresh_phantoms.REACH_M[1] * 1.001
        assert (body.level(reach * np.cos(t), reach * np.sin(t)) > 0).all() and body.level(0.0, 0.0) < 0
        x, y = np.random.default_rng(seed).uniform(-0.1, 0.1, (2, 1000))
        low, high = fresh_phantoms.STIFFNESS_PA
        assert (body.stiffness(x, y) >= low).all() and (body.stiffness(x, y) <= high).all()
        modulus = body.modulus(x, y)
        assert np.abs(modulus) == pytest.approx(body.stiffness(x, y))
        low, high = fresh_phantoms.LOSS_TANGENT
        assert (modulus.imag / modulus.real > low - 1e-9).all()
        assert (modulus.imag / modulus.real < high + 1e-9).all()
    assert set(counts) == {0, 1, 2, 3}


def test_an_inclusion_is_painted_over_the_base():
    """A disc with a hole: its stiffness in the ring, the base in the hole and around."""
    ring = fresh_phantoms.Ring((0.01, 0.0), 0.02, (0.01, 0.0), 0.01)
    outline = fresh_phantoms.RoundedPolygon(np.arange(4) * np.pi / 2, np.full(4, 0.08), 4.0)
    lump = fresh_phantoms.Inclusion(ring, 6000.0, 0.3, fresh_phantoms.SHARP_M)
    body = fresh_phantoms.Body(outline, 2000.0, 0.1, (lump,), np.empty((0, 4)))
    assert body.stiffness(np.array([0.01, 0.025, 0.04]), np.zeros(3)) == pytest.approx([2000, 6000, 2000])
    assert outline(0.08, 0.0) == pytest.approx(0) and outline(0.08, 0.08) > 0


def test_drivers_never_overlap_and_move_only_their_sectors():
    t = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    shares = []
    for seed in range(40):
        drive, _ = fresh_phantoms.draw_drive(np.random.default_rng(seed))
        given = np.isfinite(drive(np.cos(t), np.sin(t)))
        widths = sum(width for _, width, _ in drive.sectors)
        assert given.mean() == pytest.approx(widths / (2 * np.pi), abs=0.01)
        shares.append(given.mean())
    assert min(shares) < 0.3 and max(shares) == 1


def test_processes_do_not_change_a_byte_and_the_noise_is_as_asked():
    options = {"seed": 3, "frequency_hz": 40.0, "spacing_m": 3e-3}
    two = fresh_phantoms.simulate(2, snr=20.0, workers=2, **options)
    clean = fresh_phantoms.simulate_case(3, 1, np.inf, 40.0, 3e-3)
    alone = fresh_phantoms.simulate_case(3, 1, 20.0, 40.0, 3e-3)
    for name in ("wave", "stiffness", "mask"):
        assert (two[name].values[1] == alone[name]).all()
    mask = alone["mask"]
    noise = (alone["wave"] - clean["wave"])[mask]
    rms = np.sqrt(np.mean(np.abs(clean["wave"][mask]) ** 2))
    assert rms / noise.real.std() == pytest.approx(20, rel=0.1)
    assert not alone["wave"][~mask].any() and not alone["stiffness"][~mask].any()


@pytest.mark.parametrize(
    ("low", "high", "at_least", "expected"),
    [
        (0.985, 0.99, True, "met"),
        (0.97, 0.99, True, "undecided"),
        (0.96, 0.97, True, "missed"),
        (0.97, 0.979, False, "met"),
        (0.985, 0.99, False, "missed"),
        (None, None, True, "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(low, high, at_least, expected):
    assert fresh_phantoms.verdict({"low": low, "high": high}, 0.98, at_least) == expected
