"""The recipe that trained `pocket`: tokenizer, language model, sparse autoencoders, evaluation.

`python -m ingest.pocket.recipe --help` runs all of it. The order of reading is `corpus`, `tokenizer`, `windows`,
`schedule`, `language_model`, `muon`, `workers`, `train`, `sparse`, `sae`, `bigram`, `meaning`, `evaluate`, `card`, and
`pipeline`, which runs them.
"""
