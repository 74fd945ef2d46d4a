"""Objects of a generator in backgrounds of a bank."""

from __future__ import annotations

import pytest
import torch

from monai_genaug import GenerativeAugmentd, load_generator, save_generator, synthesize
from monai_genaug.generators import BackgroundGenerator, EditingGenerator
from monai_genaug.networks import BackgroundBank
from tests.generators.test_editing import painter, square
from tests.helpers import build


def bank(value: float = 0.5, size: int = 40) -> BackgroundBank:
    """Grey, with debris on one side and an object that was found in the middle."""
    image, found = torch.full((1, size, size), value), torch.zeros(1, size, size)
    image[..., :4] = 0.9
    image[:, 16:24, 16:24], found[:, 16:24, 16:24] = 1.0, 1
    return BackgroundBank.fit([image], [found], side=size, margin=1)


def test_new_objects_stand_in_a_background_that_keeps_its_debris_and_loses_its_objects():
    _, label = square()
    image = synthesize(BackgroundGenerator(painter(margin=3), bank()), label, [4]).images[0, 0]
    assert image[8:14, 8:14].min() > 0.9  # 0.7 of the painter, moved by how much brighter this ground is
    side = image[:, :4] if image[20, 1] > 0.8 else image[:, -4:]  # mirrored by the seed, or not
    assert (side[22:] - 0.9).abs().max() < 1e-3
    middle = image[16:24, 16:24]
    assert (middle - 0.5).abs().max() < 0.02


def test_in_a_chain_the_real_image_is_replaced_as_a_whole():
    image, label = square()
    generator = BackgroundGenerator(painter(), bank())
    made = synthesize(generator, label, [4], images=image)
    assert torch.equal(made.images, synthesize(generator, label, [4]).images)
    assert torch.equal(made.labels, label)


def test_seeds_draw_different_backgrounds():
    images = [torch.full((1, 16, 16), value) for value in (0.25, 0.5, 0.75)]
    several = BackgroundBank.fit(images, [torch.zeros(1, 16, 16)] * 3, side=16)
    generator = BackgroundGenerator(painter(), several)
    label = torch.zeros(1, 1, 16, 16, dtype=torch.int64)
    made = [generator.sample(generator.encode(label), seeds=[seed]).unique().tolist() for seed in range(30)]
    assert {tuple(values) for values in made} == {(0.25,), (0.5,), (0.75,)}


def test_it_is_saved_with_its_bank(tmp_path):
    generator = BackgroundGenerator(EditingGenerator(build(), margin=2), bank(size=24))
    folder = save_generator(tmp_path / "g", generator)
    again = load_generator(folder)
    assert torch.equal(again.backgrounds.known, generator.backgrounds.known)
    image, label = square()
    condition = generator.encode(label)
    assert torch.equal(again.sample(condition, seeds=[5]), generator.sample(condition, seeds=[5]))
    sample = GenerativeAugmentd("image", "label", generator=folder, prob=1.0)({"image": image[0], "label": label[0]})
    assert sample["image"].meta["genaug"]["generator"].endswith("g")


@pytest.mark.parametrize("inner", [lambda: painter().generator, lambda: BackgroundGenerator(painter(), bank())])
def test_what_does_not_edit_is_refused(inner):
    with pytest.raises(ValueError, match=r"expected a EditingGenerator: pass EditingGenerator\(load_generator"):
        BackgroundGenerator(inner(), bank())


def test_a_bank_of_other_images_is_refused():
    colour = BackgroundBank(2, 3, (8, 8))
    with pytest.raises(ValueError, match=r"backgrounds are 2D with 3 channels, .* makes 2D images with 1"):
        BackgroundGenerator(painter(), colour)
