from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data import MetaTensor, set_track_meta

from monai_genaug import GenerativeAugment, ModuleGenerator
from monai_genaug.masks import BinaryEncoding
from tests.helpers import blobs, build, save_untrained


def copy_generator(dims: int = 2) -> ModuleGenerator:
    """Images equal to the mask."""
    return ModuleGenerator(
        torch.nn.Identity(), spatial_dims=dims, image_channels=1, encoding=BinaryEncoding(), output_range=(0, 1)
    )


@pytest.fixture
def pair() -> tuple[MetaTensor, MetaTensor]:
    affine = torch.diag(torch.tensor([0.5, 0.5, 2.0, 1.0], dtype=torch.float64))
    image = MetaTensor(torch.rand(1, 12, 10), affine=affine, meta={"filename_or_obj": "a.png"})
    return image, MetaTensor(blobs((12, 10), 0).float(), affine=affine * 3, meta={"filename_or_obj": "b.png"})


@pytest.mark.parametrize("prob", [-1, 1.2, float("nan")])
def test_a_probability_outside_the_unit_interval_is_refused(prob):
    with pytest.raises(ValueError, match="prob is"):
        GenerativeAugment(copy_generator(), prob=prob)


@pytest.mark.parametrize("sampler", ["flip", lambda label: label])
def test_a_sampler_that_is_no_randomizable_is_refused(sampler):
    with pytest.raises(ValueError, match=r"expected a callable monai\.transforms\.Randomizable"):
        GenerativeAugment(copy_generator(), mask_sampler=sampler)


def test_prob_is_the_share_of_replaced_samples(pair):
    augment = GenerativeAugment(copy_generator(), prob=0.3).set_random_state(seed=0)
    applied = [augment(*pair)[0].meta["genaug"]["applied"] for _ in range(300)]
    assert 0.22 < np.mean(applied) < 0.38


def test_the_sequence_of_seeds_does_not_depend_on_prob(pair):
    seeds = []
    for prob in (0.0, 1.0):
        augment = GenerativeAugment(copy_generator(), prob=prob).set_random_state(seed=3)
        seeds.append([augment(*pair) and augment.seed for _ in range(5)])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 5


def test_affine_metadata_and_history_are_kept_and_the_input_is_not_touched(pair):
    image, label = pair
    image.applied_operations.append({"class": "Spacing"})
    before = copy.deepcopy(image.meta)
    new_image, new_label = GenerativeAugment(copy_generator(), prob=1.0)(image, label)
    assert torch.equal(new_image.affine, image.affine)
    assert new_image.meta["filename_or_obj"] == "a.png"
    assert new_image.applied_operations == [{"class": "Spacing"}]
    assert torch.equal(new_label.affine, label.affine)
    assert new_label.meta["filename_or_obj"] == "b.png"
    assert image.meta.keys() == before.keys()


def test_metadata_have_the_same_keys_and_types_for_every_sample(pair):
    metas = [GenerativeAugment(copy_generator(), prob=p)(*pair)[0].meta["genaug"] for p in (0.0, 1.0)]
    assert [{k: type(v) for k, v in meta.items()} for meta in metas] == [
        {"applied": bool, "generator": str, "digest": str, "seed": int}
    ] * 2
    assert metas[0]["seed"] == -1
    assert metas[1]["seed"] >= 0


def test_an_unapplied_pair_is_bit_for_bit_what_came(pair):
    image, label = GenerativeAugment(copy_generator(), prob=0.0)(*pair)
    assert torch.equal(image.as_tensor(), pair[0].as_tensor())
    assert torch.equal(label.as_tensor(), pair[1].as_tensor())


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_numpy_types_are_kept_for_image_and_label(dtype):
    image = np.full((1, 6, 6), 50, dtype=dtype)
    label = blobs((6, 6), 1).numpy().astype("uint16") * 30000
    new_image, new_label = GenerativeAugment(copy_generator(), prob=1.0, value_range=(0, 100))(image, label)
    assert str(new_image.dtype) == f"torch.{dtype}"
    assert new_label.dtype == torch.uint16
    assert set(new_image.float().unique().tolist()) == {0.0, 100.0}
    assert int(new_label.to(torch.int64).max()) == 60000


def test_a_missing_image_is_made_from_the_label_whatever_prob_is(pair):
    image, label = GenerativeAugment(copy_generator(), prob=0.0, value_range=(0, 255))(None, pair[1])
    assert torch.equal(image.as_tensor() > 0, pair[1].as_tensor() > 0)
    assert image.meta["genaug"]["applied"]
    assert torch.equal(image.affine, label.affine)


def test_a_missing_image_that_is_never_accepted_is_an_error(pair):
    augment = GenerativeAugment(copy_generator(), accept=lambda images, labels: [False])
    with pytest.raises(ValueError, match="no real image to keep"):
        augment(None, pair[1])


def test_a_rejected_sample_keeps_the_real_pair_and_says_so(pair):
    augment = GenerativeAugment(copy_generator(), prob=1.0, accept=lambda images, labels: [False])
    image, _ = augment(*pair)
    assert torch.equal(image.as_tensor(), pair[0].as_tensor())
    assert image.meta["genaug"] == {**image.meta["genaug"], "applied": False, "seed": -1}


def test_without_tracking_of_metadata_plain_tensors_come_out():
    set_track_meta(False)
    try:
        image, label = GenerativeAugment(copy_generator(), prob=1.0)(torch.rand(1, 4, 4), torch.ones(1, 4, 4))
    finally:
        set_track_meta(True)
    assert type(image) is torch.Tensor
    assert type(label) is torch.Tensor


def test_a_folder_and_a_live_generator_give_the_same_pair(tmp_path, pair):
    folder = save_untrained(tmp_path / "g")
    torch.manual_seed(0)
    images = [
        GenerativeAugment(generator, prob=1.0).set_random_state(seed=1)(*pair)[0] for generator in (folder, build())
    ]
    torch.testing.assert_close(images[0].as_tensor(), images[1].as_tensor(), atol=1e-5, rtol=0)
    assert images[0].meta["genaug"]["generator"] == "g"


@given(
    dims=st.sampled_from([2, 3]),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    dtype=st.sampled_from(["uint8", "int16", "float32", "float16"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape_and_type_goes_through(dims, size, dtype, seed):
    size = size[:dims]
    image = np.zeros((1, *size), dtype=dtype)
    image[..., 0] = 1
    augment = GenerativeAugment(copy_generator(dims), prob=1.0).set_random_state(seed=seed)
    new_image, label = augment(image, blobs(size, 0))
    assert str(new_image.dtype) == f"torch.{dtype}"
    assert torch.equal(new_image.as_tensor() > 0, label.as_tensor() > 0)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (torch.rand(3, 8, 8), torch.ones(1, 8, 8), r"need \(1, 1, 8, 8\)"),
        (torch.rand(1, 8, 8), torch.ones(2, 8, 8), r"expected \(1, \*S\)"),
        (torch.rand(1, 8, 8), torch.ones(8, 8), r"expected \(1, \*S\)"),
        (torch.rand(1, 8, 8), torch.ones(1, 8, 9), "same S"),
        (torch.rand(1, 8, 8), torch.full((1, 8, 8), 0.5), "label holds 0.5, expected whole numbers"),
        (torch.rand(1, 8, 8), torch.full((1, 8, 8), -1), "label holds -1"),
        (torch.rand(1, 8, 8) * 255, torch.ones(1, 8, 8), "outside value_range"),
        (torch.rand(1, 8, 8, 8), torch.ones(1, 8, 8, 8), "2 spatial dims"),
    ],
    ids=["channels", "label channels", "no channel", "sizes", "fractions", "negative", "range", "dims"],
)
def test_what_does_not_fit_gets_one_clear_error(image, label, message):
    with pytest.raises(ValueError, match=message):
        GenerativeAugment(copy_generator(), prob=1.0)(image, label)
