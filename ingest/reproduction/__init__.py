"""The study that the atlas began with, run again: as printed, beside what it printed, and what is wrong with it.

`printed` holds its figures, `means` its contrast and `moments` its logit weights, `filtered` runs its filter of
prompts; `faults` says of each of its faults what the data show, from what `evidence` reads off the atlas; `storing`
keeps it all. `ingest.jobs.reproduce` puts them together.
"""
