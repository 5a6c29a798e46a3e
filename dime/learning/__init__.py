"""How does any network learn?

loop         epochs, resuming after a kill, history, best epoch
parallel     one training on several devices
checkpoints  weights and their card on disk
folds        which cases are tested together, by patient
"""
