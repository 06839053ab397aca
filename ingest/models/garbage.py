"""Python's search for garbage, which is let rest while the packages that run models are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unsearched() -> Iterator[None]:
    """Inside, nothing is searched for garbage: what a package makes while it is imported stays, a million objects."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
