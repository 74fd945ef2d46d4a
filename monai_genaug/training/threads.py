"""Threads that a training leaves behind where it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.dummy import DummyProcess


@contextmanager
def joined_pools() -> Iterator[None]:
    """Wait, where an error is raised, for the threads of pools that were begun within.

    A `CacheDataset` that meets a damaged file leaves its pool's threads in the middle of an item; a process that ends
    while they are at work in torch is aborted.

    Example:
        >>> with joined_pools():
        ...     pass
    """
    before = set(threading.enumerate())
    try:
        yield
    except BaseException:
        for thread in set(threading.enumerate()) - before:
            if isinstance(thread, DummyProcess):
                thread.join()
        raise
