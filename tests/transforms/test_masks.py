"""Tests of mask samplers in a chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor
from monai.transforms import Compose, EnsureTyped

from monai_genaug._rng import derive_seed
from monai_genaug.masks import LabelDeformation
from monai_genaug.masks.bank import InstanceBank
from monai_genaug.transforms.masks import SampleMaskD, SampleMaskd, SampleMaskDict
from tests.masks.drawn import nuclei

BANK = InstanceBank.fit([nuclei(0)])


def data(size: tuple[int, int] = (48, 48)) -> dict[str, torch.Tensor]:
    return {"label": torch.zeros((1, *size), dtype=torch.int32)}


def test_the_aliases_are_the_class():
    assert SampleMaskD is SampleMaskDict is SampleMaskd


def test_the_new_label_is_a_function_of_label_and_seed():
    transform = SampleMaskd(sampler=BANK).set_random_state(seed=0)
    new = transform(data())["label"]
    sampler = InstanceBank(BANK.store).set_random_state(seed=derive_seed(transform.seed, "mask") % 2**32)
    assert torch.equal(new.as_tensor(), sampler(data()["label"]))


def test_metadata_types_and_other_keys_are_kept():
    affine = torch.diag(torch.tensor([2.0, 3.0, 1.0, 1.0], dtype=torch.float64))
    label = MetaTensor(torch.zeros(1, 40, 40, dtype=torch.uint8), affine=affine, meta={"case": "a"})
    done = SampleMaskd(sampler=BANK)({"label": label, "group": "g"})
    assert done["group"] == "g"
    assert done["label"].dtype == torch.uint8
    assert torch.equal(done["label"].affine, affine)
    assert done["label"].meta["case"] == "a"
    assert not label.any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_arrays_are_taken(dtype):
    done = SampleMaskd(sampler=BANK)({"label": np.zeros((1, 40, 40), dtype)})
    assert str(done["label"].dtype) == f"torch.{dtype}"
    assert done["label"].to(torch.int64).max() > 0


def test_prob_is_the_share_and_moves_no_seed():
    seeds, shares = [], []
    for prob in (0.3, 1.0):
        transform = SampleMaskd(sampler=BANK, prob=prob).set_random_state(seed=0)
        done = [(transform(data())["label"].any().item(), transform.seed) for _ in range(80)]
        shares.append(np.mean([changed for changed, _ in done]))
        seeds.append([seed for _, seed in done])
    assert seeds[0] == seeds[1]
    assert 0.15 < shares[0] < 0.45
    assert shares[1] > 0.95


def test_all_keys_get_the_same_draw():
    sample = {"a": torch.from_numpy(nuclei(0)), "b": torch.from_numpy(nuclei(0))}
    done = SampleMaskd(["a", "b"], sampler=LabelDeformation())(sample)
    assert torch.equal(done["a"], done["b"])


def test_a_missing_key_is_an_error_or_allowed():
    with pytest.raises(KeyError, match="label"):
        SampleMaskd(sampler=BANK)({"image": torch.zeros(1, 4, 4)})
    assert set(SampleMaskd(sampler=BANK, allow_missing_keys=True)({"image": 1})) == {"image"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"prob": 2}, "prob is 2"), ({"sampler": "flip"}, "sampler is a str, expected a callable")],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SampleMaskd(**{"sampler": BANK, **arguments})


def test_a_label_without_its_channel_is_refused():
    with pytest.raises(ValueError, match=r"expected \(1, \*S\)"):
        SampleMaskd(sampler=BANK)({"label": torch.zeros(8, 8)})


def chain() -> Compose:
    return Compose([EnsureTyped("label"), SampleMaskd(sampler=BANK)])


def maps(loader: DataLoader) -> list[bytes]:
    return [label.numpy().tobytes() for batch in loader for label in batch["label"].as_tensor()]


@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, "fork")])
def test_a_loader_repeats_for_a_fixed_seed_and_gives_no_map_twice(workers, context):
    runs = []
    for _ in range(2):
        torch.manual_seed(5)
        dataset = Dataset([data() for _ in range(6)], chain().set_random_state(seed=1))
        runs.append(maps(DataLoader(dataset, batch_size=2, num_workers=workers, multiprocessing_context=context)))
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 6


def test_cached_labels_are_drawn_anew_every_epoch():
    dataset = CacheDataset([data() for _ in range(4)], chain(), progress=False, num_workers=None)
    loader = DataLoader(dataset, batch_size=2)
    assert len(set(maps(loader) + maps(loader))) == 8
    assert not dataset._cache[0]["label"].any()
