"""What did a run find, and how is it run?

stage         execute one notebook, checked and whole
pipeline      read the stages of every dvc.yaml
dependencies  compute the stages' dependencies from imports
claims        the original's claims beside the results
summary       tables for the terminal
publication   the tracked pages that hold results
paper         typeset the paper
"""
