"""A dataset replaces a dataset or an empty folder, and nothing else."""

import numpy as np
import pytest
import xarray as xr

from dime.files import datasets

MAPS = xr.Dataset({"mask": (("phantom", "y", "x"), np.ones((1, 2, 2), bool))})


def test_a_dataset_is_replaced(tmp_path):
    path = tmp_path / "set.zarr"
    path.mkdir()
    for count in (1, 2):
        datasets.write(MAPS.isel(phantom=[0] * count), path)
        assert datasets.load(path, ("mask",)).sizes["phantom"] == count


def test_other_files_are_spared(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years")
    for name, found in (("mine", "a folder of other files"), ("mine/thesis.txt", "a file")):
        with pytest.raises(ValueError, match=rf"{name}: expected .*, found {found}"):
            datasets.write(MAPS, tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]
