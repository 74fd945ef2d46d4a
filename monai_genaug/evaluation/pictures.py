"""What the report shows: some images, the nearest pairs, and how near they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from monai_genaug._rng import derive_seed
from monai_genaug.evaluation.copies import Copies, Neighbour, distances
from monai_genaug.evaluation.items import Item
from monai_genaug.evaluation.places import cut, find_place, turn_alike
from monai_genaug.pages import Figure
from monai_genaug.pictures import fit_plane, image_pixels, middle_plane, png_data_uri

LONGEST = 256  # pixels of a picture
WIDTH = 320.0  # of the strip's axis, in the units of its SVG


class Pair(NamedTuple):
    """Parts of two images that are alike: the second was turned and mirrored to lie like the first."""

    first: Figure
    second: Figure
    caption: str


class Strip(NamedTuple):
    """Distances as marks on an axis: places from 0 to 320 of each kind, and of the threshold."""

    rows: dict[str, list[float]]
    threshold: float
    end: str
    summary: str


def show_some(items: Sequence[Item], kind: str, *, seed: int, count: int = 6) -> list[Figure]:
    """Show a few images, chosen at random.

    Args:
        items: of `check_items`.
        kind: what they are called.
        seed: of the choice.
        count: at most.

    Returns:
        The figures, of volumes the middle slice of the last axis.
    """
    order = np.random.default_rng(derive_seed(seed, "shown", kind)).permutation(len(items))
    chosen = [items[number] for number in sorted(order[:count].tolist())]
    return [Figure(_encode(item["image"]), item["name"], f"{kind} image {item['name']}") for item in chosen]


def show_nearest(
    neighbours: Sequence[Neighbour], images: Sequence[Item], real: Sequence[Item], kind: str, *, count: int = 6
) -> list[Pair]:
    """Show what comes nearest to a real image, beside the place of that image.

    Args:
        neighbours: of `find_copies`.
        images: that they are numbers of.
        real: items of `check_items`, among which the nearest was looked for.
        kind: what the images are called.
        count: at most.

    Returns:
        The pairs, the nearest first.
    """
    found = sorted((one for one in neighbours if one.nearest >= 0), key=lambda one: one.distance)[:count]
    pairs = []
    for one in found:
        item, other = images[one.image], real[one.nearest]
        place = find_place(one.patch.values, other["image"])
        if place is None:
            continue
        part = cut(item["image"], one.patch.window)
        alike = turn_alike(cut(other["image"], place), part)
        pairs.append(
            Pair(
                Figure(_encode(part), kind, f"part of {kind} image {item['name']}"),
                Figure(_encode(alike), "nearest real", f"the most similar part of real image {other['name']}"),
                f"{item['name']} and {other['name']}: distance {one.distance:.3f}",
            )
        )
    return pairs


def show_distances(copies: Copies) -> Strip:
    """Lay out the distances of `Copies` as marks from 0 on.

    Args:
        copies: of `find_copies`.

    Returns:
        The strip.
    """
    values = {
        "synthetic": distances(copies.synthetic),
        "held-out real" if copies.held_out else "real, to others": distances(copies.baseline),
    }
    end = max(1e-6, *map(max, values.values()))
    summary = "; ".join(
        f"{name}: {len(found)} distances from {min(found):.3f} to {max(found):.3f}" for name, found in values.items()
    )
    rows = {name: [round(WIDTH * value / end, 1) for value in found] for name, found in values.items()}
    return Strip(rows, round(WIDTH * copies.threshold / end, 1), f"{end:.2f}", summary)


def _encode(image: Tensor) -> str:
    """Turn an image (C, *S) into a data URI."""
    return png_data_uri(image_pixels(fit_plane(middle_plane(image), LONGEST)), longest=LONGEST)
