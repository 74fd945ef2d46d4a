"""The error of all readers of this package."""

from __future__ import annotations


class FormatError(ValueError):
    """A file is damaged, or holds what cannot be read without loss; the message names the file."""
