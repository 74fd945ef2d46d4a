from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import (
    AsDiscreted,
    Compose,
    Invertd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandSpatialCropd,
    ScaleIntensityRanged,
    Spacingd,
)

from monai_genaug import GenerativeAugmentD, GenerativeAugmentd, GenerativeAugmentDict
from tests.helpers import blobs, save_untrained
from tests.transforms.test_array import copy_generator


def sample(size: tuple[int, ...] = (24, 20)) -> dict[str, torch.Tensor]:
    return {"image": MetaTensor(torch.rand(1, *size)), "label": MetaTensor(blobs(size, 0).float())}


def test_the_aliases_are_the_class():
    assert GenerativeAugmentD is GenerativeAugmentDict is GenerativeAugmentd


def test_signature_defaults_are_those_of_the_design(tmp_path):
    augment = GenerativeAugmentd(generator=save_untrained(tmp_path / "g"))
    assert augment.keys == ("image",)
    assert (augment.label_key, augment.prob, augment.allow_missing_keys) == ("label", 0.1, False)
    assert (augment.augment.value_range, augment.augment.handle.device) == ((0.0, 1.0), "cpu")


def test_image_and_label_are_replaced_and_other_keys_stay():
    data = {**sample(), "group": "g1"}
    done = GenerativeAugmentd(generator=copy_generator(), prob=1.0)(data)
    assert done["group"] == "g1"
    assert torch.equal(done["image"].as_tensor() > 0, done["label"].as_tensor() > 0)
    assert "genaug" not in data["image"].meta


def test_other_key_names_are_used():
    data = sample()
    done = GenerativeAugmentd("img", "seg", generator=copy_generator(), prob=1.0)(
        {"img": data["image"], "seg": data["label"]}
    )
    assert set(done) == {"img", "seg"}
    assert done["img"].meta["genaug"]["applied"]


def test_a_missing_label_is_named_or_left_alone_if_allowed():
    with pytest.raises(KeyError, match="no label key 'label', it has \\['image'\\]"):
        GenerativeAugmentd(generator=copy_generator())({"image": torch.rand(1, 4, 4)})
    data = {"image": torch.rand(1, 4, 4)}
    assert GenerativeAugmentd(generator=copy_generator(), allow_missing_keys=True)(data) == data


def test_a_missing_image_is_made_from_the_label():
    done = GenerativeAugmentd(generator=copy_generator(), prob=0.0)({"label": sample()["label"]})
    assert torch.equal(done["image"].as_tensor() > 0, done["label"].as_tensor() > 0)


def test_more_than_one_image_key_is_refused():
    with pytest.raises(ValueError, match="expected one image key"):
        GenerativeAugmentd(["t1", "t2"], generator=copy_generator())


def test_set_random_state_repeats_the_samples():
    augment = GenerativeAugmentd(generator=copy_generator(), prob=0.5)
    runs = []
    for _ in range(2):
        augment.set_random_state(seed=11)
        runs.append([augment(sample())["image"].meta["genaug"]["seed"] for _ in range(8)])
    assert runs[0] == runs[1]
    assert -1 in runs[0]
    assert max(runs[0]) > 0


def test_prob_may_be_set_between_epochs():
    augment = GenerativeAugmentd(generator=copy_generator(), prob=1.0)
    augment.prob = 0.0
    assert not augment(sample())["image"].meta["genaug"]["applied"]
    with pytest.raises(ValueError, match="prob is 2"):
        augment.prob = 2


@pytest.mark.parametrize(
    "second", [{"prob": 0.0}, {"prob": 1.0, "accept": lambda images, labels: [False]}], ids=["not drawn", "refused"]
)
def test_a_second_transform_that_does_not_apply_keeps_what_the_first_noted(second):
    first = GenerativeAugmentd(generator=copy_generator(), prob=1.0)
    chain = Compose([first, GenerativeAugmentd(generator=copy_generator(), **second)])
    noted = chain(sample())["image"].meta["genaug"]
    assert noted["applied"]
    assert noted["seed"] == first.augment.seed


def test_after_a_multi_crop_each_crop_draws_its_own(tmp_path):
    chain = Compose(
        [
            RandCropByPosNegLabeld(("image", "label"), "label", (8, 8), num_samples=4),
            GenerativeAugmentd(generator=save_untrained(tmp_path / "g"), prob=1.0),
        ]
    ).set_random_state(seed=0)
    crops = chain(sample())
    assert len({crop["image"].meta["genaug"]["seed"] for crop in crops}) == 4


def test_before_a_crop_image_and_label_stay_together():
    chain = Compose(
        [
            GenerativeAugmentd(generator=copy_generator(), prob=1.0),
            RandSpatialCropd(("image", "label"), (10, 9), random_size=False),
            AsDiscreted("label", threshold=0.5),
        ]
    ).set_random_state(seed=0)
    done = chain(sample())
    assert done["image"].shape == (1, 10, 9)
    assert torch.equal(done["image"].as_tensor(), done["label"].as_tensor())


def test_in_a_lazy_chain_pending_steps_are_applied_before():
    chain = Compose(
        [
            RandFlipd(("image", "label"), prob=1.0, spatial_axis=0),
            GenerativeAugmentd(generator=copy_generator(), prob=1.0),
            RandFlipd(("image", "label"), prob=1.0, spatial_axis=1),
        ],
        lazy=True,
    )
    data = sample()
    done = chain(data)
    assert torch.equal(done["label"].as_tensor(), data["label"].as_tensor().flip(1, 2))
    assert torch.equal(done["image"].as_tensor().round(), (done["label"].as_tensor() > 0).float())


def test_invertd_still_inverts_the_other_steps():
    affine = torch.diag(torch.tensor([2.0, 2.0, 1.0, 1.0], dtype=torch.float64))
    data = {key: MetaTensor(value.as_tensor(), affine=affine) for key, value in sample().items()}
    chain = Compose(
        [
            Spacingd(("image", "label"), pixdim=(1.0, 1.0), mode=("bilinear", "nearest")),
            GenerativeAugmentd(generator=copy_generator(), prob=1.0),
        ]
    )
    done = chain(data)
    assert done["image"].shape != data["image"].shape
    back = Invertd("label", chain, orig_keys="image", nearest_interp=True)(dict(done))
    assert back["label"].shape == data["label"].shape
    assert torch.equal(back["label"].affine, affine)


def test_a_z_normalised_chain_is_told_where_the_transform_belongs():
    data = {"image": torch.randn(1, 8, 8), "label": torch.ones(1, 8, 8)}
    with pytest.raises(ValueError, match="before z-normalisation"):
        GenerativeAugmentd(generator=copy_generator(), prob=1.0)(data)


def test_ct_intensities_go_through_by_value_range():
    scale = ScaleIntensityRanged("image", -1000, 400, 0, 1)
    image = np.linspace(-1000, 400, 64, dtype=np.float32).reshape(1, 8, 8)
    augment = GenerativeAugmentd(generator=copy_generator(), prob=1.0, value_range=(-1000, 400))
    done = scale(augment({"image": image, "label": torch.ones(1, 8, 8)}))
    assert done["image"].unique().tolist() == [1.0]
