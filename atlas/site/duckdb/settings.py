"""A worker's limits and its file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a worker is told when it starts; sizes in bytes unless they say megabytes."""

    file: str
    memory_megabytes: int
    threads: int
    longest_cell: int
    longest_answer: int
    niceness: int
