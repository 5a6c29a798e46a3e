"""A folder of one's own is replaced, any other refused by the name of what lies there."""

import pytest

from dime.files.folders import check_own

OURS = r"map\.nii\.gz|slice-\d+\.png"


def test_an_absent_an_empty_and_an_own_folder_may_be_written(tmp_path):
    check_own(tmp_path / "none", OURS, "earlier maps")
    check_own(tmp_path, OURS, "earlier maps", marks=["map.nii.gz"])
    for name in ("map.nii.gz", "slice-12.png"):
        (tmp_path / name).touch()
    check_own(tmp_path, OURS, "earlier maps", inputs=["elsewhere.nii.gz"], marks=["map.nii.gz"])


@pytest.mark.parametrize("other", ["map.nii", "slice-a.png", "notes.txt", "a-map.nii.gz"])
def test_a_folder_with_another_file_is_refused(tmp_path, other):
    (tmp_path / "map.nii.gz").touch()
    (tmp_path / other).touch()
    with pytest.raises(ValueError, match=f"expected a new name or earlier maps, found {other}$"):
        check_own(tmp_path, OURS, "earlier maps")


def test_a_file_a_folder_that_is_read_and_one_without_its_mark_are_refused(tmp_path):
    file = tmp_path / "slice-1.png"
    file.touch()
    with pytest.raises(ValueError, match=r"found slice-1\.png"):
        check_own(file, "none", "earlier maps")
    with pytest.raises(ValueError, match=r"found slice-1\.png"):
        check_own(tmp_path, OURS, "earlier maps", marks=["map.nii.gz"])
    (tmp_path / "map.nii.gz").touch()
    with pytest.raises(ValueError, match=r"found map\.nii\.gz"):
        check_own(tmp_path, OURS, "earlier maps", inputs=[tmp_path / "map.nii.gz"])
    with pytest.raises(ValueError, match="found " + tmp_path.name):
        check_own(tmp_path, OURS, "earlier maps", inputs=[tmp_path])


@pytest.mark.parametrize("other", ["scan-1/raw.dat", "scan-1/old/map.nii.gz", "scan-2"])
def test_what_lies_deeper_counts_too(tmp_path, other):
    """An empty folder too."""
    (tmp_path / "own" / "scan-1").mkdir(parents=True)
    (tmp_path / "own" / "scan-1" / "map.nii.gz").touch()
    check_own(tmp_path / "own", r"scan-\d/map\.nii\.gz", "scans")
    place = tmp_path / "own" / other
    place.parent.mkdir(exist_ok=True)
    place.touch() if place.suffix else place.mkdir()
    with pytest.raises(ValueError, match=f"found {other}$"):
        check_own(tmp_path / "own", r"scan-\d/map\.nii\.gz", "scans")


def test_a_link_to_another_folder_is_not_replaced(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "map.nii.gz").touch()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "scan-3").symlink_to(tmp_path / "theirs")
    with pytest.raises(ValueError, match=r"found scan-3$"):
        check_own(tmp_path / "own", r"scan-\d/map\.nii\.gz", "scans")


def _demo(folder):
    from dime.reporting.demo import FILES, MAPS, PICTURE, check_folder

    return check_folder, [*FILES, *MAPS, PICTURE], ["map.png", "phase.nii.gz"]


def _phantoms(folder):
    from dime.simulation.exported import FILES, check_folder

    whole = [f"phantom-{row}/{name}" for row in (1, 2) for name in FILES]
    return check_folder, whole, ["phantom-1/phase.nii.gz", "phantom-1/phase.json"]


def _liver(folder):
    from dime.liver.report import MARKS, check_folder

    return check_folder, [*MARKS, "trusted.nii.gz", "slice-1.png"], ["liver.nii.gz"]


def _brain(folder):
    from dime.brain.report import MARKS, check_folder

    return check_folder, [*MARKS, "gm-sd.nii.gz", "slice-1.png"], ["gm.nii.gz", "wm.nii.gz", "csf.nii.gz"]


def _records(folder):
    from dime.records.cohort import TRUTH
    from dime.records.commands import _check_simulation

    def check(folder):
        if (folder / "images" / "E1").exists():
            (folder / "truth.csv").write_text(",".join(["exam", *TRUTH]) + "\n")
        _check_simulation(folder)

    return check, ["records.csv", "truth.csv", "images/E1/t1w.nii.gz"], ["records.csv", "truth.csv"]


@pytest.mark.parametrize("of", [_demo, _phantoms, _liver, _brain, _records])
def test_files_that_people_call_as_the_package_does_are_not_replaced(tmp_path, of):
    """Each command replaces the whole set that it writes, no part of it, and no set with another file."""
    check, whole, theirs = of(tmp_path)
    for name, names in (("own", whole), ("theirs", theirs), ("mixed", [*whole, "phantom-1/raw.dat"])):
        for path in (tmp_path / name / one for one in names):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    check(tmp_path / "own")
    for name in ("theirs", "mixed"):
        with pytest.raises(ValueError, match=f"{name}: expected a new name or .*, found "):
            check(tmp_path / name)
