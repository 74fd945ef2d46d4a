"""Lists and batches of real and synthetic pairs."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from monai.data import CacheDataset, DataLoader
from monai.transforms import LoadImaged

from monai_genaug.data import (
    AnyImageReader,
    RatioBatchSampler,
    load_datalist,
    mix_datalists,
    write_array,
    write_dataset,
)
from tests.helpers import write_pairs

REAL = [{"image": f"{n}.png", "label": f"{n}_mask.png", "group": str(n), "stain": "H&E"} for n in range(12)]
MADE = [{"image": f"s{n}.png", "label": f"s{n}_mask.png", "group": f"s{n}", "seed": n} for n in range(40)]


def flags(real: int, synthetic: int) -> list[bool]:
    return [False] * real + [True] * synthetic


def counts(sampler: RatioBatchSampler, real: int) -> list[int]:
    """How many synthetic items are in each batch."""
    return [sum(index >= real for index in batch) for batch in sampler]


@pytest.mark.parametrize(("ratio", "wanted"), [(0.0, 0), (0.25, 4), (0.5, 12), (0.7, 28), (0.1, 1)])
def test_the_ratio_is_the_synthetic_share_of_the_whole(ratio, wanted):
    mixed = mix_datalists(REAL, MADE, ratio)
    assert [item["synthetic"] for item in mixed] == flags(12, wanted)
    assert [item["image"] for item in mixed[:12]] == [item["image"] for item in REAL]
    assert len({item["image"] for item in mixed}) == 12 + wanted


def test_the_choice_hangs_on_the_seed_and_grows_with_the_ratio():
    chosen = [[item["image"] for item in mix_datalists(REAL, MADE, ratio, seed=3)[12:]] for ratio in (0.25, 0.5)]
    assert chosen[1][:4] == chosen[0]
    assert chosen[0] != [item["image"] for item in mix_datalists(REAL, MADE, 0.25, seed=4)[12:]]


def test_none_takes_all():
    assert len(mix_datalists(REAL, MADE, None)) == 52


def test_items_have_the_keys_that_all_of_them_have():
    assert {tuple(item) for item in mix_datalists(REAL, MADE, 0.5)} == {("image", "label", "group", "synthetic")}


def test_mixed_lists_can_be_mixed_again():
    assert sum(item["synthetic"] for item in mix_datalists(mix_datalists(REAL, MADE, 0.0), MADE, 0.5)) == 12


def test_a_store_is_taken_by_its_folder_and_whole(tmp_path):
    write_pairs(tmp_path / "store", 5)
    entries = load_datalist(tmp_path / "store", fractions=(1, 0, 0))["training"]
    write_dataset(tmp_path / "store", {"training": entries}, name="synthetic", licence="none")
    mixed = mix_datalists(REAL, tmp_path / "store", None)
    assert [Path(item["image"]).is_file() for item in mixed[12:]] == [True] * 5


@pytest.mark.parametrize(
    ("real", "made", "ratio", "message"),
    [
        (REAL, MADE, 1.0, "ratio is 1, expected a share below 1"),
        (REAL, MADE, 1.5, "ratio is 1.5, expected a number from 0 to 1"),
        (REAL, MADE, float("nan"), "ratio is nan, expected"),
        (REAL, MADE, 0.9, r"holds 40 pairs, but 108 are needed for a share of 0\.9 beside 12 real ones"),
        ([], MADE, 0.5, "real is empty, expected the items of a training split"),
        (REAL, [{"picture": "a.png"}] * 12, 0.5, r"have the keys \[\] in common, expected image and label"),
    ],
)
def test_what_cannot_be_mixed_is_refused(real, made, ratio, message):
    with pytest.raises(ValueError, match=message):
        mix_datalists(real, made, ratio)


@pytest.mark.parametrize(("size", "share"), [(4, 0.5), (8, 0.3), (6, 1 / 3), (5, 0.1), (8, 0.0), (8, 1.0), (1, 0.25)])
def test_each_batch_holds_the_share_as_nearly_as_it_can_and_all_hold_it_exactly(size, share):
    sampler = RatioBatchSampler(flags(10, 30), batch_size=size, ratio=share, batches=40)
    found = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert {len(batch) for batch in batches} == {size}
        found += counts(sampler, 10)
    assert set(found) <= {int(np.floor(size * share + 1e-9)), int(np.ceil(size * share - 1e-9))}
    assert abs(sum(found) - 120 * size * share) <= 0.5
    assert max(abs(np.cumsum(found) - size * share * np.arange(1, 121))) <= 0.5 + 1e-9


def test_items_of_each_kind_are_drawn_equally_often():
    sampler, drawn = RatioBatchSampler(flags(7, 11), batch_size=5, ratio=0.4, batches=10), Counter()
    for epoch in range(8):
        sampler.set_epoch(epoch)
        drawn.update(chain.from_iterable(sampler))
    real, made = ([drawn[index] for index in part] for part in (range(7), range(7, 18)))
    assert max(real) - min(real) <= 1
    assert max(made) - min(made) <= 1
    assert (sum(real), sum(made)) == (240, 160)


def test_an_epoch_hangs_on_its_number_and_the_seed_alone():
    def epoch(number: int, **more) -> list[list[int]]:
        sampler = RatioBatchSampler(flags(9, 9), batch_size=4, ratio=0.3, **more)
        sampler.set_epoch(number)
        return list(sampler)

    walked = RatioBatchSampler(flags(9, 9), batch_size=4, ratio=0.3)
    for number in range(4):
        walked.set_epoch(number)
        assert list(walked) == epoch(number)
    assert epoch(0) != epoch(1)
    assert epoch(0) != epoch(0, seed=1)


@pytest.mark.parametrize("ratio", [[(0, 0.75), (2, 0.25), (4, 0.0)], lambda epoch: (0.75, 0.25, 0.0)[epoch // 2]])
def test_a_schedule_says_the_share_of_each_epoch(ratio):
    sampler = RatioBatchSampler(flags(16, 16), batch_size=8, ratio=ratio)
    found = []
    for epoch in range(6):
        sampler.set_epoch(epoch)
        found.append(set(counts(sampler, 16)))
    assert found == [{6}, {6}, {2}, {2}, {0}, {0}]


def test_a_schedule_that_begins_later_holds_before():
    assert RatioBatchSampler(flags(4, 4), batch_size=4, ratio=[(1, 0.5), (3, 0.25)]).share(0) == 0.5


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_each_batch_and_its_kinds(count):
    whole = list(RatioBatchSampler(flags(20, 20), batch_size=8, ratio=0.5))
    parts = [list(RatioBatchSampler(flags(20, 20), batch_size=8, ratio=0.5, rank=r, count=count)) for r in range(count)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert sorted(chain.from_iterable(shares)) == sorted(batch)
        assert {sum(index >= 20 for index in share) for share in shares} == {8 // count // 2}


def test_an_epoch_has_so_many_batches_as_there_are_items_for_or_as_is_said():
    assert len(RatioBatchSampler(flags(5, 4), batch_size=4, ratio=0.5)) == 3
    assert len(list(RatioBatchSampler(flags(5, 4), batch_size=4, ratio=0.5, batches=7))) == 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratio": 1.2}, "ratio in epoch 0 is 1.2, expected a number from 0 to 1"),
        ({"synthetic": [False] * 4}, "ratio in epoch 0 is 0.5, but no item is synthetic"),
        ({"synthetic": [True] * 4}, "ratio in epoch 0 is 0.5, but no item is real"),
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"rank": 1}, "rank is 1, expected 0 to 0, as count is 1"),
        ({"count": 3, "rank": 1}, "batch_size is 4, expected a multiple of the 3 processes"),
        ({"ratio": []}, "expected pairs of epoch and share in rising order"),
        ({"ratio": [(2, 0.5), (0, 0.1)]}, "expected pairs of epoch and share in rising order"),
        ({"ratio": [(0, 0.5), (0, 0.1)]}, "expected pairs of epoch and share in rising order"),
    ],
)
def test_wrong_settings_of_a_sampler_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RatioBatchSampler(**{"synthetic": flags(2, 2), "batch_size": 4, "ratio": 0.5, **change})


def test_a_share_that_goes_wrong_later_is_named_by_its_epoch():
    sampler = RatioBatchSampler(flags(2, 2), batch_size=2, ratio=lambda epoch: 0.5 + epoch)
    with pytest.raises(ValueError, match=r"ratio in epoch 1 is 1\.5"):
        sampler.share(1)


def test_loaders_of_monai_take_it(tmp_path):
    for number in range(6):
        for kind in ("image", "label"):
            write_array(tmp_path / f"{kind}{number}.png", np.full((1, 4, 4), number, np.uint8))
    items = [{key: str(tmp_path / f"{key}{n}.png") for key in ("image", "label")} for n in range(6)]
    mixed = mix_datalists(items[:3], items[3:], 0.5)
    dataset = CacheDataset(mixed, LoadImaged(["image", "label"], reader=AnyImageReader()), progress=False)
    sampler = RatioBatchSampler([item["synthetic"] for item in mixed], batch_size=4, ratio=0.5)
    for batch in DataLoader(dataset, batch_sampler=sampler):
        assert batch["synthetic"].tolist() == [True, True, False, False]
        assert (batch["image"].amax(dim=(1, 2, 3)) >= 3).tolist() == batch["synthetic"].tolist()
