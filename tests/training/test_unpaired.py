from __future__ import annotations

import pytest
import torch
from monai.data import Dataset
from monai.transforms import Compose, RandSpatialCropd

from monai_genaug.masks import LabelDeformation, ProceduralNuclei
from monai_genaug.training import JoinedLoader, SeededLoader, check_drawn_masks
from monai_genaug.transforms import SampleMaskd


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


def of_nothing(sampler) -> Dataset:
    return Dataset([{"label": torch.zeros(1, 32, 32, dtype=torch.int64)}], Compose([SampleMaskd(sampler=sampler)]))


def test_a_sampler_that_only_deforms_can_draw_nothing_of_nothing():
    with pytest.raises(ValueError, match=r"masks drawn .* are empty, .*ProceduralNuclei.*`monai-genaug masks nuclei`"):
        check_drawn_masks(of_nothing(LabelDeformation()), seed=0)


def test_a_sampler_that_draws_may_do_so_of_nothing():
    check_drawn_masks(of_nothing(ProceduralNuclei(radius=4.0)), seed=0)


def one_corner(side: int) -> Dataset:
    label = torch.zeros(1, 64, 64)
    label[0, :side, :side] = 1
    return Dataset([{"label": label}], Compose([RandSpatialCropd("label", (8, 8), random_size=False)]))


def test_masks_of_which_some_crops_are_empty_will_do():
    check_drawn_masks(one_corner(16), seed=0)


def test_masks_of_which_hardly_a_crop_holds_anything_are_told_from_no_masks():
    with pytest.raises(ValueError, match=r"all of 9 masks drawn .* are empty, .*set a larger crop_size"):
        check_drawn_masks(one_corner(1), seed=0, count=9)


def test_drawing_them_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    check_drawn_masks(of_nothing(ProceduralNuclei(radius=4.0)), seed=0)
    assert torch.equal(torch.get_rng_state(), before)
