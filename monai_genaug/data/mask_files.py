"""The masks of a folder, with names and seeds for the images that are to be made of them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from monai_genaug._rng import derive_seed
from monai_genaug.data._folders import name_path, tell_content
from monai_genaug.data.arrays import find_suffix, strip_suffix

logger = logging.getLogger(__name__)
Item = dict[str, Any]


def list_masks(folder: str | os.PathLike[str], *, per_mask: int = 1, seed: int = 0, name: str = "") -> list[Item]:
    """List the images that are to be made from the masks of a folder.

    Args:
        folder: holds masks in any format of `read_array`, one file each; hidden files and subfolders are left out.
        per_mask: images from each mask; above 1 their names are numbered from 0.
        seed: from which each image's own seed derives, by its mask's name without suffix and its number.
        name: of the setting that `folder` comes from, such as ``masks_dir``, for errors.

    Returns:
        For each image ``{"label": path, "name": str, "group": name of the mask, "seed": int}``, sorted by mask.

    Raises:
        FileNotFoundError: if there is no such folder, or no mask in it.
        ValueError: if two masks have one name, or `per_mask` < 1.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_genaug.data import write_array
        >>> with tempfile.TemporaryDirectory() as masks:
        ...     _ = write_array(f"{masks}/a.png", np.ones((1, 4, 4), np.uint8))
        ...     [item["name"] for item in list_masks(masks, per_mask=2)]
        ['a_0', 'a_1']
    """
    if per_mask < 1:
        raise ValueError(f"per_mask is {per_mask}, expected at least 1 image from each mask.")
    root = Path(folder).expanduser()
    called = name_path(root, name)
    if not root.is_dir():
        raise FileNotFoundError(f"{called} is no folder, expected one that holds masks or images: check its path.")
    masks: dict[str, Path] = {}
    others = []
    for file in sorted(path for path in root.iterdir() if not path.name.startswith(".")):
        if file.is_dir() or not find_suffix(file.name):
            others.append(file.name)
        elif (stem := strip_suffix(file.name)) in masks:
            raise ValueError(f"{root} has {masks[stem].name} and {file.name}, expected one file a name: rename one.")
        else:
            masks[stem] = file
    if not masks:
        raise FileNotFoundError(
            f"{called} {tell_content(root)}, expected files such as a.png or a.nii.gz: check its path."
        )
    if others:
        logger.warning("%s: left out %s, which can be no images.", root, ", ".join(others[:5]))
    return [
        {
            "label": str(file),
            "name": stem if per_mask == 1 else f"{stem}_{number}",
            "group": stem,
            "seed": derive_seed(seed, stem, number),
        }
        for stem, file in masks.items()
        for number in range(per_mask)
    ]
