"""SQL cut into tokens, so that nothing inside a string, a quoted name or a comment is mistaken for SQL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a token is; SPACE are blanks and comments."""

    SPACE = auto()
    STRING = auto()
    QUOTED = auto()
    PARAMETER = auto()
    WORD = auto()
    NUMBER = auto()
    SYMBOL = auto()


@dataclass(frozen=True)
class Token:
    """A piece of SQL and what it is; the texts of all tokens in order are the SQL."""

    kind: Kind
    text: str

    @property
    def name(self) -> str | None:
        """The identifier that this token may be, without its quotes."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"')
        return self.text if self.kind is Kind.WORD else None

    def says(self, *words: str) -> bool:
        """Whether it is one of these words or symbols, in any case."""
        return self.kind in (Kind.WORD, Kind.SYMBOL) and self.text.lower() in words


_PATTERN = re.compile(
    r"""
    (?P<SPACE>\s+ | --[^\n\r]*)
  | (?P<STRING>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*')
  | (?P<QUOTED>"(?:[^"]|"")*")
  | (?P<PARAMETER>:[A-Za-z_]\w*)
  | (?P<WORD>[^\W\d][\w$]*)
  | (?P<NUMBER>\d[\w.]*)
  | (?P<SYMBOL>:: | <= | >= | <> | != | == | := | \|\| | .)
    """,
    re.VERBOSE | re.DOTALL,
)
_DOLLAR_QUOTE = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_NO_PARAMETER_AFTER = re.compile(r"""[\w\])'"}:]$""")
"""What stands before the colon of a slice, a struct's member or an alias: `x[1:n]`, `{'a':b}`, `a:b`."""


def sql_tokens(sql: str) -> Iterator[Token]:
    """The tokens of an SQL text; their texts, joined, are that text."""
    position, before = 0, ""
    while position < len(sql):
        token = _next(sql, position, before)
        yield token
        position, before = position + len(token.text), token.text


def _next(sql: str, position: int, before: str) -> Token:
    if sql.startswith("/*", position):
        return Token(Kind.SPACE, sql[position : _comment_end(sql, position)])
    quote = _DOLLAR_QUOTE.match(sql, position)
    if quote and (end := sql.find(quote[0], quote.end())) != -1:
        return Token(Kind.STRING, sql[position : end + len(quote[0])])
    match = _PATTERN.match(sql, position)
    assert match is not None and match.lastgroup is not None
    kind = Kind[match.lastgroup]
    if kind is Kind.PARAMETER and _NO_PARAMETER_AFTER.search(before):
        return Token(Kind.SYMBOL, ":")
    return Token(kind, match[0])


def _comment_end(sql: str, position: int) -> int:
    """Where a comment ends; DuckDB's comments nest, and one that is not closed takes the rest."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(sql, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)
