"""Effects: what a feature does to what the model says.

`steering` pushes a feature in the residual stream, `next_token` says what becomes of the next token, `controls` draws
random features to hold it against, `particular_words` the words to look at; `steering_study` puts them together on a
prompt, and `steering_rows` stores it; `typed_steering` does it for a typed prompt. `removal` takes a feature out of
documents of two sides (`two_sides`), `ablation_rows` stores what that does to their loss.
"""
