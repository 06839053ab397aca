"""Statistics over stored activations and weights."""
