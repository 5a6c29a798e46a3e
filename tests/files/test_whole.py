"""A file or folder takes its name when it is whole, or not at all."""

from contextlib import ExitStack

import pytest

from dime.files.whole import partial_path, whole


def test_what_fails_leaves_the_earlier_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "map.nii.gz"
    path.write_text("yesterday's")
    with pytest.raises(OSError, match="full"), whole(path) as aside:
        assert aside.name == "map.partial.nii.gz"
        aside.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "yesterday's" and list(tmp_path.iterdir()) == [path]
    with whole(path) as aside:
        aside.write_text("today's")
    assert path.read_text() == "today's" and list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "new" / "set.zarr"
    for name in ("a", "b"):
        with whole(path) as aside:
            aside.mkdir()
            (aside / name).write_text(name)
    assert [one.name for one in path.iterdir()] == ["b"] and not partial_path(path).exists()


def test_several_take_their_names_together(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    with pytest.raises(ValueError, match="second"), ExitStack() as stack:
        first, _ = [stack.enter_context(whole(path)) for path in paths]
        first.write_text("1")
        raise ValueError("second")
    assert list(tmp_path.iterdir()) == []
