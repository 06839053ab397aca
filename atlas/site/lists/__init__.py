"""Lists of features with notes, that readers of a site keep: a small file beside the immutable snapshots."""
