"""What did the DIME authors release, and what do their files hold?

livers          their measured slices, converted
phantoms        their phantoms, converted, and every map's score on them
absent          the dataset without images where their files are not at hand
mmdi_agreement  how near this project's MMDI comes to their maps
allowed_waves   all waves that a stiffness map allows in an outline
wave_checks     which map, on which mesh, explains a phantom's wave
"""
