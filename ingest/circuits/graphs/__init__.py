"""Graphs: what leads from tokens to a feature or to the next token, from SAE to SAE.

`graph_nodes` has the tokens, features and errors of a prompt, `graph_readouts` what is read of a run, `graph_edges` the
effect of each node on those of the next level; `graph_pruning` keeps what matters, `graph_check` runs the model with
it; `graph_study` puts them together and `graph_rows` stores it.
"""
