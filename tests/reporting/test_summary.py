"""Missing inputs are named with the command that makes them; `publish` alone writes the tracked pages."""

import json
from pathlib import Path

import pytest

from dime.files import pipeline
from dime.reporting import claims, lineage, publication, summary

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two studies of one matrix stage in a part's pipeline, whose metrics and figures a paper needs."""
    monkeypatch.chdir(tmp_path)
    metrics = "results/mre/metrics/compare-${item.study}.json"
    part = {
        "compare": {
            "cmd": "dime run n.ipynb o.ipynb -p study=${item.study}",
            "matrix": {"study": ["liver", "homogeneous"]},
            "deps": ["results/mre/model/weights.safetensors"],
            "metrics": [{metrics: {"cache": False}}],
        },
        "train": {"cmd": "dime run t.ipynb o.ipynb", "outs": ["results/mre/model/weights.safetensors"]},
    }
    top = {
        "figures": {
            "cmd": "dime run f.ipynb o.ipynb",
            "deps": ["results/mre/metrics/compare-liver.json"],
            "outs": [{"results/mre/figures": {"cache": False}}],
        },
        "paper": {
            "cmd": "dime paper paper/dime.typ paper/dime.pdf",
            "deps": ["paper/dime.typ", "results/mre/metrics/compare-liver.json", "results/mre/figures"],
            "outs": ["paper/dime.pdf"],
        },
    }
    for path, stages in {"dvc.yaml": top, "notebooks/mre/dvc.yaml": part}.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps({"stages": stages}))
    Path("dime").mkdir()
    Path("dime/__init__.py").touch()
    return tmp_path


def test_a_missing_input_names_the_command_that_makes_it_in_whatever_file(project):
    made = r"compare-liver\.json: missing; make it with: dvc repro notebooks/mre/dvc.yaml:compare@liver$"
    with pytest.raises(FileNotFoundError, match=made):
        lineage.check_inputs("paper")
    Path("results/mre/metrics").mkdir(parents=True)
    Path("results/mre/metrics/compare-liver.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"figures: missing; make it with: dvc repro figures$"):
        lineage.check_inputs("paper")
    Path("results/mre/figures").mkdir()
    lineage.check_inputs("paper")


def test_a_matrix_is_its_items_and_what_follows_a_stage_is_found(project):
    among = pipeline.stages()
    assert [stage.name for stage in among] == [
        "figures",
        "paper",
        "compare@liver",
        "compare@homogeneous",
        "train",
    ]
    liver = among[2]
    assert liver.notebook == "n.ipynb" and liver.command.endswith("study=liver") and liver.part == "mre"
    following = [stage.name for stage in lineage.after(liver, among)]
    assert following == ["figures", "paper", "compare@liver"]


def test_stages_of_another_run_are_those_whose_inputs_have_changed_since(project):
    def lock(path, **stages):
        Path(path).write_text(json.dumps({"schema": "2.0", "stages": stages}))

    def entry(deps=(), outs=()):
        return {
            key: [{"path": p, "md5": m} for p, m in found] for key, found in (("deps", deps), ("outs", outs))
        }

    weights = "results/mre/model/weights.safetensors"
    train = entry(outs=[(weights, "new")])
    lock("notebooks/mre/dvc.lock", train=train, compare=entry(deps=[(weights, "new"), ("typed.txt", "x")]))
    assert lineage.foreign() == []
    lock("notebooks/mre/dvc.lock", train=train, compare=entry(deps=[(weights, "old")]))
    assert lineage.foreign() == ["mre/compare"]


def test_nothing_is_lost_where_no_measured_data_were(project):
    assert summary.losses(None) == []


def test_summary_without_a_study_names_the_command_that_makes_it(project):
    made = r"compare-homogeneous\.json: missing; make it with: dvc repro .*:compare@homogeneous$"
    with pytest.raises(FileNotFoundError, match=made):
        summary.print_summary("results")


def test_the_block_between_the_markers_is_replaced_and_nothing_else(tmp_path, monkeypatch):
    row = dict.fromkeys(claims.COLUMNS, "a")
    monkeypatch.setattr(publication, "claims", lambda results: [row])
    monkeypatch.setattr(publication, "headlines", lambda results: "- five lines\n")
    monkeypatch.setattr(publication.liver_claims, "table", lambda results: [("b", "c", "d", "yes")])
    monkeypatch.setattr(publication.records_claims, "table", lambda results: [("e", "f", "g", "no")])
    monkeypatch.setattr(publication.brain_claims, "table", lambda results: [("h", "i", "j", "-")])
    monkeypatch.setattr(publication.diffusion_claims, "table", lambda results: [("k", "l", "m", "met")])
    blocks = [
        publication.CLAIMS,
        publication.LIVER,
        publication.RECORDS,
        publication.BRAIN,
        publication.DIFFUSION,
    ]
    pages = {"README.md": [publication.RESULTS], "results.md": blocks}
    paths = [tmp_path / name for name in pages]
    for path, blocks in zip(paths, pages.values(), strict=True):
        stale = "between\n".join(f"{begin}\nstale\n{end}\n" for begin, end in blocks)
        path.write_text(f"before\n{stale}after\n")
    publication.publish(tmp_path, *paths)
    texts = [path.read_text() for path in paths]
    for text in texts:
        assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    assert "- five lines" in texts[0] and "| a | a | a | a | a | a |" in texts[1]
    assert "between\n" in texts[1] and "| b | c | d | yes |" in texts[1] and "| e | f | g | no |" in texts[1]
    publication.publish(tmp_path, *paths)
    assert [path.read_text() for path in paths] == texts
    paths[1].write_text("no markers")
    with pytest.raises(ValueError, match=r"results\.md: expected the markers"):
        publication.publish(tmp_path, *paths)
    assert paths[0].read_text() == texts[0]


@pytest.mark.parametrize(
    ("page", "markers", "block"),
    [
        ("README.md", publication.RESULTS, publication.headlines),
        ("docs/results.md", publication.CLAIMS, publication.table),
        ("docs/results.md", publication.LIVER, publication.liver),
        ("docs/results.md", publication.RECORDS, publication.records),
        ("docs/results.md", publication.BRAIN, publication.brain),
        ("docs/results.md", publication.DIFFUSION, publication.diffusion),
    ],
)
def test_the_tracked_pages_hold_the_results_beside_them(page, markers, block):
    """What `make publish` would write is there already."""
    text = (ROOT / page).read_text()
    assert text == publication.filled(text, markers, block(ROOT / "results"))
