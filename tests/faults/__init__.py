"""Faults from outside, many and reproducible: kills, full and read-only disks, bad input."""
