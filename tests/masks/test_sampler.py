"""Labels of 0 and 1 in samplers that number objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from monai_genaug.masks import InstanceBank, ProceduralNuclei
from monai_genaug.masks.bank import load_bank
from monai_genaug.masks.procedural import load_procedural
from monai_genaug.masks.sampler import MaskSampler
from monai_genaug.transforms.paste import paste_objects
from tests.masks.drawn import nuclei

LABELS = [nuclei(seed, (64, 64), 8) for seed in range(3)]
FOREGROUND = [(label > 0).astype(np.uint8) for label in LABELS]
FITS: dict[str, Callable[..., MaskSampler]] = {
    "bank": lambda **settings: InstanceBank.fit(LABELS, **settings),
    "nuclei": lambda **settings: ProceduralNuclei.fit(LABELS, **settings),
}


@pytest.mark.parametrize("name", FITS)
def test_a_label_of_foreground_is_refused_where_objects_would_be_numbered(name):
    with pytest.raises(ValueError, match=r"0 and 1 alone, in several pieces.*pass binary=True"):
        FITS[name]()(FOREGROUND[0])


@pytest.mark.parametrize("name", FITS)
def test_binary_samplers_give_the_same_objects_as_0_and_1(name):
    numbered, binary = FITS[name]().set_random_state(seed=3), FITS[name](binary=True).set_random_state(seed=3)
    new = binary(FOREGROUND[0])
    assert new.dtype == np.uint8
    assert np.array_equal(new, numbered(LABELS[0]) > 0)
    assert set(np.unique(new)) == {0, 1}


@pytest.mark.parametrize("name", FITS)
def test_empty_labels_of_either_kind_are_taken(name):
    empty = np.zeros((1, 64, 64), np.uint8)
    assert FITS[name]().set_random_state(seed=0)(empty).max() > 1
    assert FITS[name](binary=True).set_random_state(seed=0)(empty).max() == 1


def test_binary_is_saved(tmp_path):
    FITS["bank"](binary=True).save(tmp_path / "bank.npz")
    FITS["nuclei"](binary=True).save(tmp_path / "nuclei.json")
    assert load_bank(tmp_path / "bank.npz").binary
    assert load_procedural(tmp_path / "nuclei.json").binary
    assert not load_procedural(tmp_path / "nuclei.json", binary=False).binary


def test_nuclei_fitted_to_foreground_take_each_piece_for_one():
    with pytest.raises(ValueError, match=r"most labels hold 0 and 1 alone.*binary=True \(--binary"):
        ProceduralNuclei.fit(FOREGROUND)
    apart = [nuclei(seed, (96, 96), 5) for seed in range(4)]
    of_pieces = ProceduralNuclei.fit([(label > 0).astype(np.uint8) for label in apart], binary=True)
    of_objects = ProceduralNuclei.fit(apart)
    radii = [np.mean([part.radius for part in sampler.populations]) for sampler in (of_pieces, of_objects)]
    assert radii[0] == pytest.approx(radii[1], rel=0.3)


def test_pasting_keeps_0_and_1_where_the_bank_does():
    images = [label.astype(np.float32) / 20 for label in LABELS]
    plain = InstanceBank.fit(LABELS, images, paste_images=True)
    image, label = torch.zeros(1, 64, 64), torch.from_numpy(FOREGROUND[0])
    with pytest.raises(ValueError, match="pass binary=True"):
        paste_objects(image, label, plain, 0)
    bank = InstanceBank.fit(LABELS, images, paste_images=True, binary=True)
    results = [paste_objects(image, label, bank, seed) for seed in range(5)]
    assert any(result.objects for result in results)
    assert all(set(result.label.unique().tolist()) <= {0, 1} for result in results)
