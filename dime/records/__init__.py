"""How stiff is a liver, judged from images and records without a wave?

distributions  every number of the simulated population, with its source
population     who the patients are, and what a marker shows at a stage of fibrosis
assumptions    what the ceiling rests on, and the noise of stiffness and markers solved from it
cohort         patients and cohorts: records, and what only a simulation knows
conditional    the best prediction that a patient's markers allow: the conditional mean
bound          the ceiling: the largest correlation with stiffness that these markers allow
images         the images that show a patient's markers, on a site's scanner
resample       means of an image over the cells of another grid
frame          the field of view of an image as the networks see it
dataset        a cohort on disk: records, truth and images
bodies         bodies whose tissue is drawn without any disease, for the readers
columns        the columns of a table: units, and what is possible
cells          the cells of a CSV file as text
table          the records as numbers, and what is wrong with a table
scans          the images of an examination as files
tokens         images as patches
reader         tissue read from the patches of images
surface        the outline of the liver, and how nodular it is
tabular        a transformer of the records alone, and the tokens of their fields
transformer    the networks: from readings and fields to the law of log stiffness
training       one network that judges stiffness, and its interval
inputs         what the networks see of examinations: from a table and files to readings and fields
cross_validation   every network on every fold, and their table of predictions
baselines      what the network is compared with: indices, ridge, boosting
readings       predictions beside what was measured, and what is missing
validation     figures of merit, with intervals over patients
bias           equivalence over age, sex, BMI and steatosis, and the audit that finds a planted bias
claims         a claim, its target and its verdict
files_training a model of one's own, from a table and images
prediction     from a table and images to kPa, its interval and flags
nhanes         measured records: a national survey with elastography
survey         the tabular models on these records: cross-validation, and who is read wrongly
commands       the three commands: simulate, train, predict
"""
