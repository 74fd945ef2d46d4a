"""Where the masks of a store come from: files, a sampler, or both."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.transforms import Randomizable
from numpy.typing import NDArray
from torch import Tensor

from monai_genaug._checks import check_at_least
from monai_genaug._rng import derive_seed
from monai_genaug.data import digest_datalist, list_masks, load_datalist, read_array
from monai_genaug.data.arrays import find_suffix, strip_suffix
from monai_genaug.data.label_maps import take_label_map


class Draw(NamedTuple):
    """What one sample begins with.

    Args:
        label: (1, *S), int64.
        name: of the sample's files, without suffix.
        group: of what the label is from.
        like: name of the file whose format labels and images have.
        affine: (4, 4).
        dtype: of the label's file, if there is one.
    """

    label: Tensor
    name: str
    group: str
    like: str
    affine: NDArray[np.float64]
    dtype: np.dtype | None


class MaskSource:
    """Gives each sample of a store its label by the sample's number, before a sampler changes it.

    Masks come in random order, each once before any comes again. Without masks, labels are empty, and a sampler draws
    all that they are to hold.

    Args:
        masks: ``{"label", "group"}`` of each mask, of `list_sources`; none for empty labels.
        size: spatial size of empty labels.
        seed: of the order.
        sampled: whether a sampler changes the labels, so that names must not tell of the masks'.
    """

    def __init__(
        self, masks: Sequence[Mapping[str, Any]], size: Sequence[int] | None, *, seed: int, sampled: bool
    ) -> None:
        self.masks, self.size, self.seed, self.sampled = list(masks), size, seed, sampled
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def draw(self, number: int) -> Draw:
        """Give the label of a sample.

        Args:
            number: of the sample, from 0.

        Raises:
            ValueError: if the mask's file is damaged.
        """
        made_up = f"synthetic_{number:06d}"
        if not self.masks:
            assert self.size is not None
            like = "mask.nii.gz" if len(self.size) == 3 else "mask.png"
            return Draw(torch.zeros((1, *self.size), dtype=torch.int64), made_up, made_up, like, np.eye(4), None)
        turn, position = divmod(number, len(self.masks))
        mask = self.masks[self._order(turn)[position]]
        array, meta = read_array(mask["label"])
        label = take_label_map(array, name=str(mask["label"]))
        name = made_up if self.sampled else f"{mask['name']}_{turn}"
        return Draw(label, name, mask["group"], Path(mask["label"]).name, meta["affine"], array.dtype)

    def _draw_order(self, turn: int) -> list[int]:
        return sorted(range(len(self.masks)), key=lambda index: derive_seed(self.seed, "order", turn, index))


def list_sources(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """List masks: the files of a folder, or those of a data set's training images.

    Args:
        path: a folder of masks, or what `load_datalist` understands; of a data set without splits the share that a
            training would take is taken, so that no mask of a test image gets in.

    Returns:
        ``{"label": source, "name": str, "group": str}`` for each; names differ and are fit for files.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ValueError: if there are no masks.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, "a b.png").touch()
        ...     [(item["name"], item["group"]) for item in list_sources(folder)]
        [('a_b', 'a b')]
    """
    root = Path(path).expanduser()
    plain = root.is_dir() and not (root / "dataset.json").is_file()
    if plain and any(file.is_file() and find_suffix(file.name) for file in root.iterdir()):
        found = [{key: item[key] for key in ("label", "name", "group")} for item in list_masks(root, name="--masks")]
    else:
        entries = load_datalist(root, name="--masks")["training"]
        found = [
            {
                "label": entry["label"],
                "name": strip_suffix(Path(entry["image"]).name) if "image" in entry else "mask",
                "group": entry["group"],
            }
            for entry in entries
        ]
    names = [re.sub(r"[^\w.-]+", "_", item["name"]).lstrip(".") for item in found]
    if len(set(names)) < len(names):
        names = [f"mask_{number:06d}" for number in range(len(names))]
    return [{**item, "name": name} for item, name in zip(found, names, strict=True)]


def open_source(
    masks: str | os.PathLike[str] | None, sampler: Randomizable | None, size: Sequence[int] | None, *, seed: int
) -> MaskSource:
    """Find out where masks come from, and refuse what gives none, or two answers.

    Args:
        masks: see `list_sources`; None where the sampler makes them out of nothing.
        sampler: that makes new masks; None keeps them.
        size: spatial size of masks out of nothing.
        seed: of the order.

    Raises:
        FileNotFoundError: if there is nothing at `masks`.
        ValueError: if these do not go together.

    Example:
        >>> open_source(None, None, None, seed=0)
        Traceback (most recent call last):
            ...
        ValueError: neither masks nor a sampler is given, expected one or both: ...
    """
    if masks is None and sampler is None:
        raise ValueError("neither masks nor a sampler is given, expected one or both: pass --masks, --sampler or both.")
    if masks is not None and size is not None:
        raise ValueError("size is given, but masks have sizes of their own: leave one of --size and --masks out.")
    if masks is None:
        if size is None or len(size) not in (2, 3):
            raise ValueError(
                f"size is {size}, expected two or three numbers where a sampler makes masks out of nothing: pass "
                "--size 256,256, or --masks for a sampler that changes masks."
            )
        check_at_least(1, **{f"size[{axis}]": side for axis, side in enumerate(size)})
        return MaskSource([], size, seed=seed, sampled=True)
    return MaskSource(list_sources(masks), None, seed=seed, sampled=sampler is not None)


def digest_masks(source: MaskSource) -> dict[str, Any] | None:
    """Tell masks from others by content, names and groups, which all go into the store; None where there are none."""
    if not source.masks:
        return None
    named = json.dumps([[mask["name"], mask["group"]] for mask in source.masks])
    content = digest_datalist(source.masks, keys=("label",))
    return {
        "count": len(source.masks),
        "digest": hashlib.sha256(f"{named}{content}".encode()).hexdigest()[:16],
    }
