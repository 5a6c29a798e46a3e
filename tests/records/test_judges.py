"""Networks that judge stiffness: what they see, what is hidden, what they learn, how sure they are."""

import numpy as np
import pytest
import torch

from dime.records import training, transformer
from dime.records.columns import FIELDS, SEQUENCES
from dime.records.frame import SHAPE, SURFACE_PIXELS
from dime.records.reader import READINGS
from dime.records.training import COLUMNS, LABS, Examples, JudgeTask, Schedule, columns
from dime.records.transformer import KINDS, PIXELS, packed, unpacked

PIXEL_COUNT = transformer.VOLUME + SURFACE_PIXELS**2


def examples(n=12, seed=0, pixels=False, missing=0.0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, PIXEL_COUNT if pixels else COLUMNS, generator=generator)
    fields = torch.randn(n, len(FIELDS), generator=generator)
    fields[torch.rand(fields.shape, generator=generator) < missing] = torch.nan
    return Examples(images, fields, 1 + 0.3 * torch.randn(n, generator=generator))


def network(kind, n=12, **schedule):
    torch.manual_seed(0)
    data = examples(n, pixels=kind in PIXELS)
    task = JudgeTask(data, data, Schedule(kind=kind, width=16, layers=1, **schedule))
    return task.model().eval(), data, task


def test_pixels_are_packed_and_unpacked():
    volume = torch.arange(2 * transformer.VOLUME).reshape(2, len(SEQUENCES), *SHAPE)
    surface = -torch.arange(2 * SURFACE_PIXELS**2).reshape(2, SURFACE_PIXELS, SURFACE_PIXELS)
    pixels = packed(volume, surface)
    assert pixels.shape == (2, PIXEL_COUNT)
    for found, expected in zip(unpacked(pixels), (volume, surface), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_columns_are_those_of_the_sequence(sequence):
    """Of readings, eight of each group and the roughness; of pixels, the channel. The fine slice and its
    roughness are T1-weighted. Every column belongs to one sequence."""
    names = [*np.repeat(SEQUENCES, READINGS), *["t1w"] * (READINGS + 1)]
    assert columns(sequence, COLUMNS).tolist() == [name == sequence for name in names]
    marked = torch.zeros(1, len(SEQUENCES), *SHAPE)
    marked[:, SEQUENCES.index(sequence)] = 1
    fine = torch.full((1, SURFACE_PIXELS, SURFACE_PIXELS), float(sequence == "t1w"))
    assert torch.equal(columns(sequence, PIXEL_COUNT), packed(marked, fine)[0] == 1)


def same(one, two):
    return all(torch.equal(a.nan_to_num(99), b.nan_to_num(99)) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("part", [*SEQUENCES, "labs"])
def test_a_withheld_part_is_missing_and_nothing_else_changes(part):
    """What is missing already stays so, and the examples that it is taken from are left as they were."""
    made = examples(missing=0.2)
    kept = Examples(*(one.clone() for one in made))
    found = made.without((part,))
    assert same(made, kept) and not same(found, made) and same(found.without((part,)), found)
    gone = torch.tensor([name in LABS for name in FIELDS]) if part == "labs" else columns(part, COLUMNS)
    changed, whole = (found.fields, made.fields) if part == "labs" else (found.images, made.images)
    assert torch.isnan(changed[:, gone]).all()
    assert torch.equal(changed[:, ~gone].nan_to_num(99), whole[:, ~gone].nan_to_num(99))
    other = (found.images, made.images) if part == "labs" else (found.fields, made.fields)
    assert torch.equal(*(one.nan_to_num(99) for one in other))


def test_labs_are_all_that_blood_gives_and_an_unknown_part_is_refused():
    rest = [name for name in FIELDS if name not in LABS]
    assert len(LABS) == 6 and not any("_u_l" in name or "_dl" in name or "1e9" in name for name in rest)
    with pytest.raises(ValueError, match="withheld: expected t1w, t2w, dwi or labs, found 'flair'"):
        examples().without(("flair",))


@pytest.mark.parametrize("kind", list(KINDS))
@torch.no_grad()
def test_whatever_is_missing_the_answer_is_finite(kind):
    """Each part alone and everything at once."""
    model, data, _ = network(kind, n=4)
    for parts in ((), *((part,) for part in (*SEQUENCES, "labs")), (*SEQUENCES, "labs")):
        law = model(*data.without(parts)[:2])
        assert all(one.shape == (4,) and torch.isfinite(one).all() for one in law), parts
    nothing = model(torch.full_like(data.images, torch.nan), torch.full_like(data.fields, torch.nan))
    assert all(torch.isfinite(one).all() for one in nothing)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_sequence_that_no_patient_has_can_be_learnt_without(kind):
    """All examples lack T1w, and with it the fine slice: loss and weights stay finite, and the network still
    answers where T1w is there."""
    data = examples(4, pixels=kind in PIXELS)
    task = JudgeTask(data, data, Schedule(kind=kind, withheld=("t1w",), width=16, layers=1, batch=4))
    torch.manual_seed(0)
    model = task.model()
    optimisers, _ = task.optimisers(model)
    for _ in range(2):
        assert np.isfinite(task.step(model, optimisers, torch.Generator().manual_seed(0)))
    assert all(torch.isfinite(one).all() for one in model.state_dict().values())
    assert all(torch.isfinite(one).all() for one in model.eval()(*data[:2]))


@torch.no_grad()
@pytest.mark.parametrize("kind", list(KINDS))
def test_what_a_network_may_see_moves_its_answer_and_what_not_does_not(kind):
    model, data, _ = network(kind, n=4)
    before = model(*data[:2])[0]
    assert not torch.equal(model(data.images + 1, data.fields)[0], before)
    assert torch.equal(model(data.images, data.fields + 1)[0], before) == (kind == "volume")


@torch.no_grad()
@pytest.mark.parametrize(("sees", "blind"), [("images", "fields"), ("records", "images")])
def test_a_judge_of_one_source_does_not_see_the_other(sees, blind):
    model, data, _ = network("judge", sees=sees)
    other = data._replace(**{blind: torch.full_like(getattr(data, blind), torch.nan)})
    assert torch.equal(model(*other[:2])[0], model(*data[:2])[0])


def test_answers_are_in_the_training_s_units():
    """A head of zeros says the mean of ln kPa and its standard deviation."""
    for kind in KINDS:
        model, data, _ = network(kind, n=6)
        torch.nn.init.zeros_(model.head.weight)
        torch.nn.init.zeros_(model.head.bias)
        location, log_scale = model(*data[:2])
        assert torch.allclose(location, data.ln_kpa.mean())
        assert log_scale.exp().tolist() == pytest.approx([data.ln_kpa.std().item()] * 6, rel=0.1)


def test_the_volume_network_has_about_half_a_million_weights():
    assert sum(p.numel() for p in transformer.Volume(PIXEL_COUNT, 14).parameters()) == pytest.approx(
        5e5, rel=0.2
    )


@pytest.mark.parametrize(
    ("kind", "sees"), [("judge", "both"), ("judge", "images"), ("judge", "records"), ("volume", "both")]
)
def test_never_is_everything_hidden(kind, sees):
    """Of 400 examples, half of which lack DWI, T2w and most fields to begin with, and of which four in five
    parts are hidden, each keeps something that the network sees. Nothing is shown that was missing."""
    n = 40 if kind == "volume" else 400
    data = examples(n, missing=0.5, pixels=kind == "volume")
    data.fields[:, 0] = 1.0
    poor = data.without(("t2w", "dwi", "labs"))
    half = torch.arange(n)[:, None] % 2 == 0
    data = Examples(*(torch.where(half, a, b) for a, b in zip(poor[:2], data[:2], strict=True)), data.ln_kpa)
    task = JudgeTask(data, data, Schedule(kind=kind, sees=sees, hide=0.8, drop=0.5))
    found = task.hidden(data, torch.Generator().manual_seed(3))
    images, fields = (part.isfinite() for part in found[:2])
    seen = {"both": (images, fields), "images": (images,), "records": (fields,)}[task.sees()]
    assert torch.stack([part.any(dim=1) for part in seen]).any(dim=0).all()
    for mine, whole in zip(found, data, strict=True):
        known = mine.isfinite()
        assert torch.equal(mine[known], whole[known]) and not (known & ~whole.isfinite()).any()


def test_parts_are_hidden_as_often_as_wanted():
    """hide = 0.2 and drop = 0.1 of 4000 complete examples: each sequence is gone in 20 %, a field in
    1 - 0.8 x 0.9 = 28 %, whole sequences at a time."""
    data = examples(4000)
    found = JudgeTask(data, data, Schedule()).hidden(data, torch.Generator().manual_seed(0))
    for sequence in SEQUENCES:
        gone = found.images[:, columns(sequence, COLUMNS)].isnan()
        assert torch.equal(gone.any(dim=1), gone.all(dim=1))
        assert gone.float().mean() == pytest.approx(0.2, abs=0.02)
    assert found.fields.isnan().float().mean() == pytest.approx(0.28, abs=0.01)


def test_the_reach_holds_nine_in_ten():
    """Errors of a Laplace law have |e| / b above ln 10 in one of ten. On 119 validation patients the expected
    share of new ones inside is 90 % at least (107 + 1 of 120), over many draws by at most a percent more."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(size=20000))
    errors = torch.tensor(scale * rng.laplace(size=20000))
    found = training.reach(torch.zeros(20000), torch.tensor(np.log(scale)), errors)
    assert found == pytest.approx(np.log(10), rel=0.03)
    small = [
        training.reach(torch.zeros(119), torch.zeros(119), torch.tensor(rng.laplace(size=119)))
        for _ in range(400)
    ]
    assert 0.90 <= np.mean(1 - np.exp(-np.array(small))) < 0.915


def test_the_reach_of_few_patients_is_their_largest_error():
    errors = torch.tensor([0.1, -0.7, 0.3])
    assert training.reach(torch.zeros(3), torch.zeros(3), errors) == pytest.approx(0.7)


def linear(n, seed):
    """ln kPa = 1 + 0.2 (one field) + 0.2 (one reading) + noise of 0.05."""
    made = examples(n, seed)
    noise = 0.05 * torch.randn(n, generator=torch.Generator().manual_seed(seed + 50))
    return made._replace(ln_kpa=1 + 0.2 * made.fields[:, 2] + 0.2 * made.images[:, 5] + noise)


SCHEDULE = Schedule(width=16, layers=1, epochs=8, batch=32, learning_rate=1e-2, hide=0.1, drop=0.0)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    return folder, *training.train(linear(500, 0), linear(100, 1), SCHEDULE, folder, {"extra": 3}, report=str)


def r_of(model, data):
    location, _ = training.judged(model, data)
    return np.corrcoef(location, data.ln_kpa)[0, 1]


def test_a_law_is_learnt_and_kept_with_its_interval(taught):
    """r is above 0.9, where noise of 0.05 allows 0.985; nine in ten of new patients lie in the interval; the
    network that is read back gives the same."""
    folder, model, card = taught
    data = linear(300, 2)
    assert r_of(model, data) > 0.9
    location, log_scale = training.judged(model, data)
    inside = (data.ln_kpa - location).abs() <= card["reach"] * log_scale.exp()
    assert inside.float().mean() == pytest.approx(training.COVERAGE, abs=0.08)
    again, kept = training.load_judge(folder)
    assert kept["extra"] == 3 and kept["reach"] == card["reach"] and kept["examinations"] == 500
    assert all(
        torch.equal(a, b) for a, b in zip(training.judged(again, data), (location, log_scale), strict=True)
    )


def test_a_part_that_is_missing_costs_what_it_tells(taught):
    """The reading that counts is one of T1w's: without T1w, r falls to about 0.7; without DWI it does not."""
    _, model, _ = taught
    data = linear(300, 2)
    whole = r_of(model, data)
    assert r_of(model, data.without(("dwi",))) == pytest.approx(whole, abs=0.03)
    assert 0.5 < r_of(model, data.without(("t1w",))) < 0.85


def test_permuted_labels_teach_nothing(tmp_path):
    """r over 300 others has a deviation of 0.06 where nothing is to be found."""
    data = [linear(500, 0), linear(100, 1)]
    mixed = [
        one._replace(
            ln_kpa=one.ln_kpa[torch.randperm(len(one.ln_kpa), generator=torch.Generator().manual_seed(9))]
        )
        for one in data
    ]
    model, _ = training.train(*mixed, SCHEDULE, tmp_path, report=str)
    found, other = training.judged(model, linear(300, 2))[0], linear(300, 2)
    assert found.std() < 1e-6 or abs(r_of(model, other)) < 0.25


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "judge"])
def test_every_kind_is_kept_and_read_back(tmp_path, kind):
    data = examples(4, pixels=kind in PIXELS)
    schedule = Schedule(kind=kind, epochs=1, batch=4)
    model, _ = training.train(data, data, schedule, tmp_path, report=str)
    again, card = training.load_judge(tmp_path)
    assert type(again) is KINDS[kind] and card["schedule"]["kind"] == kind
    assert all(
        torch.equal(a, b)
        for a, b in zip(training.judged(again, data), training.judged(model, data), strict=True)
    )
