"""Pages made for people, a folder each; each also as JSON."""
