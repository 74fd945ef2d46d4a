"""All measures of two sets of images."""

from __future__ import annotations

import json
import math

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from monai_genaug.evaluation import evaluate_images
from monai_genaug.training.segmenter import Segmenter
from tests.evaluation.drawn import textures
from tests.helpers import blobs

FEW = {"repeats": 40, "draws": 2}


def painted(count: int, *, seed: int = 0, channels: int = 1, size: tuple[int, ...] = (32, 36)) -> list[dict]:
    """Draw bright objects on noise, with their labels."""
    items = []
    for number, item in enumerate(textures(count, size, seed=seed, channels=channels)):
        label = blobs(size, number)
        items.append({"image": 0.3 * item["image"] + 0.6 * (label > 0), "label": label, "name": f"n{number}"})
    return items


def test_all_parts_are_there_for_pairs_with_masks():
    real = painted(12)
    synthetic = [{**item, "name": f"{item['name']}_{k}"} for k in range(2) for item in painted(6, seed=1 + k)]
    result = evaluate_images(real, synthetic, held_out=painted(5, seed=8), **FEW)
    assert (result.counts["real"], result.counts["synthetic"], result.counts["held_out"]) == (12, 12, 5)
    assert (result.counts["pairs"], result.counts["synthetic_with_mask"]) == (12, 12)
    assert result.agreement.synthetic["dice"].n == 12
    assert result.agreement.real["dice"].n == 12
    assert (result.pairs.n, result.diversity.n) == (12, 6)
    assert result.copies.held_out
    assert result.classes is None
    assert result.left_out.keys() == {"real-synthetic AUC"}  # has no interval


@pytest.mark.parametrize(
    ("channels", "size"), [(1, (32, 36)), (3, (32, 36)), (2, (24, 26, 25))], ids=["grey", "colour", "volumes"]
)
def test_channels_and_dimensions_are_those_of_the_images(channels, size):
    sets = [painted(6, seed=seed, channels=channels, size=size) for seed in (0, 1)]
    result = evaluate_images(*sets, **FEW)
    assert result.distribution[0].value is not None
    assert result.counts["channels"] == channels
    assert ("masks" in result.left_out) == (len(size) == 3)


def test_sizes_and_counts_may_differ():
    result = evaluate_images(painted(7), painted(4, size=(40, 25)), pair_names=False, **FEW)
    assert result.distribution[0].sizes == (7, 4)
    assert result.counts["sizes"] == {"real": "32x36", "synthetic": "40x25"}


def test_two_images_are_enough_for_what_needs_two():
    result = evaluate_images(textures(2), textures(1, seed=1), **FEW)
    assert result.distribution[0].value is None
    assert result.intensities[0].value is not None
    assert "2 real and 1 synthetic images" in result.left_out["KID"]


def test_images_of_other_names_are_not_paired():
    result = evaluate_images(textures(4), textures(4, seed=1), **FEW)
    assert (result.pairs, result.left_out["paired measures"]) == (None, "no synthetic image has the name of a real one")


def test_names_need_not_be_paired():
    result = evaluate_images(painted(4), painted(4, seed=1), pair_names=False, **FEW)
    assert (result.counts["pairs"], result.left_out["paired measures"]) == (0, "names are not to be paired")


def test_a_segmenter_finds_the_masks():
    network = nn.Conv2d(1, 1, 1)
    nn.init.ones_(network.weight)
    nn.init.constant_(network.bias, -0.5)
    result = evaluate_images(painted(3), painted(3), segmenter=Segmenter(network, SimpleInferer()), **FEW)
    assert result.agreement.method == "the trained network"
    assert result.agreement.synthetic["dice"].mean == 1.0


class Bright(nn.Module):
    """Tells bright images from dark ones."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        level = 1000 * (image.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([level, -level], dim=1)


def test_a_classifier_gives_scores():
    dark, bright = ([{"image": torch.full((1, 24, 24), level)}] * 3 for level in (0.1, 0.9))
    result = evaluate_images(dark + bright, dark, classifier=Bright(), **FEW)
    assert (result.classes.inception_real, result.classes.inception) == pytest.approx((2.0, 1.0))


def test_crops_are_compared_where_asked_for():
    """Whole images differ in their flat border, crops of it alone do not."""
    size = (64, 64)
    flat = [{"image": torch.full((1, *size), 0.5)} for _ in range(3)]
    framed = [{"image": flat[0]["image"].clone()} for _ in range(3)]
    for item in framed:
        item["image"][:, 0, 0] = 1.0
    whole, cropped = (evaluate_images(flat, framed, crop=crop, **FEW).intensities[0].value for crop in (0, 8))
    assert whole > 0
    assert cropped == 0


def test_equal_seeds_give_equal_results_and_others_differ():
    results = [evaluate_images(painted(6), painted(6, seed=1), seed=seed, **FEW).to_dict() for seed in (0, 0, 1)]
    assert json.dumps(results[0]) == json.dumps(results[1])
    assert results[0]["distribution"][0]["floor"] != results[2]["distribution"][0]["floor"]


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    evaluate_images(textures(4), textures(4, seed=1), **FEW)
    assert torch.equal(before, torch.get_rng_state())


def test_the_result_is_json_even_of_equal_images():
    images = painted(4)
    result = evaluate_images(images, images, **FEW)
    assert result.pairs.means["psnr"].infinite == 4
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert content["pairs"]["means"]["psnr"] == {"mean": None, "std": None, "n": 0, "infinite": 4}
    nearest = content["memorisation"]["synthetic"][0]
    assert (nearest["name"], nearest["nearest"], nearest["distance"]) == ("n0", "n0", pytest.approx(0, abs=1e-4))
    assert content["machine"]["device"] == "cpu"


def test_progress_is_told_for_every_part():
    told: dict[str, tuple[int, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        told[what] = (done, total)

    evaluate_images(painted(3), painted(3), progress=progress, **FEW)
    assert told == {"measures": (9, 9), "nearest images": (3, 3), "masks": (6, 6), "pairs": (3, 3)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 39}, "repeats is 39, expected at least 40"),
        ({"draws": 0}, "draws is 0"),
        ({"nearest": 0}, "nearest is 0"),
        ({"patch": 7}, "patch is 7"),
        ({"crop": -1}, "crop is -1"),
        ({"device": "gpu"}, "device is 'gpu'"),
        ({"features": "no_such.pt"}, "extractor is 'no_such.pt', expected 'random', 'inception' or a TorchScript file"),
        ({"held_out": []}, "there are no held-out images"),
        ({"held_out": [{"image": torch.zeros(3, 9, 9)}]}, "held-out 0 has 3 channels and 2 dimensions, t0_0x has 1"),
        ({"segmenter": Segmenter(nn.Conv2d(3, 1, 1), SimpleInferer())}, "the segmenter cannot take images of 1 chan"),
        ({"classifier": nn.Conv2d(3, 1, 1)}, r"the classifier cannot take images of shape \(1, 48, 48\)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        evaluate_images(textures(2), textures(2, seed=1), **settings)


def test_images_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="image synthetic 0 holds NaN or Inf"):
        evaluate_images(textures(2), [{"image": torch.full((1, 48, 48), math.nan)}])


def test_copies_and_noise_of_real_images_are_told_apart(real_data):
    """On H&E images: copies are flagged, noise is far off, held-out images look fine."""
    from monai_genaug.data import load_datalist, load_images

    lists = load_datalist(real_data("dsb2018_histology"))
    real = [{"image": item["image"][:, :96, :96]} for item in load_images(lists["training"][:12])]
    unseen = [{"image": item["image"][:, :96, :96]} for item in load_images(lists["validation"])]
    noise = textures(6, (96, 96), channels=3)
    copied = [{"image": item["image"].flip(2)} for item in real[:6]]
    found = {
        name: evaluate_images(real, synthetic, held_out=unseen[9:], **FEW)
        for name, synthetic in {"copies": copied, "noise": noise, "unseen": unseen[:9]}.items()
    }
    flagged = {name: len(result.copies.flagged) for name, result in found.items()}
    assert flagged["copies"] == sum(neighbour.nearest >= 0 for neighbour in found["copies"].copies.synthetic) >= 4
    assert flagged["noise"] == 0
    assert flagged["unseen"] <= 1
    assert {name for name, result in found.items() if result.distribution[0].exceeds_floor} == {"noise"}
