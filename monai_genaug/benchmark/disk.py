"""A full disk, said as what it is, however deep below it was noticed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: BaseException) -> bool:
    """Say whether an error, or one that it came of, is that of a full disk, a quota or a limit of file size.

    Example:
        >>> is_full(OSError(errno.ENOSPC, "")), is_full(ValueError())
        (True, False)
    """
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:  # one that is raised again can come of itself
        chain.append(found)
        found = found.__cause__ or found.__context__
    return any(isinstance(part, OSError) and part.errno in FULL for part in chain)


@contextmanager
def saying_when_full() -> Iterator[None]:
    """Raise OSError with the remedy where a full disk ends what is done inside."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise OSError(
            errno.ENOSPC, f"the disk is full; free some space and run the same command again ({error})"
        ) from error
