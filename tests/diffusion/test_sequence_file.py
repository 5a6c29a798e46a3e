"""What a file says of pulsed gradients is read with its units; what cannot be is refused in one line."""

import numpy as np
import pytest

from dime.diffusion.sequence import fibonacci, pgse
from dime.diffusion.sequence_file import read_sequence

BLOCK = {"duration_ms": 10, "separation_ms": 60, "b_ms_per_um2": [1, 2, 3, 4, 5], "directions": 30}


def sequence(**changes):
    return {"blocks": [{**BLOCK, **changes}]}


def test_the_originals_sequence_is_one_block_in_the_order_of_the_file():
    found = read_sequence(sequence())
    (expected,) = pgse((10, 60))
    (block,) = found.blocks
    np.testing.assert_allclose(block.strengths, expected.strengths)
    np.testing.assert_allclose(block.directions, expected.directions)
    np.testing.assert_array_equal(found.places, np.arange(150))
    assert found.size == 150 and not len(found.unweighted[0]) and found.diffusivity_um2_per_ms == 2


def test_the_gradient_is_that_of_the_formula_in_mt_per_m():
    """b = gamma^2 G^2 d^2 (D - d/3) with gamma = 2.675e8 rad/s/T: b = 5000 s/mm2 at 10/60 ms: 111 mT/m."""
    gradient = np.sqrt(5e9 / (0.01**2 * (0.06 - 0.01 / 3))) / 2.675222005e8
    assert read_sequence(sequence()).strongest_mt_per_m == pytest.approx(1e3 * gradient, rel=1e-6)
    assert 1e3 * gradient == pytest.approx(111, abs=0.5)


def test_measurements_without_gradient_are_set_aside():
    found = read_sequence(sequence(b_ms_per_um2=[0, 1, 2], directions=2))
    np.testing.assert_array_equal(found.unweighted[0], [0, 3])
    np.testing.assert_array_equal(found.places, [1, 2, 4, 5])
    np.testing.assert_array_equal(found.blocks[0].b_ms_per_um2, [1, 2])


def test_b_values_in_any_order_keep_their_places():
    found = read_sequence(sequence(b_ms_per_um2=[3, 1, 2], directions=[[0, 0, 2], [1, 0, 0]]))
    np.testing.assert_array_equal(found.blocks[0].b_ms_per_um2, [1, 2, 3])
    np.testing.assert_array_equal(found.places, [1, 2, 0, 4, 5, 3])
    np.testing.assert_allclose(found.blocks[0].directions, [[0, 0, 1], [1, 0, 0]])


def fsl(folder, b_s_per_mm2, vectors):
    np.savetxt(folder / "dwi.bval", [b_s_per_mm2], "%g")
    np.savetxt(folder / "dwi.bvec", np.transpose(vectors))
    (folder / "SEQ.yaml").write_text(
        "blocks:\n  - {duration_ms: 10, separation_ms: 60, bvals: dwi.bval, bvecs: dwi.bvec}\n"
    )
    return folder / "SEQ.yaml"


def test_files_of_fsl_with_shells_in_any_order_give_every_measurement_its_place(tmp_path):
    """Two shells with directions of their own, a direction of both, and two measurements at b = 0."""
    x, y, z = np.eye(3)
    b = np.array([0, 1000, 2000, 1000, 5, 2000])
    vectors = np.array([0 * x, x, x, y, 0 * x, z])
    found = read_sequence(fsl(tmp_path, b, vectors))
    np.testing.assert_array_equal(found.unweighted[0], [0, 4])
    assert sorted(found.places) == [1, 2, 3, 5]
    listed = [
        (value, tuple(direction))
        for block in found.blocks
        for direction in block.directions
        for value in block.b_ms_per_um2
    ]
    assert listed == [(b[place] / 1000, tuple(vectors[place])) for place in found.places]


def test_files_of_fsl_that_are_a_full_factorial_become_one_block(tmp_path):
    vectors = np.repeat(fibonacci(6), 2, 0)
    found = read_sequence(fsl(tmp_path, np.tile([1000, 2000], 6), vectors))
    assert len(found.blocks) == 1 and found.blocks[0].size == 12
    np.testing.assert_array_equal(found.places, np.arange(12))


def test_several_timings_follow_each_other():
    found = read_sequence({"blocks": [BLOCK, {**BLOCK, "separation_ms": 20}]})
    np.testing.assert_array_equal(found.places, np.arange(300))
    np.testing.assert_array_equal(found.timings, np.repeat([0, 1], 150))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "sequence: expected entries blocks, diffusivity_um2_per_ms"),
        ({"blocks": []}, "blocks: expected a list of blocks, found []"),
        ({"blocks": [BLOCK], "te_ms": 90}, "te_ms: unknown, expected blocks, diffusivity_um2_per_ms"),
        ({"blocks": [BLOCK], "diffusivity_um2_per_ms": 2e-9}, "expected 0.05 to 5 um2/ms, found 2e-09"),
        (sequence(duration_ms=0.01), "number 1: duration_ms: expected 0.1 to 200 ms, found 0.01"),
        (sequence(duration_ms=10_000), "duration_ms: expected 0.1 to 200 ms, found 10000"),
        (sequence(duration_ms="ten"), "duration_ms: expected 0.1 to 200 ms, found 'ten'"),
        (sequence(separation_ms=0.06), "separation_ms: expected 0.1 to 5000 ms, found 0.06"),
        (sequence(separation_ms=9), "separation_ms: expected at least the duration of 10 ms, found 9"),
        (
            sequence(b_ms_per_um2=[1, -2]),
            "b_ms_per_um2: expected 0 to 100 ms/um2 (1 is 1000 s/mm2), found -2",
        ),
        (
            sequence(b_ms_per_um2=[1000]),
            "b_ms_per_um2: expected 0 to 100 ms/um2 (1 is 1000 s/mm2), found 1000",
        ),
        (sequence(b_ms_per_um2=5), "b_ms_per_um2: expected a list of numbers, found 5"),
        (sequence(b_ms_per_um2=[0]), "blocks: expected a b-value above 0.01, found none"),
        (
            sequence(duration_ms=0.2, separation_ms=1),
            "found b = 5 ms/um2 in 0.2/1 ms, which needs 4.33e+04 mT/m",
        ),
        (sequence(directions=0), "directions: expected 1 to 1000, found 0"),
        (sequence(directions=[[0, 0, 0]]), "directions: number 1: expected a vector with a length, found 0"),
        (sequence(directions=[[1, 0]]), "directions: number 1: expected three numbers, found 2"),
        (
            sequence(directions="many"),
            "directions: expected a whole number or a list of vectors, found 'many'",
        ),
        (
            sequence(bvals="a.bval"),
            "b_ms_per_um2: unknown, expected duration_ms, separation_ms, bvals, bvecs",
        ),
        ({"blocks": [{"duration_ms": 10, "separation_ms": 60}]}, "number 1: b_ms_per_um2: missing"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(content, message):
    with pytest.raises(ValueError) as error:
        read_sequence(content)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("b", "vectors", "message"),
    [
        ([1, 2], np.eye(3)[:2], "dwi.bval: expected b-values in s/mm2, found at most 2"),
        ([1000, -5], np.eye(3)[:2], "dwi.bval: expected 0 to 100 ms/um2 (1 is 1000 s/mm2), found -0.005"),
        ([1000, 2000], np.eye(3), "dwi.bvec: expected three rows of 2 numbers, found (3, 3)"),
        ([1000, 2000], 0 * np.eye(3)[:2], "dwi.bvec: number 1: expected a vector with a length, found 0"),
        ([1000, np.nan], np.eye(3)[:2], "dwi.bval: expected rows of as many finite numbers each"),
    ],
)
def test_files_of_fsl_that_do_not_fit_are_refused(tmp_path, b, vectors, message):
    with pytest.raises(ValueError) as error:
        read_sequence(fsl(tmp_path, b, vectors))
    assert message in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["dwi.bval", "dwi.bvec"])
def test_an_empty_file_of_fsl_is_one_line_without_a_warning(tmp_path, name):
    path = fsl(tmp_path, [1000], np.eye(3)[:1])
    (tmp_path / name).write_text("")
    with pytest.raises(
        ValueError, match=rf"{name}: expected rows of as many finite numbers each, found none"
    ):
        read_sequence(path)


def test_a_file_of_fsl_that_is_missing_is_named(tmp_path):
    path = fsl(tmp_path, [1000], np.eye(3)[:1])
    (tmp_path / "dwi.bvec").unlink()
    with pytest.raises(FileNotFoundError, match=r"dwi\.bvec: no such file"):
        read_sequence(path)
