from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_genaug.training import ForegroundPrepareBatch, foreground


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.bool])
def test_whatever_is_not_background_is_foreground(dtype):
    target = foreground(torch.tensor([[0, 1], [3, 0]]).to(dtype))
    assert target.dtype == torch.float32
    assert target.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_batch_gives_plain_images_and_foreground():
    batch = {"image": MetaTensor(torch.rand(2, 3, 4, 4)), "label": MetaTensor(torch.full((2, 1, 4, 4), 7.0)), "draw": 0}
    image, label = ForegroundPrepareBatch()(batch, device="cpu", non_blocking=True)
    assert type(image) is type(label) is torch.Tensor
    assert torch.equal(image, batch["image"].as_tensor())
    assert (label == 1).all()


def test_options_for_the_move_are_passed_on():
    batch = {"image": torch.rand(1, 1, 2, 2), "label": torch.ones(1, 1, 2, 2)}
    image, _ = ForegroundPrepareBatch()(batch, device="cpu", dtype=torch.float64)
    assert image.dtype == torch.float64
