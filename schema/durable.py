"""What is written reaches the disk before what refers to it."""

import os
from pathlib import Path


def make_durable(path: Path) -> None:
    """Make a file or folder durable: a name must not reach the disk before what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
