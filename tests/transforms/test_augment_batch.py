"""Generative augmentation of batches in a training loop written by hand."""

from __future__ import annotations

import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch

from monai_genaug import (
    GenerativeAugment,
    GenerativeAugmentd,
    GenerativePrepareBatch,
    GeneratorHandle,
    accelerate,
    augment_batch,
)
from monai_genaug.masks import BinaryEncoding, LabelDeformation
from tests.families import find_families
from tests.helpers import blobs, build, save_untrained

FAMILIES = find_families()


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return build()


def batch(count: int = 8, **more) -> dict:
    labels = torch.stack([blobs((16, 20), number) for number in range(count)])
    images = torch.rand(count, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    return {"image": images, "label": labels, **more}


def changed(data: dict, made: dict) -> list[bool]:
    return (made["image"] != data["image"]).flatten(1).any(dim=1).tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_for_equal_image_label_and_seed_the_pair_is_that_of_the_way_by_sample(family):
    torch.manual_seed(0)
    generator = FAMILIES[family](2, BinaryEncoding(), 1)
    settings = {"mask_sampler": LabelDeformation(), "value_range": (-1.0, 2.0)}
    data = batch(3)
    made = augment_batch(data, generator=generator, prob=1.0, step=4, **settings)
    by_sample = GenerativeAugment(generator, 1.0, **settings)
    for row, seed in enumerate(made["genaug"]["seed"].tolist()):
        image, label = by_sample.apply(data["image"][row], data["label"][row], seed)
        torch.testing.assert_close(made["image"][row], image.as_tensor(), atol=3 * 1e-5, rtol=0)  # of a range of 3
        assert torch.equal(made["label"][row], label.as_tensor())


def test_a_step_repeats_whatever_the_global_generator_holds_and_no_two_are_alike(generator):
    data = batch(12)
    first, again, *others = (
        augment_batch(data, generator=generator, prob=0.5, **steps)
        for steps in ({"step": 0}, {"step": 0}, {"step": 1}, {"step": 0, "seed": 1})
    )
    assert torch.equal(first["image"], again["image"])
    assert all(changed(data, other) != changed(data, first) for other in others)


def test_a_loop_augments_its_last_small_batch_too(generator):
    data = batch(5)
    loader = torch.utils.data.DataLoader(list(zip(data["image"], data["label"], strict=True)), batch_size=2)
    made = [
        augment_batch({"image": image, "label": label}, generator=generator, prob=1.0, step=step)
        for step, (image, label) in enumerate(loader)
    ]
    assert [changed({"image": image}, done) for (image, _), done in zip(loader, made, strict=True)] == [
        [True, True],
        [True, True],
        [True],
    ]


def test_draws_say_the_same_as_to_the_trainers_way(generator):
    data = batch(8, draw=torch.arange(40, 48))
    image, label = GenerativePrepareBatch(generator, 0.5, seed=3)(data, device="cpu")
    made = augment_batch(data, generator=generator, prob=0.5, seed=3)
    assert torch.equal(made["image"], image)
    assert torch.equal(made["label"], label)


def test_without_step_draws_or_seeds_it_is_refused(generator):
    with pytest.raises(ValueError, match="pass step=step"):
        augment_batch(batch(2), generator=generator)


def test_it_tells_which_rows_were_replaced_and_by_what(generator):
    data = batch(20, name=[str(number) for number in range(20)])
    before = {key: value.clone() for key, value in data.items() if key != "name"}
    made = augment_batch(data, generator=generator, prob=0.5, step=0)
    told = made["genaug"]
    assert told["applied"].tolist() == changed(data, made)
    assert 4 <= told["applied"].sum() <= 16
    assert ((told["seed"] >= 0) == told["applied"]).all()
    assert set(told["generator"]) == {"Pix2PixGenerator"}
    assert made["name"] is data["name"]
    assert "genaug" not in data
    assert all(torch.equal(data[key], before[key]) for key in before)
    again = augment_batch(data, generator=generator, prob=1.0, seeds=told["seed"])
    assert torch.equal(again["image"][told["applied"]], made["image"][told["applied"]])


def test_where_no_row_is_chosen_the_batch_says_so(generator):
    data = batch(3)
    made = augment_batch(data, generator=generator, prob=0.0, step=0)
    assert torch.equal(made["image"], data["image"])
    assert made["genaug"]["applied"].tolist() == [False, False, False]
    assert made["genaug"]["seed"].tolist() == [-1, -1, -1]


def test_a_batch_without_rows_stays_one(generator):
    made = augment_batch(
        batch(2) | {"image": torch.rand(0, 1, 4, 4), "label": torch.zeros(0, 1, 4, 4)}, generator=generator, step=0
    )
    assert made["image"].shape == (0, 1, 4, 4)
    assert made["genaug"]["applied"].shape == (0,)


def test_real_pairs_stay_where_no_image_is_accepted(generator):
    def accept(images, labels):
        return torch.zeros(len(images), dtype=torch.bool)

    data = batch(3)
    made = augment_batch(data, generator=generator, prob=1.0, step=0, accept=accept, mask_sampler=LabelDeformation())
    assert torch.equal(made["image"], data["image"])
    assert torch.equal(made["label"], data["label"])
    assert not made["genaug"]["applied"].any()


def test_all_chosen_rows_are_made_in_one_pass(generator, monkeypatch):
    rows = []
    generate = type(generator).generate

    def count(self, condition, *, seeds):
        rows.append(len(seeds))
        return generate(self, condition, seeds=seeds)

    monkeypatch.setattr(type(generator), "generate", count)
    made = augment_batch(batch(20), generator=generator, prob=0.5, step=0)
    assert rows == [int(made["genaug"]["applied"].sum())]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.uint16, torch.float16, torch.float64], ids=str)
def test_images_keep_their_type(generator, dtype):
    data = batch(3)
    data["image"] = (255 * data["image"]).to(dtype)
    made = augment_batch(data, generator=generator, prob=1.0, step=0, value_range=(0, 255))
    exact = augment_batch(
        data | {"image": data["image"].double()}, generator=generator, prob=1.0, step=0, value_range=(0, 255)
    )
    assert made["image"].dtype == dtype
    torch.testing.assert_close(made["image"].double(), exact["image"], atol=0.51, rtol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float32, torch.bool], ids=str)
def test_labels_keep_their_type(generator, dtype):
    data = batch(3)
    data["label"] = data["label"].to(dtype)
    made = augment_batch(data, generator=generator, prob=1.0, step=0)
    assert made["label"].dtype == dtype
    assert torch.equal(made["label"], data["label"])
    assert changed(data, made) == [True] * 3


def test_other_keys_can_be_named(generator):
    data = batch(2)
    renamed = {"ct": data["image"], "seg": data["label"]}
    made = augment_batch(renamed, generator=generator, prob=1.0, step=0, image_key="ct", label_key="seg")
    assert torch.equal(made["ct"], augment_batch(data, generator=generator, prob=1.0, step=0)["image"])


def meta_loader(count: int = 4, transform=None) -> DataLoader:
    """Batches of MetaTensors, each sample with an affine and a name of its own."""
    samples = []
    for number, image in enumerate(batch(count)["image"]):
        affine = torch.diag(torch.tensor([1.0 + number, 1.0, 1.0, 1.0], dtype=torch.float64))
        meta = {"filename_or_obj": f"{number}.png"}
        label = batch(count)["label"][number]
        samples.append(
            {
                "image": MetaTensor(image, affine=affine, meta=dict(meta)),
                "label": MetaTensor(label, affine=affine, meta=dict(meta)),
            }
        )
    return DataLoader(Dataset(samples, transform), batch_size=count)


def test_metadata_of_batches_stay_and_each_sample_gets_its_own(generator):
    [data] = meta_loader()
    made = augment_batch(data, generator=generator, prob=0.5, step=2)
    assert made["genaug"]["applied"].tolist() == changed(data, made)
    assert sorted({*changed(data, made)}) == [False, True]
    assert "genaug" not in data["image"].meta
    for number, sample in enumerate(decollate_batch(made)):
        assert sample["image"].meta["filename_or_obj"] == f"{number}.png"
        assert sample["label"].affine[0, 0] == sample["image"].affine[0, 0] == 1.0 + number
        assert sample["image"].meta["genaug"]["applied"] == changed(data, made)[number]
        assert sample["image"].meta["genaug"] == sample["genaug"]


def test_what_an_earlier_transform_did_to_other_rows_stays_told(generator):
    chain = GenerativeAugmentd(generator=generator, prob=1.0).set_random_state(seed=1)
    [data] = meta_loader(transform=chain)
    made = augment_batch(data, generator=generator, prob=0.5, step=2)
    replaced = changed(data, made)
    assert sorted({*replaced}) == [False, True]
    assert made["genaug"]["applied"].all()
    same = made["genaug"]["seed"] == data["image"].meta["genaug"]["seed"]
    assert same.tolist() == [not row for row in replaced]


def test_plain_batches_are_told_of_twice_too(generator):
    once = augment_batch(batch(6), generator=generator, prob=0.5, step=0)
    twice = augment_batch(once, generator=generator, prob=0.5, step=1)
    assert torch.equal(twice["genaug"]["applied"], once["genaug"]["applied"] | torch.tensor(changed(once, twice)))


def test_handles_are_taken_and_told_by_name_and_digest(tmp_path):
    handle = GeneratorHandle(save_untrained(tmp_path / "mine"))
    made = augment_batch(batch(2), generator=handle, prob=1.0, step=0)
    assert made["genaug"]["generator"] == ["mine", "mine"]
    assert made["genaug"]["digest"] == [handle.digest] * 2


def test_the_digest_of_a_live_generator_follows_its_weights():
    generator = build()
    told = [augment_batch(batch(1), generator=generator, step=0)["genaug"]["digest"][0] for _ in range(2)]
    with torch.no_grad():
        next(generator.parameters()).add_(1.0)
    other = augment_batch(batch(1), generator=generator, step=0)["genaug"]["digest"][0]
    assert told[0] == told[1] != other


def test_a_faster_generator_gives_the_same_pairs_to_its_tolerance(generator):
    data = batch(4)
    plain = augment_batch(data, generator=generator, prob=1.0, step=0)
    fast = augment_batch(data, generator=accelerate(generator, amp=True, channels_last=True), prob=1.0, step=0)
    torch.testing.assert_close(fast["image"], plain["image"], atol=0.05, rtol=0)
    assert fast["genaug"]["digest"] == plain["genaug"]["digest"]


def test_what_does_not_fit_is_refused(generator, tmp_path):
    data, folder = batch(2), save_untrained(tmp_path / "generator")
    with pytest.raises(TypeError, match="before the loop, write generator = load_generator"):
        augment_batch(data, generator=folder, step=0)
    with pytest.raises(ValueError, match=r"prob is 1\.5"):
        augment_batch(data, generator=generator, prob=1.5, step=0)
    with pytest.raises(ValueError, match=r"value_range is \(1\.0, 0\.0\)"):
        augment_batch(data, generator=generator, prob=0.0, step=0, value_range=(1, 0))
    with pytest.raises(KeyError, match=r"no key 'mask', it has \['image', 'label'\]"):
        augment_batch(data, generator=generator, step=0, label_key="mask")
    with pytest.raises(ValueError, match="'image' of the batch is a list"):
        augment_batch(data | {"image": list(data["image"])}, generator=generator, step=0)
    with pytest.raises(ValueError, match="pass the value_range"):
        augment_batch(data | {"image": 900 * data["image"]}, generator=generator, prob=1.0, step=0)
