"""How far from the truth, how alike, how sure?

errors       error of maps by slice and by pixel, pooled correlation
regions      errors over the whole tissue, the interior, what a method trusts, and what all trust
readings     median, quartiles and area of a map in the regions of one examination
statistics   bootstrap intervals, paired tests, Holm's correction
agreement    Bland-Altman, ICC, repeatability, kappa
diagnosis    ROC curves and their areas
calibration  coverage of intervals, gain of rejecting the uncertain
inclusions   contrast, edge and outline of an inclusion in a map
overlap      Dice, distance of surfaces and volume of two outlines
outlined     what a map reads inside an outline that somebody drew
roi          the region that a reading averages over, its stage
"""
