from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_genaug import ModuleGenerator
from monai_genaug.masks import BinaryEncoding


def wrap(module: nn.Module, **kwargs) -> ModuleGenerator:
    return ModuleGenerator(module, spatial_dims=2, image_channels=1, encoding=BinaryEncoding(), **kwargs)


def test_output_range_is_mapped_to_the_unit_range():
    image = wrap(nn.Identity(), output_range=(-1, 3)).sample(torch.ones(1, 1, 2, 2), seeds=[0])
    assert image.unique().tolist() == [0.5]


def test_a_module_that_draws_unasked_is_refused_and_the_global_state_put_back():
    class Draws(nn.Module):
        def forward(self, condition):
            return condition + torch.rand_like(condition)

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="pass draws_noise=True"):
        wrap(Draws()).sample(torch.ones(1, 1, 2, 2), seeds=[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"gave images of shape \(1, 1, 1, 1\), expected \(1, 1, 2, 2\)"):
        wrap(nn.AvgPool2d(2)).sample(torch.ones(1, 1, 2, 2), seeds=[0])


def test_sizes_are_padded_to_the_stride_of_the_module_and_cropped_back():
    class NeedsFours(nn.Module):
        def forward(self, condition):
            assert condition.shape[-1] % 4 == condition.shape[-2] % 4 == 0
            return condition

    assert wrap(NeedsFours(), stride=4).sample(torch.ones(1, 1, 5, 7), seeds=[0]).shape == (1, 1, 5, 7)


def test_a_wrong_output_range_is_refused():
    with pytest.raises(ValueError, match="output_range"):
        wrap(nn.Identity(), output_range=(1, 1))
