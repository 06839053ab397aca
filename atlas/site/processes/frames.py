"""How the server and its child processes speak: frames of JSON through two pipes.

A frame is four bytes of length, then JSON. JSON can say nothing but data: a child that was taken over could send
wrong data, and no more.
"""

import json
import os
import struct
from typing import Any

HEADER = struct.Struct(">I")


def pack(message: dict[str, Any]) -> bytes:
    """A message as a frame.

    Raises:
        ValueError: a number in it is not finite.
    """
    data = json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii")
    return HEADER.pack(len(data)) + data


def read_frame(descriptor: int) -> dict[str, Any] | None:
    """The next message of a pipe, or None where it ends; waits as long as it takes."""
    header = _read(descriptor, HEADER.size)
    data = None if header is None else _read(descriptor, HEADER.unpack(header)[0])
    if data is None:
        return None
    message: dict[str, Any] = json.loads(data)
    return message


def _read(descriptor: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
