"""Pages made for people: start, feature, contrast, SAE, search, runs; each also as JSON."""
