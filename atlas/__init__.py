"""What people touch: the `atlas` command, publishing, serving."""

NEW_OBJECTS = 100_000
"""How many are made between two searches for cycles: of Python's own 700, a process that imports PyTorch, SAELens and
TransformerLens looks through all of their modules again and again, for a sixth of its time."""
