"""What folders and lists of a data set hold, as errors tell of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monai_genaug.data._errors import FormatError


def name_path(path: Path, name: str) -> str:
    """Give what errors call a path: with the setting that it comes from, if that is known."""
    return f"{name} {path}" if name else str(path)


def tell_content(folder: Path) -> str:
    """Say whether a folder "is empty" or what it "holds", hidden files left out.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     before = tell_content(Path(folder))
        ...     Path(folder, "notes.txt").touch()
        ...     before, tell_content(Path(folder))
        ('is empty', 'holds notes.txt')
    """
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"holds {', '.join(names[:5])}" if names else "is empty"


def read_list(file: Path) -> Any:
    """Read what a JSON data list holds.

    Raises:
        FormatError: naming the file, if it is no JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{file} is no valid JSON ({error}): mend it, or write it with write_dataset.") from error
