"""What the server and the model's process say to each other: one JSON object a line."""

import json
from typing import Any

LONGEST_TEXT = 2_000
"""Characters of a typed text."""


def to_line(message: dict[str, Any]) -> bytes:
    """A message as a line; escaping to ASCII keeps line ends and lone surrogates out of the stream."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The message of a line."""
    message: dict[str, Any] = json.loads(line)
    return message
