"""The recipe that trained `pocket`: tokenizer, language model, sparse autoencoders, evaluation.

`python -m ingest.pocket.recipe --help` runs all of it. The order of reading is `corpus`, `tokenizer`, `windows`,
`schedule`, `muon`, `language_model`, `train`, `sae`, `evaluate`, `card`.
"""
