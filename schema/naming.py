"""How SAEs are named: a name is that of the newest which bears it, the older ones are told apart by their hash.

`sae.label` and `sae.ordinal` follow from the other rows, so whoever adds or removes an SAE names all of them again.
"""

from schema.store import Atlas

NAMED = """
    UPDATE sae
    SET
      label = CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END,
      ordinal = place
    FROM (
      SELECT sae, newest, ROW_NUMBER() OVER (ORDER BY first_sae, sae DESC) - 1 AS place
      FROM (
        SELECT sae, MIN(sae) OVER named AS first_sae, sae = MAX(sae) OVER named AS newest
        FROM sae
        WINDOW named AS (PARTITION BY release, sae_id)
      )
    ) AS placed
    WHERE placed.sae = sae.sae
      AND (label, ordinal) IS DISTINCT FROM (CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END, place)
"""


def name_saes(atlas: Atlas) -> None:
    """Give each SAE its label and its place in lists; to be called inside a transaction."""
    atlas.rows(NAMED)
