"""How far an SAE can be trusted on a corpus: what it keeps of the activations, and of the model's predictions."""
