from __future__ import annotations

import pytest
import torch
from monai.transforms import Randomizable

from monai_genaug import ConditionalGenerator, ModuleGenerator, synthesize
from monai_genaug.masks import BinaryEncoding
from tests.helpers import blobs, build


class Flip(Randomizable):
    """A sampler that flips by its own random state."""

    def __call__(self, label: torch.Tensor) -> torch.Tensor:
        return label.flip(-1) if self.R.rand() < 0.5 else label


class Inpaint(ConditionalGenerator):
    """Writes 0.5 inside the label, and gives the real image as a second condition channel."""

    def __init__(self) -> None:
        super().__init__(spatial_dims=2, image_channels=1, encoding=BinaryEncoding())

    def region(self, label):
        return label > 0

    def generate(self, condition, *, seeds):
        return torch.full_like(condition, 0.5)


def copy_generator() -> ModuleGenerator:
    """Images equal to the mask."""
    return ModuleGenerator(
        torch.nn.Identity(), spatial_dims=2, image_channels=1, encoding=BinaryEncoding(), output_range=(0, 1)
    )


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.stack([blobs((12, 10), seed) for seed in range(3)])


def test_a_pair_is_a_function_of_label_image_and_seed_alone(labels):
    generator = build()
    images = torch.rand(3, 1, 12, 10)
    whole = synthesize(generator, labels, [4, 5, 6], images=images, mask_sampler=Flip())
    torch.manual_seed(3)
    one = synthesize(generator, labels[2:], [6], images=images[2:], mask_sampler=Flip())
    torch.testing.assert_close(one.images[0], whole.images[2], atol=1e-5, rtol=0)
    assert torch.equal(one.labels[0], whole.labels[2])


def test_the_image_is_made_from_the_new_label(labels):
    made = synthesize(copy_generator(), labels.repeat(4, 1, 1, 1), range(12), mask_sampler=Flip())
    assert torch.equal(made.images > 0, made.labels > 0)
    changed = (made.labels != labels.repeat(4, 1, 1, 1)).flatten(1).any(1)
    assert 0 < changed.sum() < 12


def test_value_range_says_where_the_unit_range_lies(labels):
    made = synthesize(copy_generator(), labels, [1, 2, 3], value_range=(-1000, 400)).images
    assert made.unique().tolist() == [-1000.0, 400.0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.uint16, torch.float16, torch.float64])
def test_the_image_type_is_kept_without_wrapping_around(labels, dtype):
    high = 255 if dtype == torch.uint8 else 1000
    images = torch.full(labels.shape, 7).to(dtype)
    made = synthesize(copy_generator(), labels, [1, 2, 3], images=images, value_range=(0, high)).images
    assert made.dtype == dtype
    assert made.float().unique().tolist() == [0.0, high]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int16, torch.uint16])
def test_outside_the_region_the_real_image_stays_bit_for_bit(labels, dtype):
    images = torch.randint(0, 200, labels.shape).to(dtype)
    if dtype.is_floating_point:
        images = images + torch.rand(labels.shape)
    made = synthesize(Inpaint(), labels, [1, 2, 3], images=images, value_range=(0, 200)).images
    inside = labels > 0
    assert torch.equal(made.float()[~inside], images.float()[~inside])
    assert (made.float()[inside] == 100).all()


def test_a_rejected_row_is_drawn_again_and_another_row_is_not_touched(labels):
    generator = build()
    plain = synthesize(generator, labels, [1, 2, 3])
    calls = []

    def accept(images, labels_):
        calls.append(len(images))
        return torch.tensor([True, False, True]) if len(images) > 1 else [len(calls) > 2]

    made = synthesize(generator, labels, [1, 2, 3], accept=accept)
    assert calls == [3, 1, 1]
    assert made.accepted.tolist() == [True, True, True]
    assert torch.equal(made.images[0], plain.images[0])
    assert (made.images[1] - plain.images[1]).abs().mean() > 1e-3
    torch.testing.assert_close(made.images[2], plain.images[2], atol=1e-5, rtol=0)


def test_where_nothing_is_accepted_the_real_pair_stays(labels):
    images, tries = torch.rand(3, 1, 12, 10), []
    made = synthesize(
        copy_generator(),
        labels,
        [1, 2, 3],
        images=images,
        mask_sampler=Flip(),
        accept=lambda image, label: tries.append(1) or torch.zeros(len(image), dtype=torch.bool),
    )
    assert not made.accepted.any()
    assert torch.equal(made.images, images)
    assert torch.equal(made.labels, labels)
    assert len(tries) == 5


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int64, torch.float16])
def test_retries_and_rejections_work_in_every_type(dtype):
    labels = torch.stack([blobs((12, 10), seed) for seed in range(3)]).to(dtype)
    images, calls = torch.full(labels.shape, 7).to(dtype), []

    def accept(candidates, labels_):
        calls.append(len(candidates))
        return [True, False, False] if len(candidates) == 3 else [False, True]

    made = synthesize(
        copy_generator(),
        labels,
        [1, 2, 3],
        images=images,
        mask_sampler=Flip(),
        accept=lambda i, n: accept(i, n)[: len(i)],
        value_range=(0, 100),
    )
    assert made.accepted.tolist() == [True, False, True]
    assert torch.equal(made.images[1], images[1])
    assert torch.equal(made.labels[1], labels[1])
    assert made.images.dtype == made.labels.dtype == dtype
    assert torch.equal(made.images[2].float() > 0, made.labels[2].float() > 0)


def test_accept_must_answer_for_every_row(labels):
    with pytest.raises(ValueError, match="accept gave 1 answers for 3 images"):
        synthesize(copy_generator(), labels, [1, 2, 3], accept=lambda images, labels_: [True])


def test_an_empty_batch_comes_back_empty(labels):
    made = synthesize(copy_generator(), labels[:0], [], images=torch.zeros(0, 1, 12, 10, dtype=torch.int16))
    assert made.images.shape == (0, 1, 12, 10)
    assert made.images.dtype == torch.int16


def test_accept_sees_the_unit_range_and_the_new_label(labels):
    def accept(images, new_labels):
        assert images.min() == 0
        assert images.max() == 1
        assert torch.equal(images > 0, new_labels > 0)
        return torch.ones(len(images), dtype=torch.bool)

    images = torch.full(labels.shape, 100.0)
    images[..., 0] = 200.0
    done = synthesize(
        copy_generator(), labels, [1, 2, 3], images=images, accept=accept, value_range=(50, 250), mask_sampler=Flip()
    )
    assert done.accepted.all()


@pytest.mark.parametrize(
    "image",
    [
        torch.randn(1, 1, 12, 10),
        torch.rand(1, 1, 12, 10) * 2 - 1,
        torch.rand(1, 1, 12, 10) * 255,
        torch.rand(1, 1, 12, 10) * 900 - 1000,
    ],
    ids=["z-normalised", "-1 to 1", "8 bit", "HU"],
)
def test_an_image_outside_value_range_is_refused_and_the_place_in_the_chain_named(labels, image):
    with pytest.raises(ValueError, match=r"outside value_range.*before z-normalisation"):
        synthesize(copy_generator(), labels[:1], [1], images=image)


def test_background_padding_does_not_hide_an_image_outside_value_range(labels):
    image = torch.zeros(1, 1, 12, 10)
    image[..., :3, :3] = 500.0  # most of the image is empty
    with pytest.raises(ValueError, match="outside value_range"):
        synthesize(copy_generator(), labels[:1], [1], images=image)


def test_a_few_values_outside_value_range_are_let_through(labels):
    image = torch.rand(1, 1, 12, 10)
    image[0, 0, 0, :3] = 3.0
    assert synthesize(copy_generator(), labels[:1], [1], images=image).accepted.all()


def test_a_far_too_wide_value_range_is_warned_of(labels):
    with pytest.warns(UserWarning, match="under 1% of value_range"):
        synthesize(copy_generator(), labels[:1], [1], images=torch.rand(1, 1, 12, 10), value_range=(0, 255))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_image_that_is_not_finite_is_refused(labels, bad):
    images = torch.rand(3, 1, 12, 10)
    images[1, 0, 3, 3] = bad
    with pytest.raises(ValueError, match="NaN or Inf"):
        synthesize(copy_generator(), labels, [1, 2, 3], images=images)


def test_wrong_numbers_of_channels_and_seeds_are_refused(labels):
    with pytest.raises(ValueError, match=r"images have shape \(3, 3, 12, 10\).*need \(3, 1, 12, 10\)"):
        synthesize(copy_generator(), labels, [1, 2, 3], images=torch.rand(3, 3, 12, 10))
    with pytest.raises(ValueError, match="2 seeds for 3 labels"):
        synthesize(copy_generator(), labels, [1, 2])


def test_a_sampler_whose_values_do_not_fit_the_label_type_is_refused():
    class Renumber(Randomizable):
        def __call__(self, label):
            return label * 300

    label = torch.ones(1, 1, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"values up to 300, which the label's type torch\.uint8 cannot hold"):
        synthesize(copy_generator(), label, [1], mask_sampler=Renumber())


def test_a_sampler_that_changes_the_shape_is_refused(labels):
    class Crop(Randomizable):
        def __call__(self, label):
            return label[..., :5]

    with pytest.raises(ValueError, match="Crop turned a label of shape"):
        synthesize(copy_generator(), labels, [1, 2, 3], mask_sampler=Crop())


def test_sixteen_bit_labels_pass_through_the_sampler_unharmed():
    label = torch.zeros(1, 1, 4, 4, dtype=torch.uint16)
    label[0, 0, 0, 0] = 65535
    made = synthesize(copy_generator(), label, [3], mask_sampler=Flip())
    assert made.labels.dtype == torch.uint16
    assert int(made.labels.to(torch.int64).max()) == 65535
