"""Which tissue made these brain images?

tissues      the tissues' properties at 3 T; how a voxel mixes them
sequences    contrasts: a preparation and a train of gradient echoes; the original's seven combinations
signal       the signal of every excitation in closed form, differentiable
encoding     from the signal of every excitation to k-space and to the image
render       image of mixed properties, fast and differentiable
epg          signal by extended phase graphs
isochromat   signal by Bloch's equations, isochromat by isochromat
scanner      images of tissue maps: fields, mixings, simulators, finer grids, noise
verification how far the simulators are from each other, from known limits, and from their own derivatives
anatomy      deformed templates: slices of brains drawn from an average of many
labelled     slices of labelled brains: BrainWeb's and KomaMRI's, on the original's grid
scores       Dice, PSNR and SSIM of tissue maps
design       lines of k-space as a linear function of the fractions, where signals add
descent      least squares over fractions, with a certificate
convex       fractions of complex images where signals add; their gain
magnitude    fractions of magnitude images: search of the signs, phase alternation
adam         fractions as the original finds them, where properties mix
uncertainty  how sure fractions are: standard deviations, intervals, coverage
bound        the least error that contrasts allow; the best contrasts within a scan time
trials       estimates of a known brain: convergence, lost signs, wrong mixing, reliability
robustness   errors of known brains against the bound, under noise and with wrong values
clustering   BCEFCM, the rival that clusters
unet         U-Net, the rival that learns
unet_training its training
conditions   what a scanner does and an estimate knows: the original's way and an honest one
comparison   all methods on the same subjects: estimates, scores, paired tests
published    what the original's authors report
sequence_file the file that says how images were made: train, contrasts, tissues
inputs       images, mask and fields from files or arrays, checked
estimate     from images to maps with their uncertainty, in one call
report       maps as NIfTI, numbers as JSON, pictures
example      a simulated brain to try it on
commands     the command line
"""
