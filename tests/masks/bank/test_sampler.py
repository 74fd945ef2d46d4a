"""Tests of InstanceBank on instance maps: what new maps hold, what they keep, what is refused."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor

from monai_genaug.masks.bank import InstanceBank
from tests.masks.drawn import areas, nuclei, regions, touching_share


def bank_2d(**changed) -> InstanceBank:
    return InstanceBank.fit([nuclei(seed) for seed in range(6)], **changed)


def bank_3d(**changed) -> InstanceBank:
    return InstanceBank.fit([nuclei(seed, (24, 32, 32), 5) for seed in range(3)], **changed)


BANKS = {2: bank_2d(touching=0.5), 3: bank_3d(touching=0.5)}


@settings(max_examples=40, deadline=None)
@given(
    size=st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64", ">i2"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_and_type_gives_instances_from_one_on_each_one_region(size, dtype, seed):
    label = np.zeros((1, *size), dtype)
    label[0, ..., 0] = 3
    before = label.copy()
    new = BANKS[len(size)].set_random_state(seed=seed)(label)
    assert (new.shape, new.dtype) == (label.shape, label.dtype)
    values = np.unique(new[new > 0])
    assert values.tolist() == list(range(1, len(values) + 1))
    assert all(regions(new[0] == value) == 1 for value in values)
    np.testing.assert_array_equal(label, before)


@pytest.mark.parametrize("dims", [2, 3])
def test_result_depends_on_size_and_seed_alone(dims):
    label = np.zeros((1, *(40, 56, 32)[:dims]), np.uint16)
    used = BANKS[dims].set_random_state(seed=1)
    used(label[:, :20])
    np.random.seed(7)
    again = used.set_random_state(seed=42)(label)
    np.random.seed(8)
    fresh = {2: bank_2d, 3: bank_3d}[dims](touching=0.5).set_random_state(seed=42)(label + 1)
    np.testing.assert_array_equal(again, fresh)


def test_seeds_give_different_maps():
    bank, label = BANKS[2], np.zeros((1, 64, 64), np.uint8)
    assert len({bank.set_random_state(seed=seed)(label).tobytes() for seed in range(20)}) == 20


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    bank_2d().set_random_state(seed=0)(np.zeros((1, 32, 32), np.uint8))
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_a_pickled_bank_is_equal_and_makes_equal_maps_in_another_process():
    bank, label = BANKS[2], np.zeros((1, 64, 64), np.uint8)
    again = pickle.loads(pickle.dumps(bank))
    assert again == bank
    assert hash(again) == hash(bank)
    code = (
        "import pickle, sys, zlib; bank, label = pickle.loads(sys.stdin.buffer.read());"
        "print(zlib.crc32(bank.set_random_state(seed=11)(label).tobytes()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps((bank, label)), capture_output=True, check=True
    )
    assert int(done.stdout) == zlib.crc32(bank.set_random_state(seed=11)(label).tobytes())


def test_banks_of_other_objects_or_settings_differ():
    banks = [bank_2d(), bank_2d(flip=0.1), InstanceBank.fit([nuclei(9)])]
    assert banks[0] == bank_2d()
    assert banks[0] != banks[1]
    assert banks[0] != banks[2]
    assert banks[0] != "bank"


def test_metatensor_keeps_its_metadata():
    affine = torch.diag(torch.tensor([2.0, 3.0, 1.0, 1.0], dtype=torch.float64))
    label = MetaTensor(torch.zeros(1, 40, 40), affine=affine, meta={"case": "a7"})
    new = BANKS[2].set_random_state(seed=0)(label)
    assert isinstance(new, MetaTensor)
    assert new.dtype == torch.float32
    assert torch.equal(new.affine, affine)
    assert new.meta["case"] == "a7"
    assert new.max() > 0


@pytest.mark.parametrize("dims", [2, 3])
def test_counts_and_sizes_are_near_those_of_the_training_maps(dims):
    size, count = ((96, 96), 12) if dims == 2 else ((36, 48, 48), 20)
    real = [nuclei(seed, size, count) for seed in range(10)]
    bank = InstanceBank.fit(real).set_random_state(seed=0)
    new = [bank(real[0]) for _ in range(30)]
    assert np.mean([len(areas(label)) for label in new]) == pytest.approx(count, rel=0.1)
    sizes = [np.concatenate([areas(label) for label in labels]) for labels in (real, new)]
    assert sizes[1].mean() == pytest.approx(sizes[0].mean(), rel=0.12)


def test_without_changes_the_objects_are_the_real_ones():
    real = nuclei(2)
    bank = InstanceBank.fit([real], rotate=0, scale=(1, 1), flip=0, bend=0, mix=0).set_random_state(seed=0)
    shapes = {bank.store.shape(index).tobytes() for index in range(12)}
    new = bank(real)
    whole = new * ~np.isin(new, np.concatenate([new[:, 0], new[:, -1], new[:, :, 0].T, new[:, :, -1].T], axis=None))
    found = InstanceBank.fit([whole]).store
    assert {found.shape(index).tobytes() for index in range(len(found))} <= shapes


def test_no_objects_touch_where_none_shall():
    bank = InstanceBank(BANKS[2].store, touching=0.0, density=3.0).set_random_state(seed=0)
    for _ in range(5):
        new = bank(np.zeros((1, 96, 96), np.uint8))
        assert regions(new[0]) == new.max() > 12


def test_many_objects_touch_where_all_shall():
    bank = InstanceBank(BANKS[2].store, touching=1.0).set_random_state(seed=0)
    assert np.mean([touching_share(bank(np.zeros((1, 96, 96), np.uint8))[0]) for _ in range(5)]) > 0.9


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_touching_share_is_that_of_the_training_maps(share):
    real = [nuclei(seed, (160, 160), 30, 4, touching=share) for seed in range(8)]
    bank = InstanceBank.fit(real).set_random_state(seed=0)
    before = np.mean([touching_share(label[0]) for label in real])
    assert np.mean([touching_share(bank(real[0])[0]) for _ in range(10)]) == pytest.approx(before, abs=0.12)


def test_small_objects_can_be_made_frequent():
    real = [nuclei(seed, (128, 128), 8, 3 + 2 * seed) for seed in range(3)]
    medians = []
    for small in (0.0, 1.0):
        bank = InstanceBank.fit(real, small=small).set_random_state(seed=0)
        medians.append(np.median(np.concatenate([areas(bank(real[0])) for _ in range(10)])))
    assert medians[1] < 0.6 * medians[0]


def test_a_crowded_map_ends_and_says_what_it_left_out(caplog):
    bank = InstanceBank(BANKS[2].store, density=50.0, touching=0.0).set_random_state(seed=0)
    with caplog.at_level(logging.DEBUG, "monai_genaug"):
        new = bank(np.zeros((1, 40, 40), np.uint16))
    assert "found no place" in caplog.text
    assert 0.15 < (new > 0).mean() < 0.9


def test_kept_objects_stay_and_new_ones_take_free_numbers():
    label = np.zeros((1, 64, 64), np.uint8)
    label[0, 4:12, 4:12], label[0, 40:50, 40:50] = 255, 2
    bank = InstanceBank(BANKS[2].store, keep=True, touching=0.5).set_random_state(seed=0)
    new = bank(label)
    assert np.array_equal(new[label > 0], label[label > 0])
    added = np.unique(new[label == 0])[1:]
    assert added.tolist() == [value for value in range(1, len(added) + 2) if value != 2]
    assert len(added) >= 3


def test_new_objects_touch_those_that_are_kept():
    label = np.zeros((1, 64, 64), np.uint8)
    label[0, 28:36, 28:36] = 1
    bank = InstanceBank(BANKS[2].store, keep=True, touching=1.0, density=0.25).set_random_state(seed=0)
    touched = [touching_share(bank(label)[0]) for _ in range(5)]
    assert min(touched) > 0.9


def test_a_full_map_is_kept_as_it_is():
    label = np.full((1, 20, 20), 3, np.int32)
    assert np.array_equal(InstanceBank(BANKS[2].store, keep=True)(label), label)


def test_specks_of_one_voxel_are_harmless():
    label = np.zeros((1, 40, 40), np.uint8)
    label[0, ::4, ::4] = np.arange(1, 101).reshape(10, 10)
    new = InstanceBank.fit([label]).set_random_state(seed=0)(label)
    assert 60 < new.max() <= 120
    assert areas(new).max() <= 4


def test_a_type_without_room_for_the_numbers_is_named():
    label = np.zeros((1, 64, 64), np.int16)
    label[0, ::4, ::4] = np.arange(1, 257).reshape(16, 16)
    bank = InstanceBank.fit([label]).set_random_state(seed=0)
    with pytest.raises(ValueError, match=r"dtype torch\.int8, which holds whole numbers to 127"):
        bank(np.zeros((1, 64, 64), np.int8))


def test_volumes_of_one_slice_turn_in_their_plane_only():
    bank = InstanceBank.fit([nuclei(seed)[:, None] for seed in range(2)]).set_random_state(seed=0)
    assert bank.store.dims == 3
    sizes = areas(bank(np.zeros((1, 1, 96, 96), np.uint8)))
    assert len(sizes) > 8
    assert np.median(sizes) == pytest.approx(np.median(areas(nuclei(0))), rel=0.35)


def test_anisotropic_volumes_can_be_turned_in_one_plane():
    label = np.zeros((1, 12, 40, 40), np.uint8)
    label[0, 5:7, 10:20, 14:18] = 1
    bank = InstanceBank.fit([label], rotate=(3.1, 0, 0), scale=(1, 1), bend=0, touching=0).set_random_state(seed=0)
    for _ in range(5):
        thickness = (bank(label)[0] > 0).any(axis=(1, 2)).sum()
        assert thickness == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rotate": 90}, "rotate is 90, expected radians"),
        ({"rotate": (0.1, 0.2, 0.3)}, "rotate has 3 angles, a 2D bank has one"),
        ({"scale": (1.2, 0.8)}, "0 < low <= high"),
        ({"bend": 1.0}, "bend is 1.0, expected 0 <= bend < 1"),
        ({"bend": float("nan")}, "bend is nan"),
        ({"flip": -0.1}, "flip is -0.1"),
        ({"mix": 2}, "mix is 2"),
        ({"small": 1.5}, "small is 1.5"),
        ({"rare": 0.5}, "rare is 0.5, but the bank holds instances without classes"),
        ({"touching": 1.1}, "touching is 1.1"),
        ({"density": 0.0}, "density is 0.0, expected a factor above 0"),
        ({"density": float("inf")}, "density is inf"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        InstanceBank(BANKS[2].store, **changed)


def test_a_label_of_other_dimensions_is_refused():
    with pytest.raises(ValueError, match="label has 3 spatial dimensions, the bank was fitted to 2"):
        BANKS[2](np.zeros((1, 8, 8, 8), np.uint8))


def test_labels_without_objects_are_refused_at_fit():
    with pytest.raises(ValueError, match="labels hold no object in 2 maps"):
        InstanceBank.fit([np.zeros((1, 8, 8), np.uint8)] * 2)


@pytest.mark.parametrize("paste_images", [True, False])
def test_images_and_the_wish_for_them_go_together(paste_images):
    images = None if paste_images else [np.zeros((1, 96, 96))]
    with pytest.raises(ValueError, match=f"paste_images is {paste_images} and images are"):
        InstanceBank.fit([nuclei(0)], images, paste_images=paste_images)
