"""Contrasts: which features fire on one set of documents and not on another."""

SHUFFLES = 200
"""So many shuffles of the labels are computed where no other number is asked for: a family-wise p may be 0.005."""
