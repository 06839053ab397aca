"""Where encoding runs."""
