"""Shapley values of tokens and of features: what a prediction or an activation is owed to."""
