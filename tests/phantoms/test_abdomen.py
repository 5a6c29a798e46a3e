"""Sections of the abdomen: what lies where, and how it changes with the height."""

import numpy as np
import pytest

from dime.phantoms import abdomen, habitus

ID = abdomen.ID


@pytest.fixture(scope="module")
def person():
    return habitus.draw_subject((7, 1), "F2")


def centre(section, name):
    """Mean place (x, y) [m] of a tissue."""
    rows, columns = np.nonzero(section.tissue == ID[name])
    middle = (np.array(section.tissue.shape) - 1) / 2
    return (np.array([columns.mean(), rows.mean()]) - middle[::-1]) * abdomen.GRID_M


def test_a_subject_follows_from_its_seed_and_a_volunteer_is_healthy_and_lean():
    assert habitus.draw_subject((7, 1), "F2") == habitus.draw_subject((7, 1), "F2")
    young = [habitus.draw_subject((7, n), "F4", volunteer=True) for n in range(60)]
    assert all(one.stage == "F0" and one.bmi <= 27 and one.fat_share <= 0.05 for one in young)
    logs = np.log([one.stiffness_pa for one in young])
    assert np.exp(np.median(logs)) == pytest.approx(habitus.VOLUNTEER_PA, rel=0.06)
    assert logs.std() == pytest.approx(habitus.VOLUNTEER_SPREAD, rel=0.3)
    with pytest.raises(ValueError, match="stage: expected one of F0"):
        habitus.draw_subject((7, 1), "F5")


def test_organs_lie_on_the_sides_where_they_belong(person):
    """Radiological convention: liver at the image's left, spleen and stomach at its right, spine behind."""
    middle, low = (abdomen.section(person, z) for z in (0.01, -0.06))
    assert centre(middle, "liver")[0] < -0.03 and centre(middle, "spleen")[0] > 0.06
    assert centre(middle, "stomach")[0] > 0.03 and centre(middle, "marrow")[1] > 0.01
    assert centre(middle, "spleen")[1] > centre(middle, "stomach")[1]
    assert (low.tissue == ID["cortex"]).sum() > 500 and (low.tissue == ID["medulla"]).any()


def test_gas_lies_above_the_fluid_of_a_patient_on_the_back(person):
    section = abdomen.section(person, 0.01)
    if (section.tissue == ID["gas"]).any():
        assert centre(section, "gas")[1] < centre(section, "stomach")[1]


def test_the_lung_appears_at_the_dome_and_the_liver_ends_below(person):
    high, low = (abdomen.section(person, z) for z in (0.06, -0.15))
    assert (high.tissue == ID["lung"]).sum() > 1000
    assert not (low.tissue == ID["liver"]).any() and not (low.tissue == ID["lung"]).any()


def test_neighbouring_heights_show_neighbouring_sections(person):
    """A shift by one millimetre changes few pixels of the liver; thirty change many."""
    here, near, far = (abdomen.section(person, z).tissue for z in (0.010, 0.009, -0.020))
    shape = tuple(min(a.shape[axis] for a in (here, near, far)) for axis in (0, 1))

    def liver(tissue):
        edge = [(n - m) // 2 for n, m in zip(tissue.shape, shape, strict=True)]
        inner = tissue[edge[0] : edge[0] + shape[0], edge[1] : edge[1] + shape[1]]
        return np.isin(inner, (ID["liver"], ID["vessel"]))

    change = [np.mean(liver(here) ^ liver(other)) / np.mean(liver(here)) for other in (near, far)]
    assert change[0] < 0.1 and change[1] > 2 * change[0]


def test_moduli_are_those_of_the_tissue_and_defined_beyond_the_body(person):
    section = abdomen.section(person, 0.0)
    rows, columns = np.nonzero(section.tissue == ID["liver"])
    middle = (np.array(section.tissue.shape) - 1) / 2
    y, x = ((i - m) * abdomen.GRID_M for i, m in zip((rows, columns), middle, strict=True))
    assert np.median(section.stiffness(x, y)) == pytest.approx(person.stiffness_pa, rel=0.25)
    beyond = np.array([1.0]), np.array([1.0])
    assert section.stiffness(*beyond) > 0 and section.loss_tangent(*beyond) >= 0
    assert section.tissue_at(*beyond) == ID["air"]


def test_a_fat_body_is_wider_and_has_more_fat_under_the_skin():
    people = [habitus.draw_subject((8, n), "F1") for n in range(80)]
    bmi = np.array([one.bmi for one in people])
    for name, least in (("half_width_m", 0.7), ("fat_m", 0.7)):
        assert np.corrcoef(bmi, [getattr(one, name) for one in people])[0, 1] > least
