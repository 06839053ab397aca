"""What circuits found, in a line each: read from the saved queries that show all of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

MOST_LOOKS = 1_000_000
"""More than the heads of any model times what is asked of each."""


def patched_heads(path: Path, sae: str, features: Iterable[int]) -> Iterator[str]:
    """The head that brings most of each feature."""
    for feature in features:
        heads = _rows(path, "patched_heads", feature=feature, sae=sae, kind="z", limit=1)
        for row in heads:
            yield (
                f"feature {feature}: head {row['layer']}.{row['head']} brings most of all heads over {row['pairs']} "
                f"pairs, {row['denoised']:.0%} of the difference, and takes {row['noised']:.0%}"
            )


def written_parts(path: Path, sae: str, features: Iterable[int]) -> Iterator[str]:
    """The part of the model that writes most onto each feature."""
    for feature in features:
        parts = _rows(path, "direct_parts", feature=feature, sae=sae, limit=200)
        if parts:
            heads = [row for row in parts if row["kind"] == "head"]
            told = "; ".join(f"{_part(row)} {row['mean_value']:+.3g}" for row in (parts[0], *heads[:1]))
            yield f"feature {feature}: written most over {parts[0]['prompts']} prompts: {told}"


def driving_nodes(path: Path, sae: str, features: Iterable[int]) -> Iterator[str]:
    """The earlier feature, or token, that drives each feature most over its graphs."""
    for feature in features:
        found = _rows(path, "driving_features", feature=feature, sae=sae, limit=1)
        for row in found:
            if row["mean_effect"] <= 0:
                continue
            yield (
                f"feature {feature}: driven most by feature {row['driving_feature']} of {row['driving_sae']}, in "
                f"{row['prompts']} of {row['all_prompts']} prompts: {row['mean_effect']:+.3g} of its "
                f"{row['mean_value']:.3g}"
            )


def differing_heads(path: Path, sae: str, contrasts: Iterable[str]) -> Iterator[str]:
    """The head that looks elsewhere on the positive side of each contrast."""
    for contrast in contrasts:
        found = _rows(path, "attention_differences", contrast=contrast, sae=sae, limit=MOST_LOOKS)
        called = sum(row["q"] <= 0.05 for row in found)
        for row in found[:1]:
            yield (
                f"{contrast}: {called} of {len(found)} looks of heads differ at q 0.05; first head {row['layer']}."
                f"{row['head']}, {row['measure']} {row['mean_positive']:.3g} against {row['mean_control']:.3g}, "
                f"q {row['q']:.2g}"
            )


def _part(row: dict[str, Any]) -> str:
    if row["head"] is not None:
        return f"head {row['layer']}.{row['head']}"
    return str(row["kind"]).replace("_", " ") + ("" if row["layer"] is None else f" {row['layer']}")


def _rows(path: Path, name: str, **values: str | int) -> list[dict[str, Any]]:
    from queries import run_query
    from schema import open_atlas

    with open_atlas(path, read_only=True) as atlas:
        found: list[dict[str, Any]] = run_query(atlas, name, values).to_pylist()
    return found
