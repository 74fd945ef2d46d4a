from __future__ import annotations

import pytest
import torch

from monai_genaug.training import TwoDiscriminators, patch_discriminator


@pytest.mark.parametrize("kwargs", [{"layers": 0}, {"base_features": 0}, {"base_features": -4}], ids=str)
def test_a_discriminator_of_nothing_is_refused(kwargs):
    [name] = kwargs
    expected = {"layers": "discriminator_layers", "base_features": "discriminator_features"}[name]
    with pytest.raises(ValueError, match=f"{expected} is {kwargs[name]}, expected at least 1"):
        patch_discriminator(2, 2, **kwargs)


def test_each_of_the_two_sees_its_own():
    both = TwoDiscriminators(
        patch_discriminator(2, 3, base_features=4, layers=1, norm="instance"),
        patch_discriminator(2, 1, base_features=4, layers=1, norm="instance"),
    )
    torch.manual_seed(0)
    image, mask = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 24, 24)
    of_image, of_mask = both(image, mask)
    assert torch.equal(of_image, both.first(image)[-1])
    assert torch.equal(of_mask, both.second(mask)[-1])
    assert of_image.shape[2:] != of_mask.shape[2:]
