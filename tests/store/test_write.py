"""Stores: what lies in them, what each sample hangs on, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import load_decathlon_datalist

from monai_genaug._rng import derive_seed
from monai_genaug.data import load_datalist, read_array, write_array
from monai_genaug.generators.folders import digest_generator
from monai_genaug.masks import InstanceBank, LabelDeformation, ProceduralNuclei
from monai_genaug.store import write_store
from monai_genaug.synthesis import synthesize
from tests.helpers import blobs, save_untrained, write_pairs
from tests.store.made import contents, items, noisy, refusing, store, write_masks


@pytest.fixture
def masks(tmp_path) -> Path:
    return write_masks(tmp_path / "masks")


def test_a_store_is_a_data_set_of_images_with_their_masks(masks, tmp_path):
    done = store(tmp_path / "out", masks=masks, count=5)
    found = items(tmp_path / "out")
    assert (done.drawn, done.refused, len(found)) == (5, 0, 5)
    assert {item["group"] for item in found} == {"m0", "m1", "m2"}
    for item in found:
        image, label = read_array(item["image"])[0], read_array(item["label"])[0]
        mask = read_array(masks / f"{item['group']}.png")[0]
        assert (image.dtype, image.shape) == (np.uint8, mask.shape)
        assert label.dtype == mask.dtype == np.uint16
        np.testing.assert_array_equal(label, mask)
        assert image[mask > 0].mean() > image[mask == 0].mean() + 100


def test_monai_reads_the_list(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=2)
    listed = load_decathlon_datalist(str(tmp_path / "out/dataset.json"))
    assert [Path(item["image"]).is_file() and Path(item["label"]).is_file() for item in listed] == [True, True]


def test_each_mask_comes_once_before_any_comes_again(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=7)
    groups = [item["group"] for item in items(tmp_path / "out")]
    assert set(groups[:3]) == set(groups[3:6]) == {"m0", "m1", "m2"}
    names = [Path(item["image"]).stem for item in items(tmp_path / "out")]
    assert names[:6] == [f"{group}_{number // 3}" for number, group in enumerate(groups[:6])]


def test_a_sample_is_what_synthesize_makes_of_mask_and_seed(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=4, seed=3, sampler=LabelDeformation(), bits=32)
    for number, item in enumerate(items(tmp_path / "out")):
        assert item["seed"] == derive_seed(3, "sample", number)
        mask = torch.from_numpy(read_array(masks / f"{item['group']}.png")[0].astype(np.int64))
        made = synthesize(noisy(), mask[None], [item["seed"]], mask_sampler=LabelDeformation())
        np.testing.assert_allclose(read_array(item["image"])[0], made.images[0].numpy(), atol=1e-5)
        np.testing.assert_array_equal(read_array(item["label"])[0], made.labels[0].numpy())


def test_a_sampler_makes_masks_out_of_nothing(tmp_path):
    store(tmp_path / "out", sampler=ProceduralNuclei(radius=4.0), size=(40, 56), count=3)
    found = items(tmp_path / "out")
    labels = [read_array(item["label"])[0] for item in found]
    assert [label.shape for label in labels] == 3 * [(1, 40, 56)]
    assert all(label.max() > 1 for label in labels)
    assert not np.array_equal(labels[0], labels[1])
    assert len({item["group"] for item in found}) == 3


def test_a_bank_rearranges_masks_and_names_do_not_tell_of_theirs(masks, tmp_path):
    bank = InstanceBank.fit([blobs((20, 24), number) for number in range(3)])
    store(tmp_path / "out", masks=masks, sampler=bank, count=3)
    found = items(tmp_path / "out")
    assert [Path(item["image"]).name for item in found] == [f"synthetic_{number:06d}.png" for number in range(3)]
    assert {item["group"] for item in found} == {"m0", "m1", "m2"}


def test_nothing_else_is_left_in_the_folder(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=3)
    names = {path.split("/")[0] for path in contents(tmp_path / "out")}
    assert names == {"dataset.json", "images", "labels", "manifest.json", "records"}


def test_the_manifest_tells_what_the_store_was_made_with(masks, tmp_path):
    generator = save_untrained(tmp_path / "generator")
    done = write_store(tmp_path / "out", generator, masks=masks, sampler=LabelDeformation(), count=3, seed=5)
    told = json.loads((tmp_path / "out/manifest.json").read_text())
    assert told["settings"]["generator"] == digest_generator(generator)
    assert (told["settings"]["seed"], told["settings"]["masks"]["count"]) == (5, 3)
    assert told["made_of"] == {
        "generator": "generator",
        "masks": str(masks),
        "sampler": {"class": "LabelDeformation"},
    }
    assert (told["count"], told["accepted"], told["refused"], told["digest"]) == (3, 3, 0, done.digest)
    assert "PyTorch" in told["versions"]


def test_two_stores_of_equal_settings_are_equal_byte_for_byte(masks, tmp_path):
    first, second = (store(tmp_path / name, masks=masks, count=5) for name in ("a", "b"))
    assert first.digest == second.digest
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"bits": 16}, {"sampler": LabelDeformation()}, {"count": 4}],
    ids=["seed", "bits", "sampler", "count"],
)
def test_the_digest_tells_stores_apart(masks, tmp_path, change):
    settings = {"masks": masks, "count": 3}
    first, second = store(tmp_path / "a", **settings), store(tmp_path / "b", **{**settings, **change})
    assert first.digest != second.digest


def test_a_longer_store_begins_as_the_shorter_one_did(masks, tmp_path):
    generator = save_untrained(tmp_path / "generator")  # convolutions round by what is in a batch
    short, whole = (tmp_path / name for name in ("short", "whole"))
    store(short, generator=generator, masks=masks, count=3)
    before = contents(short)
    grown = store(short, generator=generator, masks=masks, count=8)
    assert grown == store(whole, generator=generator, masks=masks, count=8)._replace(folder=short)
    assert contents(short) == contents(whole)
    kept = [name for name in before if name.startswith(("images", "labels"))]
    assert len(kept) == 6
    assert {name: contents(short)[name] for name in kept} == {name: before[name] for name in kept}


def test_a_second_run_makes_nothing_again(masks, tmp_path):
    done = store(tmp_path / "out", masks=masks, count=5)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    told: list[tuple] = []
    assert store(tmp_path / "out", masks=masks, count=5, progress=lambda *state: told.append(state)) == done
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")} == before


def test_progress_counts_samples(masks, tmp_path):
    told: list[tuple] = []
    store(tmp_path / "out", masks=masks, count=5, progress=lambda *state: told.append(state))
    assert told == [(2, 5, {}), (4, 5, {}), (5, 5, {})]


def test_what_a_gate_refuses_is_left_out_and_counted(masks, tmp_path):
    unwanted = int(read_array(masks / "m1.png")[0].sum())
    gate = refusing(lambda images, labels: [int(label.sum()) != unwanted for label in labels])
    done = store(tmp_path / "out", masks=masks, count=6, accept=gate)
    assert (done.drawn, done.refused) == (6, 2)
    assert sorted(item["group"] for item in items(tmp_path / "out")) == ["m0", "m0", "m2", "m2"]
    told = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (told["count"], told["accepted"], told["refused"]) == (6, 4, 2)
    listed = [path for path in contents(tmp_path / "out") if path.endswith(".png")]
    assert len(listed) == 8


def test_a_gate_that_lets_none_through_is_an_error(masks, tmp_path):
    with pytest.raises(ValueError, match="the gate let none of 3 samples through: make it milder"):
        store(tmp_path / "out", masks=masks, count=3, accept=refusing(lambda images, labels: [False] * len(images)))
    assert not (tmp_path / "out/dataset.json").exists()


def test_masks_of_a_data_set_are_those_of_its_training_images(tmp_path):
    write_pairs(tmp_path / "data", 6)
    splits = load_datalist(tmp_path / "data")
    store(tmp_path / "out", masks=tmp_path / "data", count=12)
    assert {item["group"] for item in items(tmp_path / "out")} == {item["group"] for item in splits["training"]}


def test_masks_of_several_sizes_share_a_batch(tmp_path):
    for number, size in enumerate([(16, 20), (20, 16), (16, 20)]):
        write_array(tmp_path / f"masks/{number}.png", blobs(size, number).numpy().astype(np.uint8))
    store(tmp_path / "out", masks=tmp_path / "masks", count=3, batch_size=3)
    for item in items(tmp_path / "out"):
        assert read_array(item["image"])[0].shape == read_array(item["label"])[0].shape


def test_volumes_keep_their_affine_and_are_float(tmp_path):
    affine = np.array([[-1.5, 0, 0, 4], [0, 2.0, 0, 5], [0, 0, 3.0, 6], [0, 0, 0, 1]])
    write_array(tmp_path / "masks/v.nii.gz", 700 * blobs((10, 9, 8), 0).numpy().astype(np.int16), affine)
    for name in ("out", "again"):
        store(tmp_path / name, generator=noisy(3), masks=tmp_path / "masks", count=1)
    [item] = items(tmp_path / "out")
    (image, where), (label, there) = read_array(item["image"]), read_array(item["label"])
    assert (image.dtype, label.dtype, int(label.max())) == (np.float32, np.int16, 1400)
    assert 0 <= image.min() < image.max() <= 1
    np.testing.assert_allclose(where["affine"], affine)
    np.testing.assert_allclose(there["affine"], affine)
    assert contents(tmp_path / "out") == contents(tmp_path / "again")  # no time stands in the files


def test_volumes_out_of_nothing_are_nifti(tmp_path):
    store(
        tmp_path / "out",
        generator=noisy(3),
        sampler=ProceduralNuclei(radius=4.0),
        size=(16, 20, 24),
        count=1,
    )
    [item] = items(tmp_path / "out")
    assert item["image"].endswith(".nii.gz")
    assert read_array(item["label"])[0].shape == (1, 16, 20, 24)


def test_a_store_that_is_not_finished_is_no_data_set(masks, tmp_path):
    store(tmp_path / "out", masks=masks, count=3)
    (tmp_path / "out/dataset.json").unlink()
    with pytest.raises(ValueError, match=r"out is a store of synthetic pairs that is not finished: run the same"):
        load_datalist(tmp_path / "out")


def test_threads_and_flags_are_left_as_they_were(masks, tmp_path):
    before = torch.get_num_threads(), torch.backends.cudnn.deterministic
    store(tmp_path / "out", masks=masks, count=2, threads=before[0] + 1)
    assert (torch.get_num_threads(), torch.backends.cudnn.deterministic) == before
