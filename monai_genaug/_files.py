"""Files that are whole or not there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a hidden path beside `path` to write to, which takes its place when the block ends without an error.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "notes.txt")) as hidden:
        ...         _ = hidden.write_text("done")
        ...     Path(folder, "notes.txt").read_text(), len(list(Path(folder).iterdir()))
        ('done', 1)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield hidden
        os.replace(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)
