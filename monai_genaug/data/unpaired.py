"""Lists of images without labels, or of labels without images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_genaug.data._folders import name_path, read_list, tell_content
from monai_genaug.data.arrays import find_suffix, read_array
from monai_genaug.data.datalists import load_datalist, resolve_source
from monai_genaug.data.items import scale_to_unit
from monai_genaug.data.label_maps import read_label_map
from monai_genaug.data.splits import SPLITS

FOLDERS = {"image": "images", "label": "labels"}


def list_unpaired(path: str | os.PathLike[str], key: str, *, name: str = "") -> list[dict[str, str]]:
    """List images for which no label is needed, or labels for which no image is.

    Of a data set with splits only what is for training is taken. Other folders are taken whole: their ``images/`` or
    ``labels/``, or else the files that lie in them.

    Args:
        path: what `load_datalist` understands; a ``dataset.json``, also with items that have no label, or with a list
            ``unlabelled`` of images; or a folder of files.
        key: ``"image"`` or ``"label"``.
        name: of the setting that `path` comes from, such as ``masks_dir``, for errors.

    Returns:
        ``{key: source}`` for each, without repetition.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ValueError: if it holds no file of this kind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "a.png").touch()
        ...     [Path(item["image"]).name for item in list_unpaired(folder, "image")]
        ['a.png']
    """
    root = Path(path).expanduser().resolve()
    called = name_path(root, name)
    if not root.exists():
        raise FileNotFoundError(f"{called} does not exist, expected a folder of {FOLDERS[key]} or a data set.")
    datalist = root if root.suffix.lower() == ".json" else root / "dataset.json"
    if datalist.is_file():
        sources = _list_json(datalist, key)
    elif root.is_dir() and (files := _list_files(root / FOLDERS[key], folders=key == "label") or _list_files(root)):
        sources = [str(file) for file in files]
    else:
        _check_folder(root, key, called, name)
        splits = load_datalist(root, fractions=(1, 0, 0), name=name)
        sources = [entry[key] for entry in splits["training"]]
    if not sources:
        remedy = f"check its lists{_elsewhere(key, name)}"
        raise ValueError(f"{called} has no {FOLDERS[key]} for training, expected at least one: {remedy}.")
    return [{key: source} for source in dict.fromkeys(sources)]


def _check_folder(root: Path, key: str, called: str, name: str) -> None:
    """Refuse a folder in which nothing is to be found, saying what it lacks."""
    wanted = FOLDERS[key]
    if root.is_dir() and (found := tell_content(root)) == "is empty":
        raise ValueError(f"{called} {found}, expected {wanted}: check that the data set was copied as a whole.")
    if (root / wanted).is_dir():
        raise ValueError(
            f"{called} has a folder {wanted}/ which {tell_content(root / wanted)}, expected files such as a.png or "
            "a.nii.gz: check that the data set was copied as a whole."
        )
    if key == "label" and (root / FOLDERS["image"]).is_dir():
        raise ValueError(f"{called} has images/ and no labels/, expected label maps: add them{_elsewhere(key, name)}.")


def _elsewhere(key: str, name: str) -> str:
    """Say that label maps may come from elsewhere."""
    return f", or set {name or 'the folder'} to where label maps are" if key == "label" else ""


def _list_files(folder: Path, *, folders: bool = False) -> list[Path]:
    """List readable files of a folder, and with `folders` its folders, which hold one mask for each object."""
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(".")) if folder.is_dir() else []
    return [file for file in files if (folders if file.is_dir() else find_suffix(file.name))]


def _list_json(file: Path, key: str) -> list[str]:
    """Sources of a data list, of items with both and of items with one."""
    content: Any = read_list(file)
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no lists, expected lists such as training: write it with write_dataset.")
    lists = ("training", "unlabelled") if key == "image" else ("training",)
    found = [resolve_source(file, value) for split in lists for value in _values(content.get(split), key)]
    held_out = {
        os.path.normpath(file.parent / str(value)) for split in SPLITS[1:] for value in _values(content.get(split), key)
    }
    if shared := held_out & set(found):
        raise ValueError(f"{file} has {sorted(shared)[0]} for training and for validation or test: give it one place.")
    return found


def _values(entries: Any, key: str) -> Iterator[Any]:
    """What the entries of one list name under a key; where they are texts, these are images."""
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and key in entry:
            yield entry[key]
        elif isinstance(entry, str) and key == "image":
            yield entry


def load_images(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Tensor]]:
    """Read images into memory, scaled by `scale_to_unit`.

    Args:
        entries: of `list_unpaired` or `load_datalist`.

    Returns:
        ``{"image": (C, *S) float32 in [0, 1]}`` for each.

    Raises:
        ValueError: if a file cannot be read, or holds NaN or Inf.
    """
    sources = [entry["image"] for entry in entries]
    return [{"image": scale_to_unit(torch.tensor(read_array(source)[0]), name=str(source))} for source in sources]


def load_labels(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Tensor]]:
    """Read label maps into memory.

    Args:
        entries: of `list_unpaired` or `load_datalist`.

    Returns:
        ``{"label": (1, *S) int64}`` for each.

    Raises:
        ValueError: if a file cannot be read, or holds no label map of one channel.
    """
    return [{"label": read_label_map(entry["label"])} for entry in entries]
