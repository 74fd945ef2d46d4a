"""One batch of a store."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_genaug.data import read_array
from monai_genaug.masks import ProceduralNuclei
from monai_genaug.store.batches import Maker
from monai_genaug.store.masks import MaskSource
from tests.helpers import build
from tests.store.made import noisy


def maker(**changed) -> Maker:
    source = MaskSource([], (32, 40), seed=0, sampled=True)
    settings = {"generator": noisy(), "source": source, "sampler": ProceduralNuclei(radius=4.0), "accept": None}
    return Maker(**{**settings, "seed": 0, "batch_size": 4, "bits": None, **changed})


def test_batches_hold_numbers_in_turn_and_the_last_one_what_is_left():
    assert [list(maker().numbers(batch, 10)) for batch in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_what_a_sample_is_does_not_hang_on_how_many_there_are(tmp_path):
    network = build(levels=3)
    few = maker(generator=network).make(tmp_path / "few", 1, 5)
    many = maker(generator=network).make(tmp_path / "many", 1, 8)
    assert [sample["index"] for sample in many] == [4, 5, 6, 7]
    assert few == many[:1]


def test_samples_of_a_batch_differ(tmp_path):
    samples = maker().make(tmp_path, 0, 4)
    assert len({tuple(sample["sha256"]) for sample in samples}) == 4
    assert len({sample["seed"] for sample in samples}) == 4


def test_colour_becomes_colour(tmp_path):
    [sample] = maker(generator=build(image_channels=3)).make(tmp_path, 0, 1)
    assert read_array(tmp_path / sample["image"])[0].shape == (3, 32, 40)


def test_too_little_memory_names_the_remedy(tmp_path):
    class Large(torch.nn.Module):
        def forward(self, condition, noise):
            raise torch.OutOfMemoryError("CUDA out of memory")

    generator = noisy()
    generator.module = Large()
    with pytest.raises(ValueError, match=r"4 samples at a time do not fit .* of cpu: .* smaller --batch"):
        maker(generator=generator).make(tmp_path, 0, 4)
    assert not list(Path(tmp_path).rglob("*.png"))
