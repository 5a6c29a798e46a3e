"""How permeable are these membranes?

Units in this room: um, ms, um/ms for permeabilities, ms/um^2 for b-values.

grid         tetrahedra, their faces, and the lattice of the original
sequence     pulsed-gradient spin echoes: timings, b-values, directions
operators    diffusion between permeable faces as sparse matrices
basis        the slow modes of diffusion, and the equations reduced to them
pulses       signal of pulsed-gradient echoes, and its derivative by the adjoint
gradient     derivative by the permeability of every face: for an optimiser, or in full
geometries   membranes of known shape: own ones from a seed, the original's from their files
acquisition  simulated measurements, made more finely than any inversion computes them
fit          what an estimate of membranes consists of
originals    the original's geometries as a data set
shape_scores how near membranes that were found lie to the true ones
dictionary   shapes and their signals: where a search of labels starts
flips        what one tetrahedron's change of label does to the signal, all at once
search       annealing and polishing of labels, and the two permeabilities beside them
labels       a label for every tetrahedron: membranes closed by construction

For users:

sequence_file read and check the file that says how a signal was measured
mesh_file     read and check a mesh of tetrahedra
inputs        read, normalise and check a signal; its noise
estimate      from signal, sequence and mesh to membranes, with one or several fits
doubts        what makes membranes doubtful, in words
stopped_fit   keep an unfinished fit, and go on with it
report        write what was found: meshes for ParaView, numbers, a picture
example       write a simulated signal to try the estimate on
commands      the command line
"""
