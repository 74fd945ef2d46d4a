"""Gates by what a segmentation network finds."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor, nn

from monai_genaug.quality import MaskFaithfulness
from tests.helpers import blobs


class Threshold(nn.Module):
    """Finds what is brighter than one half; refuses sizes that are no multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.5))
        self.drop = nn.Dropout(0.9)

    def forward(self, images: Tensor) -> Tensor:
        assert all(side % 8 == 0 for side in images.shape[2:])
        return self.drop(images.mean(dim=1, keepdim=True)) - self.level


@pytest.mark.parametrize("size", [(16, 24), (13, 21), (9, 10, 11)])
def test_an_image_of_the_mask_passes_and_one_of_another_does_not(size):
    labels = torch.stack([blobs(size, seed=seed) for seed in (0, 1)])
    images = (labels > 0).float().repeat(1, 3, *[1] * len(size))
    gate = MaskFaithfulness(Threshold(), least_dice=0.9, stride=8)
    assert gate(images, labels).tolist() == [True, True]
    assert gate(images.flip(0), labels).tolist() == [False, False]


@pytest.mark.parametrize(("least", "passes"), [(0.79, True), (0.81, False)])
def test_the_dice_decides(least, passes):
    label = torch.zeros(1, 1, 20, 20, dtype=torch.int64)
    label[..., 5:15, 5:15] = 1
    image = torch.roll(label, 2, dims=-1).float()  # Dice 0.8
    assert MaskFaithfulness(Threshold(), least_dice=least, stride=8)(image, label).tolist() == [passes]


def test_an_image_of_an_empty_mask_must_show_nothing():
    label = torch.zeros(2, 1, 8, 8, dtype=torch.int64)
    image = torch.zeros(2, 1, 8, 8)
    image[1, 0, 2, 2] = 1.0
    assert MaskFaithfulness(Threshold(), least_dice=0.7, stride=8)(image, label).tolist() == [True, False]


def test_no_gradient_and_no_dropout():
    network = Threshold().train()
    gate = MaskFaithfulness(network, stride=8)
    image = torch.ones(1, 1, 8, 8, requires_grad=True)
    assert gate(image, torch.ones(1, 1, 8, 8)).tolist() == [True]
    assert network.level.grad is None
    assert pickle.loads(pickle.dumps(gate))(image, torch.ones(1, 1, 8, 8)).tolist() == [True]


@pytest.mark.parametrize(("name", "value"), [("least_dice", 1.5), ("stride", 0)])
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        MaskFaithfulness(Threshold(), **{name: value})


def test_its_identity_follows_the_weights_and_the_threshold():
    network = Threshold()
    own = MaskFaithfulness(network).identity
    assert MaskFaithfulness(pickle.loads(pickle.dumps(network))).identity == own
    assert MaskFaithfulness(network, least_dice=0.8).identity != own
    network.level.data += 0.1
    assert MaskFaithfulness(network).identity != own
