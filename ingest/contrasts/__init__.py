"""Contrasts: which features fire on one set of documents and not on another."""
