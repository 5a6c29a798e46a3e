"""What is one simulated examination, and what are many?

shaking           drivers, the wave that they cause, and what of it an image shows
examination       a phantom by its seed, its drive, its wave and the scan of it
clinical          how the clinic shakes a liver and draws its mask
dataset           many examinations in parallel, restartable, on disk
cohort            subjects of several slices and visits
plain_waves       waves of known stiffness in closed form
abdominal         an examination of the abdomen: magnitude and wrapped phase of four slices
abdominal_cohort  many of those on disk
exported          a scan as scanners export it: NIfTI and a sidecar
demo              the small scan that comes with the package
"""
