"""Tests of InstanceBank on real labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_genaug.masks.bank import InstanceBank
from monai_genaug.masks.bank.cutting import cut_objects
from tests.masks.drawn import regions


@pytest.fixture(scope="module")
def labels(real_data: Callable[[str], Path]) -> list[np.ndarray]:
    files = sorted((real_data("dsb2018_fluorescence") / "labels").iterdir())[::6]
    return [np.asarray(Image.open(path))[None].astype(np.int32) for path in files]


def test_new_maps_of_nuclei_are_like_the_real_ones(labels):
    bank = InstanceBank.fit(labels).set_random_state(seed=0)
    real, new = bank.store, cut_objects([bank(labels[0]) for _ in range(80)], None, instances=True)
    assert new.counts.mean() == pytest.approx(real.counts.mean(), rel=0.25)
    for quantile in (0.25, 0.5, 0.75):
        assert np.quantile(new.areas, quantile) == pytest.approx(np.quantile(real.areas, quantile), rel=0.25)
    for name in ("touching", "cut"):
        shares = [np.average(getattr(store, name), weights=store.counts) for store in (real, new)]
        assert shares[1] == pytest.approx(shares[0], abs=0.06)


def test_each_nucleus_is_one_region(labels):
    bank = InstanceBank.fit(labels, density=2.0).set_random_state(seed=1)
    for _ in range(3):
        new = bank(labels[0])[0]
        assert all(regions(new == value) == 1 for value in range(1, new.max() + 1))


def test_lesions_keep_their_classes_and_their_distance_from_the_border(real_data):
    files = sorted((real_data("busi") / "labels").iterdir())[::20]
    real = [np.asarray(Image.open(path))[None].astype(np.int32) for path in files]
    bank = InstanceBank.fit(real, instances=False).set_random_state(seed=0)
    new = cut_objects([bank(real[0]) for _ in range(80)], None, instances=False)
    assert set(new.classes) == set(bank.store.classes) == {1, 2}
    assert new.counts.mean() == pytest.approx(bank.store.counts.mean(), rel=0.2)
    assert (np.average(new.cut, weights=new.counts) - np.average(bank.store.cut, weights=bank.store.counts)) < 0.1
