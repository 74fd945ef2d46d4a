"""Patches, and the places where they are found."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.evaluation.places import cut, find_place, most_detailed_patch, patch_side, random_window, turn_alike
from monai_genaug.metrics import halve


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_side_follows_the_shortest_side_and_the_limit():
    images = [torch.zeros(1, 200, 300), torch.zeros(3, 90, 300)]
    assert (patch_side(images, longest=32), patch_side(images, longest=100)) == (32, 33)
    assert patch_side([torch.zeros(1, 22, 22)], longest=32) == 0


def test_the_patch_lies_where_the_detail_is_and_its_window_gives_its_values():
    image = torch.full((2, 60, 70), 0.5)
    image[:, 24:40, 30:46] = noise(2, 16, 16)
    patch = most_detailed_patch(image, 8, within=(60, 70), seed=0)
    assert patch.window == (slice(24, 40), slice(30, 46))
    assert torch.equal(halve(cut(image, patch.window)), patch.values)


@pytest.mark.parametrize("seed", range(4))
def test_the_patch_stays_within_the_part(seed):
    image = noise(1, 50, 41, 30, seed=seed)
    part = random_window(image, (24, 24, 24), seed=seed)
    patch = most_detailed_patch(image, 8, within=(24, 24, 24), seed=seed)
    for side, whole in zip(patch.window, part, strict=True):
        assert whole.start <= side.start < side.stop <= whole.stop
    assert torch.allclose(halve(cut(image, patch.window)), patch.values)


@pytest.mark.parametrize("start", [(0, 0), (11, 20), (7, 31)], ids=["corner", "odd", "border"])
def test_a_copy_is_found_at_its_place_turned_or_not(start):
    image = noise(1, 40, 64)
    window = tuple(slice(side, side + 16) for side in start)
    copied = cut(image, window)
    for turned in (copied, torch.rot90(copied, 1, (1, 2)), copied.flip(2)):
        assert find_place(halve(turned), image) == window
        assert torch.equal(turn_alike(copied, turned), turned)


def test_a_copy_is_found_in_a_volume():
    image = noise(1, 30, 24, 41)
    window = (slice(5, 21), slice(8, 24), slice(11, 27))
    copied = cut(image, window).flip((1, 3))
    assert find_place(halve(copied), image) == window
    assert torch.equal(turn_alike(cut(image, window), copied), copied)


def test_a_flat_image_has_no_place():
    assert find_place(noise(1, 8, 8), torch.full((1, 40, 40), 0.5)) is None
