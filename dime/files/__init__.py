"""What is on disk, and is it whole?

whole     write aside, then rename
datasets  xarray datasets as zarr folders
nifti     NIfTI waves and maps
report    metrics files: strict JSON
pictures  PNG pictures with a palette
sources   which source files a module uses, and their digest
"""
