"""Placeholders in SQL: where `:name` stands for a parameter, and where it only looks so."""

import re
from collections.abc import Callable

_PIECES = re.compile(
    r"""
    '(?:[^']|'')*'              # string literal
  | "(?:[^"]|"")*"              # quoted identifier
  | --[^\n]*                    # comment to the end of the line
  | /\*.*?\*/                   # comment between marks
  | ::                          # PostgreSQL's cast, no parameter follows
  | :(?P<name>[A-Za-z_]\w*)     # placeholder
    """,
    re.VERBOSE | re.DOTALL,
)


def placeholders(sql: str) -> tuple[str, ...]:
    """The parameters that an SQL text uses, each once, in the order of their first use."""
    return tuple(dict.fromkeys(match["name"] for match in _PIECES.finditer(sql) if match["name"]))


def replace_placeholders(sql: str, replacement: Callable[[str], str]) -> str:
    """The SQL with each `:name` replaced by `replacement(name)`; literals and comments stay as they are."""
    return _PIECES.sub(lambda match: replacement(match["name"]) if match["name"] else match[0], sql)
