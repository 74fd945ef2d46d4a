"""`split_by_group`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_genaug.data import split_by_group
from monai_genaug.data.splits import check_split_groups, choose_items


def items_of(*sizes: int) -> list[dict]:
    return [{"image": f"{g}-{i}.png", "group": f"g{g}"} for g, size in enumerate(sizes) for i in range(size)]


def names(items: list[dict]) -> set[str]:
    return {item["image"] for item in items}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=3, max_size=15), st.integers(0, 2**40))
def test_no_group_is_separated_nothing_is_lost_and_no_split_is_empty(sizes: list[int], seed: int) -> None:
    items = items_of(*sizes)
    splits = split_by_group(items, seed=seed)
    check_split_groups(splits, "test")
    assert sorted(item["image"] for part in splits.values() for item in part) == sorted(names(items))
    assert all(splits.values())


def test_order_of_items_plays_no_part() -> None:
    items = items_of(1, 2, 3, 1, 2, 3, 1)
    forward, backward = split_by_group(items), split_by_group(items[::-1])
    assert {k: names(v) for k, v in forward.items()} == {k: names(v) for k, v in backward.items()}


def test_membership_is_the_same_in_every_process() -> None:
    splits = split_by_group(items_of(*[1] * 10), seed=3)
    assert [sorted(names(splits[name])) for name in ("validation", "test")] == [
        ["5-0.png", "8-0.png"],
        ["1-0.png", "3-0.png"],
    ]


def test_another_seed_gives_another_split() -> None:
    items = items_of(*[1] * 30)
    assert names(split_by_group(items, seed=0)["test"]) != names(split_by_group(items, seed=1)["test"])


@pytest.mark.parametrize(("n", "sizes"), [(100, (60, 20, 20)), (10, (6, 2, 2)), (3, (1, 1, 1)), (4, (2, 1, 1))])
def test_sizes_follow_the_fractions(n: int, sizes: tuple[int, ...]) -> None:
    assert tuple(map(len, split_by_group(items_of(*[1] * n)).values())) == sizes


def test_a_giant_group_goes_to_training() -> None:
    for seed in range(20):
        splits = split_by_group(items_of(90, *[1] * 10), seed=seed)
        assert len(splits["training"]) >= 90


def test_a_fraction_of_0_leaves_its_split_empty() -> None:
    splits = split_by_group(items_of(*[1] * 10), (0.8, 0.2, 0))
    assert [len(part) for part in splits.values()] == [8, 2, 0]


def test_items_without_group_stand_alone() -> None:
    splits = split_by_group([{"image": f"{i}.png"} for i in range(5)])
    assert [len(part) for part in splits.values()] == [3, 1, 1]


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.6, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_wrong_fractions_raise(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected three shares"):
        split_by_group(items_of(1, 1, 1), fractions)


def test_nothing_to_split_raises() -> None:
    with pytest.raises(ValueError, match="no items to split"):
        split_by_group([])


def test_item_without_any_name_raises() -> None:
    with pytest.raises(ValueError, match=r"keys \['flair'\], expected group, image or label"):
        split_by_group([{"flair": "a.nii"}])


def test_shared_group_is_named() -> None:
    with pytest.raises(ValueError, match="x has the group 'p1' in training and in test"):
        check_split_groups({"training": [{"group": "p1"}], "test": [{"group": "p1"}]}, "x")


def test_the_seed_chooses_the_training_images():
    entries = [{"image": str(i)} for i in range(30)]
    first, again, other = (choose_items(entries, 12, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len({entry["image"] for entry in first}) == 12


@pytest.mark.parametrize("count", [None, 30, 99])
def test_all_are_chosen_where_there_are_no_more(count):
    entries = [{"image": str(i)} for i in range(30)]
    assert sorted(choose_items(entries, count, 0), key=lambda entry: int(entry["image"])) == entries
