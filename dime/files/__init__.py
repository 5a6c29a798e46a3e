"""What is on disk, and is it whole?

whole     write aside, then rename
datasets  xarray datasets as zarr folders
nifti     NIfTI waves and maps
report    metrics files: strict JSON
pictures  PNG pictures with a palette
project   the project's folder, wherever a notebook was started
pipeline  the stages of every dvc.yaml; the command that makes a missing file
sources   which source files a module uses, and their digest
"""
