"""Associations: features against a number of each document, or between several classes of documents."""
