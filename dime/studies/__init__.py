"""What does one notebook ask?

Computations of single notebooks, kept here because worker processes import them.

verification     methods/02-forward: problems whose waves are known in closed form
fast_inversions  methods/01-mmdi: fast inversions on waves of known stiffness
settings         methods/05-settings: the settings that suit each direct inversion best
ablation         studies/01-ablation: what each choice in the recipe is worth
budget           training and scoring on a small budget
limits           studies/02-limits: the Cramer-Rao bound
transfer         studies/03-transfer: trained on one simulation, tested on another
direction        studies/05-direction: directional bias
conditions       studies/02-limits and 06-organs: errors under changed conditions
gap              mre/04-in-vivo, studies/10-gap: noise, amplitude and speckle of waves and maps
subjects         mre/05-cohort and studies/07-population: one stiffness per subject
inclusion_size   studies/08-inclusions: one inclusion of known size and contrast
grid_waves       studies/09-fresh-test: a second solver, finite volumes on a regular grid
fresh_phantoms   studies/09-fresh-test: tissue, drivers and seeds of the test's own
"""
