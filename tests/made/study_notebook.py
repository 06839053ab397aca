"""A notebook as the study's, made for a test: lists of prompts assigned in cells that would do harm if they ran."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

HARM = "open('ran', 'w').close()\nraise SystemExit\n"

DISEASES = ("Diabetes", "Asthma", "Gout", "Measles", "Leukemia", "Rabies", "Tetanus", "Influenza")
POSITIVE = tuple(f"{disease} causes {harm}." for disease, harm in zip(DISEASES, ("pain", "a cough") * 4, strict=True))
CONTROL = tuple(
    f"{subject} ({year}) is known to many people, near and far."
    for year, subject in enumerate(("Football", "Chess", "Opera", "Poetry", "NASA", "Sailing", "Baking"), start=1901)
)
PROMPTS = (POSITIVE[0], "Malaria is spread by mosquitoes.")


def write_notebook(path: Path, lists: Mapping[str, Sequence[str]]) -> Path:
    """Write the lists as cells of a notebook, between cells that write a file and leave; its path."""
    cells = [
        HARM,
        *(f"{name} = [\n" + "".join(f"    {text!r},\n" for text in lists[name]) + "]\n" for name in lists),
        HARM,
    ]
    held = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in cells]
    path.write_text(json.dumps({"cells": held, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path
