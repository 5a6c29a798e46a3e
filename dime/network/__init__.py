"""How does DIME's network turn a wave into stiffness?

scale_free  waves without gain, offset and unit
unet        the convolutional network
augment     patches, and what disturbs a wave but not the tissue
training    loss, schedule and optimisers, as a task of the loop
prediction  from a trained network to a map with uncertainty
trust       which of its values it had learnt to predict
"""
