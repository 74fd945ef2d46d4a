"""Tests of how objects are stored."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monai_genaug.masks.bank.cutting import cut_objects
from monai_genaug.masks.bank.store import MARGIN, PIXEL_LEVELS
from monai_genaug.masks.instances import tight_box
from tests.masks.drawn import ball, nuclei


@given(
    dims=st.integers(2, 3), sides=st.lists(st.integers(1, 9), min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1)
)
def test_shapes_come_back_as_they_were_cut(dims, sides, seed):
    rng = np.random.RandomState(seed)
    label = np.zeros((1, 12, *[12] * (dims - 2), 14 * len(sides)), np.uint8)
    for number, side in enumerate(sides):
        part = (slice(1, 1 + side),) * (dims - 1)
        label[(0, *part, slice(14 * number + 1, 14 * number + 1 + rng.randint(1, 10)))] = number + 1
    store = cut_objects([label], None, instances=True)
    for index in range(len(sides)):
        own = label[0] == index + 1
        assert np.array_equal(store.shape(index), own[tight_box(own)])


def test_crops_hold_the_pixels_and_a_margin():
    label, image = np.zeros((1, 20, 20), np.uint8), np.random.RandomState(0).uniform(size=(3, 20, 20))
    label[0, 5:9, 6:12] = 1
    label[0, 14:17, 3:5] = 2
    store = cut_objects([label], [image], instances=True)
    for index, box in enumerate([(slice(5, 9), slice(6, 12)), (slice(14, 17), slice(3, 5))]):
        wide = tuple(slice(part.start - MARGIN, part.stop + MARGIN) for part in box)
        np.testing.assert_allclose(store.crop(index), image[(slice(None), *wide)], atol=0.51 / PIXEL_LEVELS)


def test_a_margin_beyond_the_border_repeats_the_last_pixels():
    image = np.linspace(0, 1, 36).reshape(1, 6, 6)
    store = cut_objects([np.ones((1, 6, 6), np.uint8)], [image], instances=True)
    np.testing.assert_allclose(store.crop(0), np.pad(image, ((0, 0), (2, 2), (2, 2)), "edge"), atol=1e-5)


def test_the_digest_tells_contents_apart_and_survives_pickling():
    stores = [cut_objects([nuclei(seed)], None, instances=instances) for seed, instances in ((0, True), (1, True))]
    assert len({store.digest for store in stores}) == 2
    assert pickle.loads(pickle.dumps(stores[0])).digest == stores[0].digest


def test_shapes_take_one_bit_a_voxel():
    label = np.pad(ball(20), 4)[None]
    assert cut_objects([label], None, instances=True).bits.nbytes == -(-41 * 41 // 8)
