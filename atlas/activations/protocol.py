"""How the server and a worker speak: frames of JSON through two pipes, and what a worker is told when it starts.

A frame is four bytes of length, then JSON. JSON can say nothing but data: a worker that was taken over could
send wrong rows, and no more.
"""

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">I")


@dataclass(frozen=True)
class Settings:
    """What a worker is told when it starts; sizes in bytes unless they say megabytes."""

    file: str
    memory_megabytes: int
    threads: int
    longest_cell: int
    longest_answer: int
    niceness: int
