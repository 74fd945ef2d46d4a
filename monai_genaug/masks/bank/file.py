"""A bank of objects in one file: arrays and settings, nothing that could run."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_genaug._files import replacing
from monai_genaug.masks.bank.store import ObjectStore

FORMAT = "monai_genaug instance bank 1"
Arrays = dict[str, NDArray[Any]]
KINDS = {  # of numpy, and dimensions
    "instances": ("b", 0),
    "boxes": ("i", 2),
    "areas": ("i", 1),
    "classes": ("i", 1),
    "bits": ("u", 1),
    "sizes": ("i", 2),
    "counts": ("i", 1),
    "touching": ("f", 1),
    "cut": ("f", 1),
    "channels": ("i", 0),
    "pixels": ("u", 1),
}


def write_bank(path: str | os.PathLike[str], store: ObjectStore, settings: Mapping[str, Any]) -> None:
    """Write objects and settings as one compressed ``.npz``, to a hidden name first and then renamed.

    Args:
        path: of the file; folders are made.
        store: the objects.
        settings: what JSON can hold.

    Example:
        >>> import tempfile
        >>> from monai_genaug.masks.bank.cutting import cut_objects
        >>> store = cut_objects([np.ones((1, 4, 4), np.uint8)], None, instances=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_bank(f"{folder}/bank.npz", store, {"flip": 0.5})
        ...     again, settings = read_bank(f"{folder}/bank.npz", ["flip"])
        >>> again.digest == store.digest, settings
        (True, {'flip': 0.5})
    """
    content = {"format": np.array(FORMAT), "settings": np.array(json.dumps(settings)), **store.arrays()}
    with replacing(Path(path)) as hidden, hidden.open("wb") as file:
        np.savez_compressed(file, **content)  # type: ignore[arg-type]  # none is named as its options


def read_bank(path: str | os.PathLike[str], names: Collection[str]) -> tuple[ObjectStore, dict[str, Any]]:
    """Read objects and settings from a file that `write_bank` wrote.

    Args:
        path: of the file.
        names: of the settings that it must hold.

    Returns:
        The objects and the settings.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or holds something else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no bank at {path}: write one with InstanceBank.fit(labels).save(path).")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: Arrays = {name: file[name] for name in file.files}
        settings = _take_settings(arrays, names)
        return _take_store(arrays), settings
    except (ValueError, TypeError, KeyError, OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path} holds no bank that can be read, expected a file of InstanceBank.save ({error}): write it again."
        ) from error


def _take_settings(arrays: Arrays, names: Collection[str]) -> dict[str, Any]:
    """Take the settings out of the arrays, all of them numbers, lists of numbers or None."""
    if str(arrays.pop("format")) != FORMAT:
        raise ValueError("another format")
    settings = json.loads(str(arrays.pop("settings")))
    if not isinstance(settings, dict) or set(settings) != set(names):
        raise ValueError("other settings")
    for name, value in settings.items():
        numbers = value if isinstance(value, list) else [value]
        if not all(number is None or isinstance(number, bool | int | float) for number in numbers):
            raise ValueError(f"{name} is no number")
    return settings


def _take_store(arrays: Arrays) -> ObjectStore:
    """Check that arrays fit one another, so that nothing fails later on, and give them as objects."""
    if set(arrays) != set(KINDS):
        raise ValueError("other arrays")
    for name, (kind, dims) in KINDS.items():
        if arrays[name].dtype.kind != kind or arrays[name].ndim != dims:
            raise ValueError(f"{name} of another type")
    plain = {**arrays, "instances": bool(arrays["instances"]), "channels": int(arrays["channels"])}
    store = ObjectStore(**plain)  # type: ignore[arg-type]
    maps, objects, dims = len(store.sizes), len(store), store.dims
    lengths = {"counts": maps, "touching": maps, "cut": maps, "boxes": objects, "classes": objects}
    if not store.kept.any() or dims not in {2, 3} or any(len(arrays[name]) != n for name, n in lengths.items()):
        raise ValueError("arrays of other lengths")
    lowest = {"boxes": 0, "areas": 1, "classes": 1, "sizes": 1, "counts": 0, "channels": 0}
    shares = np.concatenate([store.touching, store.cut])
    if any(arrays[name].min() < least for name, least in lowest.items()) or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("values out of range")
    ends = int(store.bit_ends[-1]), int(store.pixel_ends[-1]), int(store.counts.sum())
    if store.boxes.shape[1] != dims or ends != (len(store.bits), len(store.pixels), objects):
        raise ValueError("arrays that do not fit one another")
    if store.bits.dtype != np.uint8 or store.pixels.dtype != np.uint16:
        raise ValueError("pixels of another type")
    if any(not store.shape(index).any() for index in np.flatnonzero(store.kept).tolist()):
        raise ValueError("an empty shape")
    return store
