"""What a store was made with, and what came of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_genaug._files import replacing
from monai_genaug.machine import list_versions
from monai_genaug.store.records import count_recorded

logger = logging.getLogger(__name__)
FILE, FORMAT = "manifest.json", 1
Settings = Mapping[str, Any]


def goes_on(folder: Path, settings: Settings, count: int) -> bool:
    """Tell whether a folder holds a store that can go on; False where one can begin.

    Args:
        folder: of the store; another run must not write to it meanwhile.
        settings: all that determines a sample beside its number.
        count: of samples that are to be drawn.

    Raises:
        ValueError: if the folder holds something else, a store of other settings, or one of more samples.
    """
    found = read_manifest(folder)
    if found is None:
        others = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
        if others:
            raise ValueError(
                f"{folder} holds {', '.join(sorted(others)[:5])} and no store, expected a new or empty folder: choose "
                "another one."
            )
        return False
    recorded = count_recorded(folder)
    if not recorded and not any((folder / "images").glob("[!.]*")):
        return False
    differences = _differences(found["settings"], settings)
    if differences:
        raise ValueError(
            f"{folder} is a store of other settings ({'; '.join(differences)}): choose another folder, or set these "
            "back to go on."
        )
    if count < recorded:
        raise ValueError(
            f"{folder} holds samples up to number {recorded} already, count is {count}: expected at least {recorded}."
        )
    changed = _differences(found["versions"], _versions())
    if changed:
        logger.warning(
            "%s was begun with other versions (%s): what is made now may differ in rounding.",
            folder,
            "; ".join(changed),
        )
    return True


def begin_manifest(folder: Path, settings: Settings, made_of: Mapping[str, Any]) -> None:
    """Write the manifest of a store that begins.

    Args:
        folder: of the store.
        settings: all that determines a sample beside its number.
        made_of: names and places that no sample hangs on, for people.
    """
    content = {"format": FORMAT, "settings": settings, "made_of": made_of, "versions": _versions()}
    _write(folder, content)


def end_manifest(folder: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the manifest what came of it; gives the whole.

    Args:
        folder: of the store.
        results: counts and digest, as JSON can hold them.
    """
    found = read_manifest(folder)
    assert found is not None
    content = {**found, **results}
    if content != found:
        _write(folder, content)
    return content


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a store; None where there is none.

    Raises:
        ValueError: if it is damaged or of another format.

    Example:
        >>> read_manifest(Path("no_such_folder"))
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or not isinstance(content["settings"], dict):
            raise KeyError("format")
        return dict(content)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is no manifest of a store that can be read ({type(error).__name__}: {error}): choose another "
            "folder, or delete this one to make the store again."
        ) from error


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    with replacing(folder / FILE) as hidden:
        hidden.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    """Give the versions that rounding may hang on; threads are among the settings."""
    return {name: version for name, version in list_versions().items() if name != "threads"}


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in which entries two mappings differ."""
    return [
        f"{name} was {json.dumps(found.get(name))}, is {json.dumps(wanted.get(name))}"
        for name in dict.fromkeys([*found, *wanted])
        if found.get(name) != wanted.get(name)
    ]
