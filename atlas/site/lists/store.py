"""The file of lists: SQLite, a transaction a change, so that a second server, or a kill, leaves it valid.

The file is read and written by short connections that wait for each other. It never grows beyond a bound.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from atlas.site.lists.feature_list import MOST_FEATURES, MOST_LISTS, Listed, ListError, Summary, kept_note, list_name
from schema.statements import split_statements, sql_file

FILE = "lists.db"
"""Its name in the folder of a site."""
APPLICATION, VERSION = 0x464C5354, 1
"""SQLite's application_id and user_version of such a file."""
WAIT_SECONDS = 5.0
MOST_PAGES = 16_384
"""64 MB."""

PLACED = "WHERE list = ? AND release = ? AND sae_id = ? AND feature = ?"


class FeatureLists:
    """The lists in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path) -> "FeatureLists":
        """The lists of a file, which is made where there is none.

        Raises:
            ListError: the file cannot be written, is no file of lists, or a newer version made it.
        """
        lists = cls(path)
        with lists._writing() as file:
            (application,), (version,) = (
                file.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
            )
            if not application and not file.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                _create(file)
            elif application != APPLICATION:
                raise ListError(f"{path} is no file of lists; move it away, and a new one is made")
            elif version > VERSION:
                raise ListError(f"{path} was written by a newer version; update feature-atlas")
        return lists

    @property
    def secret(self) -> str:
        """What forms are signed with: the same for every server of the file, and after a restart."""
        with self._reading() as file:
            return str(file.execute("SELECT value FROM secret").fetchone()[0])

    def summaries(self) -> list[Summary]:
        """Every list, by name."""
        with self._reading() as file:
            rows = file.execute(
                "SELECT name, description, COUNT(feature), changed_at FROM list LEFT JOIN listed USING (list) "
                "GROUP BY list ORDER BY name, list"
            )
            return [Summary(*row) for row in rows]

    def read(self, name: str) -> tuple[Summary, list[Listed]]:
        """A list and its features, as they were added.

        Raises:
            ListError: there is no such list.
        """
        with self._reading() as file:
            key = _key(file, name)
            rows = file.execute(
                "SELECT release, sae_id, feature, note, weights_sha256, added_at FROM listed WHERE list = ? "
                "ORDER BY added_at, release, sae_id, feature",
                [key],
            )
            features = [Listed(*row) for row in rows]
            told = file.execute("SELECT name, description, changed_at FROM list WHERE list = ?", [key]).fetchone()
        return Summary(told[0], told[1], len(features), told[2]), features

    def holding(self, release: str, sae_id: str, feature: int) -> list[tuple[str, str]]:
        """Name of each list that holds a feature, and the note there, by name."""
        with self._reading() as file:
            return file.execute(
                "SELECT name, note FROM listed JOIN list USING (list) "
                "WHERE release = ? AND sae_id = ? AND feature = ? ORDER BY name, list",
                [release, sae_id, feature],
            ).fetchall()

    def create(self, name: str, description: str = "") -> str:
        """Make an empty list; its name as it is kept.

        Raises:
            ListError: there is one of this name, there are too many, or a text is too long.
        """
        values = [list_name(name), kept_note(description), _now()]
        with self._writing() as file:
            if file.execute("SELECT COUNT(*) FROM list").fetchone()[0] >= MOST_LISTS:
                raise ListError(f"there are {MOST_LISTS:,} lists; delete one first", 409)
            _check_free(file, values[0])
            file.execute("INSERT INTO list (name, description, changed_at) VALUES (?, ?, ?)", values)
        return values[0]

    def describe(self, name: str, new_name: str, description: str) -> str:
        """Give a list a name and a description; the name as it is kept.

        Raises:
            ListError: there is no such list, another has this name, or a text is too long.
        """
        new_name, description = list_name(new_name), kept_note(description)
        with self._writing() as file:
            key = _key(file, name)
            _check_free(file, new_name, key)
            file.execute("UPDATE list SET name = ?, description = ? WHERE list = ?", [new_name, description, key])
            _touch(file, key)
        return new_name

    def delete(self, name: str) -> None:
        """Delete a list with its notes.

        Raises:
            ListError: there is no such list.
        """
        with self._writing() as file:
            file.execute("DELETE FROM list WHERE list = ?", [_key(file, name)])

    def put(self, name: str, *features: Listed) -> None:
        """Put features into a list, all or none; where one is in it, its note becomes this one.

        Raises:
            ListError: there is no such list, it is full, or a note is too long.
        """
        now = _now()
        rows = [
            (each.release, each.sae_id, each.feature, kept_note(each.note), each.weights_sha256, now)
            for each in features
        ]
        with self._writing() as file:
            key = _key(file, name)
            file.executemany(
                "INSERT INTO listed (list, release, sae_id, feature, note, weights_sha256, added_at) "
                f"VALUES ({key}, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET note = excluded.note, "
                "weights_sha256 = COALESCE(NULLIF(excluded.weights_sha256, ''), weights_sha256)",
                rows,
            )
            if file.execute("SELECT COUNT(*) FROM listed WHERE list = ?", [key]).fetchone()[0] > MOST_FEATURES:
                raise ListError(f"a list holds {MOST_FEATURES:,} features at most; begin another", 409)
            _touch(file, key)

    def note(self, name: str, release: str, sae_id: str, feature: int, note: str) -> None:
        """Give a feature of a list another note.

        Raises:
            ListError: there is no such list, or it does not hold the feature, or the note is too long.
        """
        note = kept_note(note)
        with self._writing() as file:
            key = _key(file, name)
            changed = file.execute(f"UPDATE listed SET note = ? {PLACED}", [note, key, release, sae_id, feature])
            if not changed.rowcount:
                raise ListError(f"{name!r} does not hold {release}/{sae_id}#{feature} any more", 404)
            _touch(file, key)

    def remove(self, name: str, release: str, sae_id: str, feature: int) -> None:
        """Take a feature out of a list, where it is in it.

        Raises:
            ListError: there is no such list.
        """
        with self._writing() as file:
            key = _key(file, name)
            file.execute(f"DELETE FROM listed {PLACED}", [key, release, sae_id, feature])
            _touch(file, key)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as file:
            file.execute("BEGIN")
            yield file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer is in; it holds as a whole, or not at all where this raises."""
        with self._connected() as file:
            file.execute("BEGIN IMMEDIATE")
            yield file
            file.execute("COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own; what it has not committed when it is closed is undone."""
        try:
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as file:
                file.execute("PRAGMA foreign_keys = ON")
                file.execute(f"PRAGMA max_page_count = {MOST_PAGES}")
                yield file
        except sqlite3.Error as error:
            raise ListError(*_said(self.path, error)) from error


def _said(path: Path, error: sqlite3.Error) -> tuple[str, int]:
    """What happened to the file and what to do, with an HTTP status."""
    code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return "another server is writing to the lists; try again in a moment", 503
    if code == sqlite3.SQLITE_FULL:
        return "there is no more room for lists; delete some", 507
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"{path} is no file of lists; move it away, and a new one is made", 500
    return f"{path} cannot be used: {error}; see that its folder may be written to", 500


def _create(file: sqlite3.Connection) -> None:
    for statement in split_statements(sql_file("atlas.site.lists", "tables")):
        file.execute(statement)
    file.execute("INSERT INTO secret VALUES (?)", [secrets.token_hex()])
    file.execute(f"PRAGMA application_id = {APPLICATION}")
    file.execute(f"PRAGMA user_version = {VERSION}")


def _key(file: sqlite3.Connection, name: str) -> int:
    found = file.execute("SELECT list FROM list WHERE name = ?", [name]).fetchone()
    if found is None:
        raise ListError(f"there is no list {name[:100]!r}; it may have been deleted or renamed", 404)
    return int(found[0])


def _check_free(file: sqlite3.Connection, name: str, key: int | None = None) -> None:
    found = file.execute("SELECT list FROM list WHERE name = ?", [name]).fetchone()
    if found is not None and found[0] != key:
        raise ListError(f"there is a list {name!r} already; choose another name", 409)


def _touch(file: sqlite3.Connection, key: int) -> None:
    file.execute("UPDATE list SET changed_at = ? WHERE list = ?", [_now(), key])


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
