"""Which tissue lies where?

Phantoms of known stiffness, drawn by seed or taken from measured maps.

distributions  every number that a phantom is drawn from, with its source or reason
tissue         stiffness and loss tangent as functions of place: regions, vessels, texture
outlines       closed curves: ellipses, smooth random outlines, points inside
inclusions     homogeneous, heterogeneous and graded bodies
organs         liver, spleen, kidney, brain, breast
phantom        what a phantom is; its maps on a grid; phantoms of measured maps
families       draw a phantom of a named family
habitus        who is examined: body size, stage, fat, iron, moduli of the tissues
canvas         pixels, outline, wall and spine of a section of the body
abdomen        an axial section of the body at any height
"""
