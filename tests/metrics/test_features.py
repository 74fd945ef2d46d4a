from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from monai_genaug.metrics import features
from monai_genaug.metrics.features import RandomFeatures, check_feature_sets, extract_features, load_extractor
from monai_genaug.metrics.manifold import nearest_neighbour_accuracy


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def ramp(*shape):
    return torch.linspace(0, 1, torch.Size(shape).numel()).reshape(shape)


class Pooled(nn.Module):
    def __init__(self, tail=()):
        super().__init__()
        self.tail = tail

    def forward(self, image):
        flat = image.flatten(1)
        return torch.stack([flat.mean(1), flat.amax(1)], 1).reshape(len(image), 2, *self.tail)


class Scripted(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=(2, 3), keepdim=True)


@pytest.mark.parametrize(("spatial_dims", "sizes"), [(2, [(1, 1), (7, 30), (64, 64)]), (3, [(1, 1, 1), (5, 9, 16)])])
@pytest.mark.parametrize("channels", [1, 3])
def test_random_features_take_images_of_any_size(spatial_dims, sizes, channels):
    network = RandomFeatures(spatial_dims, channels)
    for size in sizes:
        found = network(drawn(2, channels, *size))
        assert found.shape == (2, 256)
        assert found.dtype == torch.float32
        assert found.isfinite().all()


def test_random_features_neither_vanish_nor_explode():
    for dims, size in ((2, (64, 64)), (3, (16, 16, 16))):
        network = RandomFeatures(dims, 1)
        found = network(torch.cat([drawn(4, 1, *size), ramp(1, 1, *size), torch.ones(1, 1, *size)]))
        start = 0
        for channels in network.channels:
            scale = found[:, start : start + 2 * channels]
            assert 0.2 < scale.square().mean().sqrt() < 5
            assert (scale.std(dim=0) > 1e-4).all()  # each feature tells images apart
            start += 2 * channels


def test_random_features_are_a_function_of_their_seed_alone():
    before = torch.get_rng_state()
    first = RandomFeatures(2, 1)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(3)
    again, other = RandomFeatures(2, 1), RandomFeatures(2, 1, seed=1)
    image = drawn(1, 1, 20, 20)
    assert torch.equal(first(image), again(image))
    assert not torch.allclose(first(image), other(image), atol=0.1)


def test_random_features_stay_the_same_from_release_to_release():
    found = RandomFeatures(2, 1)(ramp(1, 1, 16, 16))[0]
    assert found[[0, 20, 100, 255]].tolist() == pytest.approx([-0.029, -1.636, 0.1936, -1.2878], abs=2e-4)


def test_half_of_the_filters_see_texture_but_no_brightness():
    network = RandomFeatures(2, 1)
    dark, bright = network(torch.stack([torch.full((1, 16, 16), value) for value in (0.2, 0.7)]))
    assert torch.allclose(dark[:8], bright[:8], atol=1e-5)
    assert ((dark - bright)[8:16].abs() > 1e-3).all()


def test_blur_noise_and_contrast_move_random_features_further_than_chance():
    images = [nn.functional.avg_pool2d(drawn(1, 40, 40, seed=seed), 3, 1) for seed in range(12)]
    network = RandomFeatures(2, 1)
    real, others = extract_features(images[:6], network), extract_features(images[6:], network)

    def distance(change):
        changed = extract_features([change(image) for image in images[6:]], network)
        return np.linalg.norm(changed.mean(0) - real.mean(0))

    chance = np.linalg.norm(others.mean(0) - real.mean(0))
    assert distance(lambda image: nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)) > 3 * chance
    assert distance(lambda image: (image + 0.3 * (drawn(*image.shape) - 0.5)).clamp(0, 1)) > 2 * chance
    assert distance(lambda image: 0.8 * image) > 3 * chance


def test_random_features_tell_blurred_real_images_from_sharp_ones(real_data):
    from PIL import Image

    paths = sorted((real_data("busi") / "images").iterdir())[:40]
    images = [torch.from_numpy(np.array(Image.open(path).convert("L")) / 255)[None, :96, :96] for path in paths]
    network = RandomFeatures(2, 1)
    real, others = extract_features(images[::2], network), extract_features(images[1::2], network)
    blurred = extract_features([nn.functional.avg_pool2d(image, 3, 1) for image in images[1::2]], network)
    assert nearest_neighbour_accuracy(real, others) < 0.7
    assert nearest_neighbour_accuracy(real, blurred) > 0.85


def test_random_features_refuse_other_images():
    with pytest.raises(ValueError, match=r"expected \(B, 1, \*S\) of 2 spatial dims"):
        RandomFeatures(2, 1)(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="image_channels"):
        RandomFeatures(2, 0)
    with pytest.raises(ValueError, match="spatial_dims"):
        RandomFeatures(4, 1)


def test_features_come_in_the_order_of_images_of_unequal_size():
    sizes = [(8, 8), (4, 6), (8, 8), (4, 6), (3, 3), (8, 8)]
    images = [drawn(1, *size, seed=seed) for seed, size in enumerate(sizes)]
    found = extract_features(images, Pooled(), batch_size=2)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array([[image.mean(), image.max()] for image in images]))


@pytest.mark.parametrize("tail", [(), (1, 1), (1, 1, 1)], ids=str)
def test_vectors_may_have_trailing_ones(tail):
    assert extract_features([torch.ones(1, 4, 4)], Pooled(tail)).tolist() == [[1, 1]]


def test_batches_are_limited_by_count_and_by_voxels(monkeypatch):
    monkeypatch.setattr(features, "VOXELS_AT_ONCE", 100)
    counts = []

    class Counts(Pooled):
        def forward(self, image):
            counts.append(len(image))
            return super().forward(image)

    extract_features([torch.zeros(1, 5, 5)] * 7 + [torch.zeros(1, 20, 20)] * 2, Counts(), batch_size=5)
    assert counts == [4, 3, 1, 1]


def test_modes_random_numbers_and_gradients_are_left_alone():
    class Draws(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen, self.free = nn.BatchNorm2d(1).eval(), nn.Dropout(0.5)
            self.layer = nn.Linear(1, 1)

        def forward(self, image):
            assert not self.training
            assert not torch.is_grad_enabled()
            torch.rand(1)
            return self.layer(self.free(self.frozen(image)).mean(dim=(2, 3)))

    network = Draws()
    before, statistics = torch.get_rng_state(), network.frozen.running_mean.clone()
    extract_features([torch.ones(1, 4, 4)], network)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(network.frozen.running_mean, statistics)
    assert (network.training, network.free.training, network.frozen.training) == (True, True, False)


def test_modes_are_put_back_after_an_error():
    network = Pooled((2,)).train()
    with pytest.raises(RuntimeError):
        extract_features([torch.ones(1, 4, 4)], network)
    assert network.training


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.full((1, 4, 4), torch.nan), "image 1 holds NaN or Inf"),
        (torch.full((1, 4, 4), torch.inf), "image 1 holds NaN or Inf"),
        (torch.full((1, 4, 4), 255.0), "image 1 spans 255 to 255"),
        (torch.full((1, 4, 4), -0.5), "image 1 spans -0.5 to -0.5"),
        (torch.zeros(4, 4), r"image 1 has shape \(4, 4\)"),
        (torch.zeros(1, 0, 4), r"image 1 has shape \(1, 0, 4\)"),
    ],
    ids=["nan", "inf", "8-bit", "negative", "no-channel", "empty"],
)
def test_images_that_cannot_be_compared_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        extract_features([torch.zeros(1, 4, 4), image], Pooled())


def test_no_images_and_no_batch_are_refused():
    with pytest.raises(ValueError, match="no images"):
        extract_features([], Pooled())
    with pytest.raises(ValueError, match="batch_size"):
        extract_features([torch.zeros(1, 4, 4)], Pooled(), batch_size=0)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.zeros(1, 2, 3), r"gave \(1, 2, 3\) for 1 images"),
        (torch.zeros(2), r"gave \(2,\) for 1 images"),
        (torch.zeros(2, 2), r"gave \(2, 2\) for 1 images"),
        (torch.full((1, 2), torch.nan), "gave NaN or Inf"),
        ((torch.zeros(1, 2),), "gave a tuple"),
    ],
    ids=["map", "no-batch", "two-rows", "nan", "tuple"],
)
def test_extractors_that_give_no_vectors_are_refused(output, message):
    class Gives(nn.Module):
        def forward(self, image):
            return output

    with pytest.raises(ValueError, match=message):
        extract_features([torch.zeros(1, 4, 4)], Gives())


def test_an_extractor_whose_length_follows_the_size_is_refused():
    with pytest.raises(ValueError, match=r"gave \[4, 9\] features"):
        extract_features([torch.zeros(1, 2, 2), torch.zeros(1, 3, 3)], nn.Flatten())


def test_a_torchscript_file_is_an_extractor(tmp_path):
    torch.jit.script(Scripted()).save(tmp_path / "mean.pt")
    network = load_extractor(tmp_path / "mean.pt", spatial_dims=2, image_channels=3)
    assert not network.training
    image = drawn(3, 5, 6)
    assert extract_features([image], network) == pytest.approx(image.mean(dim=(1, 2), keepdim=False)[None].numpy())


def test_random_extractor_is_made_for_the_images():
    network = load_extractor("random", spatial_dims=3, image_channels=2)
    assert torch.equal(network(drawn(1, 2, 4, 4, 4)), RandomFeatures(3, 2)(drawn(1, 2, 4, 4, 4)))


def test_a_missing_file_and_one_that_is_no_torchscript_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected 'random', 'inception' or a TorchScript file"):
        load_extractor("randm", spatial_dims=2, image_channels=1)
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.pt")
    (tmp_path / "text.pt").write_text("no network")
    (tmp_path / "empty.pt").touch()
    for name in ("weights.pt", "text.pt", "empty.pt"):
        with pytest.raises(ValueError, match=f"{name} is no TorchScript file"):
            load_extractor(tmp_path / name, spatial_dims=2, image_channels=1)


@pytest.mark.parametrize(("spatial_dims", "channels"), [(3, 1), (2, 2)])
def test_inception_refuses_images_that_it_cannot_take(spatial_dims, channels):
    with pytest.raises(ValueError, match="2 dims and 1 or 3 channels"):
        load_extractor("inception", spatial_dims=spatial_dims, image_channels=channels)


def test_inception_without_its_weights_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("a download was begun"))
    with pytest.raises(ValueError, match=r"weights-inception-2015-12-05-6726825d\.pth \(missing\)"):
        load_extractor("inception", spatial_dims=2, image_channels=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_inception_gets_8_bit_colour_images(tmp_path, monkeypatch, channels):
    class Network(nn.Module):
        def __init__(self, name, layers, weights):
            super().__init__()
            assert layers == ["2048"]
            assert weights == str(tmp_path / "checkpoints" / features.INCEPTION_FILE)

        def forward(self, image):
            assert image.dtype == torch.uint8
            return image.float().mean(dim=(2, 3))

    pytest.importorskip("torchmetrics")
    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", Network)
    package = ModuleType("torch_fidelity")
    package.__spec__ = type(sys.__spec__)("torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / features.INCEPTION_FILE).touch()
    network = load_extractor("inception", spatial_dims=2, image_channels=channels)
    assert extract_features([torch.full((channels, 4, 4), 0.2)], network).tolist() == [[51, 51, 51]]


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (np.zeros(3), np.zeros((3, 1)), r"real features have shape \(3,\)"),
        (np.zeros((3, 2)), np.zeros((3, 0)), r"synthetic features have shape \(3, 0\)"),
        (np.zeros((3, 2)), np.zeros((3, 4)), "real images have 2 features, synthetic ones 4"),
        (np.zeros((1, 2)), np.zeros((3, 2)), "1 real images, expected at least 2"),
        (np.zeros((3, 2)), np.zeros((0, 2)), "0 synthetic images, expected at least 2"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), "synthetic features hold NaN or Inf"),
        (np.full((3, 2), np.inf), np.zeros((3, 2)), "real features hold NaN or Inf"),
    ],
    ids=["vector", "no-features", "unequal", "one-row", "no-row", "nan", "inf"],
)
def test_features_that_cannot_be_compared_are_refused(real, synthetic, message):
    with pytest.raises(ValueError, match=message):
        check_feature_sets(real, synthetic)
