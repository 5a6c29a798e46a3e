"""Which voxels are liver, and how stiff is it there?

features            what the segmenters see, and which part of a liver is reportable
networks            the segmenters: a U-Net and a residual encoder
segmenter_training  how they learn: slices, augmentation, loss, schedule
segmentation        the liver and its reportable region, from magnitude and wrapped phase
readers             simulated readers: how each draws a region, and what it reads there
translation         learned maps of stiffness, with and without a cycle of adversarial networks
examination         from magnitude and phase to liver, map, one number and its interval
quality             how far an examination can be trusted: eight numbers, one score
failures            examinations that fail in a known way
"""
