"""Circuits: what makes a feature fire, and what it does, found by changing what the model does on the way.

A room for each question: `patching` (where on the way to it do two prompts differ), `attention` (what heads look at),
`graphs` (from feature to feature, SAE by SAE), `effects` (what becomes of the next token and of a document's loss).
`direct` takes a pre-activation apart, and `direct_rows` stores it. `tracer` is what all of them ask: a model with hook
points, its SAEs, and the keys under which an atlas knows them.
"""
