"""Language models and SAEs, loaded by name or folder."""
