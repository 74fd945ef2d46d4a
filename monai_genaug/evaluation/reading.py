"""Images that are to be evaluated, from folders and data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_genaug.data import list_unpaired, load_images, load_labels
from monai_genaug.data._folders import read_list
from monai_genaug.data.arrays import strip_suffix
from monai_genaug.data.splits import group_of
from monai_genaug.evaluation.items import Item, find_source

TRAINING, HELD_OUT = ("training", "unlabelled"), ("validation", "test")


def read_images(
    path: str | os.PathLike[str],
    *,
    held_out: bool = False,
    labels: bool = False,
    masks: str | os.PathLike[str] | None = None,
) -> list[Item]:
    """Read the images of a folder or data set, scaled by `scale_to_unit`.

    Args:
        path: what `list_unpaired` understands. Of a data set with splits the training images are taken.
        held_out: take the validation and test images of a data set that has them.
        labels: read the labels too, as far as there are any.
        masks: folder of masks, in place of the labels; an image NAME, or NAME_0, NAME_1, ..., has the mask NAME.

    Returns:
        Items for `evaluate_images`.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a file cannot be read, or no mask has the name of an image.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images/a_0", "images/a_1", "labels/a"):
        ...         _ = write_array(f"{folder}/{name}.png", np.eye(4, dtype=np.uint8)[None])
        ...     items = read_images(folder, masks=f"{folder}/labels")
        >>> [(item["name"], int(item["label"].sum())) for item in items]
        [('a_0', 4), ('a_1', 4)]
    """
    entries = _list_entries(path, held_out)
    if masks is not None:
        entries = _with_masks(entries, list_unpaired(masks, "label"))
        if all("label" not in entry for entry in entries):
            raise ValueError(
                f"no mask in {masks} has the name of an image in {path}, such as {entries[0]['name']}: name each mask "
                "like its image, or NAME for NAME_0, NAME_1 and so on."
            )
    elif labels:
        folder = Path(path).expanduser() / "labels"
        listed = any("label" in entry for entry in entries) or not folder.is_dir()
        entries = entries if listed else _with_masks(entries, list_unpaired(path, "label"))
    items = []
    for entry in entries:  # one by one, so that files are open for a moment only
        [image] = load_images([entry])
        item = {"image": image["image"], "name": entry["name"], "group": entry["group"]}
        if (labels or masks is not None) and "label" in entry:
            item |= load_labels([entry])[0]
        items.append(item)
    return items


def has_held_out(path: str | os.PathLike[str]) -> bool:
    """Tell whether a data set lists validation or test images.

    Example:
        >>> has_held_out("no_such_folder")
        False
    """
    return bool(_read_list(path, HELD_OUT))


def _list_entries(path: str | os.PathLike[str], held_out: bool) -> list[dict[str, Any]]:
    """List images with their names and groups, and their labels where a data list names them."""
    kept = _read_list(path, HELD_OUT) if held_out else {}
    listed = kept or _read_list(path, TRAINING)
    sources = list(kept) or [entry["image"] for entry in list_unpaired(path, "image")]
    return [
        {
            "image": source,
            "name": strip_suffix(os.path.basename(source)),
            "group": listed[source]["group"] if source in listed else source,
            **({"label": listed[source]["label"]} if "label" in listed.get(source, {}) else {}),
        }
        for source in sources
    ]


def _read_list(path: str | os.PathLike[str], splits: Sequence[str]) -> dict[str, dict[str, str]]:
    """Group and label of each image in the lists of a ``dataset.json``, by its source; nothing where there is none."""
    root = Path(path).expanduser().resolve()
    file = root if root.suffix.lower() == ".json" else root / "dataset.json"
    if not file.is_file():
        return {}
    content = read_list(file)
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no lists, expected lists such as training: write it with write_dataset.")
    found = {}
    for split in splits:
        for entry in content.get(split, []):
            if isinstance(entry, Mapping) and "image" in entry:
                item = {"group": group_of(entry)}
                if "label" in entry:
                    item["label"] = os.path.normpath(file.parent / str(entry["label"]))
                found[os.path.normpath(file.parent / str(entry["image"]))] = item
    return found


def _with_masks(entries: Sequence[dict[str, Any]], masks: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Give each entry the mask of its name, if there is one."""
    mask_of = {strip_suffix(os.path.basename(mask["label"])): mask["label"] for mask in masks}
    sources = [find_source(entry["name"], mask_of) for entry in entries]
    return [
        {key: value for key, value in entry.items() if key != "label"}
        | ({} if source is None else {"label": mask_of[source]})
        for entry, source in zip(entries, sources, strict=True)
    ]
