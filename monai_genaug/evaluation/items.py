"""The images that are evaluated, as items, and which of them belong together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from monai_genaug._checks import check_label
from monai_genaug._tensors import as_plain_tensor
from monai_genaug.metrics.paired import check_image

Item = dict[str, Any]


def check_items(items: Iterable[Mapping[str, Any]], *, name: str) -> list[Item]:
    """Give items their names and groups, and refuse what is no image or has a label that does not fit.

    Args:
        items: ``{"image": (C, *S) in [0, 1]}``, perhaps with "name", "group" and "label" (1, *S).
        name: what they are called, such as ``"real"``.

    Returns:
        The items with all four; the label is None where there is none, and an image without a group is its own.

    Raises:
        ValueError: for no items, images of several kinds, or what is no image or no label.

    Example:
        >>> import torch
        >>> [item] = check_items([{"image": torch.zeros(1, 4, 4)}], name="real")
        >>> item["name"], item["label"] is None
        ('real 0', True)
    """
    found: list[Item] = []
    for number, item in enumerate(items):
        called = str(item.get("name", f"{name} {number}"))
        image = check_image(f"image {called}", item["image"])
        label = item.get("label")
        if label is not None:
            label = check_label(as_plain_tensor(label), name=f"the label of {called}")
            if label.shape != (1, *image.shape[1:]):
                raise ValueError(
                    f"the label of {called} has shape {tuple(label.shape)}, expected {(1, *image.shape[1:])} to fit "
                    "its image: give each image the mask that it was made from."
                )
        found.append({"image": image, "name": called, "group": str(item.get("group", called)), "label": label})
    if not found:
        raise ValueError(f"there are no {name} images, expected at least one: look whether the folder is empty.")
    for item in found:
        check_kind(item["image"], found[0]["image"], names=(item["name"], found[0]["name"]))
    return found


def check_kind(image: Tensor, other: Tensor, *, names: tuple[str, str]) -> None:
    """Refuse two images that differ in channels or dimensions.

    Example:
        >>> import torch
        >>> check_kind(torch.zeros(1, 4, 4), torch.zeros(1, 8, 9), names=("a", "b"))
    """
    if (image.ndim, len(image)) != (other.ndim, len(other)):
        raise ValueError(
            f"{names[0]} has {len(image)} channels and {image.ndim - 1} dimensions, {names[1]} has {len(other)} and "
            f"{other.ndim - 1}, expected one kind of image: convert one of the folders."
        )


def find_source(name: str, known: Container[str]) -> str | None:
    """Give the mask or real image from which a synthetic image was made, by its name: NAME, or NAME_0, NAME_1, ...

    Example:
        >>> known = {"a", "b_1"}
        >>> find_source("a_12", known), find_source("b_1", known), find_source("b_1_0", known), find_source("c", known)
        ('a', 'b_1', 'b_1', None)
    """
    return next((text for text in (name, re.sub(r"_\d+$", "", name)) if text in known), None)


def find_pairs(real: Sequence[Item], synthetic: Sequence[Item]) -> dict[int, int]:
    """Find the real image of each synthetic one, by `find_source`; names that several real images have tell nothing.

    Returns:
        Number of the real image by the number of the synthetic one, where there is one.

    Example:
        >>> find_pairs([{"name": "a"}, {"name": "b"}], [{"name": "b_0"}, {"name": "c"}, {"name": "b_1"}])
        {0: 1, 2: 1}
    """
    counts = Counter(item["name"] for item in real)
    number_of = {item["name"]: number for number, item in enumerate(real) if counts[item["name"]] == 1}
    sources = (find_source(item["name"], number_of) for item in synthetic)
    return {number: number_of[source] for number, source in enumerate(sources) if source is not None}


def describe_sizes(items: Sequence[Item]) -> str:
    """Give the spatial sizes of images in words.

    Example:
        >>> import torch
        >>> describe_sizes([{"image": torch.zeros(1, 4, 9)}, {"image": torch.zeros(1, 6, 5)}])
        '4x5 to 6x9'
    """
    sides = list(zip(*(item["image"].shape[1:] for item in items), strict=True))
    least, most = ("x".join(str(pick(side)) for side in sides) for pick in (min, max))
    return least if least == most else f"{least} to {most}"
