"""Datasette's SQL in DuckDB's words.

Datasette writes SQLite's dialect and gives every value as text. What differs:

    [name]                      "name", where it is a name; [1, 2] is a list
    :name                       $name; those that the SQL does not use are dropped
    ''                          NULL, where a person left a value of their own query empty
    column = :p0                the value in the column's type; a text that is no number finds nothing, as in SQLite
    column LIKE, GLOB, = ''     the column as text; a filter's LIKE knows no case, as in SQLite
    date(column)                NULL where it is no date
    json_each(table.column)     a list of texts
    with inner as               "inner", a name that DuckDB keeps for itself: Datasette's facets of a JSON array
    ORDER BY column LIMIT n     and by the key, which SQLite does by itself: pages follow on each other
    ORDER BY key LIMIT n        nothing, since rows are stored in that order: millions need no sorting

Only names of the published schema are treated as columns; strings, quoted names and comments stay as they are.
"""

import math
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from atlas.publish.activations import TableDescription
from atlas.site.duckdb.ordering import order_table_page, quote_sql_identifier
from queries.tokens import Kind, Token, sql_tokens

Parameters = dict[str, Any] | list[Any]

LONGEST_SQL = 200_000
KEPT = 64
"""Statements remembered; the pages' own are some dozen, a long one takes ten milliseconds to rewrite."""
INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
FLOATS = frozenset({"FLOAT", "DOUBLE"})
NO_NUMBER = "nan"
"""What every number differs from, so that `feature != 'abc'` finds them all."""
TRUTH = {"1": True, "true": True, "0": False, "false": False}
COMPARISONS = ("=", "==", "!=", "<>", "<", ">", "<=", ">=")
GENERATED = re.compile(r"(?:p\d+|pk\d+|id|like|prefix)")
"""Parameters that Datasette names itself: filters, keys of a row, what a person types into its own boxes."""

_INTEGER = re.compile(r"\s*[+-]?\d{1,18}\s*")


@dataclass(frozen=True)
class Statement:
    """SQL for DuckDB, and the values of its parameters by name or by place."""

    sql: str
    parameters: Parameters


class Translator:
    """Statements of Datasette's for one DuckDB file; a text that comes again is not rewritten again."""

    def __init__(self, tables: Mapping[str, TableDescription]) -> None:
        self._rewritten = lru_cache(maxsize=KEPT)(partial(_rewrite, tables=tables))

    def translate(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any], *, blank_is_null: bool = False
    ) -> Statement:
        """A statement of Datasette's for DuckDB.

        `blank_is_null`: an empty text for a parameter of a person's own is no value, since a form cannot say so.

        Raises:
            sqlite3.OperationalError: a parameter has no value, or the text is longer than any that is run.
        """
        if len(sql) > LONGEST_SQL:
            raise sqlite3.OperationalError(f"the SQL is longer than {LONGEST_SQL:,} characters")
        rewritten = self._rewritten(sql)
        if not isinstance(parameters, Mapping):
            return Statement(rewritten.sql, list(parameters))
        values = {name: rewritten.value(name, parameters) for name in rewritten.used}
        if blank_is_null:
            values |= {name: None for name, value in values.items() if value == "" and not GENERATED.fullmatch(name)}
        return Statement(rewritten.sql, values)


@dataclass(frozen=True)
class _Rewritten:
    """SQL in DuckDB's words, and what its parameters are bound to.

    `used` maps each parameter to the type of the column it is compared with; `denied` are those in `!=` and NOT IN.
    """

    sql: str
    used: Mapping[str, str | None]
    denied: frozenset[str]

    def value(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """What a parameter is bound to."""
        try:
            value = parameters[name]
        except KeyError:
            raise sqlite3.OperationalError(f"there is no value for the parameter :{name}") from None
        type_ = self.used[name]
        if type_ is not None:
            found = duckdb_filter_value(value, type_)
            return NO_NUMBER if found is None and name in self.denied else found
        return value


def _rewrite(sql: str, tables: Mapping[str, TableDescription]) -> _Rewritten:
    translation = _Translation(list(sql_tokens(order_table_page(sql, tables))), tables)
    translation.rewrite()
    text = "".join(token.text for token in translation.tokens)
    return _Rewritten(text, translation.used, frozenset(translation.denied))


class _Translation:
    """The tokens of one statement while they are rewritten; `used` and `denied` as `_Rewritten` has them."""

    def __init__(self, found: list[Token], tables: Mapping[str, TableDescription]) -> None:
        self.names = {*tables, *(column for table in tables.values() for column in table.columns), "inner"}
        self.tokens = list(_without_brackets(found, self.names))
        self.places = [place for place, token in enumerate(self.tokens) if token.kind is not Kind.SPACE]
        self.types = _types(self.tokens, tables)
        self.used: dict[str, str | None] = {}
        self.denied: set[str] = set()

    def at(self, index: int) -> Token:
        """The token at a place that counts no blanks; an empty one beyond the end."""
        return self.tokens[self.places[index]] if 0 <= index < len(self.places) else Token(Kind.SPACE, "")

    def put(self, index: int, text: str) -> None:
        """Replace the text of a token, which is then done with; blanks around it stay."""
        self.tokens[self.places[index]] = Token(Kind.SYMBOL, text)

    def rewrite(self) -> None:
        """Every rule, at every token; what compares comes before the parameter that it compares with."""
        for index in range(len(self.places)):
            token = self.at(index)
            if token.kind is Kind.PARAMETER:
                self.used.setdefault(token.text[1:], None)
                self._parameter(index)
            elif token.says("date") and self._spells(index, "(", None, ")"):
                self._date(index)
            elif token.says("select") and self._spells(index, "value", "from", "json_each", "(", None, ".", None, ")"):
                self._members(index)
            elif token.says("json_each") and self._spells(index, "(", None, ".", None, ")", "j", "join", "inner"):
                self._faceted(index)
            elif token.says("inner") and (self.at(index + 1).says(".") or self._spells(index - 1, "inner", "as", "(")):
                self.put(index, '"inner"')
            elif token.says("escape") and self._spells(index, "char", "(", "92", ")"):
                self._replace(index, 5, "escape '\\'")
            elif token.text == '""':
                self.put(index, "''")
            elif token.name in self.types and not self.at(index - 1).says("."):
                self._comparison(index)

    def _comparison(self, index: int) -> None:
        """A column, if it is compared with a parameter or with the empty text."""
        type_ = self.types[str(self.at(index).name)]
        after = index + 2 if self.at(index + 1).says("not") else index + 1
        operator, operand = self.at(after), self.at(after + 1)
        if operator.says("like", "glob"):
            self._match(index, after)
        elif operator.says("in") and operand.says("(") and self.at(after + 2).kind is Kind.PARAMETER:
            self._compare(index, self._listed(after + 2), type_, denied=after == index + 2)
        elif operator.says(*COMPARISONS) and operand.kind is Kind.PARAMETER:
            self._compare(index, [after + 1], type_, denied=operator.says("!=", "<>"))
        elif operator.says(*COMPARISONS) and operand.text in ("''", '""'):
            self._as_text(index)

    def _compare(self, column: int, parameters: Iterable[int], type_: str, *, denied: bool) -> None:
        """Give parameters the type of the column; of a rarer type, both are compared as text."""
        generated = [index for index in parameters if GENERATED.fullmatch(self.at(index).text[1:])]
        for index in generated:
            name = self.at(index).text[1:]
            self.used[name] = type_
            if type_ in FLOATS or (type_ in INTEGERS and denied):
                self.put(index, f"CAST(${name} AS {'DOUBLE' if type_ in INTEGERS else type_})")
                self.denied |= {name} if denied else set()
        if generated and type_ not in INTEGERS | FLOATS | {"BOOLEAN", "VARCHAR"}:
            self._as_text(column)

    def _match(self, column: int, operator: int) -> None:
        """LIKE and GLOB are for texts; a page's own LIKE does not tell capitals from small letters."""
        self._as_text(column)
        operand = self.at(operator + 1)
        if operand.kind is Kind.PARAMETER and GENERATED.fullmatch(operand.text[1:]) and self.at(operator).says("like"):
            self.put(operator, "ILIKE")
        elif operand.kind is Kind.QUOTED and operand.name not in self.names:
            self.put(operator + 1, "'" + str(operand.name).replace("'", "''") + "'")

    def _listed(self, index: int) -> list[int]:
        """The parameters of a list that starts here."""
        found = []
        while self.at(index).kind is Kind.PARAMETER:
            found.append(index)
            index += 2 if self.at(index + 1).says(",") else 1
        return found

    def _parameter(self, index: int) -> None:
        self.put(index, "$" + self.at(index).text[1:])

    def _date(self, index: int) -> None:
        column = self.at(index + 2).text
        self._replace(index, 4, f"CAST(TRY_CAST(CAST({column} AS VARCHAR) AS DATE) AS VARCHAR)")

    def _members(self, index: int) -> None:
        """The members of a JSON array as texts; of what is no JSON, none."""
        self._replace(index, 9, f"SELECT unnest({self._array(index + 5)})")

    def _faceted(self, index: int) -> None:
        """Each row beside each member of its array; DuckDB wants the rows first."""
        members = f"SELECT unnest({self._array(index + 2)}) AS value"
        self._replace(index, 9, f'"inner" CROSS JOIN LATERAL ({members}) AS j')

    def _array(self, index: int) -> str:
        """The members of the JSON array in the column `table.column` that is named here."""
        text = f"CAST({self.at(index).text}.{self.at(index + 2).text} AS VARCHAR)"
        return f"CASE WHEN json_valid({text}) THEN json_extract_string({text}, '$[*]') END"

    def _as_text(self, index: int) -> None:
        self.put(index, f"CAST({self.at(index).text} AS VARCHAR)")

    def _spells(self, index: int, *words: str | None) -> bool:
        """Whether these tokens follow, None standing for a name."""
        following = [self.at(index + offset) for offset in range(1, len(words) + 1)]
        return all(
            token.name is not None if word is None else token.text.lower() == word
            for word, token in zip(words, following, strict=True)
        )

    def _replace(self, index: int, length: int, text: str) -> None:
        """Put one text in the place of several tokens."""
        self.put(index, text)
        for following in range(index + 1, index + length):
            self.put(following, "")


def duckdb_filter_value(value: Any, type_: str) -> Any:
    """A filter's value for a column: None, which finds nothing, where it is none of that type."""
    text = None if value is None else str(value)
    if text is None or type_ == "VARCHAR":
        return text
    if type_ in INTEGERS:
        return int(text) if _INTEGER.fullmatch(text) else _finite(text)
    if type_ in FLOATS:
        return None if _finite(text) is None else text
    if type_ == "BOOLEAN":
        return TRUTH.get(text.lower())
    return text


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _types(found: list[Token], tables: Mapping[str, TableDescription]) -> dict[str, str]:
    """The type of each column of the tables that a statement names, the first named first."""
    named = dict.fromkeys(token.name for token in found if token.name in tables)
    types: dict[str, str] = {}
    for name in named:
        for column, type_ in tables[str(name)].columns.items():
            types.setdefault(column, type_)
    return types


def _without_brackets(found: list[Token], names: set[str]) -> Iterable[Token]:
    """`[name]` as `"name"`, unless it follows what it could be an index of."""
    index = 0
    while index < len(found):
        name = found[index + 1].name if index + 2 < len(found) else None
        is_name = found[index].says("[") and name in names and found[index + 2].says("]")
        before = found[index - 1] if index else Token(Kind.SPACE, "")
        if is_name and name and not (before.name or before.kind is Kind.STRING or before.says("]", ")")):
            yield Token(Kind.QUOTED, quote_sql_identifier(name))
            index += 3
        else:
            yield found[index]
            index += 1
