"""What gates have in common."""

from __future__ import annotations

import logging
import pickle

import pytest
import torch
from torch import Tensor

from monai_genaug import synthesize
from monai_genaug.quality import AllGates, Gate, identify_gate
from tests.helpers import blobs, build


class Bright(Gate):
    """Lets images through that are brighter than a level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level
        self.asked: list[int] = []

    @property
    def identity(self) -> str:
        return f"Bright({self.level})"

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        self.asked.append(len(images))
        return images.flatten(1).mean(dim=1) > self.level


def grey(*levels: float) -> tuple[Tensor, Tensor]:
    images = torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    return images, torch.ones(len(levels), 1, 4, 4)


def test_images_are_counted_and_the_rate_is_told(caplog):
    gate = Bright(0.5)
    assert gate.rate != gate.rate  # NaN
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            gate(*grey(0.2, 0.7, 0.9))
    assert (gate.seen, gate.passed, gate.rate) == (12, 8, 8 / 12)
    assert caplog.messages == ["Bright: 6 of 10 images may be used."]


def test_later_gates_see_only_what_earlier_ones_let_through():
    low, high = Bright(0.3), Bright(0.8)
    verdict = AllGates([low, high])(*grey(0.1, 0.9, 0.5, 0.2))
    assert verdict.tolist() == [False, True, False, False]
    assert (low.asked, high.asked) == ([4], [2])
    never = Bright(0.0)
    AllGates([Bright(1.0), never])(*grey(0.1))
    assert never.asked == []


def test_what_no_gate_lets_through_is_drawn_again_and_then_left_out():
    generator, label = build(), blobs((16, 16), seed=0)[None]
    image = torch.rand(1, 1, 16, 16)
    gate = Bright(2.0)
    made = synthesize(generator, label, [1], images=image, accept=gate)
    assert not made.accepted.any()
    assert torch.equal(made.images, image)
    assert gate.seen == 5


def test_a_gate_can_be_sent_to_workers():
    gate = AllGates([Bright(0.5)])
    assert pickle.loads(pickle.dumps(gate))(*grey(0.9)).tolist() == [True]


def test_images_without_their_labels_are_refused():
    images, labels = grey(0.1, 0.2)
    with pytest.raises(ValueError, match="pass the label of each image"):
        Bright(0.5)(images, labels[:1])
    with pytest.raises(ValueError, match="pass the label of each image"):
        Bright(0.5)(images, labels[..., :3])


def test_no_gates_are_refused():
    with pytest.raises(ValueError, match="gates is empty"):
        AllGates([])


def test_gates_are_told_apart_by_what_they_judge_by():
    assert identify_gate(AllGates([Bright(0.5), Bright(0.7)])) == "Bright(0.5); Bright(0.7)"
    assert identify_gate(None) == "None"
    assert identify_gate(grey).endswith("test_gate.grey")
