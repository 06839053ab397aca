"""Attention: what heads look at, document by document.

`patterns` has the weights of one prompt, `attention_measures` says what they look at, `attention_contrast` whether that
differs between the sides of a contrast, and `attention_rows` stores it.
"""
