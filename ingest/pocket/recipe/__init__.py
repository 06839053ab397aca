"""The recipe that trained `pocket`: tokenizer, language model, sparse autoencoders, evaluation.

`python -m ingest.pocket.recipe --help` runs all of it. The order of reading is `corpus`, `windows`, `run`,
`language_model`, `muon`, `train`, `sparse`, `sae`, `fidelity`, `meaning`, `evaluate`, `card`, and `pipeline`, which
runs them. It stands in the repository alone: no wheel holds it, and no other module imports it.
"""
