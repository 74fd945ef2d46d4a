"""The U-Net and its arms, which differ in nothing but the augmentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.inferers import SimpleInferer
from torch import nn

from monai_genaug.benchmark.segmentation import Segmenter, evaluate_segmenter, train_segmenter
from monai_genaug.data import load_datalist, load_items
from monai_genaug.training import NonFiniteLossError, train_bundle
from tests.helpers import save_untrained, write_pairs

SETTINGS = {"features": [4, 8], "crop_size": 16, "batch_size": 4, "epochs": 2, "iterations_per_epoch": 3}


@pytest.fixture
def entries(tmp_path: Path) -> list[dict]:
    return load_datalist(write_pairs(tmp_path / "data", 4, (24, 32)), fractions=(1, 0, 0))["training"]


class Threshold(nn.Module):
    """Finds what is brighter than one half."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.level


def states(segmenter: Segmenter) -> list[torch.Tensor]:
    return list(segmenter.network.state_dict().values())


def test_equal_seeds_train_equal_networks_whatever_the_global_generator_holds(entries, tmp_path):
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        runs.append(states(train_segmenter(entries, SETTINGS, output_dir=tmp_path / str(noise), seed=0)))
    other = states(train_segmenter(entries, SETTINGS, output_dir=tmp_path / "other", seed=1))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_training_leaves_the_global_generator_as_it_was(entries, tmp_path):
    before = torch.get_rng_state()
    train_segmenter(entries, SETTINGS, output_dir=tmp_path / "out", seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_generator_that_is_never_applied_changes_nothing(entries, tmp_path):
    folder = save_untrained(tmp_path / "generator")
    plain = train_segmenter(entries, SETTINGS, output_dir=tmp_path / "plain", seed=0)
    for way in ("sample", "batch"):
        never = {**SETTINGS, "generator": str(folder), "genaug_prob": 0.0, "genaug_way": way}
        other = train_segmenter(entries, never, output_dir=tmp_path / way, seed=0)
        assert all(torch.equal(a, b) for a, b in zip(states(plain), states(other), strict=True))


def test_without_flips_and_turns_the_crops_are_the_same_ones(entries, tmp_path):
    crops = {}
    for classic in (True, False):
        parser = train_bundle(
            "nuclei_unet",
            {**SETTINGS, "datalist": {"training": entries, "validation": [], "test": []}, "classic": classic}
            | {"output_dir": str(tmp_path / str(classic)), "device": "cpu", "tensorboard": False},
        )
        chain, item = parser.get_parsed_content("train#preprocessing"), entries[0]
        crops[classic] = [chain.set_random_state(seed)(item) for seed in range(12)]
    whole = load_items(entries)[0]["image"]
    windows = whole.unfold(1, 16, 1).unfold(2, 16, 1)[0]  # (rows, columns, 16, 16)
    for turned, upright in zip(crops[True], crops[False], strict=True):
        assert (windows == upright["image"]).all(dim=(2, 3)).any()
        assert torch.equal(turned["image"].flatten().sort().values, upright["image"].flatten().sort().values)
        assert (turned["label"] > 0).sum() == (upright["label"] > 0).sum()
    assert any(not torch.equal(a["image"], b["image"]) for a, b in zip(crops[True], crops[False], strict=True))


def test_training_learns_bright_objects(entries, tmp_path):
    settings = {**SETTINGS, "epochs": 1, "iterations_per_epoch": 40, "learning_rate": 0.01}
    losses: list[float] = []
    segmenter = train_segmenter(
        entries,
        settings,
        output_dir=tmp_path / "out",
        seed=0,
        progress=lambda done, total, now: losses.append(now["loss"]),
    )
    assert len(losses) == 40
    assert losses[-1] < 0.7 * losses[0]
    assert evaluate_segmenter(segmenter, load_items(entries))["dice"].min() > 0.9


def test_whole_images_of_any_size_are_segmented_and_modes_kept():
    segmenter = Segmenter(nn.Sequential(nn.Dropout(), Threshold()).train(), SimpleInferer())
    image = torch.rand(1, 9, 14)
    prediction = segmenter.predict(image)
    assert prediction.dtype == torch.bool
    assert torch.equal(prediction, image > 0.5)
    assert segmenter.network.training


def test_the_bundles_window_gives_what_one_pass_gives(entries, tmp_path):
    segmenter = train_segmenter(entries, SETTINGS, output_dir=tmp_path / "out", seed=0)
    image = torch.rand(1, 256, 256)
    with torch.no_grad():
        whole = segmenter.network(image[None])[0] > 0
    assert torch.equal(segmenter.predict(image), whole)


def test_scores_are_those_of_the_masks():
    label = torch.zeros(1, 8, 8, dtype=torch.int64)
    label[0, :4] = 7
    half = {"image": (label > 0).float(), "label": label, "group": "p1", "name": "a"}
    half["image"][0, 2:4] = 0
    empty = {"image": torch.zeros(1, 8, 8), "label": torch.zeros_like(label), "group": "p2", "name": "b"}
    scores = evaluate_segmenter(Segmenter(Threshold(), SimpleInferer()), [half, empty])
    assert scores["dice"].tolist() == pytest.approx([2 / 3, 1.0])
    assert scores["jaccard"].tolist() == pytest.approx([0.5, 1.0])
    assert scores["name"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"crop_sise": 16}, "did you mean 'crop_size'"), ({"epochs": "many"}, "epochs is 'many'")],
    ids=["unknown", "text"],
)
def test_wrong_settings_are_refused(entries, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        train_segmenter(entries, {**SETTINGS, **change}, output_dir=tmp_path / "out", seed=0)


def test_nothing_to_train_on_is_refused(tmp_path):
    with pytest.raises(ValueError, match="data list is empty"):
        train_segmenter([], SETTINGS, output_dir=tmp_path / "out", seed=0)


def test_a_loss_that_is_not_finite_stops_the_training(entries, tmp_path):
    with pytest.raises(NonFiniteLossError, match="the loss is nan in iteration"):
        train_segmenter(entries, {**SETTINGS, "learning_rate": 1e30}, output_dir=tmp_path / "out", seed=0)
