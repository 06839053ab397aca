"""Language models with hook points, and the SAEs that read them.

A `LanguageModel` and the `SAE`s that fit it come from `matching.load_together`. `hooked_model(model)` runs it: GPT-2 as
plain functions, every other architecture, and rarer hook points, through TransformerLens' bridge, with one interface
(`hooked.HookedModel`).

    model, saes = load_together(["pocket"])
    hooked = hooked_model(model)
    clean = hooked.run(tokens, ["blocks.3.hook_resid_pre", "blocks.3.attn.hook_pattern"])       # stops at block 3
    clean.values["blocks.3.attn.hook_pattern"]                                      # (batch, head, query, key)

Hook points are TransformerLens': per block hook_resid_pre, attn.hook_pattern, attn.hook_z (heads apart), hook_attn_out,
hook_resid_mid, hook_mlp_out, hook_resid_post. A `Patch` takes the place of a value, or is added to it, at rows,
positions and heads. Many patched runs are rows of one batch that resumes from the patched block:

    other = hooked.run(other_tokens, ["blocks.3.hook_resid_pre"]).values["blocks.3.hook_resid_pre"][0]
    places = range(len(other))                                                      # row i is patched at position i
    patch = Patch.replace("blocks.3.hook_resid_pre", other, rows=places, positions=places)
    run = hooked.resume(resid.expand(len(other), -1, -1), 3, patches=[patch], logits=True)
    run.next_logits                                                                 # (row, d_vocab)

Attribution patching takes gradients by what a run with `grad=True` found:

    run = hooked.run(tokens, names, logits=True, grad=True)
    torch.autograd.grad(run.next_logits[:, target].sum(), [run.values[name] for name in names])

Steering adds to the stream while text is generated, with cached keys and values:

    steer = Patch.add("blocks.3.hook_resid_pre", 8 * saes[0].W_dec[feature], positions=slice(start, None))
    hooked.generate(tokens, 20, [steer], Sampling(temperature=0.8, seed=1))

A graph reads several SAEs in one run, their errors kept; features and errors can be differentiated by, and changed:

    run = hooked.run(tokens, splices=[Splice(sae) for sae in saes], logits=True, grad=True)
    run.features[saes[0].hook_name].feature_acts, run.features[saes[0].hook_name].error

Direct attribution multiplies by what `circuit_weights` gives: `head_weights(model, layer)` has W_Q to W_O and their
biases head by head, `final_norm(model)` is linear once its scale is held fixed; `model` has W_E, W_U and b_U.

An `SAE` encodes (`encode`, `encode_features`, `sparse_rows`), decodes and says what it leaves over (`error`); it takes
what the hook point gives, heads apart included, and scales by itself. SAELens' object in it is never changed.
"""
