"""Answers computed ahead, a thread a core, while those before are stored.

PyTorch's own threads meet after every operation, and what is computed is short: each wait costs more than it saves.
The items need to meet once each.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

In = TypeVar("In")
Out = TypeVar("Out")


def compute_ahead(
    function: Callable[[In], Out], items: Iterable[In], threads: int
) -> Generator[tuple[In, Out], None, None]:
    """Each item with what the function gives of it, in order; items are drawn by the caller's own thread."""
    if threads < 2:
        yield from ((item, function(item)) for item in items)
        return
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[tuple[In, Future[Out]]] = deque()
    torch.set_num_threads(1)  # of what the caller computes meanwhile, too: idle threads of PyTorch wait by spinning
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > threads:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
