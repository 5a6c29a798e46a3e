"""Measured slices: orientation, units, and files that are not what they should be."""

import hashlib
import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat

from dime.authors import livers
from dime.files import yaml12


def write_slice(folder, number=51, offsets=8, shape=(12, 10)):
    """A slice whose displacement is 100 cos(2 pi j / N + phi) with phi growing along x, in a rectangle."""
    (folder / "Processed Data").mkdir(parents=True, exist_ok=True)
    (folder / "Processed Stiffness").mkdir(exist_ok=True)
    mask = np.zeros(shape, bool)
    mask[2:9, 3:8] = True
    phi = 0.3 * np.arange(shape[1])
    frames = 2047.5 + 100 * np.cos(2 * np.pi * np.arange(offsets) / offsets + phi[:, None])
    frames = np.where(mask[..., None], frames[None], 0)
    stiffness = np.where(mask, 200 + np.arange(shape[1]), 0)
    nibabel.save(nibabel.Nifti1Image(frames, np.eye(4)), folder / f"Processed Data/{number}.nii")
    savemat(folder / f"Processed Stiffness/{number}.mat", {"stiff": stiffness.T.astype(np.int16)})
    return mask, phi


def test_first_harmonic_and_clinical_map_come_in_one_orientation_and_unit(tmp_path):
    """cos(2 pi j / N + phi) has the first harmonic e^{i phi}; 0.01 kPa is 10 Pa."""
    mask, phi = write_slice(tmp_path)
    data = livers.read(tmp_path)
    assert data["slice"].values.tolist() == [51]
    np.testing.assert_array_equal(data["mask"].values[0], mask)
    expected = np.where(mask, 100 * np.exp(1j * phi), 0)
    np.testing.assert_allclose(data["wave"].values[0], expected, atol=1e-3)
    np.testing.assert_allclose(data["clinical_stiffness"].values[0][mask].max(), (200 + 7) * 10)
    assert data.attrs["spacing_m"] == pytest.approx(1.40625e-3)


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected measured slices"):
        livers.read(tmp_path)
    write_slice(tmp_path, offsets=2)
    with pytest.raises(ValueError, match=r"51\.nii: expected \(x, y, offset\) with at least 3 offsets"):
        livers.read(tmp_path)
    write_slice(tmp_path)
    savemat(tmp_path / "Processed Stiffness/51.mat", {"stiff": np.zeros((3, 3), np.int16)})
    with pytest.raises(ValueError, match=r"51\.mat: expected shape \(12, 10\)"):
        livers.read(tmp_path)
    (tmp_path / "Processed Stiffness/51.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"51\.mat: missing"):
        livers.read(tmp_path)


def test_absent_data_are_an_empty_dataset_and_a_line_that_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIME_REFERENCE", raising=False)
    line = livers.convert("out.zarr")
    assert "none" in line and "\n" not in line
    assert xr.open_zarr("out.zarr", consolidated=False).sizes["slice"] == 0
    write_slice(tmp_path / "data")
    assert "1 from data" in livers.convert("out.zarr")
    assert xr.open_zarr("out.zarr", consolidated=False).sizes["slice"] == 1


def test_the_released_slices_are_those_that_data_dvc_names(tmp_path):
    """The reference folder's bytes have the hash that data.dvc imports, and masks meet the clinical maps."""
    if "DIME_REFERENCE" not in os.environ:
        pytest.skip("measured slices not compared with data.dvc: DIME_REFERENCE is not set")
    folder = Path(os.environ["DIME_REFERENCE"]) / "study3_in_vivo"
    # DVC's hash of a folder: the MD5 of the JSON list of its files' hashes and names, in order of name.
    files = [path for path in folder.rglob("*") if path.is_file()]
    listing = [
        {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": path.relative_to(folder).as_posix()}
        for path in files
    ]
    listing.sort(key=lambda entry: entry["relpath"])
    imported = yaml12.read(Path(__file__).parents[2] / "data.dvc")["outs"][0]
    assert imported["md5"] == hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"
    assert imported["nfiles"] == len(files)

    data = livers.read(folder)
    mask, clinical = data["mask"].values, data["clinical_stiffness"].values > 0
    overlap = (mask & clinical).sum(axis=(1, 2)) / (mask | clinical).sum(axis=(1, 2))
    assert data.sizes["slice"] == 10 and (overlap > 0.95).all()
