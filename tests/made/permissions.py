"""A process without privileges: permissions hold for it, as they do not for root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65_534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Inside, this process is an ordinary user's."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
