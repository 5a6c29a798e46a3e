"""What is on disk, and is it whole?

whole        write aside, then rename
folders      refuse to replace anything but one's own earlier work
datasets     xarray datasets as zarr folders
nifti        NIfTI images
sidecars     what a JSON file beside an image says of it
matlab       a wave in MATLAB's .mat
matlab_variables what else such a file holds: numbers and texts, by name
opening      a wave of any kind of file or folder
maps         maps on the grid of a wave, each with its sidecar
header       the pixel that a NIfTI header states
layouts      slices, offsets, parts and components in an image
phases       units and periods of phases
tissue       masks, and what is background
waves        a wave, read from all of these
dicom        the phases of an examination, from a folder of DICOM files
dicom_frames the images in such a folder
dicom_fields what the header of one image says
dicom_vendors which images are phases, and their radians, by vendor
dicom_order  which slice and phase offset an image is
dicom_out    a map as a DICOM series
orientation  how the images of a file lie in the body
scans        magnitude and phase of an examination, in one orientation
entries      entries of a settings file: names and ranges
doubts       warnings that are shown after the work, or not at all
yaml12       YAML, as DVC reads it
report       metrics files: strict JSON
pictures     PNG pictures with a palette
project      the project's folder, wherever a notebook was started
pipeline     the stages of every dvc.yaml; the command that makes a missing file
sources      which source files a module uses, and their digest
extras       which extra of the package brings a library that is missing
example      where the scan lies that comes with the package
"""
