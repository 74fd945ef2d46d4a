"""Banks of backgrounds: what is kept of images, and what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_genaug.networks import BackgroundBank


def ramp(*size: int) -> torch.Tensor:
    """An image in which every voxel has a value of its own."""
    count = int(np.prod(size))
    return (torch.arange(count) / 2048).reshape(1, *size)  # exact in half precision up to 1


def nothing(*size: int) -> torch.Tensor:
    return torch.zeros(1, *size)


def test_of_a_large_image_the_window_with_most_background_is_kept():
    image, found = ramp(32, 64), nothing(32, 64)
    found[..., :40] = 3
    bank = BackgroundBank.fit([image], [found], side=24, margin=0)
    assert bank.known.all()
    assert bank.images[0, 0, 0, 0] * 2048 % 64 == 40


def test_objects_are_left_out_with_a_margin_around_them():
    found = nothing(20, 20)
    found[0, 10, 10] = 7
    bank = BackgroundBank.fit([ramp(20, 20)], [found], side=20, margin=3)
    left_out = (~bank.known[0, 0]).nonzero()
    assert left_out.min(dim=0).values.tolist() == [7, 7]
    assert left_out.max(dim=0).values.tolist() == [13, 13]
    image, known = bank.draw([1], (20, 20))
    assert (image[~known] == 0).all()


def test_a_drawn_part_is_a_part_of_the_window_or_its_mirror_image():
    image = ramp(32, 32)
    bank = BackgroundBank.fit([image], [nothing(32, 32)], side=32)
    drawn, known = bank.draw(range(40), (8, 12))
    assert known.all()
    steps = {tuple((row[0].diff(dim=axis)[0, 0] * 2048).round().item() for axis in (0, 1)) for row in drawn}
    assert steps == {(y, x) for y in (-32, 32) for x in (-1, 1)}
    assert set(drawn.unique().tolist()) <= set(image.unique().tolist())


@settings(max_examples=25, deadline=None)
@given(
    size=st.lists(st.integers(1, 40), min_size=2, max_size=3),
    wanted=st.integers(1, 90),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_size_goes_in_and_comes_out(size, wanted, seed):
    image, found = torch.rand(2, *size), torch.zeros(1, *size)
    bank = BackgroundBank.fit([image], [found], side=16)
    drawn, known = bank.draw([seed, seed + 1, seed], (wanted,) * len(size))
    assert drawn.shape == (3, 2, *(wanted,) * len(size))
    assert known.shape == (3, 1, *(wanted,) * len(size))
    assert torch.equal(drawn[0], drawn[2])
    neighbours = [np.abs(np.diff(drawn[0].numpy(), axis=axis + 1)).max(initial=0) for axis in range(len(size))]
    assert max(neighbours) <= 1


def test_more_images_than_windows_are_taken_evenly():
    images = [torch.full((1, 8, 8), value / 8) for value in range(9)]
    bank = BackgroundBank.fit(images, [nothing(8, 8)] * 9, size=3, side=8)
    assert bank.images[:, 0, 0, 0].tolist() == [0.0, 0.5, 1.0]


def test_all_windows_are_drawn_from():
    images = [torch.full((1, 8, 8), value / 8) for value in range(4)]
    bank = BackgroundBank.fit(images, [nothing(8, 8)] * 4, side=8)
    drawn, _ = bank.draw(range(60), (4, 4))
    assert drawn.unique().tolist() == [0.0, 0.125, 0.25, 0.375]


@pytest.mark.parametrize(
    ("images", "found", "message"),
    [
        ([], [], "images holds no image"),
        ([torch.rand(1, 8, 8)], [], "there are 1 images and 0 masks"),
        ([torch.rand(1, 8, 8)], [torch.rand(1, 8, 8)], r"found\[0\] holds .*expected whole numbers"),
        ([torch.rand(1, 8, 8)], [torch.zeros(8, 8)], r"found\[0\] has shape \(8, 8\), expected \(1, 8, 8\)"),
        ([torch.rand(1, 8, 8)] * 2, [nothing(8, 8), nothing(8, 9)], r"found\[1\] has shape \(1, 8, 9\)"),
        ([torch.rand(1, 8, 8), torch.rand(3, 8, 8)], [nothing(8, 8)] * 2, r"images\[1\] has shape \(3, 8, 8\)"),
        ([torch.rand(1, 8, 8) * 255], [nothing(8, 8)], r"expected intensities in \[0, 1\]"),
        ([torch.full((1, 8, 8), torch.nan)], [nothing(8, 8)], r"expected intensities in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_named(images, found, message):
    with pytest.raises(ValueError, match=message):
        BackgroundBank.fit(images, found)


def test_a_bank_of_hardly_any_background_is_told():
    with pytest.warns(UserWarning, match=r"only 0\.0% of the backgrounds is known"):
        BackgroundBank.fit([torch.rand(1, 8, 8)], [torch.ones(1, 8, 8)])


def test_it_tells_what_it_holds():
    assert repr(BackgroundBank(3, 1, (8, 9))) == "BackgroundBank(3, 1, (8, 9))"


@pytest.mark.parametrize(("name", "value"), [("size", 0), ("side", 0), ("margin", -1)])
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, expected at least"):
        BackgroundBank.fit([torch.rand(1, 8, 8)], [nothing(8, 8)], **{name: value})
