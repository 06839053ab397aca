"""What fills the atlas: documents, models, activations, statistics."""
