"""Splits that keep what belongs together on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_genaug._rng import derive_seed

SPLITS = ("training", "validation", "test")
Item = dict[str, Any]


def group_of(item: Mapping[str, Any]) -> str:
    """Give the group of an item; without one, its image (or else its label) stands alone.

    Example:
        >>> group_of({"image": "a.png", "group": "patient 3"}), group_of({"image": "a.png"})
        ('patient 3', 'a.png')
    """
    for key in ("group", "image", "label"):
        if key in item:
            return str(item[key])
    raise ValueError(f"an item has the keys {sorted(item)}, expected group, image or label: name its group.")


def split_by_group(
    items: Sequence[Item], fractions: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
) -> dict[str, list[Item]]:
    """Split items into training, validation and test, never separating a group.

    Groups come in an order that hangs on the seed and their names alone, and each goes to the split that lacks most
    items; a split that stays empty then gets the smallest group of the split with most groups. Hence the order of items
    plays no part, and with at least three groups no split with a fraction above 0 is empty.

    Args:
        items: the data list; items with equal `group` stay together.
        fractions: shares of training, validation and test, >= 0, of sum 1.
        seed: any integer.

    Returns:
        The items of each split, in the order in which they came.

    Raises:
        ValueError: if there are no items, or the fractions are not three shares of 1.

    Example:
        >>> items = [{"image": f"{i}.png", "group": i // 2} for i in range(20)]
        >>> {name: len(part) for name, part in split_by_group(items).items()}
        {'training': 12, 'validation': 4, 'test': 4}
    """
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or not (shares >= 0).all() or not np.isclose(shares.sum(), 1):
        raise ValueError(
            f"fractions is {tuple(fractions)}, expected three shares >= 0 of sum 1, such as 0.6, 0.2, 0.2."
        )
    if not items:
        raise ValueError("there are no items to split, expected at least one: check where they come from.")
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    order = sorted(groups, key=lambda group: (derive_seed(seed, "split", group), group))
    used = [i for i in range(3) if shares[i] > 0]
    lacking = shares * len(items)
    split_of: dict[str, int] = {}
    for group in order:
        split_of[group] = max(used, key=lacking.__getitem__)
        lacking[split_of[group]] -= len(groups[group])
    for empty in [i for i in used if i not in split_of.values()]:
        donor = Counter(split_of.values()).most_common(1)[0][0]
        donated = [group for group in order if split_of[group] == donor]
        if len(donated) > 1:
            split_of[min(donated, key=lambda group: len(groups[group]))] = empty
    return {name: [item for item in items if split_of[group_of(item)] == i] for i, name in enumerate(SPLITS)}


def choose_items(items: Sequence[Item], count: int | None, seed: int) -> list[Item]:
    """Choose some of the training items by a seed.

    Args:
        items: the data list.
        count: how many; all where there are fewer, or for None.
        seed: any integer.

    Returns:
        The items in an order that hangs on the seed; with another count it begins alike.

    Example:
        >>> items = [{"image": f"{number}.png"} for number in range(9)]
        >>> choose_items(items, 3, seed=0) == choose_items(items, 5, seed=0)[:3]
        True
    """
    order = np.random.default_rng(derive_seed(seed, "training images")).permutation(len(items))
    return [items[index] for index in order[:count]]


def check_split_groups(splits: Mapping[str, Sequence[Mapping[str, Any]]], where: str) -> None:
    """Raise if two splits share a group.

    Args:
        splits: items by the name of their split.
        where: what the error calls the source.

    Raises:
        ValueError: naming the group and its splits.

    Example:
        >>> check_split_groups({"training": [{"group": "p1"}], "test": [{"group": "p2"}]}, "dataset.json")
    """
    seen: dict[str, str] = {}
    for name, items in splits.items():
        for item in items:
            group = group_of(item)
            if seen.setdefault(group, name) != name:
                raise ValueError(
                    f"{where} has the group {group!r} in {seen[group]} and in {name}, expected each group in one "
                    "split, as scores would be too good: move its items to one of them."
                )
