"""How SAEs are named: a name is that of the newest which bears it, the others are told apart by their hash.

Of several the newest over a model in float32 is meant; one that ran in less is newest only where there is no other.

`sae.label` and `sae.ordinal` follow from the other rows, so whoever adds or removes an SAE names all of them again.
"""

import difflib
from collections.abc import Iterable

from schema.errors import SelectionError
from schema.store import Atlas

NAMED = """
    UPDATE sae
    SET
      label = CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END,
      ordinal = place
    FROM (
      SELECT sae, newest, ROW_NUMBER() OVER (ORDER BY first_sae, exact DESC, sae DESC) - 1 AS place
      FROM (
        SELECT
          sae,
          exact,
          MIN(sae) OVER (PARTITION BY release, sae_id) AS first_sae,
          ROW_NUMBER() OVER (PARTITION BY release, sae_id ORDER BY exact DESC, sae DESC) = 1 AS newest
        FROM (
          SELECT sae, release, sae_id, json_extract(model.config, '$.precision') IS NULL AS exact
          FROM sae
          JOIN model USING (model)
        )
      )
    ) AS placed
    WHERE placed.sae = sae.sae
      AND (label, ordinal) IS DISTINCT FROM (CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END, place)
"""


def name_saes(atlas: Atlas) -> None:
    """Give each SAE its label and its place in lists; to be called inside a transaction."""
    atlas.rows(NAMED)


def check_feature_indices(features: Iterable[int], sae: str, d_sae: int) -> None:
    """Refuse an index that an SAE of that name and size has not; they count from zero.

    Raises:
        SelectionError: names the first.
    """
    for feature in features:
        if not 0 <= feature < d_sae:
            raise SelectionError(f"feature {feature} is not in {sae}; its features are 0 to {d_sae - 1}")


def sae_named(atlas: Atlas, spelled: str) -> tuple[int, str]:
    """The SAE of that name, of several the newest, or of that name and hash: its key, and its name and hash.

    Raises:
        SelectionError: the atlas holds no such SAE.
    """
    known = atlas.rows("SELECT sae, pinned, label FROM sae ORDER BY ordinal")
    for key, pinned, label in known:
        if spelled in (label, pinned):
            return int(key), str(pinned)
    labels = [str(label) for _, _, label in known]
    near = difflib.get_close_matches(spelled, labels, n=3)
    raise SelectionError(
        f"{atlas.path} has no SAE '{spelled}'; " + (f"did you mean {' or '.join(near)}?" if near else _listed(labels))
    )


def _listed(labels: list[str]) -> str:
    return f"it has {', '.join(labels)}" if labels else "it holds none"
