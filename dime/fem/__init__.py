"""Which wave does tissue carry?

Time-harmonic finite elements with a complex shear modulus.

drivers    where and how the outline is moved
rheology   the complex modulus and how it depends on frequency
sizing     the element size that a wave needs
mesh       triangles that follow outline and interfaces
slab       triangles extruded to tetrahedra
antiplane  one component, through the slice
elastic    two or three components, nearly incompressible
solvers    complex symmetric sparse systems
locate     which element holds a point
field      the solution, sampled on an image
pixels     elements sampled on pixels, pixels read off on an outline
forward    from a phantom and its drivers to the wave
cavities   the same around gas and lung, which carry no shear wave
"""
