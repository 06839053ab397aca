"""An association's rows, found again and replaced."""

import json

from sqlalchemy import insert

from ingest.contrasts.associations.association_figures import Figures
from ingest.contrasts.associations.question import Question
from ingest.contrasts.scores import Unit
from ingest.contrasts.stored_contrasts import drop_contrast, replace_figures
from schema import tables
from schema.store import Atlas


def unit_of_stored_association(atlas: Atlas, question: Question) -> Unit | None:
    """The unit of the association that is stored under a name and asks the same."""
    rows = atlas.rows("SELECT field, sets, unit FROM association WHERE name = ?", [question.name])
    same = [unit for field, sets, unit in rows if (field, tuple(json.loads(sets))) == (question.field, question.sets)]
    return same[0] if same else None


def stored_shuffles(atlas: Atlas, question: Question, unit: Unit, sae: int, content: str) -> int | None:
    """How many shuffles are stored of it for the SAE; None if it is not stored over these documents."""
    if unit_of_stored_association(atlas, question) != unit:
        return None
    rows = atlas.rows(
        """
        SELECT COUNT(shuffle)
        FROM sae_association
        JOIN association USING (association)
        LEFT JOIN association_null USING (association, sae)
        WHERE name = ?
          AND sae = ?
          AND documents_hash = ?
        GROUP BY ALL
        """,
        [question.name, sae, content],
    )
    return int(rows[0][0]) if rows else None


def store_association(atlas: Atlas, question: Question, unit: Unit, sae: int, found: Figures, content: str) -> None:
    """Replace what is stored of an association for an SAE; to be called inside a transaction."""
    keys = {"association": _key(atlas, question, unit), "sae": sae}
    replace_figures(atlas, "association", keys, {**found.summary, "documents_hash": content}, found.tables)


def _key(atlas: Atlas, question: Question, unit: Unit) -> int:
    """The key of the association; another definition under the same name replaces all of the old one."""
    if unit_of_stored_association(atlas, question) != unit:
        drop_contrast(atlas, "association", question.name)
        asked = {"name": question.name, "kind": question.kind, "field": question.field, "sets": list(question.sets)}
        row = {"association": atlas.next_key(tables.association), "unit": unit, **asked}
        atlas.connection.execute(insert(tables.association), row)
    return int(atlas.rows("SELECT association FROM association WHERE name = ?", [question.name])[0][0])
