"""What did a run find, and how is it run?

demo            a first map, of the scan that comes with the package
stage           execute one notebook, checked and whole
lineage         what follows from a stage, and what stems from an earlier run
workspace       copy the sources, for a run that leaves the project alone
dependencies    compute the stages' dependencies from imports
claims          the original's claims beside the results
liver_claims    claims and targets of the liver examination beside the results
records_claims  the ceiling, claims and targets of the stiffness without a wave beside the results
brain_claims    targets of the tissue maps, and the original's table, beside the results
diffusion_claims targets of the membranes from diffusion MRI, and the original's ablation, beside the results
wing_parts      rows of a wing, part by part
summary         tables for the terminal
publication     the tracked pages that hold results
examination_page    one examination as one HTML page; its template, style and script lie beside it
examination_fields  which fields may stand on that page, and names without their folders
examination_panels  what that page shows of each slice, in colours that all slices share
book            collect the pages of the book: documents, executed notebooks, reference, paper
book_reference  the package's face, rooms and modules as pages; docstrings for Sphinx
paper           typeset the paper and its supplement; which files they read
"""
