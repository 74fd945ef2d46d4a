from __future__ import annotations

import pytest
import torch
from monai.transforms import Randomizable
from torch import nn

from monai_genaug import GenerativeAugmentd, load_generator, save_generator, synthesize
from monai_genaug.generators import EditingGenerator, ModuleGenerator
from monai_genaug.masks import BinaryEncoding, InstanceEncoding
from tests.helpers import build


class Paint(nn.Module):
    """Objects at 0.7 on a ground of 0.2."""

    def forward(self, condition):
        return 0.2 + 0.5 * condition[:, :1]


def painter(margin: int = 3, encoding=None) -> EditingGenerator:
    inner = ModuleGenerator(
        Paint(), spatial_dims=2, image_channels=1, encoding=encoding or BinaryEncoding(), output_range=(0, 1)
    )
    return EditingGenerator(inner, margin=margin)


class Move(Randomizable):
    """Moves the objects of a label to the right."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, label):
        return torch.roll(label, self.step, dims=-1)


def square(size: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright nucleus with its label, on a ground of 0.3 with debris at the bottom."""
    label = torch.zeros(1, 1, size, size, dtype=torch.int64)
    label[..., 8:14, 8:14] = 5
    image = torch.full((1, 1, size, size), 0.3)
    image[..., 30:, :] = 0.6
    image[label > 0] = 1.0
    return image, label


def test_an_object_is_moved_its_old_place_is_filled_and_the_debris_stays_bit_for_bit():
    image, label = square()
    made = synthesize(painter(), label, [1], images=image, mask_sampler=Move(15))
    new = made.images
    assert new[made.labels > 0].min() > 0.75  # 0.7, moved by how much brighter the real ground is
    old_place = new[..., 8:14, 8:14]
    assert (old_place - 0.3).abs().max() < 0.02
    assert torch.equal(new[..., 20:, :], image[..., 20:, :])
    changed = (new != image).nonzero()[:, 2:]
    assert changed[:, 0].min() >= 5
    assert changed[:, 0].max() < 17


def test_the_ground_has_no_seam():
    image, label = square()
    new = synthesize(painter(), label, [1], images=image, mask_sampler=Move(15)).images[0, 0, :20]
    ground = new.clone()
    ground[8:14, 23:29] = 0.3  # the object
    assert (ground - 0.3).abs().max() < 0.02


def test_with_the_label_as_it_is_objects_are_replaced_in_their_place():
    image, label = square()
    new = synthesize(painter(), label, [1], images=image).images
    assert new[label > 0].max() < 0.9
    assert torch.equal(new[..., 30:, :], image[..., 30:, :])


def test_an_image_made_of_a_label_alone_is_the_other_generators():
    _, label = square()
    generator = painter()
    torch.testing.assert_close(
        synthesize(generator, label, [1]).images, synthesize(generator.generator, label, [1]).images
    )


def test_intensities_of_the_chain_are_kept():
    image, label = square()
    counts = (image * 1000).to(torch.int16)
    new = synthesize(painter(), label, [1], images=counts, mask_sampler=Move(15), value_range=(0, 1000)).images
    assert new.dtype == torch.int16
    assert torch.equal(new[..., 20:, :], counts[..., 20:, :])


def test_encodings_of_several_channels_and_any_size():
    image, label = square(33)
    new = synthesize(painter(encoding=InstanceEncoding()), label, [1], images=image, mask_sampler=Move(10)).images
    assert torch.isfinite(new).all()


def test_a_saved_one_works_in_a_chain(tmp_path):
    folder = save_generator(tmp_path / "g", EditingGenerator(build(), margin=2))
    assert load_generator(folder).margin == 2
    image, label = square()
    sample = GenerativeAugmentd("image", "label", generator=folder, prob=1.0, mask_sampler=Move(15)).set_random_state(
        0
    )({"image": image[0], "label": label[0]})
    assert torch.equal(sample["image"].as_tensor()[..., 20:, :], image[0][..., 20:, :])
    assert sample["image"].meta["genaug"]["applied"]


def test_a_name_is_no_generator():
    with pytest.raises(ValueError, match="generator is a str, expected a ConditionalGenerator: pass load_generator"):
        EditingGenerator("nuclei_pix2pix")


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(ValueError, match="margin is 0, expected at least 1"):
        painter(margin=0)
