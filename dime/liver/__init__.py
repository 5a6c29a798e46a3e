"""Which voxels of an examination are liver, and how stiff is it there?

frame               the field of view that the segmenters learnt on
features            what a segmenter sees, and which part of a liver is reportable
blocks              what the networks are built from
networks            the two segmenters: U-Net and residual
segmentation        from images to masks
segmenter_training  loss, augmentation and schedule of the segmenters, as a task of the loop
generators          the networks from a wave to a map, back, and the judges of their images
translation         from a wave to a map, by a trained generator
translation_tasks   loss and schedule of the generators and of the CycleGAN hybrids
readers             three simulated readers
comparison          readings by every combination of mask and map
quality             eight numbers, one quality, a distance from the training
checks              plain rules: what is wrong with an examination, in words
failures            planted failures, and whether they are noticed
maps                from the phase inside a liver to a map, by any method
reading             mean of a map over a region, and its interval
examination         from magnitude and phase to maps and a reading
report              maps, reading and pictures on disk
commands            the command line
measured            measured slices through this chain, beside the clinic's maps
"""
