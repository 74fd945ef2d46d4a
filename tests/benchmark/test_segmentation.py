"""The U-Net and its arms, which differ in nothing but the augmentation."""

from __future__ import annotations

import pytest
import torch
from monai.transforms import MapTransform, RandomizableTransform

from monai_genaug.benchmark.segmentation import (
    SegmenterSettings,
    build_segmenter,
    draw_batches,
    evaluate_segmenter,
    predict_foreground,
    train_segmenter,
)
from monai_genaug.masks import LabelDeformation
from monai_genaug.transforms import GenerativeAugmentd
from tests.helpers import blobs, save_untrained

SETTINGS = SegmenterSettings(features=(4, 8), crop_size=16, batch_size=4, steps=6)


def items(count: int = 5, size: tuple[int, int] = (32, 32)) -> list[dict[str, torch.Tensor]]:
    """Images in which every pixel of every image has a value of its own."""
    pixels = torch.arange(count * size[0] * size[1]).reshape(count, 1, *size) / 1e4
    return [{"image": image, "label": blobs(size, seed=i)} for i, image in enumerate(pixels)]


class AddRandom(RandomizableTransform, MapTransform):
    """Adds a whole number drawn for each sample, more draws than a crop needs."""

    def __init__(self) -> None:
        MapTransform.__init__(self, ["image"])
        RandomizableTransform.__init__(self, 1.0)

    def __call__(self, data):
        return {**data, "image": data["image"] + float(self.R.randint(1, 5, size=7)[0])}


def test_an_augmentation_leaves_order_crops_and_flips_as_they_were():
    plain = list(draw_batches(items(), SETTINGS, seed=3))
    augmented = list(draw_batches(items(), SETTINGS, seed=3, augment=AddRandom()))
    added = [other[0] - image[0] for image, other in zip(plain, augmented, strict=True)]
    for difference in added:
        whole = difference.round()
        assert torch.allclose(difference, whole, atol=1e-5)
        assert (whole >= 1).all()
        assert (whole == whole[:, :, :1, :1]).all()
    assert len({row.flatten()[0].item() for difference in added for row in difference.round()}) > 1
    assert all(torch.equal(image[1], other[1]) for image, other in zip(plain, augmented, strict=True))


def test_samples_that_are_not_replaced_are_bit_for_bit_those_of_the_other_arm(tmp_path):
    augment = GenerativeAugmentd(generator=save_untrained(tmp_path), prob=0.5, mask_sampler=LabelDeformation())
    plain = torch.cat([image for image, _ in draw_batches(items(), SETTINGS, seed=3)])
    augmented = torch.cat([image for image, _ in draw_batches(items(), SETTINGS, seed=3, augment=augment)])
    same = (plain == augmented).flatten(1).all(dim=1)
    assert 4 <= int(same.sum()) <= 20  # of 24


def test_another_seed_draws_other_crops():
    first, second = (next(draw_batches(items(), SETTINGS, seed=seed))[0] for seed in (0, 1))
    assert not torch.equal(first, second)


def test_each_image_is_drawn_equally_often():
    settings = SegmenterSettings(features=(4, 8), crop_size=16, batch_size=5, steps=4)
    images = torch.cat([image for image, _ in draw_batches(items(5), settings, seed=0)])
    numbers = (images.flatten(1).mean(dim=1) * 1e4 / 32**2).long()
    assert torch.bincount(numbers).tolist() == [4] * 5


def test_batches_are_plain_tensors_with_binary_foreground():
    image, foreground = next(draw_batches(items(), SETTINGS, seed=0))
    assert type(image) is type(foreground) is torch.Tensor
    assert set(foreground.unique().tolist()) == {0.0, 1.0}


def test_images_smaller_than_the_crop_are_mirrored_up_to_it():
    image, foreground = next(draw_batches(items(2, (10, 40)), SETTINGS, seed=0))
    assert image.shape == foreground.shape == (4, 1, 16, 16)
    assert (image > 0).sum() >= image.numel() - 1  # no black border: only the very first pixel is 0


def test_equal_seeds_train_equal_networks_whatever_the_global_generator_holds():
    networks = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        networks.append(train_segmenter(items(), SETTINGS, seed=0))
    states = [network.state_dict() for network in networks]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_training_leaves_the_global_generator_as_it_was():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    train_segmenter(items(), SETTINGS, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_training_learns_bright_objects():
    data = [
        {"image": (label > 0).float() * 0.8 + 0.1, "label": label} for label in (blobs((32, 32), i) for i in range(4))
    ]
    settings = SegmenterSettings(features=(4, 8), crop_size=32, batch_size=4, steps=40, learning_rate=1e-2)
    losses: list[float] = []
    network = train_segmenter(data, settings, seed=0, progress=lambda done, total, loss: losses.append(loss["loss"]))
    label = blobs((32, 32), 99)
    test = {"image": (label > 0).float() * 0.8 + 0.1, "label": label, "group": "g", "name": "n"}
    assert len(losses) == 40
    assert losses[-1] < 0.7 * losses[0]
    assert evaluate_segmenter(network, [test])["dice"][0] > 0.9


def test_nothing_to_train_on_is_refused():
    with pytest.raises(ValueError, match="there are no items to train on"):
        train_segmenter([], SETTINGS, seed=0)


def test_a_crop_that_does_not_fit_the_network_is_refused():
    with pytest.raises(ValueError, match=r"crop_size is 15, expected a multiple of 2 \*\* \(len\(features\) - 1\) = 2"):
        train_segmenter(items(), SegmenterSettings(features=(4, 8), crop_size=15), seed=0)


def test_a_loss_that_is_not_finite_stops_training():
    broken = [{"image": torch.full((1, 16, 16), torch.nan), "label": blobs((16, 16), 0)}]
    with pytest.raises(FloatingPointError, match="the U-Net's loss is nan in step 1: lower learning_rate"):
        train_segmenter(broken, SETTINGS, seed=0)


class Fixed(torch.nn.Module):
    """Predicts foreground wherever the image is above one half."""

    strides = (2, 2)

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, image):
        assert all(side % 4 == 0 for side in image.shape[2:])
        return self.scale * (image - 0.5)


def scored(prediction: torch.Tensor, label: torch.Tensor) -> tuple[float, float]:
    item = {"image": prediction.float(), "label": label, "group": "g", "name": "n"}
    row = evaluate_segmenter(Fixed(), [item]).iloc[0]
    return row["dice"], row["jaccard"]


def test_scores_are_those_of_the_formulae():
    prediction, label = torch.zeros(1, 5, 6), torch.zeros(1, 5, 6, dtype=torch.int64)
    prediction[0, 0, :4] = 1
    label[0, 0, 2:6] = 3
    assert scored(prediction, label) == pytest.approx((2 * 2 / 8, 2 / 6))


@pytest.mark.parametrize(("found", "true", "score"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_empty_predictions_and_labels_have_scores(found, true, score):
    assert scored(torch.full((1, 4, 4), found), torch.full((1, 4, 4), true)) == (score, score)


def test_an_image_of_any_size_is_segmented_whole():
    image = torch.rand(1, 13, 7)
    assert torch.equal(predict_foreground(Fixed(), image), image > 0.5)


def test_rows_name_image_and_group():
    table = evaluate_segmenter(
        Fixed(),
        [{"image": torch.ones(1, 4, 4), "label": torch.ones(1, 4, 4), "group": g, "name": f"n{g}"} for g in "ab"],
    )
    assert table[["index", "name", "group"]].to_numpy().tolist() == [[0, "na", "a"], [1, "nb", "b"]]


def test_volumes_can_be_segmented():
    settings = SegmenterSettings(spatial_dims=3, features=(2, 4), crop_size=8, batch_size=2, steps=1)
    volume = {"image": torch.rand(1, 9, 10, 11), "label": blobs((9, 10, 11), 0)}
    assert predict_foreground(train_segmenter([volume], settings, seed=0), volume["image"]).shape == (1, 9, 10, 11)


def test_equal_seeds_build_equal_weights():
    first, second, other = (build_segmenter(SETTINGS, seed=seed) for seed in (1, 1, 2))
    weights = [torch.cat([p.flatten() for p in network.parameters()]) for network in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
