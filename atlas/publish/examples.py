"""The table `example`: the published windows of `feature_example` with their text, the maximal token marked."""

import sqlite3

import duckdb

from atlas.publish.rows import SUBSETS, insert_into_sqlite, sqlite_text_without_nul
from atlas.publish.tables import EXAMPLE
from schema.tables.base import LOGICAL_KEYS

OPEN_MARK = "⟦"
CLOSE_MARK = "⟧"
"""Marks that no HTML, Markdown or bracketed text is mistaken for."""

REACH = 160
"""Characters to each side of the token: about forty words in all."""

CLIPPED = f"""
    CASE WHEN length(before) > {REACH} THEN '…' || right(before, {REACH}) ELSE before END
    || regexp_replace(marked, $word, $marks)
    || CASE WHEN length(after) > {REACH} THEN left(after, {REACH}) || '…' ELSE after END
"""

SELECT = f"""
WITH kept AS (
    {SUBSETS["feature_example"]}
),
span AS (
    SELECT context, min(char_start) AS first, max(char_end) AS last
    FROM token
    WHERE context IN (SELECT context FROM kept)
    GROUP BY context
),
shown AS (
    SELECT
        feature_example.*,
        context.document,
        maximal.text AS token,
        substring(document.text, span.first + 1, maximal.char_start - span.first) AS before,
        substring(document.text, maximal.char_start + 1, maximal.char_end - maximal.char_start) AS marked,
        substring(document.text, maximal.char_end + 1, span.last - maximal.char_end) AS after
    FROM kept AS feature_example
    JOIN context ON context.context = feature_example.context
    JOIN document ON document.document = context.document
    JOIN span ON span.context = feature_example.context
    JOIN token AS maximal ON maximal.context = feature_example.context AND maximal.position = feature_example.position
)
SELECT
    feature,
    {sqlite_text_without_nul("token")} AS token,
    {sqlite_text_without_nul(CLIPPED)} AS sentence,
    CAST(CAST(activation AS VARCHAR) AS DOUBLE) AS activation,
    sae,
    corpus,
    document,
    sampling,
    octave,
    rank,
    context,
    position
FROM shown
ORDER BY {", ".join(LOGICAL_KEYS["feature_example"])}
"""

# A token's leading space stays outside its marks, unless it is nothing else.
WORD = r"(?s)^(\s*)(.*)$"
MARKS = rf"\1{OPEN_MARK}\2{CLOSE_MARK}"


def copy_examples(source: duckdb.DuckDBPyConnection, target: sqlite3.Connection) -> int:
    """Fill `example` in the SQLite copy; return how many rows."""
    rows = source.execute(SELECT, {"word": WORD, "marks": MARKS})
    columns = [column[0] for column in rows.description]
    return insert_into_sqlite(rows, target, EXAMPLE, columns)
