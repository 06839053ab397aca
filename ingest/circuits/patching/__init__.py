"""Patching: a value of one prompt's run put into another's, and what becomes of a feature or a logit.

`prompt_pairs` has two prompts of one length, `metrics` what is read of a run, `patch_metrics` what is read of a pair,
`sites` where values are exchanged; `patched_runs` exchanges them one at a time, `gradients` estimates the same,
`patch_study` puts them together and `patch_rows` stores it.
"""
