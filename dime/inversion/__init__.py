"""How stiff is the tissue, by any method?

registry     the methods: function, label, colour, help
methods      one call for every method
masked_wave  check, crop and extend a masked wave; its sign of time
filters      band-pass, directional and median filters
mmdi         multi-model direct inversion, the clinical reference
direct       the other direct inversions: AHI, MDEV, k-MDEV, LFE
nonlinear    the slow, accurate inversion by Gauss-Newton steps
objective    what it minimises, and its derivatives
trust        where a map may be believed
residual     how much of a wave a map explains
"""
