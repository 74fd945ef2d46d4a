"""Gates by the nearest training image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from monai_genaug.phantoms import nuclei_phantom
from monai_genaug.quality import NearestNeighbourPrivacy


def phantom(seed: int, size: tuple[int, int] = (64, 72)) -> tuple[Tensor, Tensor]:
    drawn = nuclei_phantom(size, seed=seed)
    return torch.as_tensor(drawn.image).float(), torch.as_tensor(drawn.label.astype("int64"))


@pytest.fixture(scope="module")
def gate() -> NearestNeighbourPrivacy:
    training = [phantom(seed)[0] for seed in range(4)]
    return NearestNeighbourPrivacy.fit(training, [phantom(seed) for seed in range(10, 22)], patch_size=16)


def test_copies_are_refused_however_they_are_turned_and_brightened(gate):
    image, label = phantom(2)
    copies = [image, image.flip(1), image.flip(2), 0.2 + 0.7 * image]
    labels = [label, label.flip(1), label.flip(2), label]
    assert gate(torch.stack(copies), torch.stack(labels)).tolist() == [False] * 4


def test_a_crop_of_a_training_image_is_refused(gate):
    image, label = phantom(1)
    assert not gate(image[None, :, 10:58, 6:70], label[None, :, 10:58, 6:70]).item()


def test_about_all_other_real_images_pass(gate):
    others = [phantom(seed) for seed in range(30, 42)]
    passed = gate(torch.stack([image for image, _ in others]), torch.stack([label for _, label in others]))
    assert passed.float().mean() > 0.6


def test_the_least_distance_is_a_quantile_of_held_out_images(gate):
    held_out = [phantom(seed) for seed in range(10, 22)]
    distances = torch.cat([gate.distances(image[None], label[None]) for image, label in held_out])
    assert gate.least_distance == pytest.approx(torch.quantile(distances, 0.05).item(), abs=1e-6)
    assert gate.least_distance > 0.05


def test_an_image_too_flat_to_compare_passes(gate):
    assert gate(torch.full((1, 1, 64, 64), 0.5), torch.ones(1, 1, 64, 64)).item()


def test_images_smaller_than_the_patch_are_compared_as_far_as_they_go(gate):
    image, label = phantom(0)
    assert not gate(image[None, :, 20:40, 20:40], label[None, :, 20:40, 20:40]).item()


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="training holds no image"):
        NearestNeighbourPrivacy([], least_distance=0.1)
    with pytest.raises(ValueError, match="least_distance is -1"):
        NearestNeighbourPrivacy([torch.rand(1, 8, 8)], least_distance=-1)
    flat = (torch.full((1, 64, 64), 0.5), torch.ones(1, 64, 64))
    with pytest.raises(ValueError, match="held_out holds no image that can be compared"):
        NearestNeighbourPrivacy.fit([phantom(0)[0]], [flat])
    with pytest.raises(ValueError, match="held_out holds no image"):
        NearestNeighbourPrivacy.fit([phantom(0)[0]], [])


def test_its_identity_follows_the_training_images_and_the_least_distance():
    images = [phantom(seed)[0] for seed in range(2)]
    own = NearestNeighbourPrivacy(images, least_distance=0.1).identity
    assert NearestNeighbourPrivacy(images, least_distance=0.1).identity == own
    assert NearestNeighbourPrivacy(images, least_distance=0.2).identity != own
    assert NearestNeighbourPrivacy(images[::-1], least_distance=0.1).identity != own
