from __future__ import annotations

import pytest
import torch

from monai_genaug.training.image_pool import ImagePool


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count).float().reshape(-1, 1, 1, 1)


def test_until_it_is_full_it_gives_back_what_comes():
    pool = ImagePool(4)
    assert torch.equal(pool.exchange(numbered(0, 3)), numbered(0, 3))
    assert len(pool.images) == 3


def test_full_it_exchanges_half_of_what_comes_for_earlier_images_and_loses_none():
    torch.manual_seed(0)
    pool = ImagePool(50)
    pool.exchange(numbered(0, 50))
    given = pool.exchange(numbered(50, 400)).flatten()
    exchanged = (given != torch.arange(50, 450)).float().mean()
    assert 0.4 < exchanged < 0.6
    held = {image.item() for image in pool.images}
    assert sorted([*held, *given.tolist()]) == list(range(450))


def test_of_size_0_it_is_no_pool():
    pool = ImagePool(0)
    assert torch.equal(pool.exchange(numbered(0, 5)), numbered(0, 5))
    assert not pool.images


def test_what_it_gives_and_holds_has_no_graph():
    images = torch.ones(2, 1, 2, 2, requires_grad=True) * 2
    pool = ImagePool(1)
    assert not pool.exchange(images).requires_grad
    assert not pool.images[0].requires_grad


def test_it_holds_copies():
    image = torch.zeros(1, 1, 2, 2)
    pool = ImagePool(1)
    pool.exchange(image)
    image.fill_(7)
    assert not pool.images[0].any()


def test_its_state_goes_through_a_checkpoint(tmp_path):
    pool = ImagePool(2)
    pool.exchange(numbered(3, 2))
    torch.save(pool.state_dict(), tmp_path / "pool.pt")
    again = ImagePool(2)
    again.load_state_dict(torch.load(tmp_path / "pool.pt", weights_only=True))
    for one in (pool, again):
        torch.manual_seed(5)
        one.given = one.exchange(numbered(9, 6))
    assert torch.equal(pool.given, again.given)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="pool_size is -1, expected at least 0"):
        ImagePool(-1)
