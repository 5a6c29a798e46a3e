"""Missing inputs are named with their stage; the README holds the table of the last run."""

from pathlib import Path

import pytest
import yaml

from dime.reporting import claims, summary

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pipeline_file(tmp_path, monkeypatch):
    """Two studies of one matrix stage, whose metrics and figures a paper needs."""
    monkeypatch.chdir(tmp_path)
    stages = {
        "compare": {"metrics": [{"results/mre/metrics/compare-${item.study}.json": {"cache": False}}]},
        "figures": {"outs": [{"results/mre/figures": {"cache": False}}]},
        "paper": {
            "deps": ["paper/dime.typ", "results/mre/metrics/compare-liver.json", "results/mre/figures"],
            "outs": ["paper/dime.pdf"],
        },
    }
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))


def test_a_missing_input_names_the_stage_that_writes_it(pipeline_file):
    with pytest.raises(
        FileNotFoundError, match=r"compare-liver\.json: missing; the stage `compare` writes it"
    ):
        summary.check_inputs("paper")
    Path("results/metrics").mkdir(parents=True)
    Path("results/mre/metrics/compare-liver.json").write_text("{}")
    with pytest.raises(
        FileNotFoundError, match=r"results/mre/figures: missing; the stage `figures` writes it"
    ):
        summary.check_inputs("paper")
    Path("results/mre/figures").mkdir()
    summary.check_inputs("paper")


def test_summary_without_a_study_names_its_stage(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"compare-homogeneous\.json: missing; the stage `compare`"):
        summary.print_summary(tmp_path)


def test_the_block_between_the_markers_is_replaced_and_nothing_else(tmp_path, monkeypatch):
    row = dict.fromkeys(claims.COLUMNS, "a")
    monkeypatch.setattr(summary, "claims", lambda folder: [row])
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{summary.BEGIN}\nstale\n{summary.END}\nafter\n")
    summary.update_readme(readme, tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    assert "| a | a | a | a | a | a |" in text
    summary.update_readme(readme, tmp_path)
    assert readme.read_text() == text
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="expected the markers"):
        summary.update_readme(readme, tmp_path)


def test_the_readme_holds_the_claims_of_the_results_beside_it():
    """What `dime summary --readme README.md` would write is there already."""
    block = (ROOT / "README.md").read_text().split(summary.BEGIN)[1].split(summary.END)[0]
    assert block.strip() == summary.markdown(claims.claims(ROOT / "results/metrics")).strip()
