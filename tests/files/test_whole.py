"""A file or folder takes its name when it is whole, or not at all."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from dime.files.whole import alone, partial_path, whole


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


def test_a_place_that_cannot_be_written_is_named_without_the_partial_path(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"file/map.nii: cannot be written"), whole(tmp_path / "file/map.nii"):
        pass
    path = tmp_path / "map.nii"
    for error in (
        PermissionError(13, "Permission denied", str(partial_path(path))),
        OSError(28, "No space left on device"),
    ):
        with pytest.raises(OSError, match=r"map.nii: cannot be written \([a-z ]+\)$") as said, whole(path):
            raise error
        assert "partial" not in str(said.value)
    with (
        pytest.raises(FileNotFoundError, match=r"other\.nii"),
        whole(path),
    ):  # another file's error is its own
        raise FileNotFoundError(2, "No such file", "other.nii")


def test_what_another_process_writes_is_left_to_it(tmp_path):
    """The second is refused; when the first is killed, its lock goes with it."""
    hold = "import sys, time\nfrom dime.files.whole import alone\n"
    hold += "with alone(sys.argv[1]):\n    print(1, flush=True)\n    time.sleep(60)"
    path = tmp_path / "set.zarr"
    first = subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "1\n"
    with pytest.raises(ValueError, match=r"set.zarr: another process is writing it"), alone(path):
        pass
    first.kill()
    first.wait()
    with alone(path):
        pass
    assert list(tmp_path.iterdir()) == []
