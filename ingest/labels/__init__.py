"""Labels of features: made from what a feature fires on, scored on documents that had no part in it, imported.

Documents fall into two halves by a hash of their group (`ingest.labels.firing_places`), once and for ever: labels are
made from the one and scored on the other, also where the atlas grows in between.
"""

RADIUS = 8
"""Tokens on either side of a place that are read with it."""

CONTEXTS = 40
"""Firing contexts of a feature that are read of each half, and silent ones of each kind."""
