from __future__ import annotations

import pytest
import torch

from monai_genaug.training import TwoDiscriminators, patch_discriminator
from monai_genaug.training.discriminators import least_crop


@pytest.mark.parametrize("kwargs", [{"layers": 0}, {"base_features": 0}, {"base_features": -4}], ids=str)
def test_a_discriminator_of_nothing_is_refused(kwargs):
    [name] = kwargs
    expected = {"layers": "discriminator_layers", "base_features": "discriminator_features"}[name]
    with pytest.raises(ValueError, match=f"{expected} is {kwargs[name]}, expected at least 1"):
        patch_discriminator(2, 2, **kwargs)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize(("dims", "layers"), [(2, 1), (2, 3), (3, 1), (3, 2)])
def test_the_least_crop_can_be_trained_on_and_a_smaller_one_cannot(dims, layers, norm):
    discriminator = patch_discriminator(dims, 1, base_features=2, layers=layers, norm=norm)
    least = least_crop(layers)
    assert discriminator(torch.rand(1, 1, *[least] * dims))[-1].shape[2:] == (1,) * dims
    with pytest.raises((ValueError, RuntimeError)):
        discriminator(torch.rand(1, 1, *[least - 1] * dims))


def test_each_of_the_two_sees_its_own():
    both = TwoDiscriminators(
        patch_discriminator(2, 3, base_features=4, layers=1, norm="instance"),
        patch_discriminator(2, 1, base_features=4, layers=1, norm="instance"),
    )
    torch.manual_seed(0)
    image, mask = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 24, 24)
    of_image, of_mask = both(image, mask)
    assert all(torch.equal(given, seen) for given, seen in zip(of_image, both.first(image), strict=True))
    assert all(torch.equal(given, seen) for given, seen in zip(of_mask, both.second(mask), strict=True))
    assert of_image[-1].shape[2:] != of_mask[-1].shape[2:]
