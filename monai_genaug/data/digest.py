"""A digest of a data list's files, by which a stopped training knows its data again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from monai_genaug.data.matlab import parse_reference


def digest_datalist(entries: Iterable[Mapping[str, Any]], *, keys: tuple[str, ...] = ("image", "label")) -> str:
    """Hash the content of images and labels in their order; names and places of files do not count.

    Args:
        entries: ``{"image", "label", ...}``, as `load_datalist` gives them.
        keys: which entries of an item count.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.png").write_bytes(b"1")
        ...     digest_datalist([{"image": f"{folder}/a.png", "label": f"{folder}/a.png"}])
        '488ad59efeafae6a'
    """
    digest = hashlib.sha256()
    for entry in entries:
        for key in keys:
            source = str(entry[key])
            reference = parse_reference(source)
            if reference is not None:
                digest.update(f"{reference.variable}[{reference.cell}]".encode())
            digest.update(_hash_path(Path(source) if reference is None else reference.path))
    return digest.hexdigest()[:16]


def _hash_path(path: Path) -> bytes:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return b"".join(_hash_file(file, file.stat().st_mtime_ns) for file in files)


@lru_cache(maxsize=1024)
def _hash_file(path: Path, changed: int) -> bytes:
    return hash_file(path)


def hash_file(path: Path) -> bytes:
    """Hash what a file holds by SHA-256, in little memory.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.png").write_bytes(b"1")
        ...     hash_file(Path(folder, "a.png")).hex()[:16]
        '6b86b273ff34fce1'
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.digest()
