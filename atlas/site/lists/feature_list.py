"""What a list holds, and how long its texts may be."""

from dataclasses import dataclass

from schema import AtlasError

LONGEST_NAME, LONGEST_NOTE = 100, 2_000
"""Characters."""
LONGEST_INDEX = 2**31 - 1
MOST_LISTS, MOST_FEATURES = 1_000, 10_000
"""Lists of a file, and features of a list."""


class ListError(AtlasError):
    """A list that cannot be read or written, with the HTTP status that says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Summary:
    """A list: its name, what it is for, how many features it holds, when it was last changed (UTC, ISO 8601)."""

    name: str
    description: str
    features: int
    changed_at: str


@dataclass(frozen=True)
class Listed:
    """A feature of a list, named for ever: (release, sae_id, zero-based index).

    `weights_sha256` is that of the SAE when it was listed, so that other weights under the same name are noticed;
    `added_at` is UTC, ISO 8601.
    """

    release: str
    sae_id: str
    feature: int
    note: str = ""
    weights_sha256: str = ""
    added_at: str = ""


def list_name(text: str) -> str:
    """A list's name as it is kept.

    Raises:
        ListError: it is empty, too long, or holds characters that cannot be seen.
    """
    name = " ".join(text.split())
    if not name:
        raise ListError("a list needs a name; type one")
    if len(name) > LONGEST_NAME:
        raise ListError(f"the name has {len(name):,} characters; type at most {LONGEST_NAME}")
    if not name.isprintable():
        raise ListError("the name holds characters that cannot be seen; type it anew")
    return name


def kept_note(text: str) -> str:
    """A note or description as it is kept: lines, and nothing that cannot be seen.

    Raises:
        ListError: it is too long.
    """
    lines = text.replace("\r\n", "\n").strip()
    if len(lines) > LONGEST_NOTE:
        raise ListError(f"the note has {len(lines):,} characters; type at most {LONGEST_NOTE:,}")
    return "".join(each if each.isprintable() or each == "\n" else " " for each in lines)
