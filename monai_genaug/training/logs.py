"""Where the log of a training goes that runs in somebody else's process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCES = ("ignite", "monai_genaug")  # the engines with their StatsHandlers, and this package


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Append what engines and this package log to a file, and leave the process's logging as it was found.

    Args:
        path: of the file; its folder is made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with log_to_file(Path(folder, "train.log")):
        ...         logging.getLogger("monai_genaug.training").info("begun")
        ...     Path(folder, "train.log").read_text().endswith("INFO - begun\\n")
        True
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    loggers = [logging.getLogger(name) for name in SOURCES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()


@contextmanager
def muted(name: str) -> Iterator[None]:
    """Silence one logger for a while.

    Example:
        >>> with muted("monai.bundle.workflows"):
        ...     pass
    """
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def warnings_only(name: str) -> Iterator[None]:
    """Let the handlers that a logger has now tell of warnings alone for a while; later ones tell all.

    Example:
        >>> with warnings_only("monai_genaug"):
        ...     logging.getLogger("monai_genaug").info("not shown")
    """
    handlers = list(logging.getLogger(name).handlers)
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)
