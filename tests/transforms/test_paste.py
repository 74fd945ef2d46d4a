"""Tests of pasting objects into one image and its label."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_genaug.masks.bank import InstanceBank
from monai_genaug.transforms.paste import paste_objects
from tests.masks.drawn import class_map, nuclei


def bright_bank(dims: int = 2, channels: int = 1, **changed) -> InstanceBank:
    """Objects of intensity 0.9 on 0.1."""
    size = (96, 96) if dims == 2 else (24, 32, 32)
    labels = [nuclei(seed, size, 10 if dims == 2 else 4) for seed in range(3)]
    images = [np.repeat(np.where(label > 0, 0.9, 0.1), channels, axis=0) for label in labels]
    return InstanceBank.fit(labels, images, paste_images=True, **changed)


BANKS = {2: bright_bank(), 3: bright_bank(3)}


def pair(size: tuple[int, ...] = (64, 72), channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Image of noise in [0, 0.3], and a label with one object."""
    image = 0.3 * torch.rand((channels, *size), generator=torch.Generator().manual_seed(0))
    label = torch.zeros((1, *size), dtype=torch.int32)
    label[(0, *[slice(10, 16)] * len(size))] = 7
    return image, label


@settings(max_examples=30, deadline=None)
@given(
    size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from([torch.uint8, torch.int16, torch.uint16, torch.float16, torch.float32, torch.float64]),
    label_type=st.sampled_from([torch.uint8, torch.uint16, torch.int64, torch.float32]),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_size_and_type_is_kept(size, dtype, label_type, seed):
    image, label = (torch.full((1, *size), 50).to(dtype), torch.zeros((1, *size)).to(label_type))
    pasted = paste_objects(image, label, BANKS[len(size)], seed, value_range=(0, 200))
    assert (pasted.image.dtype, pasted.image.shape) == (dtype, image.shape)
    assert (pasted.label.dtype, pasted.label.shape) == (label_type, label.shape)
    assert pasted.label.to(torch.int64).max() == pasted.objects
    inside = pasted.label.to(torch.int64) > 0
    assert not inside.any() or pasted.image.float()[inside].mean() > 120


@pytest.mark.parametrize("dims", [2, 3])
def test_voxels_away_from_new_objects_stay_bit_for_bit(dims):
    image, label = pair((40, 48, 40)[:dims])
    pasted = paste_objects(image, label, BANKS[dims], 3)
    new = (pasted.label != label)[0].numpy()
    near = ndimage.binary_dilation(new, np.ones((3,) * dims))
    changed = (pasted.image != image).any(dim=0).numpy()
    assert new.any()
    assert not (changed & ~near).any()
    assert (changed & near & ~new).any()  # the soft edge
    old = (label > 0).numpy()
    assert not changed[old[0]].any()
    assert (pasted.label[label > 0] == 7).all()


def test_new_objects_have_their_own_pixels_and_fade_over_one_voxel():
    image = torch.zeros(1, 96, 96)
    pasted = paste_objects(image, image, BANKS[2], 1)
    mask = pasted.label[0].numpy() > 0
    core = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=2)
    values = pasted.image[0].numpy()
    np.testing.assert_allclose(values[core], 0.9, atol=1e-4)
    assert values[mask].mean() > 0.7
    ring = ndimage.binary_dilation(mask, np.ones((3, 3))) & ~mask
    assert 0.0 < values[ring].mean() < 0.45


def test_pixels_turn_with_their_shape():
    label, image = np.zeros((1, 80, 80), np.uint8), np.zeros((1, 80, 80), np.float32)
    label[0, 10:30, 14:22], image[0, 10:20, 14:22], image[0, 20:30, 14:22] = 1, 1.0, 0.5  # one half is brighter
    bank = InstanceBank.fit([label], [image], paste_images=True, bend=0.0, scale=(1, 1))
    for seed in range(6):
        made = paste_objects(torch.zeros(1, 80, 80), torch.zeros(1, 80, 80), bank, seed)
        core = ndimage.binary_erosion(made.label[0].numpy() > 0, np.ones((3, 3)), iterations=2)
        values = made.image[0].numpy()
        bright, dim = np.argwhere(core & (values > 0.9)), np.argwhere(core & (abs(values - 0.5) < 0.1))
        assert len(bright) == pytest.approx(len(dim), rel=0.25)
        along = bright.mean(0) - dim.mean(0)
        axis = np.linalg.eigh(np.cov(np.argwhere(core).T))[1][:, -1]  # of the object, from end to end
        assert abs(along @ axis) > 0.98 * np.linalg.norm(along)


def test_the_pair_is_a_function_of_image_label_and_seed():
    image, label = pair()
    first = paste_objects(image, label, BANKS[2], 5)
    BANKS[2].set_random_state(seed=1)(label)
    np.random.seed(3)
    second = paste_objects(image, label, bright_bank(), 5)
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.label, second.label)
    others = {paste_objects(image, label, BANKS[2], seed).label.numpy().tobytes() for seed in range(10)}
    assert len(others) == 10


def test_the_random_state_of_the_bank_is_left_alone():
    bank = bright_bank().set_random_state(seed=4)
    before = bank.R.get_state()[1].copy()
    paste_objects(*pair(), bank, 0)
    np.testing.assert_array_equal(bank.R.get_state()[1], before)


def test_one_object_at_least_and_at_most_a_whole_layout_is_pasted():
    label = torch.zeros(1, 96, 96)
    counts = [paste_objects(label, label, BANKS[2], seed).objects for seed in range(60)]
    assert min(counts) >= 1
    assert max(counts) <= 11
    assert len(set(counts)) > 5


def test_colours_are_kept():
    label = nuclei(0)
    image = np.concatenate([np.where(label > 0, value, 0.0) for value in (0.2, 0.5, 0.8)])
    bank = InstanceBank.fit([label], [image], paste_images=True)
    made = paste_objects(torch.zeros(3, 96, 96), torch.zeros(1, 96, 96), bank, 0)
    core = ndimage.binary_erosion(made.label[0].numpy() > 0, np.ones((3, 3)), iterations=2)
    np.testing.assert_allclose(made.image.numpy()[:, core].mean(axis=1), [0.2, 0.5, 0.8], atol=0.01)


def test_class_labels_get_no_new_values():
    label = class_map(0, (5, 3))
    bank = InstanceBank.fit([label], [(label > 0).astype(float)], instances=False, paste_images=True)
    made = paste_objects(torch.zeros(1, 96, 96), torch.zeros(1, 96, 96, dtype=torch.uint8), bank, 2)
    assert set(made.label.unique().tolist()) <= {0, 1, 2}
    assert made.objects >= 1


def test_a_full_label_gets_nothing():
    image, label = torch.rand(1, 20, 20), torch.ones(1, 20, 20)
    pasted = paste_objects(image, label, BANKS[2], 0)
    assert pasted.objects == 0
    assert torch.equal(pasted.image, image)
    assert torch.equal(pasted.label, label)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (torch.rand(3, 20, 20), torch.zeros(1, 20, 20), "image has 3 channels, the bank's objects have 1"),
        (torch.rand(1, 20, 20), torch.zeros(1, 20, 21), "same S"),
        (torch.rand(1, 20, 20), torch.zeros(2, 20, 20), r"expected \(1, \*S\)"),
        (torch.rand(1, 20, 20, 20), torch.zeros(1, 20, 20, 20), "the bank was fitted to 2"),
        (torch.randn(1, 20, 20) * 9, torch.zeros(1, 20, 20), "outside value_range=.*before z-normalisation"),
        (torch.full((1, 20, 20), float("nan")), torch.zeros(1, 20, 20), "NaN or Inf"),
        (torch.zeros(1, 20, 20, dtype=torch.bool), torch.zeros(1, 20, 20), "real intensities"),
        (torch.rand(1, 20, 20), torch.full((1, 20, 20), 0.5), "label holds 0.5"),
    ],
    ids=["channels", "sizes", "label channels", "dimensions", "range", "NaN", "bool", "fractions"],
)
def test_what_does_not_fit_gets_one_clear_error(image, label, message):
    with pytest.raises(ValueError, match=message):
        paste_objects(image, label, BANKS[2], 0)


def test_a_bank_without_pixels_is_refused_and_the_remedy_named():
    with pytest.raises(ValueError, match=r"carries no pixels.*paste_images=True"):
        paste_objects(*pair(), InstanceBank.fit([nuclei(0)]), 0)


def test_a_label_type_without_room_is_named():
    label = torch.zeros(1, 64, 64, dtype=torch.bool)
    seed = next(s for s in range(9) if paste_objects(label.float(), label.int(), BANKS[2], s).objects > 1)
    with pytest.raises(ValueError, match=r"dtype torch\.bool, which holds whole numbers to 1"):
        paste_objects(label.float(), label, BANKS[2], seed)
