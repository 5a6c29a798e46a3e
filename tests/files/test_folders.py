"""A folder of one's own is replaced, any other refused by the name of what lies there."""

import pytest

from dime.files.folders import check_own

OURS = r"map\.nii\.gz|slice-\d+\.png"


def test_an_absent_an_empty_and_an_own_folder_may_be_written(tmp_path):
    check_own(tmp_path / "none", OURS, "earlier maps")
    check_own(tmp_path, OURS, "earlier maps", mark="map.nii.gz")
    for name in ("map.nii.gz", "slice-12.png"):
        (tmp_path / name).touch()
    check_own(tmp_path, OURS, "earlier maps", inputs=["elsewhere.nii.gz"], mark="map.nii.gz")


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
        check_own(tmp_path, OURS, "earlier maps", mark="map.nii.gz")
    (tmp_path / "map.nii.gz").touch()
    with pytest.raises(ValueError, match=r"found map\.nii\.gz"):
        check_own(tmp_path, OURS, "earlier maps", inputs=[tmp_path / "map.nii.gz"])
    with pytest.raises(ValueError, match="found " + tmp_path.name):
        check_own(tmp_path, OURS, "earlier maps", inputs=[tmp_path])
