"""Entries of a plan as dataclasses: unknown and missing ones, and values of the wrong type, are refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from monai_genaug.benchmark.plan import check_keys

Entry = TypeVar("Entry")
WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "Mapping": "a mapping of names and values",
    "Sequence": "a list",
    "None": "null",
}


def make_entry(kind: type[Entry], content: Any, where: str) -> Entry:
    """Make a dataclass of a mapping.

    Args:
        kind: the dataclass; its annotations say what types its entries have.
        content: what the plan says.
        where: what errors call it.

    Raises:
        ValueError: if it is no mapping, or an entry is unknown, missing or of another type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Box:
        ...     size: int = 3
        >>> make_entry(Box, {"size": "large"}, "the box")
        Traceback (most recent call last):
            ...
        ValueError: the box has size: 'large', expected a whole number.
    """
    check_entry(kind, as_mapping(content, where), where)
    return kind(**content)


def check_entry(kind: Any, content: Mapping[str, Any], where: str) -> None:
    """Refuse entries that are unknown, missing or of another type, see `make_entry`."""
    check_keys(content, [part.name for part in fields(kind)], where)
    needed = [part.name for part in fields(kind) if part.default is MISSING and part.default_factory is MISSING]
    missing = [name for name in needed if name not in content]
    if missing:
        raise ValueError(f"{where} has no entry {missing[0]!r}, expected {', '.join(needed)}.")
    types = {part.name: str(part.type) for part in fields(kind)}
    check_types(content, types, where)


def check_types(content: Mapping[str, Any], types: Mapping[str, str], where: str) -> None:
    """Refuse entries of another type than their annotation says.

    Args:
        content: entries by name.
        types: annotations, as they are written, by name.
        where: what errors call the entries.

    Raises:
        ValueError: for the first entry of another type.

    Example:
        >>> check_types({"size": [3]}, {"size": "int | Sequence[int]"}, "the box")
    """
    for name, value in content.items():
        expected = [text.strip() for text in re.sub(r"\[.*?\]+", "", types[name]).split(" | ")]
        if not any(_is_a(value, text) for text in expected):
            words = " or ".join(WORDS[text] for text in expected)
            hint = f": write {name}: [{value}]" if expected == ["Sequence"] and not isinstance(value, Mapping) else ""
            raise ValueError(f"{where} has {name}: {value!r}, expected {words}{hint}.")


def as_mapping(content: Any, where: str) -> dict[str, Any]:
    """Give what a plan says as a dictionary; raise ValueError if it is none.

    Example:
        >>> as_mapping({"a": 1}, "the plan")
        {'a': 1}
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is {content!r}, expected a mapping of names and values.")
    return dict(content)


def _is_a(value: Any, text: str) -> bool:
    if text == "Sequence":
        return isinstance(value, Sequence) and not isinstance(value, str)
    if text in ("int", "float") and isinstance(value, bool):
        return False
    types = {"bool": bool, "int": int, "float": int | float, "str": str, "Mapping": Mapping, "None": type(None)}
    return isinstance(value, types[text])
