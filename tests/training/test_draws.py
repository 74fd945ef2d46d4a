from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import torch
from monai.data import CacheDataset, Dataset, MetaTensor, get_track_meta
from monai.transforms import Compose, MapTransform, RandFlipd, RandSpatialCropd, RandSpatialCropSamplesd, RandZoomd

from monai_genaug.training import SeededLoader
from monai_genaug.training.draws import DRAW_KEY

Batch = dict[str, Any]


class NoteProcess(MapTransform):
    """Writes down in which process a sample was made."""

    def __call__(self, data):
        return {**data, "process": os.getpid()}


def dataset(count: int = 3, *, kind: type[Dataset] = Dataset) -> Dataset:
    """Items that can be told apart by their highest value, cropped and flipped at random."""
    items = [{"image": torch.rand(1, 12, 12) * 0.5, "number": number} for number in range(count)]
    chain = Compose(
        [
            RandSpatialCropd("image", (8, 8), random_size=False),
            RandFlipd("image", prob=0.5, spatial_axis=0),
            NoteProcess("image"),
        ]
    )
    return kind(items, chain, **({"progress": False} if kind is CacheDataset else {}))


def loader(data: Dataset, **kwargs: Any) -> SeededLoader:
    return SeededLoader(data, **{"batch_size": 2, "iterations_per_epoch": 3, "seed": 0, **kwargs})


def draw(data: Dataset, epochs: tuple[int, ...] = (1, 2), **kwargs: Any) -> list[Batch]:
    """Give all batches of some epochs."""
    made, batches = loader(data, **kwargs), []
    for epoch in epochs:
        made.set_epoch(epoch)
        batches += list(made)
    made.close()
    return batches


def same(first: list[Batch], second: list[Batch]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a["image"], b["image"]) and torch.equal(a["number"], b["number"]) for a, b in pairs)


def test_draws_depend_on_seed_and_number_alone():
    data = dataset()
    first = draw(data)
    torch.rand(5)
    data.transform.set_random_state(seed=99)
    assert same(draw(data), first)
    assert not same(draw(data, seed=1), first)
    assert not same(first[:3], first[3:])  # epochs differ


@pytest.mark.parametrize("kind", [Dataset, CacheDataset])
def test_draws_do_not_depend_on_the_number_of_workers(kind):
    data = dataset(kind=kind)
    alone, helped = draw(data, num_workers=0), draw(data, num_workers=2)
    assert same(alone, helped)
    assert {int(process) for batch in alone for process in batch["process"]} == {os.getpid()}
    assert len({int(process) for batch in helped for process in batch["process"]} - {os.getpid()}) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_draws_do_not_depend_on_how_far_was_iterated_before(workers):
    data = dataset()
    whole = draw(data)
    made = loader(data, num_workers=workers)
    made.set_epoch(1)
    next(iter(made))
    made.set_epoch(2)
    assert same(list(made), whole[3:])
    made.set_epoch(1)
    assert same(list(made), whole[:3])
    made.close()


def test_a_draw_does_not_depend_on_the_batch_that_it_is_in():
    data = dataset()
    by_twos, by_threes = (
        draw(data, batch_size=2, iterations_per_epoch=6),
        draw(data, batch_size=3, iterations_per_epoch=4),
    )
    flat = [torch.cat([batch["image"] for batch in batches]) for batches in (by_twos, by_threes)]
    assert torch.equal(*flat)
    assert [int(number) for batch in by_threes for number in batch[DRAW_KEY]] == list(range(24))


def test_every_item_is_drawn_equally_often_in_an_order_that_changes():
    batches = draw(dataset(5), epochs=(1, 2, 3, 4), batch_size=2, iterations_per_epoch=5)
    order = [int(number) for batch in batches for number in batch["number"]]
    assert Counter(order) == dict.fromkeys(range(5), 8)
    passes = [tuple(order[start : start + 5]) for start in range(0, 40, 5)]
    assert all(sorted(numbers) == list(range(5)) for numbers in passes)
    assert len(set(passes)) > 4


def test_an_item_that_is_drawn_again_is_transformed_anew():
    batches = draw(dataset(1), batch_size=1, iterations_per_epoch=8)
    assert len({batch["image"].sum().item() for batch in batches}) > 8


def test_transforms_within_transforms_follow_the_draw_too():
    chain = Compose([Compose([RandZoomd("image", prob=1.0, min_zoom=0.5, max_zoom=1.5)])])
    data = Dataset([{"image": torch.rand(1, 12, 12), "number": 0}], chain)
    assert same(draw(data), draw(data))


def test_several_crops_of_one_item_are_batched_together():
    chain = Compose([RandSpatialCropSamplesd("image", (4, 4), num_samples=3, random_size=False)])
    data = Dataset([{"image": torch.rand(1, 12, 12), "number": 0}], chain)
    assert [batch["image"].shape for batch in draw(data)] == [(6, 1, 4, 4)] * 6
    assert same(draw(data), draw(data))


def test_two_processes_together_draw_what_one_draws_alone(monkeypatch):
    data = dataset()
    alone = draw(data, batch_size=4)
    monkeypatch.setattr("monai_genaug.training.draws.process_count", lambda: 2)
    shares = []
    for rank in (0, 1):
        monkeypatch.setattr("monai_genaug.training.draws.process_rank", lambda rank=rank: rank)
        shares.append(draw(data, batch_size=4))
    for whole, first, second in zip(alone, *shares, strict=True):
        assert len(first["image"]) == len(second["image"]) == 2
        numbers = torch.cat((first[DRAW_KEY], second[DRAW_KEY]))
        assert torch.equal(numbers.sort().values, whole[DRAW_KEY])
        assert torch.equal(torch.cat((first["image"], second["image"]))[numbers.argsort()], whole["image"])


def test_a_batch_that_processes_cannot_share_equally_is_refused(monkeypatch):
    monkeypatch.setattr("monai_genaug.training.draws.process_count", lambda: 3)
    with pytest.raises(ValueError, match="batch_size is 4, expected a multiple of the 3 processes"):
        loader(dataset(), batch_size=4)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_random_state_stays(workers):
    data, before = dataset(), torch.get_rng_state()
    draw(data, num_workers=workers)
    draw(data, num_workers=workers)
    assert torch.equal(torch.get_rng_state(), before)


def test_after_closing_the_workers_it_can_be_iterated_again():
    data = dataset()
    made = loader(data, num_workers=1)
    first = list(made)
    made.close()
    made.close()
    assert same(list(made), first)
    made.close()


def test_an_empty_data_set_is_refused():
    with pytest.raises(ValueError, match="nothing to draw from, expected at least one labelled image"):
        loader(Dataset([], Compose([])))


@pytest.mark.parametrize("name", ["batch_size", "iterations_per_epoch"])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_one_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, expected at least 1"):
        loader(dataset(), **{name: value})


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_transform_reaches_the_training(workers):
    class Broken(MapTransform):
        def __call__(self, data):
            raise ValueError("image 7 is broken")

    made = loader(Dataset([{"image": torch.rand(1, 2, 2)}], Compose([Broken("image")])), num_workers=workers)
    with pytest.raises((ValueError, RuntimeError), match=r"image 7 is broken|applying transform"):
        next(iter(made))
    made.close()


def test_transforms_may_work_on_plain_tensors_and_monais_setting_stays():
    seen = []

    def look(sample):
        seen.append(type(sample["image"]))
        return sample

    chain = Compose([RandFlipd("image", prob=1.0), look])
    for track_meta in (True, False):
        data = Dataset([{"image": torch.rand(1, 4, 4)}], chain)
        loader = SeededLoader(data, batch_size=1, iterations_per_epoch=1, seed=0, track_meta=track_meta)
        list(loader)
        assert get_track_meta()
    assert seen == [MetaTensor, torch.Tensor]
