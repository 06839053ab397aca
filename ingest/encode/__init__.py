"""From text to sparse activations."""
