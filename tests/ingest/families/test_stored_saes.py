"""Which rows a name means, of an SAE that ran in float32, in bfloat16 and with other weights."""

from pathlib import Path

import pytest

from ingest.families.stored_saes import stored_sae_keys, stored_sae_label, stored_sae_names
from schema import Atlas, SelectionError, open_atlas
from schema.naming import name_saes

NAME = "tiny/blocks.1.hook_resid_pre"


def add_sae(atlas: Atlas, precision: str | None, weights: str) -> int:
    """One more SAE of that name, of a model of its own that runs in that precision; its key."""
    model, sae = (int(atlas.rows(f"SELECT MAX({table}) + 1 FROM {table}")[0][0]) for table in ("model", "sae"))
    config = "NULL" if precision is None else f"""'{{"precision": "{precision}"}}'"""
    with atlas.transaction():
        atlas.rows(
            f"INSERT INTO model SELECT * REPLACE ({model} AS model, {config} AS config, '{weights}' AS weights_sha256) "
            "FROM model LIMIT 1"
        )
        atlas.rows(
            f"INSERT INTO sae SELECT * REPLACE ({sae} AS sae, {model} AS model, '{weights}' AS weights_sha256, "
            f"'{NAME}@{weights}' AS pinned) FROM sae WHERE sae = 0"
        )
        name_saes(atlas)
    return sae


def test_the_last_key_of_a_name_is_the_one_it_means(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        newer = add_sae(atlas, None, "aaa")
        rounded = add_sae(atlas, "bfloat16", "bbb")
        assert stored_sae_keys(atlas, NAME) == [rounded, 0, newer]
        assert stored_sae_label(atlas, newer) == NAME
        assert stored_sae_keys(atlas, f"{NAME}@bbb") == [rounded]


def test_every_name_is_listed_once(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        names = stored_sae_names(atlas)
        assert names == [NAME, "tiny/blocks.2.hook_resid_pre"]
        add_sae(atlas, None, "aaa")
        add_sae(atlas, "bfloat16", "bbb")
        assert stored_sae_names(atlas) == names


def test_what_is_not_there_is_refused(tiny_copy: Path) -> None:
    with (
        open_atlas(tiny_copy) as atlas,
        pytest.raises(SelectionError, match=r"does not hold pocket/blocks\.3.hook_resid_pre; ing"),
    ):
        stored_sae_keys(atlas, "pocket/blocks.3.hook_resid_pre")
