"""Which rows a name means, of an SAE that ran in float32, in bfloat16 and with other weights."""

from pathlib import Path

import pytest

from ingest.families.stored_saes import stored_sae_keys, stored_sae_label, stored_sae_names
from ingest.models.names import parse_sae_name
from schema import Atlas, SelectionError, open_atlas
from schema.naming import name_saes

NAME = "tiny/blocks.1.hook_resid_pre"


def add_sae(atlas: Atlas, precision: str | None, weights: str) -> int:
    """One more SAE of that name, of a model of its own that runs in that precision; its key."""
    return add_row(atlas, precision, weights, f"{NAME}@{weights}")


def add_row(atlas: Atlas, precision: str | None, weights: str, pinned: str) -> int:
    model, sae = (int(atlas.rows(f"SELECT MAX({table}) + 1 FROM {table}")[0][0]) for table in ("model", "sae"))
    config = "NULL" if precision is None else f"""'{{"precision": "{precision}"}}'"""
    with atlas.transaction():
        atlas.rows(
            f"INSERT INTO model SELECT * REPLACE ({model} AS model, {config} AS config, '{weights}' AS weights_sha256) "
            "FROM model LIMIT 1"
        )
        atlas.rows(
            f"INSERT INTO sae SELECT * REPLACE ({sae} AS sae, {model} AS model, '{weights}' AS weights_sha256, "
            f"'{pinned}' AS pinned, split_part('{pinned}', '@', 1)[:strpos('{pinned}', '/') - 1] AS release, "
            f"split_part('{pinned}', '@', 1)[strpos('{pinned}', '/') + 1:] AS sae_id) FROM sae WHERE sae = 0"
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


def test_a_hash_means_its_row_alone(tiny_copy: Path) -> None:
    full = str(parse_sae_name("pocket"))
    with open_atlas(tiny_copy) as atlas:
        older, newer = (add_row(atlas, None, pin, f"{full}@{pin}") for pin in ("aaaaaa", "bbbbbbbb"))
        assert stored_sae_keys(atlas, "pocket") == [older, newer]
        for name in (full, "pocket"):
            assert stored_sae_keys(atlas, f"{name}@aaaaaa") == [older]
            assert stored_sae_keys(atlas, f"{name}@bbbbbbbb") == [newer]
            for pin in ("ffffff", "aaaaaaaa", "bbbbbb"):
                with pytest.raises(SelectionError, match=f"does not hold {name}@{pin}; ing"):
                    stored_sae_keys(atlas, f"{name}@{pin}")
        with pytest.raises(SelectionError, match=f"does not hold {NAME}@ffffff; ing"):
            stored_sae_keys(atlas, f"{NAME}@ffffff")


def test_an_imported_sae_is_left_out_and_refused_by_name(tiny_copy: Path) -> None:
    imported = "INSERT INTO sae_import VALUES (?, 0, 'delphi', 'x', 'y', NULL, NULL, NULL, '{}')"
    with open_atlas(tiny_copy) as atlas:
        rounded = add_sae(atlas, "bfloat16", "bbb")
        atlas.rows(imported, [0])
        assert stored_sae_names(atlas) == [NAME, "tiny/blocks.2.hook_resid_pre"]
        assert stored_sae_keys(atlas, NAME) == [rounded], "the row of that name that ran here"
        atlas.rows(imported, [1])
        assert stored_sae_names(atlas) == [NAME]
        with pytest.raises(
            SelectionError, match=r"tiny/blocks\.2\.hook_resid_pre was imported: .* no weights of it"
        ) as told:
            stored_sae_keys(atlas, "tiny/blocks.2.hook_resid_pre")
        assert "\n" not in str(told.value)
