"""What does a scanner record of a wave?

elastography  phase offsets, wraps, unwrapping, first harmonic
noise         white noise, bulk and compressional motion; noise of an image
kspace        images whose k-space is acquired in part
signal        brightness of tissues by relaxation, fat and iron
breathing     motion of the body during the acquisition: shifts and ghosts
"""
