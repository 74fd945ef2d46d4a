"""A segmentation training that was stopped ends as one that was not, with generative augmentation in either way."""

from __future__ import annotations

import pytest
import torch

from monai_genaug.benchmark.segmentation import Segmenter, train_segmenter
from monai_genaug.data import load_datalist
from tests.helpers import save_untrained, write_pairs

SETTINGS = {"features": [4, 8], "crop_size": 16, "batch_size": 2, "epochs": 4, "iterations_per_epoch": 2}


class Stop(Exception):  # no error, an interruption
    """Stands for Ctrl-C."""


def stop_at_five(done: int, total: int, losses: dict[str, float]) -> None:
    if done == 5:
        raise Stop


def states(segmenter: Segmenter) -> list[torch.Tensor]:
    return list(segmenter.network.state_dict().values())


@pytest.mark.parametrize("way", ["sample", "batch"])
def test_a_stopped_training_ends_with_the_weights_of_an_unbroken_one(tmp_path, way):
    entries = load_datalist(write_pairs(tmp_path / "data", 4, (24, 32)), fractions=(1, 0, 0))["training"]
    generator = save_untrained(tmp_path / "generator")
    settings = {**SETTINGS, "generator": str(generator), "genaug_prob": 0.5, "genaug_way": way}
    whole = train_segmenter(entries, settings, output_dir=tmp_path / "whole", seed=0)
    with pytest.raises(Stop):
        train_segmenter(entries, settings, output_dir=tmp_path / "broken", seed=0, progress=stop_at_five)
    torch.rand(7)
    broken = train_segmenter(entries, settings, output_dir=tmp_path / "broken", seed=0)
    assert all(torch.equal(a, b) for a, b in zip(states(whole), states(broken), strict=True))


def test_another_generator_is_another_training(tmp_path):
    entries = load_datalist(write_pairs(tmp_path / "data", 4, (24, 32)), fractions=(1, 0, 0))["training"]
    first, second = (save_untrained(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    train_segmenter(entries, {**SETTINGS, "generator": str(first)}, output_dir=tmp_path / "out", seed=0)
    with pytest.raises(ValueError, match=r"of another training \(settings\.generator differs"):
        train_segmenter(entries, {**SETTINGS, "generator": str(second)}, output_dir=tmp_path / "out", seed=0)
