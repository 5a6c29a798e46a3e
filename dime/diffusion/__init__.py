"""How permeable are these membranes?

Units in this room: um, ms, um/ms for permeabilities, ms/um^2 for b-values.

grid         tetrahedra, their faces, and the lattice of the original
sequence     pulsed-gradient spin echoes: timings, b-values, directions
operators    diffusion between permeable faces as sparse matrices
basis        the slow modes of diffusion, and the equations reduced to them
pulses       signal of pulsed-gradient echoes, and its derivative by the adjoint
gradient     derivative by the permeability of every face: for an optimiser, or in full
asymmetric   long-narrow gradients, whose signal has a phase, and its derivative
analytic     echoes that are known without a mesh: free water, slab, sphere, a membrane
conforming   diffusion without membranes: continuous elements on the same tetrahedra
verification how far the solver is from solutions that are known without it
accuracy     what few modes, few steps and a basis that is kept cost in accuracy, and save in time
geometries   membranes of known shape: own ones from a seed, the original's from their files
originals    the original's geometries as a data set
acquisition  simulated measurements, made more finely than any inversion computes them
fit          what an estimate of membranes consists of
shape_scores how near membranes that were found lie to the true ones
priors       what membranes are expected to look like: smooth and closed
faces        membranes face by face, the original's method
dictionary   shapes and their signals: where a search of labels starts
flips        what one tetrahedron's change of label does to the signal, all at once
search       annealing and polishing of labels, and the two permeabilities beside them
labels       a label for every tetrahedron: membranes closed by construction
face_network membranes read off a signal by a network, the learned baselines
face_training examples for these networks, and their training
face_comparison the learned baselines on cells that they never saw
tables       many estimates on known geometries, scored: the original's tables
ensembles    many fits of known geometries: how near, and how unlike those are that fit alike
information  how many combinations of permeabilities rise above the noise, by protocol
detectability which changes of a geometry are seen: a wrong tetrahedron, the mirror image
calibration  whether the share of fits that hold a face is its probability

For users:

sequence_file read and check the file that says how a signal was measured
mesh_file    read and check a mesh of tetrahedra
inputs       read, normalise and check a signal; its noise
estimate     from signal, sequence and mesh to membranes, with one or several fits
doubts       what makes membranes doubtful, in words
stopped_fit  keep an unfinished fit, and go on with it
report       write what was found: meshes for ParaView, numbers, a picture
example      write a simulated signal to try the estimate on
commands     the command line
"""
