"""How does it look?

Pictures only; nothing is computed here, but what somebody asks a viewer for.

style             names, colours, sizes and legends that figures share
brain             maps of tissue fractions, images of contrasts, signal by line
brain_estimates   figures of estimates of one brain and of choices of contrasts
brain_tables      methods compared on brains: scores by contrasts, paired differences
diffusion         signals beside known ones, errors by size, where the time of a solver goes
diffusion_fits    misfits of many fits of known geometries, and the course of the search
diffusion_seen    ranks, changes seen, softened contrast and ensembles of diffusion signals
membranes         surfaces of triangles in three dimensions
diffusion_tables  membranes that were found: scores by method, and over the iterations
maps              maps of waves and stiffness on shared scales
scan              one scan of known stiffness: magnitude, wave, truth and map
scatter           estimates against truth, differences against means, learning curves
examination       maps of one examination as small pictures for a page, and its wave for a script
inversions        figures of MMDI's steps and of sweeps
paper_simulated   the paper's figures of simulated studies
paper_conditions  the paper's figures in which a condition changes
paper_subjects    the paper's figures of subjects and measured slices
records           figures of merit of stiffness without a wave
viewer            a scan and its maps in JupyterLab: the controls
viewer_panels     the pictures of a viewer, redrawn in place
viewer_state      what a viewer shows, and the readings of its region
"""
