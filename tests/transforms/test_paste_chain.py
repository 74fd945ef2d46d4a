"""Tests of copy-paste augmentation in chains, datasets and loaders."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor, set_track_meta
from monai.transforms import Compose, EnsureTyped

from monai_genaug.transforms.paste import CopyPasteD, CopyPasted, CopyPasteDict, paste_objects
from tests.transforms.test_paste import BANKS, pair


def sample() -> dict[str, torch.Tensor]:
    affine = torch.diag(torch.tensor([0.5, 0.5, 2.0, 1.0], dtype=torch.float64))
    image, label = pair()
    return {
        "image": MetaTensor(image, affine=affine, meta={"filename_or_obj": "a.png"}),
        "label": MetaTensor(label, affine=affine * 3, meta={"filename_or_obj": "b.png"}),
    }


def test_the_aliases_are_the_class():
    assert CopyPasteD is CopyPasteDict is CopyPasted


def test_metadata_are_kept_and_say_what_was_done():
    data = {**sample(), "group": "g"}
    before = copy.deepcopy(dict(data["image"].meta))
    done = CopyPasted(bank=BANKS[2], prob=1.0).set_random_state(seed=0)(data)
    assert done["group"] == "g"
    assert torch.equal(done["image"].affine, data["image"].affine)
    assert torch.equal(done["label"].affine, data["label"].affine)
    assert done["label"].meta["filename_or_obj"] == "b.png"
    meta = done["image"].meta["genaug"]
    assert (meta["applied"], meta["generator"], meta["digest"]) == (True, "copy-paste", BANKS[2].store.digest)
    expected = paste_objects(*pair(), BANKS[2], meta["seed"])
    assert torch.equal(done["image"].as_tensor(), expected.image)
    assert torch.equal(done["label"].as_tensor(), expected.label)
    assert data["image"].meta.keys() == before.keys()


def test_metadata_have_the_same_keys_and_types_for_every_sample():
    metas = [CopyPasted(bank=BANKS[2], prob=prob)(sample())["image"].meta["genaug"] for prob in (0.0, 1.0)]
    assert [{k: type(v) for k, v in meta.items()} for meta in metas] == [
        {"applied": bool, "generator": str, "digest": str, "seed": int}
    ] * 2
    assert metas[0]["seed"] == -1


def test_an_unapplied_sample_is_bit_for_bit_what_came():
    data = sample()
    done = CopyPasted(bank=BANKS[2], prob=0.0)(data)
    for key in ("image", "label"):
        assert torch.equal(done[key].as_tensor(), data[key].as_tensor())


def test_the_sequence_of_seeds_does_not_depend_on_prob():
    seeds = []
    for prob in (0.0, 1.0):
        paste = CopyPasted(bank=BANKS[2], prob=prob).set_random_state(seed=3)
        seeds.append([paste(sample()) and paste.seed for _ in range(4)])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 4


def test_prob_is_the_share_of_samples():
    paste = CopyPasted(bank=BANKS[2], prob=0.3).set_random_state(seed=0)
    assert 0.15 < np.mean([paste(sample())["image"].meta["genaug"]["applied"] for _ in range(100)]) < 0.45


def test_a_file_gives_the_same_samples_as_the_bank(tmp_path):
    BANKS[2].save(tmp_path / "bank.npz")
    results = [
        CopyPasted(bank=bank, prob=1.0).set_random_state(seed=1)(sample())["image"].as_tensor()
        for bank in (BANKS[2], tmp_path / "bank.npz")
    ]
    assert torch.equal(*results)


def test_without_tracking_of_metadata_plain_tensors_come_out():
    set_track_meta(False)
    try:
        done = CopyPasted(bank=BANKS[2], prob=1.0)(dict(zip(("image", "label"), pair(), strict=True)))
    finally:
        set_track_meta(True)
    assert type(done["image"]) is type(done["label"]) is torch.Tensor


@pytest.mark.parametrize("key", ["image", "label"])
def test_a_missing_key_is_named_or_left_alone_if_allowed(key):
    data = sample()
    del data[key]
    with pytest.raises(KeyError, match=f"no key '{key}'"):
        CopyPasted(bank=BANKS[2])(data)
    assert CopyPasted(bank=BANKS[2], allow_missing_keys=True)(data) == data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prob": 1.5}, "prob is 1.5"),
        ({"keys": ["a", "b"]}, "expected one image key"),
        ({"value_range": (1, 0)}, "value_range is"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CopyPasted(bank=BANKS[2], **arguments)


def seeds_of(loader: DataLoader) -> list[int]:
    return [int(seed) for batch in loader for seed in batch["image"].meta["genaug"]["seed"]]


def chain() -> Compose:
    return Compose([EnsureTyped(("image", "label")), CopyPasted(bank=BANKS[2], prob=1.0)])


@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, "fork")])
def test_a_loader_repeats_for_a_fixed_seed_and_gives_no_sample_twice(workers, context):
    items = [dict(zip(("image", "label"), pair(), strict=True)) for _ in range(6)]
    runs = []
    for _ in range(2):
        torch.manual_seed(5)
        dataset = Dataset(items, chain().set_random_state(seed=1))
        loader = DataLoader(dataset, batch_size=2, num_workers=workers, multiprocessing_context=context)
        runs.append(seeds_of(loader))
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 6


def test_a_bank_travels_to_spawned_workers():
    items = [dict(zip(("image", "label"), pair(), strict=True)) for _ in range(3)]
    loader = DataLoader(Dataset(items, chain()), batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert len(set(seeds_of(loader))) == 3


def test_cached_samples_are_pasted_anew_every_epoch():
    items = [dict(zip(("image", "label"), pair(), strict=True)) for _ in range(4)]
    dataset = CacheDataset(items, chain(), progress=False, num_workers=None)
    loader = DataLoader(dataset, batch_size=2)
    assert len(set(seeds_of(loader) + seeds_of(loader))) == 8
    assert "genaug" not in dataset._cache[0]["image"].meta


def test_the_transform_can_be_pickled():
    paste = pickle.loads(pickle.dumps(CopyPasted(bank=BANKS[2], prob=1.0).set_random_state(seed=0)))
    assert paste.bank == BANKS[2]
    assert paste(sample())["image"].meta["genaug"]["applied"]
