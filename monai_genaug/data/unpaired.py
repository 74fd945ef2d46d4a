"""Lists of images without labels, or of labels without images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_genaug._checks import check_label
from monai_genaug.data.arrays import find_suffix, read_array
from monai_genaug.data.datalists import load_datalist
from monai_genaug.data.items import scale_to_unit
from monai_genaug.data.splits import SPLITS

FOLDERS = {"image": "images", "label": "labels"}


def list_unpaired(path: str | os.PathLike[str], key: str) -> list[dict[str, str]]:
    """List images for which no label is needed, or labels for which no image is.

    Of a data set with splits only what is for training is taken. Other folders are taken whole: their ``images/`` or
    ``labels/``, or else the files that lie in them.

    Args:
        path: what `load_datalist` understands; a ``dataset.json``, also with items that have no label, or with a list
            ``unlabelled`` of images; or a folder of files.
        key: ``"image"`` or ``"label"``.

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
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist, expected a folder of {FOLDERS[key]} or a data set.")
    datalist = root if root.suffix.lower() == ".json" else root / "dataset.json"
    if datalist.is_file():
        sources = _list_json(datalist, key)
    elif root.is_dir() and (files := _list_files(root / FOLDERS[key], folders=key == "label") or _list_files(root)):
        sources = [str(file) for file in files]
    else:
        splits = load_datalist(root, fractions=(1, 0, 0))
        sources = [entry[key] for entry in splits["training"]]
    if not sources:
        raise ValueError(f"{root} has no {FOLDERS[key]} for training, expected at least one: check its lists.")
    return [{key: source} for source in dict.fromkeys(sources)]


def _list_files(folder: Path, *, folders: bool = False) -> list[Path]:
    """List readable files of a folder, and with `folders` its folders, which hold one mask for each object."""
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(".")) if folder.is_dir() else []
    return [file for file in files if (folders if file.is_dir() else find_suffix(file.name))]


def _list_json(file: Path, key: str) -> list[str]:
    """Sources of a data list, of items with both and of items with one."""
    content: Any = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no lists, expected lists such as training: write it with write_dataset.")
    lists = [content.get("training"), content.get("unlabelled") if key == "image" else None]
    entries = [entry for part in lists for entry in (part if isinstance(part, list) else [])]
    found = [os.path.normpath(file.parent / str(entry[key])) for entry in entries if key in entry]
    held_out = {
        os.path.normpath(file.parent / str(entry[key]))
        for split in SPLITS[1:]
        for entry in content.get(split, [])
        if key in entry
    }
    if shared := held_out & set(found):
        raise ValueError(f"{file} has {sorted(shared)[0]} for training and for validation or test: give it one place.")
    return found


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
        ValueError: if a file cannot be read, or holds no label map.
    """
    labels = []
    for entry in entries:
        values = torch.from_numpy(read_array(entry["label"])[0].astype("float64"))
        if values.shape[0] != 1:
            raise ValueError(
                f"{entry['label']} has {values.shape[0]} channels, expected one: save label maps as one channel."
            )
        labels.append({"label": check_label(values, name=str(entry["label"]))})
    return labels
