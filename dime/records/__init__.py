"""How stiff is a liver, judged from images and records without a wave?

distributions  every number of the simulated population, with its source
population     who the patients are, and what a marker shows at a stage of fibrosis
assumptions    what the ceiling rests on, and the noise of stiffness and markers solved from it
cohort         patients and cohorts: records, and what only a simulation knows
conditional    the best prediction that a patient's markers allow: the conditional mean
bound          the ceiling: the largest correlation with stiffness that these markers allow
images         the images that show a patient's markers, on a site's scanner
frame          the field of view of an image as the networks see it
dataset        a cohort on disk: records, truth and images
table          the records as numbers, and what is wrong with a table
tokens         images and fields as tokens
transformer    the network: tokens to the mean and spread of log stiffness
training       loss, folds and schedule of the networks, as a task of the loop
baselines      what the network is compared with: indices, ridge, boosting, other fusions
validation     cross-validation, temporal and external sets, thresholds, calibration
bias           equivalence over age, sex, BMI and steatosis, and the audit that finds a planted bias
prediction     from a table and images to kPa, its interval and flags
tabular        a transformer of the records alone, and the tokens of their fields
nhanes         measured records: a national survey with elastography
survey         the tabular models on these records: cross-validation, and who is read wrongly
commands       the three commands: simulate, train, predict
"""
