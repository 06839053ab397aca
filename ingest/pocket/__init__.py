"""The embedded model and its SAEs."""
