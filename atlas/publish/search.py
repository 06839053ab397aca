"""Full-text search in the SQLite copy: FTS5 tables beside the tables they index."""

import sqlite3

from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.publish.tables import SEARCHED

TOKENIZERS = {"vocabulary": "unicode61"}
"""Word forms are found together (`disease`, `diseases`), except in the vocabulary, where they are different tokens."""


def add_search(database: sqlite3.Connection) -> None:
    """Index every searched table; the text itself is stored once, in that table."""
    for table, column in SEARCHED.items():
        tokenizer = TOKENIZERS.get(table, "porter unicode61")
        database.execute(
            f'CREATE VIRTUAL TABLE {table}_fts USING FTS5 ({column}, content="{table}", tokenize="{tokenizer}")'
        )
        # The marks would cut a word of several tokens: without them, "diabetes" finds "⟦diab⟧etes".
        text = f"replace(replace({column}, '{OPEN_MARK}', ''), '{CLOSE_MARK}', '')"
        database.execute(f"INSERT INTO {table}_fts (rowid, {column}) SELECT rowid, {text} FROM {table}")
        database.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('optimize')")
