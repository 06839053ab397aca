"""Circuits: what a feature does, and what makes it fire, found by changing what the model does on the way.

`steering` pushes a feature in the residual stream, `next_token` says what becomes of the next token, `controls` draws
random features to hold it against; `steering_study` puts the three together on a prompt, and `steering_rows` stores it;
`typed_steering` does it for a typed prompt. `removal` takes a feature out of documents, `ablation_rows` stores what it
does to their loss.

What makes it fire: `prompt_pairs` has two prompts of one length, `metrics` what is read of a run, `sites` where values
are exchanged; `patching` exchanges them one at a time, `gradients` estimates the same, `patch_study` puts them together
and `patch_rows` stores it. `direct` takes a pre-activation apart. `attention_measures` says what heads look at,
`attention_contrast` whether that differs between the sides of a contrast.

From SAE to SAE: `graph_nodes` has the tokens, features and errors of a prompt, `graph_readouts` what is read of a run,
`graph_edges` the effect of each node on those of the next level; `graph_pruning` keeps what matters, `graph_check` runs
the model with it; `graph_study` puts them together and `graph_rows` stores it.
"""
