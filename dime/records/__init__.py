"""What can be said of a liver from its images and records, without a wave? (A wing.)"""
