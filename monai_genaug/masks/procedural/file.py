"""Populations in a file: one JSON file of plain numbers, which people can read and change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from monai_genaug._files import replacing

PopulationT = TypeVar("PopulationT")
VERSION = 1


def write_populations(
    path: str | os.PathLike[str], kind: str, populations: Sequence[Any], settings: Mapping[str, Any]
) -> None:
    """Write populations and settings aside, and rename the file when it is whole.

    Args:
        path: such as ``nuclei.json``; folders are made.
        kind: what they are populations of.
        populations: dataclasses of plain numbers.
        settings: of the sampler, by name.
    """
    content = {
        "monai_genaug": kind,
        "version": VERSION,
        "settings": dict(settings),
        "populations": [asdict(population) for population in populations],
    }
    with replacing(Path(path)) as hidden:
        hidden.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_populations(
    path: str | os.PathLike[str], kind: str, build: type[PopulationT]
) -> tuple[list[PopulationT], dict[str, Any]]:
    """Read what `write_populations` wrote.

    Args:
        path: the file.
        kind: what they must be populations of.
        build: their dataclass.

    Returns:
        Populations, and settings by name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or holds another kind.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist, expected a file of populations of {kind}.") from None
    except ValueError as error:
        raise damage(path, kind, f"is no valid JSON ({error})") from error
    if not isinstance(content, dict) or content.get("monai_genaug") != kind or content.get("version") != VERSION:
        raise damage(path, kind, f"holds no populations of {kind} of version {VERSION}")
    settings, entries = content.get("settings"), content.get("populations")
    if not isinstance(settings, dict) or not isinstance(entries, list):
        raise damage(path, kind, "lacks its settings or its list of populations")
    try:
        return [build(**entry) for entry in entries], settings
    except (TypeError, ValueError) as error:
        raise damage(path, kind, f"holds a population that cannot be ({error})") from error


def damage(path: str | os.PathLike[str], kind: str, fault: str) -> ValueError:
    """Make the error of a file that is not what `write_populations` wrote.

    Example:
        >>> str(damage("a.json", "nuclei", "is empty"))
        'a.json is empty, expected what a sampler of nuclei saves: fit the sampler again and save it.'
    """
    return ValueError(f"{path} {fault}, expected what a sampler of {kind} saves: fit the sampler again and save it.")
