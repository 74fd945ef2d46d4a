"""Items, and which of them belong together."""

from __future__ import annotations

import math

import pytest
import torch

from monai_genaug.evaluation.items import check_items, check_kind, describe_sizes, find_pairs, find_source


def test_names_and_groups_are_given_where_there_are_none():
    items = check_items([{"image": torch.zeros(1, 4, 4)}, {"image": torch.ones(1, 4, 4), "group": 7}], name="real")
    assert [(item["name"], item["group"], item["label"]) for item in items] == [
        ("real 0", "real 0", None),
        ("real 1", "7", None),
    ]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "there are no real images"),
        ([{"image": torch.full((1, 4, 4), math.nan), "name": "a"}], "image a holds NaN or Inf"),
        ([{"image": torch.full((1, 4, 4), 200.0)}], r"image real 0 has values from 200 to 200, expected \[0, 1\]"),
        ([{"image": torch.zeros(4, 4)}], r"expected \(C, \*S\)"),
        (
            [{"image": torch.zeros(1, 4, 4), "label": torch.zeros(1, 4, 5, dtype=torch.int64), "name": "a"}],
            r"the label of a has shape \(1, 4, 5\), expected \(1, 4, 4\)",
        ),
        ([{"image": torch.zeros(1, 4, 4), "label": torch.full((1, 4, 4), 0.5)}], "the label of real 0 holds 0.5"),
        ([{"image": torch.zeros(1, 4, 4)}, {"image": torch.zeros(3, 4, 4)}], "real 1 has 3 channels and 2 dimensions"),
    ],
    ids=["none", "nan", "range", "shape", "label size", "soft label", "channels"],
)
def test_what_cannot_be_evaluated_is_refused(items, message):
    with pytest.raises(ValueError, match=message):
        check_items(items, name="real")


def test_volumes_are_not_compared_with_planes():
    with pytest.raises(ValueError, match="a has 1 channels and 3 dimensions, b has 1 and 2, expected one kind"):
        check_kind(torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4), names=("a", "b"))


@pytest.mark.parametrize(
    ("name", "source"), [("a", "a"), ("a_0", "a"), ("a_12", "a"), ("b_1", "b_1"), ("b_1_3", "b_1"), ("a_x", None)]
)
def test_the_source_is_told_by_name_and_number(name, source):
    assert find_source(name, {"a", "b", "b_1"}) == source


def test_names_that_occur_twice_pair_nothing():
    assert find_pairs([{"name": "a"}, {"name": "a"}, {"name": "b"}], [{"name": "a"}, {"name": "b_0"}]) == {1: 2}


def test_one_size_is_told_once():
    assert describe_sizes([{"image": torch.zeros(1, 4, 9)}] * 2) == "4x9"
