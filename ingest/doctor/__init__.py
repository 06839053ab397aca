"""The real model and SAEs, held against values that others have published of them.

`published/RELEASE.json` has the values, each with its source and tolerance; `expected` reads them, `kinds` says what
each kind of value is and computes it, by a `subject`: a model and an SAE, read in a certain way. What is missed is
tried in other ways (`diagnosis`), and the one that gives what was published is what is wrong. `examination` goes
through a release.
"""
