"""Stiffness imaging by MR elastography: simulate waves, invert them, compare the inversions.

Data flows down this list and never back: `phantoms` -> `fem` -> `acquisition` -> `dataset` ->
`mmdi` | `network`, `training` -> `inversion` -> `metrics`, `figures`.
"""

DENSITY_KG_M3 = 1000.0
"""Density of soft tissue that every method here assumes [kg/m3]."""
