"""Copies of real images are flagged, and others are not."""

from __future__ import annotations

import math

import pytest
import torch

from monai_genaug.evaluation.copies import find_copies
from monai_genaug.evaluation.items import check_items
from tests.evaluation.drawn import textures


def find(real, synthetic, held_out=None, **options):
    sets = (check_items(real, name="real"), check_items(synthetic, name="synthetic"))
    return find_copies(*sets, None if held_out is None else check_items(held_out, name="held-out"), **options)


def test_copies_are_flagged_with_their_source_and_others_are_not():
    real = textures(6)
    copied = [{"image": 0.2 + 0.7 * real[number]["image"].flip(1)} for number in (4, 1)]
    found = find(real, [*copied, *textures(3, seed=4)], textures(20, seed=2))
    assert found.flagged == [0, 1]
    assert [neighbour.nearest for neighbour in found.synthetic[:2]] == [4, 1]
    assert all(neighbour.distance < 1e-3 for neighbour in found.synthetic[:2])
    assert (found.held_out, found.rule, len(found.baseline)) == (True, "the smallest distance", 20)
    assert found.threshold == min(neighbour.distance for neighbour in found.baseline)


def test_a_copy_at_an_odd_place_of_a_larger_image_is_flagged():
    real = textures(3, (70, 80))
    found = find(real, [{"image": real[2]["image"][:, 13:61, 5:53]}], textures(3, (70, 80), seed=1))
    assert found.flagged == [0]


def test_copies_in_volumes_are_flagged():
    real = textures(3, (26, 30, 24))
    found = find(real, [{"image": real[1]["image"].flip(3)}, *textures(1, (26, 30, 24), seed=1)])
    assert found.flagged == [0]
    assert found.synthetic[0].nearest == 1


def test_without_held_out_images_each_real_one_is_compared_with_the_others():
    found = find(textures(5), textures(2, seed=1))
    assert not found.held_out
    assert all(neighbour.nearest != neighbour.image for neighbour in found.baseline)
    assert min(neighbour.distance for neighbour in found.baseline) > 0.1


def test_the_own_group_is_left_out_and_duplicates_without_one_are_told():
    real = textures(4)
    real.append({"image": real[0]["image"].flip(2), "name": "again"})
    hidden = find(real, textures(2, seed=1))
    assert (hidden.same, hidden.threshold < 0.01) == (2, True)
    for number, item in enumerate(real):
        item["group"] = "first" if number in (0, 4) else str(number)
    found = find(real, textures(2, seed=1))
    assert (found.same, found.threshold > 0.1) == (0, True)


def test_images_like_the_held_out_ones_are_as_near_as_these():
    found = find(textures(6), textures(20, seed=1), textures(20, seed=2))
    assert 0.3 < found.nearer < 0.7
    assert found.by_chance == pytest.approx(20 / 21)


def test_patches_of_large_and_small_images_are_chosen_from_parts_of_one_size():
    """Of a large image there would be more places, hence more detail, and a greater distance."""
    large = textures(1, (48, 96), seed=3)[0]["image"]
    large[:, :, :48] = 0.5 + 0.2 * large[:, :, :48]
    windows = {
        neighbour.patch.window[1].start >= 48
        for seed in range(8)
        for neighbour in find(textures(2), textures(1, seed=1), [{"image": large}], seed=seed).baseline
    }
    assert windows == {True, False}


def test_flat_images_are_not_compared():
    found = find(textures(4), [*textures(1, seed=1), {"image": torch.full((1, 48, 48), 0.5)}])
    assert math.isnan(found.synthetic[1].distance)
    assert found.synthetic[1].nearest == -1
    assert found.flagged == []


def test_the_number_of_searched_images_is_limited_and_repeats():
    real, synthetic = textures(5), textures(9, seed=1)
    twice = [find(real, synthetic, most=3, seed=2) for _ in range(2)]
    assert (len(twice[0].synthetic), len(twice[0].baseline)) == (3, 3)
    assert [n.image for n in twice[0].synthetic] == [n.image for n in twice[1].synthetic]
    assert [n.distance for n in twice[0].synthetic] == [n.distance for n in twice[1].synthetic]


def test_many_baseline_images_give_a_quantile():
    found = find(textures(1, (24, 24)), textures(1, (24, 24), seed=1), textures(120, (24, 24), seed=2), most=120)
    distances = sorted(neighbour.distance for neighbour in found.baseline)
    assert (found.rule, found.threshold) == ("the 1% quantile of the distances", distances[1])


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (textures(2, (20, 40)), textures(2), "below 23 voxels"),
        (textures(1), textures(2), "no image of the baseline"),
        (textures(2), [{"image": torch.zeros(1, 48, 48)}], "no synthetic image has enough detail"),
    ],
    ids=["small", "one real", "flat"],
)
def test_what_cannot_be_compared_says_why(real, synthetic, message):
    with pytest.raises(ValueError, match=message):
        find(real, synthetic)
