"""Parameters of saved queries: how one is declared, and whether a value fits it.

    -- param limit: INTEGER = 40  -- most rows shown
    -- param feature: INTEGER  -- zero-based index of the feature
    -- param measure: VARCHAR = 'kurtosis'  -- std|skewness|kurtosis: which moment is ranked

A parameter without a default is required. A default is an SQL literal. The help text follows the second `--`; where it
begins with words between bars, these are the only values allowed.
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from queries.tokens import Kind, sql_tokens
from schema import QueryError


def query_placeholders(sql: str) -> tuple[str, ...]:
    """The parameters that an SQL text uses, each once, in the order of their first use."""
    return tuple(dict.fromkeys(token.text[1:] for token in sql_tokens(sql) if token.kind is Kind.PARAMETER))


def replace_query_placeholders(sql: str, replacement: Callable[[str], str]) -> str:
    """The SQL with each `:name` replaced by `replacement(name)`; literals and comments stay as they are."""
    return "".join(
        replacement(token.text[1:]) if token.kind is Kind.PARAMETER else token.text for token in sql_tokens(sql)
    )


Value = str | int | float

TYPES = {
    "INTEGER": "a whole number",
    "DOUBLE": "a number",
    "VARCHAR": "text",
}
INTEGER_LIMIT = 2**31

_DECLARATION = re.compile(
    r"""
    (?P<name>[a-z_][a-z0-9_]*):\ (?P<type>INTEGER|DOUBLE|VARCHAR)
    (?:\ =\ (?P<default>'(?:[^']|'')*'|[-+.0-9eE]+))?
    \ \ --\ (?P<help>\S.*)
    """,
    re.VERBOSE,
)
_CHOICES = re.compile(r"(\w+(?:\|\w+)+)(?:[:,;. ]|$)")
_INTEGER = re.compile(r"\s*[-+]?[0-9]+\s*")
_DOUBLE = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")
LONGEST_NUMBER = 1_000
"""Characters of a whole number, zeros in front included."""
SHOWN = 40
"""Characters of a value that a message repeats."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a saved query: name, SQL type, default (None: it is required), help text."""

    name: str
    type: str
    default: Value | None
    help: str

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values allowed; empty where any value is."""
        match = _CHOICES.match(self.help)
        return tuple(match[1].split("|")) if match else ()

    def __str__(self) -> str:
        """As it reads in a list: `limit=40`, `sae=''`; a required one as `feature=INTEGER`."""
        if self.default is None:
            return f"{self.name}={self.type}"
        shown = f"{self.default:g}" if isinstance(self.default, float) else self.default or "''"
        return f"{self.name}={shown}"

    def convert(self, value: Value) -> Value:
        """The value in this parameter's type; a number may stand between spaces.

        Raises:
            QueryError: the value does not fit.
        """
        try:
            converted = _CONVERSIONS[self.type](value)
        except OverflowError:
            raise QueryError(f"{self.name} is out of range: {repeat_parameter_value(value)}") from None
        except (TypeError, ValueError):
            raise QueryError(f"{self.name} must be {TYPES[self.type]}, not {repeat_parameter_value(value)}") from None
        if self.choices and converted not in self.choices:
            raise QueryError(
                f"{self.name} must be one of {', '.join(self.choices)}, not {repeat_parameter_value(value)}"
            )
        if self.name == "limit" and isinstance(converted, int) and converted < 0:
            raise QueryError(f"limit must be 0 or more, not {repeat_parameter_value(value)}")
        return converted


def parse_parameter(declaration: str) -> Parameter:
    """The parameter declared by what follows `-- param `.

    Raises:
        QueryError: the declaration is malformed.
    """
    match = _DECLARATION.fullmatch(declaration)
    if match is None:
        raise QueryError(f"'-- param {declaration}' is not '-- param NAME: TYPE = DEFAULT  -- HELP'")
    parameter = Parameter(match["name"], match["type"], None, match["help"])
    if match["default"] is None:
        return parameter
    literal = match["default"]
    default = literal[1:-1].replace("''", "'") if literal.startswith("'") else literal
    return Parameter(parameter.name, parameter.type, parameter.convert(default), parameter.help)


def _integer(value: Value) -> int:
    """A whole number; Python alone would also read 1_000, other alphabets' digits, and nothing over 4,300 of them."""
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise ValueError
        value = value.strip()
        if len(value) > LONGEST_NUMBER:
            raise OverflowError
        number = int(value)
    else:
        number = operator.index(value)  # type: ignore[arg-type]
    if not -INTEGER_LIMIT <= number < INTEGER_LIMIT:
        raise OverflowError
    return number


def _double(value: Value) -> float:
    """A finite number; one that no double holds is out of range."""
    if isinstance(value, str) and not _DOUBLE.fullmatch(value):
        raise ValueError
    number = float(value)
    if math.isnan(number) or (math.isinf(number) and not isinstance(value, str)):
        raise ValueError
    if math.isinf(number):
        raise OverflowError
    return number


def repeat_parameter_value(value: Value, most: int = SHOWN) -> str:
    """A value as a message repeats it: on one line, and in part where it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


_CONVERSIONS: dict[str, Callable[[Value], Value]] = {"INTEGER": _integer, "DOUBLE": _double, "VARCHAR": str}
