"""A schedule that can be left alone: which jobs are due when, and running them."""
