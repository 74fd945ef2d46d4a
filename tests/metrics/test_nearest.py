from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from monai_genaug.metrics import densest_patch, halve, halve_all_ways, nearest_distance


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def orientations(image: Tensor) -> list[Tensor]:
    """All orientations of an image (C, *S), by axes written out."""
    flips = [
        image.flip([axis for axis, flip in zip((1, 2, 3), flags, strict=False) if flip])
        for flags in product((0, 1), repeat=image.ndim - 1)
    ]
    return flips + [flip.transpose(1, 2) for flip in flips] if image.ndim == 3 else flips


def by_brute_force(patch: Tensor, images: list[Tensor], min_std: float) -> float:
    best = -math.inf
    query = standardised(patch)
    for turned in (turned for image in images for turned in orientations(image)):
        window = turned.double()
        for axis, length in enumerate(patch.shape[1:], start=1):
            window = window.unfold(axis, length, 1) if turned.shape[axis] >= length else window[:0]
        if not window.numel():
            continue
        dims = patch.ndim - 1
        windows = window.reshape(patch.shape[0], -1, *patch.shape[1:]).movedim(1, 0)
        for candidate in windows:
            if candidate.var(dim=tuple(range(1, dims + 1)), unbiased=False).mean().sqrt() >= min_std:
                best = max(best, float((standardised(candidate) * query).sum()))
    return 1 - best


def standardised(patch: Tensor) -> Tensor:
    centred = patch.double() - patch.double().mean(dim=tuple(range(1, patch.ndim)), keepdim=True)
    return centred / centred.norm()


@pytest.mark.parametrize(
    ("patch", "sizes"),
    [((1, 5, 5), [(12, 9)]), ((3, 4, 6), [(9, 11), (5, 13), (9, 11)]), ((2, 3, 4, 3), [(6, 5, 7)])],
    ids=["grey", "colour and several sizes", "volume"],
)
def test_the_distance_is_that_of_a_search_of_every_window(patch, sizes):
    images = [noise(patch[0], *size, seed=seed) for seed, size in enumerate(sizes)]
    images[0][:, :4] *= 0.3  # some windows are left out
    patches = noise(4, *patch, seed=9)
    expected = [by_brute_force(one, images, 0.15) for one in patches]
    assert nearest_distance(patches, images, min_std=0.15).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("orientation", range(8))
@pytest.mark.parametrize("shape", [(1, 40, 30), (3, 24, 20, 18)], ids=["plane", "volume"])
def test_a_copy_is_found_in_every_orientation(shape, orientation):
    images = [noise(*shape, seed=seed) for seed in range(2)]
    patch = images[1][(slice(None), *(slice(5, 15) for _ in shape[1:]))]
    turned = orientations(patch)[orientation]
    assert nearest_distance(turned[None], images).item() < 1e-3
    assert nearest_distance(turned[None], images[:1]).item() > 0.3


def test_a_copy_is_found_whatever_its_contrast_and_the_brightness_of_its_channels():
    image = noise(3, 30, 30)
    changed = 0.3 * image[None, :, 7:19, 3:15] + torch.tensor([0.5, 0.1, 0.0]).reshape(1, 3, 1, 1)
    assert nearest_distance(changed, [image]).item() < 1e-3


def test_a_negative_is_no_copy():
    image = noise(1, 12, 12)
    assert nearest_distance(1 - image[None], [image]).item() > 0.5


def test_a_copy_is_found_at_the_border():
    image = noise(1, 21, 33)
    corners = torch.stack([image[:, :9, :9], image[:, -9:, :9], image[:, :9, -9:], image[:, -9:, -9:]])
    assert (nearest_distance(corners, [image]) < 1e-3).all()


def test_a_long_patch_is_found_in_images_into_which_it_fits_only_turned():
    image = noise(1, 20, 6)
    assert nearest_distance(image[:, 3:17, 1:5].transpose(1, 2)[None], [image, noise(1, 3, 3)]).item() < 1e-3


def test_fresh_noise_is_far():
    assert (nearest_distance(noise(4, 1, 16, 16, seed=5), [noise(1, 64, 64)]) > 0.6).all()


def test_the_answer_for_a_patch_does_not_hang_on_the_others():
    patches, images = noise(3, 1, 8, 8, seed=1), [noise(1, 30, 20), noise(1, 20, 20, seed=2)]
    together = nearest_distance(patches, images)
    alone = torch.cat([nearest_distance(patch[None], images[::-1]) for patch in patches])
    torch.testing.assert_close(together, alone)


def test_a_flat_patch_has_no_distance():
    patches = torch.stack([torch.full((1, 8, 8), 0.5), noise(1, 8, 8), 0.5 + 0.01 * noise(1, 8, 8)])
    assert nearest_distance(patches, [noise(1, 20, 20)]).isnan().tolist() == [True, False, True]


def test_flat_windows_are_left_out():
    image = torch.zeros(1, 30, 30)
    image[:, :10, :10] = noise(1, 10, 10)
    faint = image.clone()
    faint[:, 20:, 20:] = 0.01 * noise(1, 10, 10, seed=3)
    patch = faint[None, :, 20:, 20:] * 100
    assert nearest_distance(patch, [faint]).item() > 0.2
    assert nearest_distance(patch, [faint], min_std=0.001).item() < 1e-3
    assert nearest_distance(patch, [torch.zeros(1, 30, 30)]).isnan().all()


def test_a_faint_copy_beside_bright_structures_is_found():
    image = noise(1, 64, 64)
    image[:, 40:60, 40:60] *= 0.08  # a standard deviation of 0.023
    assert nearest_distance(10 * image[None, :, 44:56, 44:56], [image]).item() < 1e-3


@pytest.mark.parametrize(
    ("patches", "images", "message"),
    [
        (noise(1, 8, 8), [noise(1, 9, 9)], "patches have shape"),
        (noise(0, 1, 8, 8), [noise(1, 9, 9)], "patches have shape"),
        (noise(1, 1, 8, 8), [], "no images"),
        (noise(1, 1, 8, 8), [noise(3, 9, 9)], "an image has shape"),
        (noise(1, 1, 8, 8), [noise(1, 9, 7), noise(1, 7, 7)], "larger than every image"),
        (noise(1, 1, 8, 8), [noise(1, 9, 9) * math.nan], "NaN or Inf"),
    ],
    ids=["no batch", "no patch", "no image", "other channels", "small images", "NaN"],
)
def test_what_cannot_be_compared_is_refused(patches, images, message):
    with pytest.raises(ValueError, match=message):
        nearest_distance(patches, images)


def test_a_min_std_of_zero_is_refused():
    with pytest.raises(ValueError, match="min_std is 0"):
        nearest_distance(noise(1, 1, 8, 8), [noise(1, 9, 9)], min_std=0)


def test_halving_takes_means_of_blocks_of_a_volume():
    volume = torch.arange(16.0).reshape(2, 2, 2, 2)
    assert halve(volume).flatten().tolist() == [3.5, 11.5]


@pytest.mark.parametrize("start", [(4, 6), (5, 6), (4, 7), (5, 7)])
def test_a_copy_at_any_place_is_found_at_half_resolution(start):
    image = noise(1, 41, 38)
    copy = image[:, start[0] : start[0] + 24, start[1] : start[1] + 24].rot90(1, (1, 2))
    assert nearest_distance(halve(copy)[None], halve_all_ways(image)).item() < 1e-3


def test_half_resolution_of_a_volume_has_eight_ways():
    halves = halve_all_ways(noise(2, 5, 6, 7))
    assert [tuple(half.shape) for half in halves[:2]] == [(2, 2, 3, 3), (2, 2, 3, 3)]
    assert len(halves) == 8


def test_the_densest_patch_of_a_volume_holds_most_foreground():
    label = torch.zeros(1, 9, 8, 7)
    label[:, 1, 1, 1] = 1
    label[:, 5:7, 3:5, 2:4] = 1
    patch = densest_patch(label, label, 2)
    assert patch.shape == (1, 2, 2, 2)
    assert patch.all()


def test_the_densest_patch_of_an_empty_label_is_the_first():
    image = noise(1, 8, 8)
    assert torch.equal(densest_patch(image, torch.zeros(1, 8, 8), 4), image[:, :4, :4])


@pytest.mark.parametrize(("shape", "size"), [((1, 8, 7), 4), ((1, 8, 8), 9), ((1, 8, 8), 0)])
def test_a_patch_that_does_not_fit_is_refused(shape, size):
    with pytest.raises(ValueError, match="expected"):
        densest_patch(noise(1, 8, 8), torch.zeros(shape), size)


def test_a_real_image_that_was_turned_and_stored_in_8_bit_is_known_again(real_data):
    from monai_genaug.data import load_datalist, load_items

    items = load_items(load_datalist(real_data("dsb2018_fluorescence"))["training"][:4])
    images = [half for item in items[:3] for half in halve_all_ways(item["image"])]
    copy, other = items[2], items[3]
    copied = (255 * (0.1 + 0.8 * copy["image"].rot90(1, (1, 2)))).round() / 255
    foreground = [(item["label"] > 0).float() for item in (copy, other)]
    patches = torch.stack(
        [
            densest_patch(halve(copied), halve(foreground[0].rot90(1, (1, 2))), 32),
            densest_patch(halve(other["image"]), halve(foreground[1]), 32),
        ]
    )
    near, far = nearest_distance(patches, images).tolist()
    assert near < 1e-3
    assert far > 0.05
