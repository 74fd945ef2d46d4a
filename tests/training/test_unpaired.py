from __future__ import annotations

import pytest
import torch
from monai.data import Dataset

from monai_genaug.training import JoinedLoader, SeededLoader


def loader(key: str, count: int, size: int, seed: int, **kwargs) -> SeededLoader:
    items = [{key: torch.full((1, size, size), float(number))} for number in range(count)]
    return SeededLoader(Dataset(items), **{"batch_size": 2, "iterations_per_epoch": 30, "seed": seed, **kwargs})


def test_lists_of_different_length_and_size_are_drawn_independently():
    joined = JoinedLoader([loader("image", 5, 8, 1), loader("label", 3, 6, 2)])
    pairs = set()
    for batch in joined:
        assert batch["image"].shape == (2, 1, 8, 8)
        assert batch["label"].shape == (2, 1, 6, 6)
        pairs |= set(zip(batch["image"][:, 0, 0, 0].tolist(), batch["label"][:, 0, 0, 0].tolist(), strict=True))
    assert len(pairs) == 15  # every image with every label, in 60 draws


def test_an_epoch_can_be_repeated_and_differs_from_the_next():
    joined = JoinedLoader([loader("image", 7, 2, 1), loader("label", 5, 2, 2)])
    epochs = []
    for number in (1, 2, 1):
        joined.set_epoch(number)
        epochs.append(torch.stack([torch.cat((batch["image"], batch["label"])).flatten() for batch in joined]))
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(epochs[0], epochs[1])


def test_loaders_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\[3, 30\] iterations"):
        JoinedLoader([loader("image", 2, 2, 1), loader("label", 2, 2, 2, iterations_per_epoch=3)])
    with pytest.raises(ValueError, match="expected one number"):
        JoinedLoader([])


def test_workers_give_the_same_and_can_be_ended():
    joined = [
        JoinedLoader(
            [
                loader("image", 4, 2, 1, num_workers=workers, iterations_per_epoch=2),
                loader("label", 3, 2, 2, num_workers=workers, iterations_per_epoch=2),
            ]
        )
        for workers in (0, 1)
    ]
    plain, forked = ([batch["image"] for batch in one] for one in joined)
    assert all(torch.equal(a, b) for a, b in zip(plain, forked, strict=True))
    joined[1].close()
    assert joined[1].loaders[0].loader._iterator is None
